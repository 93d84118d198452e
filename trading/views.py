"""The customer's pages: landing, wallet, buy, sell, orders."""

import uuid
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.limits import count_address
from accounts.models import User
from accounts.numbers import number_waiting
from accounts.pages.stepup import step_up_redirect
from accounts.permissions import customer_page
from accounts.stepup import StepUpNeeded, step_up_proven
from controls.selectors import PAUSED
from goldwallet import clock, phones
from goldwallet.errors import Refused
from kyc.limits import Limits, limits
from payments.models import State
from pools import selectors as pools
from trading import selectors, services
from trading.cash import cash_news
from trading.forms import BuyForm, PhoneForm, SellForm
from trading.late import choices
from trading.models import Order, Quote, Side, Status
from trading.services import NotEnoughGold
from trading.timeline import look_around, timeline

_CHART_DAYS = 90
_CORRECTIONS = 10


def person(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """A stranger sees what this is; who is signed in sees the wallet."""
    if request.user.is_authenticated:
        return wallet(request)
    return render(request, "landing.html", {"price": pools.current_price()})


@require_GET
@customer_page
def wallet(request: HttpRequest) -> HttpResponse:
    user = person(request)
    price = pools.current_price()
    paused, holds = selectors.paused(), selectors.price_holds(price)
    late = selectors.late_orders(user.pk)
    holding = selectors.holding(user.pk, price=price)
    here = selectors.late_covered(late, cash=holding.cash)
    context = {
        "closed": selectors.why_closed(Side.BUY, user=user, price_holds=holds, paused=paused),
        "closed_sell": selectors.why_closed(Side.SELL, user=user, price_holds=holds, paused=paused),
        "late_orders": [(order, order in here) for order in late],
        "cash_news": cash_news(user, late, cash=holding.cash, owed=holding.owed),
        "holding": holding,
        "corrections": holding.corrections[::-1][:_CORRECTIONS],
        "price": price,
        "history": [(row.effective_from, row.sell) for row in pools.price_history(_CHART_DAYS)],
        "orders": selectors.orders_page(selectors.orders_of(user.pk), limit=5).rows,
        "limits": list(_limits(user).values()),
    }
    return render(request, "trading/wallet.html", context)


def _limits(user: User) -> dict[Side, Limits]:
    used = selectors.used(user_id=user.pk)
    return {side: limits(tier=user.tier, side=side, use=used.of(side)) for side in Side}


# --- buy and sell ---------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@customer_page
def buy(request: HttpRequest) -> HttpResponse:
    """The form; its POST makes a quote. A POST of a `quote` confirms it."""
    if "quote" in request.POST:
        return _confirm(request, Side.BUY)
    form = BuyForm(request.POST or None, initial={"phone": phones.local(person(request).phone)})
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, Side.BUY, form)
    data = form.cleaned_data
    try:
        quote = services.quote_buy(
            user=person(request), phone=data["phone"], kes=data["amount_kes"], grams=data["grams"]
        )
    except Refused as refused:
        return _form_page(request, Side.BUY, form, refused)
    return redirect("buy_quote", quote.pk)


@require_http_methods(["GET", "POST"])
@customer_page
def sell(request: HttpRequest) -> HttpResponse:
    """The form; its POST makes a quote. A POST of a `quote` confirms it."""
    if "quote" in request.POST:
        return _confirm(request, Side.SELL)
    form = SellForm(request.POST or None, initial={"phone": phones.local(person(request).phone)})
    if request.method == "GET" or not form.is_valid():
        return _form_page(request, Side.SELL, form)
    data = form.cleaned_data
    grams = None if data["everything"] else data["grams"]
    try:
        quote = services.quote_sell(user=person(request), phone=data["phone"], grams=grams)
    except Refused as refused:
        return _form_page(request, Side.SELL, form, refused)
    return redirect("sell_quote", quote.pk)


