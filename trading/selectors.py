"""Reads of trading: the price that may be traded at, a person's holding, limits in use, lists of orders."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter

from django.db import connection
from django.db.models import QuerySet

from accounts.models import User
from accounts.numbers import payouts_held
from controls.selectors import PAUSED, switch, switches, threshold
from goldwallet import clock
from goldwallet.errors import Conflict, Refused
from goldwallet.money import cents_down
from goldwallet.paging import Page, page_of
from kyc.limits import Use
from ledger import chart
from ledger.selectors import Correction, balance, balances, corrections
from payments.models import LIVE, Callback, Payment, State
from payments.selectors import UNPAID_PROMPTS
from pools import selectors as pools
from pools.models import Price
from trading.models import USED, Order, Side, Status

ZERO = Decimal(0)
#: Kinds of ledger transactions by which two people correct what somebody has (trading.services.adjusting).
ADJUSTMENTS = ADJUSTMENT_GOLD, ADJUSTMENT_CASH = "adjustment_gold", "adjustment_cash"
#: The kind by which a debt is paid down or given up (trading.services.cashing).
DEBT_SETTLED = "debt_settled"
#: Beside the two sides of an order, in `average_cost`.
CORRECTION = "correction"
CLOSED = "Buying and selling is closed until there is a new price. Your gold is safe."
FROZEN = "Your account is on hold. Nothing is lost. Please write to us, and we look at it together."
#: The cash of a late order is gone: it covered a debt, or two people corrected it.
SPENT = "This money is not with us any more. Please write to us, and we look at it together."


def price_or_refuse() -> Price:
    """The current price, or Refused when there is none or the newest is too old to trade at (faults.md Q04)."""
    price = pools.current_price()
    if price is None or price_is_old(price):
        raise Refused(CLOSED, code="closed", status=409)
    return price


def price_holds(price: Price | None) -> bool:
    """Whether there is a price that may be traded at. One question to the clock."""
    return price is not None and not price_is_old(price)


def price_is_old(price: Price) -> bool:
    return clock.now() - price.effective_from > dt.timedelta(hours=float(threshold("price_max_age_hours")))


def running_or_refuse(side: Side, *, user: User) -> None:
    """Refused while the person is on hold or this side is paused. For quotes: confirming one judges both again."""
    if user.frozen_reason:
        raise Refused(FROZEN, code="frozen", status=403)
    if switch(side).paused:
        raise Conflict(PAUSED[side], code="paused")


def paused() -> set[str]:
    """The names of what is paused now."""
    return {found.name for found in switches() if found.paused}


def why_closed(side: Side, *, user: User, price_holds: bool, paused: Collection[str]) -> str:
    """Why this person cannot trade on this side now, as a sentence; empty when nothing is in the way."""
    if user.frozen_reason:
        return FROZEN
    if side == Side.SELL and (held := payouts_held(user)):
        return held
    if side in paused:
        return PAUSED[side]
    return "" if price_holds else CLOSED


# --- limits in use --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Used:
    """What a person has used of the limits by side, and the unpaid prompts of the last hour."""

    buy: Use
    sell: Use
    person_prompts: int
    phone_prompts: int

    def of(self, side: str) -> Use:
        return self.buy if side == Side.BUY else self.sell


# The day runs from midnight to midnight in Nairobi, thirty days back from this moment. What failed or expired used
# nothing; late money that bought anew is the same money and counts with the new order; what M-Pesa took back is undone.
_USED = f"""
SELECT buy_day, buy_month, sell_day, sell_month, person_prompts, phone_prompts
FROM (
    SELECT coalesce(sum(total_kes) FILTER (WHERE side = 'buy' AND today), 0) AS buy_day,
           coalesce(sum(total_kes) FILTER (WHERE side = 'buy'), 0) AS buy_month,
           coalesce(sum(total_kes) FILTER (WHERE side = 'sell' AND today), 0) AS sell_day,
           coalesce(sum(total_kes) FILTER (WHERE side = 'sell'), 0) AS sell_month
    FROM (
        SELECT side, total_kes, created_at >= date_trunc('day', wallet_now(), 'Africa/Nairobi') AS today
        FROM trading_order
        WHERE user_id = %(user_id)s AND status NOT IN ('failed', 'expired', 'refunded', 'rebought', 'reversed')
          AND id IS DISTINCT FROM %(without)s::uuid
          AND created_at >= wallet_now() - interval '30 days'
    ) AS orders
) AS used, ({UNPAID_PROMPTS}) AS prompts
"""  # noqa: S608 - the fragment is a constant


def used(*, user_id: uuid.UUID, phone_lookup: str = "", without: uuid.UUID | None = None) -> Used:
    """One statement. Binding only while the person's row is locked. `without`: an order that does not count."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, {"user_id": user_id, "phone_lookup": phone_lookup, "without": without})
        buy_day, buy_month, sell_day, sell_month, person, phone = cursor.fetchone()
    return Used(Use(buy_day, buy_month), Use(sell_day, sell_month), person, phone)


