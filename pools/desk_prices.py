"""The two prices at the desk: what is in force, what it would do to set others, and setting them."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.asking import ask
from accounts.models import User
from accounts.permissions import may_act, staff_page
from controls.selectors import request_about, threshold
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from goldwallet.wording import exact_time
from pools import selectors, services
from pools.effect import PriceEffect, price_effect
from pools.forms import PriceForm, SpotForm
from pools.models import Price
from pools.requests import PRICE_SUBJECT
from pools.services.band import own_breaks
from pools.services.prices import CHANGED
from pools.spot import OUNCE_GRAMS, Spot, spot_prices

_CHART_DAYS = 90
_PAGE = 50
#: What a refusal is about -> the field that it stands beside.
_FIELDS = {"crossed": "sell", "past": "effective_from", "far": "effective_from"}


@require_http_methods(["GET", "POST"])
@staff_page("pricing")
def prices(request: HttpRequest) -> HttpResponse:
    """GET shows the prices; with `buy` what a pair would do, and with `spot` it computes one. POST sets the pair whose
    effect was shown (`set`: its seal), or asks a second person for a move beyond the band (`ask`: the same).
    """
    if request.method == "GET":
        return _looked_at(request)
    form = PriceForm(request.POST, setting=True)
    if not form.is_valid():
        return _page(request, form, refused=Refused("", code="form"), effect=_effect_of(form))
    try:
        effect = _effect(form)
        if effect.seal not in {request.POST.get("set"), request.POST.get("ask")}:
            raise Conflict(CHANGED, code="changed")
        if "ask" in request.POST:
            return _ask(request, form)
        price = _set(form, by=cast(User, request.user), seen=effect.seal)
    except Refused as refused:
        return _page(request, form, refused=refused, effect=_effect_of(form))
    later = form.cleaned_data["effective_from"] is not None
    sentence = "The prices are scheduled." if later else "The new prices are in force."
    messages.success(request, f"{sentence} {_pair(price.buy, price.sell)}")
    return redirect("desk_prices")


@require_POST
@staff_page("pricing")
def price_cancel(request: HttpRequest, price_id: int) -> HttpResponse:
    """Take a scheduled pair back."""
    get_object_or_404(Price, pk=price_id)
    try:
        price = services.price_cancel(
            price_id=price_id,
            by=cast(User, request.user),
            reason=request.POST.get("reason", "").replace("\x00", ""),
        )
    except Refused as refused:
        return _page(request, PriceForm(), refused=refused, cancelling=price_id)
    start = exact_time(price.effective_from)
    messages.success(request, f"Taken back. At {start} nothing changes: the pair before it stays in force.")
    return redirect("desk_prices")


def _looked_at(request: HttpRequest) -> HttpResponse:
    if "spot" in request.GET:
        return _computed(request)
    if "buy" not in request.GET:
        return _page(request, PriceForm())
    form = PriceForm(request.GET)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        return _page(request, form, effect=_effect(form))
    except Refused as refused:
        return _page(request, form, refused=refused)


def _effect(form: PriceForm) -> PriceEffect:
    data = form.cleaned_data
    return price_effect(buy=data["buy"], sell=data["sell"], effective_from=data["effective_from"])


def _effect_of(form: PriceForm) -> PriceEffect | None:
    """The effect of what was typed, as far as that is a pair at all."""
    if {"buy", "sell", "effective_from"} <= getattr(form, "cleaned_data", {}).keys():
        try:
            return _effect(form)
        except Refused:
            return None
    return None


def _ask(request: HttpRequest, form: PriceForm) -> HttpResponse:
    return ask(
        request,
        kind="price_set",
        payload=_payload(form),
        subject=PRICE_SUBJECT,
        again=lambda refused: _page(request, form, refused=refused, effect=_effect_of(form)),
    )


def _set(form: PriceForm, *, by: User, seen: str) -> Price:
    data = form.cleaned_data
    return services.price_set(
        buy=data["buy"],
        sell=data["sell"],
        effective_from=data["effective_from"],
        reason=data["reason"],
        by=by,
        seen=seen,
    )


def _payload(form: PriceForm) -> dict[str, str]:
    """As `pools.requests.price_set_describe` reads it."""
    data = form.cleaned_data
    moment: dt.datetime | None = data["effective_from"]
    return {
        "buy": f"{data['buy']:f}",
        "sell": f"{data['sell']:f}",
        "effective_from": moment.isoformat() if moment else "",
    }


def _computed(request: HttpRequest) -> HttpResponse:
    """The page with a pair computed from a spot price, in the form, ready to be looked at."""
    helper = SpotForm(request.GET)
    if not helper.is_valid():
        return _page(request, PriceForm(), helper=helper, status=400)
    data = helper.cleaned_data
    try:
        spot = spot_prices(usd=data["spot"], rate=data["rate"], above=data["above"], below=data["below"])
    except Refused as refused:
        helper.add_error(None, refused.sentence)
        return _page(request, PriceForm(), helper=helper, status=refused.status)
    typed: Mapping[str, str] = {"buy": f"{spot.buy:f}", "sell": f"{spot.sell:f}", "reason": _told(spot)}
    return _page(request, PriceForm(initial=dict(typed)), helper=helper, spot=spot)


def _told(spot: Spot) -> str:
    """Where the pair comes from, for the record."""
    return (
        f"Spot USD {spot.usd:f} an ounce, KES {spot.rate:f} a dollar, "
        f"{spot.above.normalize():f}% above and {spot.below.normalize():f}% below"
    )


def _page(
    request: HttpRequest,
    form: PriceForm,
    *,
    refused: Refused | None = None,
    effect: PriceEffect | None = None,
    helper: SpotForm | None = None,
    spot: Spot | None = None,
    cancelling: int | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; after a refusal with its sentence and what was typed."""
    if refused is not None and refused.sentence and cancelling is None and form.is_bound:
        form.add_error(_FIELDS.get(refused.code), refused.sentence)
    form.takes_two = effect is not None and bool(effect.breaks)
    context = _context(request) | {
        "form": form,
        "effect": effect,
        "helper": helper or SpotForm(),
        "helper_open": helper is not None,
        "spot": spot,
        "spot_breaks": own_breaks(spot.buy, spot.sell, at=now()) if spot else [],
        "refused": refused,
        "cancelling": cancelling,
    }
    return render(request, "pools/prices.html", context, status=refused.status if refused else status)