def _form_page(
    request: HttpRequest, side: Side, form: PhoneForm, refused: Refused | None = None
) -> HttpResponse:
    """The form with what was wrong about it; whatever was typed stays."""
    status = 200 if request.method == "GET" else 400
    offer = None
    if refused is not None:
        status = refused.status
        if isinstance(refused, NotEnoughGold) and refused.grams > 0:
            offer = {"grams": refused.grams, "kes": refused.kes, "sentence": refused.sentence}
        else:
            form.add_error("phone" if refused.code == "payout_number" else None, refused.sentence)
    price = pools.current_price()
    paused, holds = selectors.paused(), selectors.price_holds(price)
    context = {
        "form": form,
        "price": price,
        "holding": selectors.holding(person(request).pk, price=price),
        "limits": _limits(person(request))[side],
        "offer": offer,
        "closed": selectors.why_closed(side, user=person(request), price_holds=holds, paused=paused),
        "number_waiting": number_waiting(person(request)) if side == Side.SELL else None,
        "payouts_paused": PAUSED["payouts"] if "payouts" in paused else "",
    }
    return render(request, f"trading/{side}.html", context, status=status)


@require_GET
@customer_page
def quote(request: HttpRequest, quote_id: uuid.UUID, side: str) -> HttpResponse:
    """One quote with its countdown. Its figures come from the row; nothing can be changed here but yes or no."""
    found = get_object_or_404(Quote, pk=quote_id, user=person(request), side=side)
    if found.used_at is not None:
        return _used_quote(request, found, "You have confirmed this price already.", status=409)
    left = (found.expires_at - clock.now()).total_seconds()
    # The price holds for its minute, whatever the newest price; a pause or a hold does not wait for it.
    closed = selectors.why_closed(
        Side(found.side), user=person(request), price_holds=True, paused=selectors.paused()
    )
    takes_code = found.side == Side.SELL and services.sale_takes_code(found.total_kes)
    context = {
        "quote": found,
        "closed": closed,
        "seconds_left": max(0, int(left)),
        "seconds": int((found.expires_at - found.created_at).total_seconds()),
        "takes_code": takes_code,
        "proven": takes_code and _is_proven(request, found),
        "confirm_url": _way_on("order_rebuy", found, side),
        "again_url": _way_on("order", found, side),
        "late": found.late_order,
    }
    return render(request, "trading/quote.html", context)


def _session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _is_proven(request: HttpRequest, quote: Quote) -> bool:
    """Whether the code for this sale was entered: then one press sells."""
    return step_up_proven(
        user_id=quote.user_id,
        operation=services.SALE,
        digest=services.sale_digest(quote),
        session_key=_session_key(request),
    )


def _way_on(name: str, quote: Quote, side: str) -> str:
    """Where a quote leads: to its side's form, or to a page of the late order whose money pays it."""
    return reverse(name, args=[quote.late_order_id]) if quote.late_order_id else reverse(side)


def _quote_id(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST["quote"])
    except ValueError:
        return None


def _confirm(request: HttpRequest, side: Side) -> HttpResponse:
    quote_id = _quote_id(request)
    if quote_id is None:
        return _used_quote(request, None, services.QUOTE_UNKNOWN, status=404, side=side)
    user_id = person(request).pk
    if side == Side.BUY:
        # Before the transaction, and whoever asks: many accounts at one place must not ring everybody's phone.
        count_address("buy_prompts_address", request)
    try:
        if side == Side.BUY:
            order = services.buy_confirm(user_id=user_id, quote_id=quote_id)
        else:
            order = services.sell_confirm(
                user_id=user_id, quote_id=quote_id, session_key=_session_key(request)
            )
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=reverse("sell_quote", args=[quote_id]))
    except NotEnoughGold as short:
        asked = Quote.objects.get(pk=quote_id, user=person(request))
        form = BuyForm({"grams": f"{asked.grams:f}", "phone": phones.local(asked.phone)})
        return _form_page(request, side, form, short)
    except Refused as refused:
        found = Quote.objects.filter(pk=quote_id, user=person(request)).first()
        return _used_quote(
            request, found, refused.sentence, status=refused.status, side=side, code=refused.code
        )
    return redirect("order", order.pk)


#: Codes of refusals that last: for everybody, or for somebody on hold or to whom nothing is paid out.
_CLOSED = ("paused", "closed", "frozen", "payouts_held")


def _used_quote(
    request: HttpRequest, found: Quote | None, sentence: str, *, status: int, side: str = "", code: str = ""
) -> HttpResponse:
    """A price that cannot be confirmed: why, and where to go from here."""
    order = Order.objects.filter(quote=found).first() if found else None
    side = found.side if found else side
    way_on = _way_on("order", found, side) if found else reverse(side)
    context: dict[str, Any] = {
        "sentence": sentence,
        "done": order is not None,
        "next_url": reverse("order", args=[order.pk]) if order else way_on,
        "next_label": "See your order" if order else "Get a new price",
    }
    if code in _CLOSED and not order and not (found and found.late_order_id):
        # There is no new price to get now.
        context |= {"next_url": reverse("wallet"), "next_label": "Back to the wallet"}
    return render(request, "refused.html", context, status=status)


