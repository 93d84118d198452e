"""Reads of trading: the price that may be traded at, a person's holding, limits in use, lists of orders."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import QuerySet

from controls.selectors import threshold
from goldwallet import clock
from goldwallet.errors import Refused
from goldwallet.money import cents_down
from goldwallet.paging import Page, page_of
from ledger import chart
from ledger.selectors import balances
from payments.selectors import UNPAID_PROMPTS
from pools import selectors as pools
from pools.models import Price
from trading.models import Order, Side, Status

ZERO = Decimal(0)
CLOSED = "Buying and selling is closed until there is a new price. Your gold is safe."


def price_or_refuse() -> Price:
    """The current price, or Refused when there is none or the newest is too old to trade at (faults.md Q04)."""
    price = pools.current_price()
    if price is None or price_is_old(price):
        raise Refused(CLOSED, code="closed", status=409)
    return price


def price_is_old(price: Price) -> bool:
    return clock.now() - price.effective_from > dt.timedelta(hours=float(threshold("price_max_age_hours")))


# --- limits in use --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayUse:
    """What a person has used of today's limit in KES, and the unpaid prompts of the last hour."""

    kes: Decimal
    person_prompts: int
    phone_prompts: int


# The day runs from midnight to midnight in Nairobi. What failed or expired used nothing.
_DAY_USE = f"""
SELECT (SELECT coalesce(sum(total_kes), 0) FROM trading_order
        WHERE user_id = %(user_id)s AND status NOT IN ('failed', 'expired', 'refunded')
          AND created_at >= date_trunc('day', wallet_now(), 'Africa/Nairobi')),
       person_prompts, phone_prompts
FROM ({UNPAID_PROMPTS}) AS prompts
"""  # noqa: S608 - the fragment is a constant


def day_use(*, user_id: uuid.UUID, phone_lookup: str = "") -> DayUse:
    """One statement. Binding only while the person's row is locked."""
    with connection.cursor() as cursor:
        cursor.execute(_DAY_USE, {"user_id": user_id, "phone_lookup": phone_lookup})
        return DayUse(*cursor.fetchone())


# --- holding --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holding:
    """What a person has: grams from the ledger; value in KES at today's selling price; cost by average price."""

    free: Decimal
    locked: Decimal
    incoming: Decimal
    cash: Decimal
    cost: Decimal
    value: Decimal | None

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
    ]
    found = balances(codes)
    free, locked, incoming, cash = (found[code.code] for code in codes)
    return Holding(
        free=free,
        locked=locked,
        incoming=incoming,
        cash=cash,
        cost=_cost_of_holding(user_id),
        value=None if price is None else cents_down((free + locked) * price.sell),
    )


def _cost_of_holding(user_id: uuid.UUID) -> Decimal:
    orders = Order.objects.filter(user_id=user_id, status=Status.COMPLETED).order_by("finished_at", "pk")
    return average_cost(orders.values_list("side", "grams", "total_kes"))


def average_cost(orders: Iterable[tuple[str, Decimal, Decimal]]) -> Decimal:
    """KES paid for the grams still owned, by average cost: a sale takes its share of the cost away."""
    grams = cost = ZERO
    for side, moved, kes in orders:
        if side == Side.BUY:
            grams, cost = grams + moved, cost + kes
        else:
            cost = ZERO if moved >= grams else cost - cost * moved / grams
            grams = max(ZERO, grams - moved)
    return cents_down(cost)


# --- lists ----------------------------------------------------------------------------------------


def orders_page(rows: QuerySet[Order], *, after: str = "", limit: int = 25) -> Page[Order]:
    """A page of orders, newest first; `after` is the `older` of the page before."""
    return page_of(rows.select_related("payment"), by="created_at", after=after, limit=limit)


def order_is_overdue(order: Order) -> bool:
    """Whether a buy has outlived its reservation, by the database's clock. `order_expire` judges it again."""
    if order.final or order.expires_at is None:
        return False
    return clock.now() >= order.expires_at


def orders_of(user_id: uuid.UUID) -> QuerySet[Order]:
    return Order.objects.filter(user_id=user_id)