def _pair(buy: Decimal, sell: Decimal) -> str:
    return f"People buy at {show_kes(buy)} and sell at {show_kes(sell)} a gram."


def _context(request: HttpRequest) -> dict[str, object]:
    moment = now()
    current = selectors.current_price()
    rows = selectors.prices_page(before=_before(request), limit=_PAGE + 1)
    history = selectors.price_history(_CHART_DAYS)
    scheduled = selectors.prices_scheduled()
    return {
        "open_request": request_about(PRICE_SUBJECT),
        "price": current,
        "set_by": next((row.price for row in rows if current and row.price.pk == current.pk), current),
        "old": current is not None and moment - current.effective_from > _max_age(),
        "closes": current and current.effective_from + _max_age(),
        "max_age_hours": threshold("price_max_age_hours"),
        "scheduled": scheduled,
        "history": [(price.effective_from, price.buy, price.sell) for price in history],
        "rows": rows[:_PAGE],
        # Of every pair on the page, so that none of their lines is left out.
        "trail_subject": " ".join(
            [PRICE_SUBJECT, *_subjects(*(row.price for row in rows[:_PAGE]), *scheduled)]
        ),
        "older_url": f"?before={rows[_PAGE - 1].price.pk}" if len(rows) > _PAGE else "",
        "now": moment,
        "band": threshold("price_jump_percent"),
        "ounce": OUNCE_GRAMS,
        "may_act": may_act(cast(User, request.user), "pricing"),
    }


def _subjects(*prices: Price) -> dict[str, None]:
    return dict.fromkeys(f"price:{price.pk}" for price in prices)


def _max_age() -> dt.timedelta:
    return dt.timedelta(hours=float(threshold("price_max_age_hours")))


def _before(request: HttpRequest) -> int | None:
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
