"""The two prices at the desk."""

import datetime as dt
from decimal import Decimal
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.asking import ask
from accounts.models import User
from accounts.permissions import may_act, staff_page
from controls.selectors import request_about, threshold
from goldwallet.clock import now
from goldwallet.errors import Refused
from goldwallet.money import show_kes
from pools import selectors, services
from pools.forms import PriceForm
from pools.models import Price
from pools.requests import PRICE_SUBJECT

_CHART_DAYS = 90
_PAGE = 50


@require_http_methods(["GET", "POST"])
@staff_page("pricing")
def prices(request: HttpRequest) -> HttpResponse:
    """GET shows the prices. POST sets them, or with `ask` asks a second person for a move beyond the band."""
    form = PriceForm(request.POST or None)
    if request.method == "GET":
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, Refused("", code="form"))
    if "ask" in request.POST:
        return ask(
            request,
            kind="price_set",
            payload=_payload(form),
            subject=PRICE_SUBJECT,
            again=lambda refused: _page(request, form, refused),
        )
    try:
        price = _set(form, by=cast(User, request.user))
    except Refused as refused:
        return _page(request, form, refused)
    later = form.cleaned_data["effective_from"] is not None
    sentence = "The prices are scheduled." if later else "The new prices are in force."
    messages.success(request, f"{sentence} {_pair(price.buy, price.sell)}")
    return redirect("desk_prices")


def _set(form: PriceForm, *, by: User) -> Price:
    data = form.cleaned_data
    return services.price_set(
        buy=data["buy"],
        sell=data["sell"],
        effective_from=data["effective_from"],
        reason=data["reason"],
        by=by,
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


def _page(request: HttpRequest, form: PriceForm, refused: Refused | None = None) -> HttpResponse:
    """The page; after a refusal with its sentence and what was typed."""
    if refused is not None and refused.sentence:
        form.add_error(None, refused.sentence)
    form.takes_two = "ask" in request.POST or (refused is not None and refused.code == "price_jump")
    status = refused.status if refused else 200
    return render(request, "pools/prices.html", _context(request, form), status=status)


def _pair(buy: Decimal, sell: Decimal) -> str:
    return f"People buy at {show_kes(buy)} and sell at {show_kes(sell)} a gram."


def _context(request: HttpRequest, form: PriceForm) -> dict[str, object]:
    moment = now()
    current = selectors.current_price()
    rows = selectors.prices_page(before=_before(request), limit=_PAGE + 1)
    history = selectors.price_history(_CHART_DAYS)
    return {
        "form": form,
        "open_request": request_about(PRICE_SUBJECT),
        "price": current,
        "old": current is not None and moment - current.effective_from > _max_age(),
        "max_age_hours": threshold("price_max_age_hours"),
        "scheduled": selectors.prices_scheduled(),
        "history": [(price.effective_from, price.buy) for price in history],
        "rows": [(price, selectors.price_standing(price, current, moment)) for price in rows[:_PAGE]],
        "older_url": f"?before={rows[_PAGE - 1].pk}" if len(rows) > _PAGE else "",
        "now": moment,
        "band": threshold("price_jump_percent"),
        "may_act": may_act(cast(User, request.user), "pricing"),
    }


def _max_age() -> dt.timedelta:
    return dt.timedelta(hours=float(threshold("price_max_age_hours")))


def _before(request: HttpRequest) -> int | None:
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
