"""What a customer may do with money that came too late, as the order's page offers it."""

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse

from accounts.models import User
from accounts.numbers import payouts_held
from controls.selectors import threshold
from goldwallet import phones
from goldwallet.money import show_grams, show_kes
from pools.models import Price
from pools.selectors import current_price, grams_available
from trading import terms
from trading.models import Order, Side, Status
from trading.selectors import FROZEN, REFUND_ASKED, SPENT, payment_is_asked_about, price_holds, why_closed


@dataclass(frozen=True, slots=True)
class Choice:
    """One way out. `method` "get" leads to a page that asks once more, "post" acts."""

    label: str
    sentence: str
    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What is offered, the first as the next step, and why something is not: a sentence, or empty."""

    offers: tuple[Choice, ...] = ()
    note: str = ""


def choices(order: Order, *, user: User, paused: Collection[str], here: bool) -> Choices:
    """None when the order has no late money that waits; `here` says whether it is still with us.

    The services judge everything again under locks.
    """
    if order.status != Status.PAID_LATE or order.refund_open:
        return Choices()
    if user.frozen_reason:
        return Choices(note=FROZEN)
    if payment_is_asked_about(order.refund):
        return Choices(note=REFUND_ASKED)
    if not here:
        return Choices(note=SPENT)
    price = current_price()
    note = _why_no_gold(order, price, user=user, paused=paused)
    held = payouts_held(user)
    refund = Choice(
        "Send the money back",
        f"{show_kes(order.payment.amount)} go back to {phones.local(order.payment.phone)} by M-Pesa.",
        reverse("order_refund", args=[order.pk]),
        "get",
    )
    if note or price is None:
        return Choices((), held) if held else Choices((refund,), note)
    deal = terms.buy_for_kes(order.payment.amount, price=price.buy)
    rebuy = Choice(
        "Buy at today's price",
        f"Today one gram costs {show_kes(price.buy)}, so you get about {show_grams(deal.grams)}. "
        "You see the exact price before anything is bought.",
        reverse("order_rebuy", args=[order.pk]),
        "post",
    )
    return Choices((rebuy,), held) if held else Choices((rebuy, refund))


def _why_no_gold(order: Order, price: Price | None, *, user: User, paused: Collection[str]) -> str:
    closed = why_closed(Side.BUY, user=user, price_holds=price_holds(price), paused=paused)
    if closed or price is None:
        return closed
    amount, least = order.payment.amount, threshold("buy_min_kes")
    if amount < least:
        return f"The smallest purchase is {show_kes(least)}, so we can only send this money back."
    if terms.buy_for_kes(amount, price=price.buy).grams > grams_available():
        return "There is not enough gold for all of this money right now. More is on its way."
    return ""