# --- holding --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holding:
    """What a person has: grams from the ledger; value in KES at today's selling price; cost by average price.

    `owed` is what the person owes us in KES; `corrections` are ours, oldest first.
    """

    free: Decimal
    locked: Decimal
    incoming: Decimal
    cash: Decimal
    owed: Decimal
    cost: Decimal
    value: Decimal | None
    corrections: Sequence[Correction] = ()

    @property
    def grams(self) -> Decimal:
        """Owned: free and locked. What is incoming is reserved, not owned."""
        return self.free + self.locked

    @property
    def gain(self) -> Decimal | None:
        return None if self.value is None else self.value - self.cost

    @property
    def gain_percent(self) -> Decimal | None:
        if self.gain is None or self.cost == 0:
            return None
        return (self.gain * 100 / self.cost).quantize(Decimal("0.1"))


def holding(user_id: uuid.UUID, *, price: Price | None) -> Holding:
    codes = [
        chart.user_gold(user_id),
        chart.user_gold_locked(user_id),
        chart.user_gold_incoming(user_id),
        chart.user_cash(user_id),
        chart.user_receivable(user_id),
    ]
    found = balances(codes)
    free, locked, incoming, cash, receivable = (found[code.code] for code in codes)
    corrected = corrections(
        [chart.user_gold(user_id), chart.user_cash(user_id)], kinds=[*ADJUSTMENTS, DEBT_SETTLED]
    )
    return Holding(
        free=free,
        locked=locked,
        incoming=incoming,
        cash=cash,
        owed=max(ZERO, -receivable),
        cost=_cost_of_holding(user_id, corrected),
        value=None if price is None else cents_down((free + locked) * price.sell),
        corrections=corrected,
    )


def _cost_of_holding(user_id: uuid.UUID, corrected: Iterable[Correction]) -> Decimal:
    orders = Order.objects.filter(user_id=user_id, status=Status.COMPLETED).order_by("finished_at", "pk")
    moves = list(orders.values_list("finished_at", "side", "grams", "total_kes"))
    moves += [(row.at, CORRECTION, row.amount, ZERO) for row in corrected if row.asset == chart.GOLD]
    return average_cost((side, moved, kes) for _, side, moved, kes in sorted(moves, key=itemgetter(0)))


def average_cost(orders: Iterable[tuple[str, Decimal, Decimal]]) -> Decimal:
    """KES paid for the grams still owned, by average cost: a sale takes its share of the cost away.

    A CORRECTION (grams above or below zero) sets right how many grams that money bought: what was paid stays as it
    was, and is spread over more or fewer grams. Who has no gold left has none to have paid for.
    """
    grams = cost = ZERO
    for side, moved, kes in orders:
        if side == CORRECTION:
            grams = max(ZERO, grams + moved)
            cost = cost if grams else ZERO
        elif side == Side.BUY:
            grams, cost = grams + moved, cost + kes
        else:
            cost = ZERO if moved >= grams else cost - cost * moved / grams
            grams = max(ZERO, grams - moved)
    return cents_down(cost)


# --- lists ----------------------------------------------------------------------------------------


def orders_page[R](rows: QuerySet[Order, R], *, after: str = "", limit: int = 25) -> Page[R]:
    """A page of orders, newest first; `after` is the `older` of the page before."""
    return page_of(rows, by="created_at", after=after, limit=limit)