# --- orders ---------------------------------------------------------------------------------------


@require_GET
@customer_page
def orders(request: HttpRequest) -> HttpResponse:
    page = selectors.orders_page(selectors.orders_of(person(request).pk), after=request.GET.get("after", ""))
    older = f"{reverse('orders')}?after={page.older}" if page.older else ""
    return render(request, "trading/orders.html", {"orders": page.rows, "older_url": older})


@require_GET
@customer_page
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """One order as a timeline. It asks for itself every two seconds until it is final."""
    mine = selectors.orders_of(person(request).pk).select_related(
        "payment", "refund", "rebuys", "rebought_by"
    )
    found = get_object_or_404(mine, pk=order_id)
    if selectors.order_is_overdue(found) and services.order_expire(found.pk):
        found = mine.get(pk=order_id)
    # A buy that waits for its money, looked at every two seconds, has nothing to do with a pause.
    paused = selectors.paused() if found.status == Status.PAID_LATE or not found.is_buy else set()
    around = look_around(found, user=person(request), paused=paused)
    offered = choices(found, user=person(request), paused=paused, here=around.late_money_here)
    context = {
        "order": found,
        "payment": found.payment,
        "timeline": timeline(found, around),
        "asking": around.asking,
        "strays": around.strays,
        "may_try_again": not around.asking and _over_unpaid(found),
        "choices": offered.offers,
        "choice_note": offered.note,
        "waiting": found.waiting,
        "looks_again": around.asking or around.asking_refund,
        "final": found.final,
        "poll_url": f"{reverse('order', args=[found.pk])}?poll=1",
    }
    polled = request.htmx and not request.htmx.boosted  # type: ignore[attr-defined]
    template = "trading/order.html#status" if polled else "trading/order.html"
    return render(request, template, context)


def _over_unpaid(order: Order) -> bool:
    """Whether nothing was paid and nothing can be any more, so that another try does no harm."""
    ended = order.status == Status.FAILED or (
        order.status == Status.EXPIRED and order.payment.ended_at is not None
    )
    return ended and order.payment.state in {State.FAILED, State.CANCELLED}


# --- late money -----------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@customer_page
def order_refund(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Asks once more where the money goes; its POST sends it back."""
    user = person(request)
    try:
        if request.method == "POST":
            services.refund_ask(user_id=user.pk, order_id=order_id)
            return redirect("order", order_id)
        found = selectors.late_order_of(user_id=user.pk, order_id=order_id)
    except Refused as refused:
        return _not_chosen(request, order_id, refused)
    return render(request, "trading/refund.html", {"order": found, "payment": found.payment})


@require_POST
@customer_page
def order_rebuy(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """A price for the late money; a POST of that `quote` buys."""
    user = person(request)
    try:
        if "quote" not in request.POST:
            return redirect("buy_quote", services.quote_rebuy(user=user, order_id=order_id).pk)
    except Refused as refused:
        return _not_chosen(request, order_id, refused)
    quote_id = _quote_id(request)
    if quote_id is None:
        return _used_quote(request, None, services.QUOTE_UNKNOWN, status=404, side=Side.BUY)
    try:
        order = services.rebuy_confirm(user_id=user.pk, quote_id=quote_id)
    except Refused as refused:
        found = Quote.objects.filter(pk=quote_id, user=user).first()
        return _used_quote(request, found, refused.sentence, status=refused.status, side=Side.BUY)
    return redirect("order", order.pk)


def _not_chosen(request: HttpRequest, order_id: uuid.UUID, refused: Refused) -> HttpResponse:
    """Why the choice is not to be had, and the way back to the order. Somebody else's order has no page."""
    mine = get_object_or_404(selectors.orders_of(person(request).pk), pk=order_id)
    context = {
        "sentence": refused.sentence,
        "next_url": reverse("order", args=[mine.pk]),
        "next_label": "Back to the order",
    }
    return render(request, "refused.html", context, status=refused.status)
