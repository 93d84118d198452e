"""A few orders, made through the services against the running simulator: the books are real and agree."""

import datetime as dt
import secrets
import uuid
from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from accounts.models import User
from accounts.stepup import StepUpNeeded
from goldwallet.demo import codes, phone
from goldwallet.demo.data import ALICE, BOB, CAROL
from goldwallet.demo.waiting import until_patience_ends
from payments.models import Arrival, ArrivalState, Payment, State
from trading import services
from trading.models import Order, Status

#: Who, side, KES of a buy or grams of a sale, and what the phone does with the prompt. What stands together runs side
#: by side. Amounts that nobody would try first by hand: M-Pesa refuses the same amount twice within two minutes.
_FIRST = (
    (ALICE, "buy", Decimal(24650), "accept"),
    (BOB, "buy", Decimal(1350), "accept"),
    (CAROL, "buy", Decimal(118_650), "accept"),
)
_THEN = (
    (ALICE, "sell", Decimal("0.250000"), ""),
    (BOB, "buy", Decimal(740), "decline"),
    # So large that two people let it go.
    (CAROL, "sell", Decimal("6.500000"), ""),
    (CAROL, "buy", Decimal(1150), "decline"),
)
_LATE_KES, _STRAY_KES = Decimal(5400), Decimal(1050)
_HOUR = dt.timedelta(hours=1)


def demo_orders_make() -> None:
    """Make the demo's orders. Waits until each has ended, and all money has been seen."""
    _end(_begin(_FIRST))
    then = _begin(_THEN)
    carol = User.objects.get(email=CAROL)
    late = _late(carol)
    # She has declined one, and pays it by hand with another amount.
    declined = then[-1]
    stray = phone.pay_by_hand(carol.phone, int(_STRAY_KES), reference=declined.reference)
    _end(then)
    for _ in until_patience_ends(f"the money of {late.reference} does not come"):
        if Order.objects.get(pk=late.pk).status == Status.PAID_LATE:
            break
    for _ in until_patience_ends(f"receipt {stray} is not listed"):
        if Arrival.objects.filter(receipt=stray, state=ArrivalState.SUSPENSE).exists():
            break


type _Line = tuple[str, str, Decimal, str]


def _begin(lines: Iterable[_Line]) -> list[Order]:
    """Confirm these orders, and answer their prompts."""
    made = []
    for email, side, amount, action in lines:
        made.append((_make(User.objects.get(email=email), side, amount), action))
    for order, action in made:
        if action:
            _answer(order, action)
    return [order for order, _ in made]


def _make(user: User, side: str, amount: Decimal) -> Order:
    if side == "buy":
        quote = services.quote_buy(user=user, phone=user.phone, kes=amount)
        return services.buy_confirm(user_id=user.pk, quote_id=quote.pk)
    return _sell(user, services.quote_sell(user=user, phone=user.phone, grams=amount).pk)


def _sell(user: User, quote_id: uuid.UUID) -> Order:
    """A large sale asks for a code first."""
    session_key = secrets.token_hex(16)
    try:
        return services.sell_confirm(user_id=user.pk, quote_id=quote_id, session_key=session_key)
    except StepUpNeeded as needed:
        codes.confirm(user, needed, session_key=session_key)
    return services.sell_confirm(user_id=user.pk, quote_id=quote_id, session_key=session_key)


def _answer(order: Order, action: str) -> None:
    for _ in until_patience_ends(f"no prompt for {order.reference}"):
        if phone.answer(order.payment.phone, reference=order.reference, action=action):
            return


def _end(orders: Iterable[Order]) -> None:
    """Wait until each has ended, or waits for staff."""
    for order in orders:
        for _ in until_patience_ends(f"{order.reference} does not end"):
            found = Order.objects.select_related("payment").get(pk=order.pk)
            if found.status != Status.PENDING or found.payment.state == State.AWAITING_APPROVAL:
                break


def _late(user: User) -> Order:
    """An order of an hour ago, whose money comes now: too late for its price, so the choice is open."""
    with transaction.atomic():
        order = _make(user, "buy", _LATE_KES)
        earlier = {name: F(name) - _HOUR for name in ("created_at", "expires_at")}
        # Before the worker sees it: so its prompt does not go out any more.
        Payment.objects.filter(pk=order.payment_id).update(**earlier)
        Order.objects.filter(pk=order.pk).update(**earlier, honour_until=F("honour_until") - _HOUR)
    phone.pay_by_hand(user.phone, int(_LATE_KES), reference=order.reference)
    return order