def order_is_overdue(order: Order) -> bool:
    """Whether a buy has outlived its reservation, by the database's clock. `order_expire` judges it again."""
    if order.final or order.expires_at is None:
        return False
    return clock.now() >= order.expires_at


_ENDED_UNPAID = frozenset({State.FAILED, State.CANCELLED})


def payment_is_asked_about(payment: Payment | None) -> bool:
    """Whether M-Pesa is being asked what happened: no answer, a contradiction, or a word that came after the end."""
    if payment is None:
        return False
    if payment.state == State.FAILED and payment.attention:
        return True
    if payment.state in _ENDED_UNPAID:
        # Of what was cancelled before it was sent only a callback makes a question; staff may have been told before.
        heard = Callback.objects.filter(payment_id=payment.pk)
        return (heard if payment.attention else heard.filter(handled_at=None)).exists()
    return payment.state == State.UNKNOWN or (payment.attention and payment.state in LIVE)


def orders_of(user_id: uuid.UUID) -> QuerySet[Order]:
    """A person's orders, each with its payment, which tells why one was not paid."""
    return Order.objects.filter(user_id=user_id).select_related("payment")


# --- late money -----------------------------------------------------------------------------------

_CHOSEN = {
    Status.REFUNDED: "This money is back on your M-Pesa already.",
    Status.REBOUGHT: "You have bought gold with this money already.",
    Status.REVERSED: "M-Pesa has taken this payment back.",
}


#: A refund ended unpaid, and a word came that it was paid: nothing is sent again before that is clear.
REFUND_ASKED = "We are asking M-Pesa whether this money has reached you after all. Please wait until we know."


def late_orders(user_id: uuid.UUID) -> list[Order]:
    """A person's orders whose late money waits for a choice or is on its way back, oldest first."""
    orders = orders_of(user_id).filter(status=Status.PAID_LATE).exclude(refund__state=State.SUCCEEDED)
    return list(orders.select_related("payment", "refund").order_by("created_at", "pk"))


def late_covered(orders: Iterable[Order], *, cash: Decimal) -> list[Order]:
    """Of late orders, oldest first, those whose money waits for a choice and is there, when the person has `cash`."""
    covered = []
    for order in orders:
        if not order.refund_open and order.payment.amount <= cash:
            cash -= order.payment.amount
            covered.append(order)
    return covered


def late_kept(orders: Iterable[Order], *, is_open: bool) -> list[Order]:
    """Of a person's late orders those whose money waits for their choice. Who has closed the account chooses nothing
    any more, so only what was on its way back already keeps its money.
    """
    return [order for order in orders if is_open or order.refund_id is not None]


def cash_loose(orders: Iterable[Order], *, cash: Decimal) -> Decimal:
    """Of the person's `cash` what belongs to none of these late orders, in KES."""
    return cash - sum((order.payment.amount for order in late_covered(orders, cash=cash)), ZERO)


def late_money_here(order: Order) -> bool:
    """Whether the money of this late order is still with us. Binding only under the customer's lock."""
    cash = balance(chart.user_cash(order.user_id))
    return order in late_covered(late_orders(order.user_id), cash=cash)


def late_order_of(*, user_id: uuid.UUID, order_id: uuid.UUID) -> Order:
    """A person's order whose late money waits for a choice. Raises Refused. Binding only when it is locked."""
    orders = orders_of(user_id).filter(pk=order_id, side=Side.BUY)
    return late_order_check(orders.select_related("payment").first())


def late_order_check(order: Order | None) -> Order:
    """The order, or Refused with what became of its money."""
    if order is None:
        raise Refused("We do not find this order.", code="order_unknown", status=404)
    if order.status == Status.REVERSED and order.failure_code in USED:
        raise Conflict(USED[order.failure_code], code="chosen")
    if order.status != Status.PAID_LATE:
        raise Conflict(_CHOSEN.get(Status(order.status), "There is nothing to choose here."), code="chosen")
    if order.refund_open:
        raise Conflict("This money is on its way back to you already.", code="refund_open")
    if payment_is_asked_about(order.refund):
        raise Conflict(REFUND_ASKED, code="refund_asked")
    return order
