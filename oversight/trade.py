"""What was traded and what it earned, and how much gold was owed, by days in Nairobi: for the overview.

Each is one statement. They read tables of three apps at once, which no selector of one of them could; the tests hold
them against sums of their own.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from goldwallet.clock import NAIROBI, midnight

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Traded:
    """Completed orders of one side: how many, shillings, grams, and what the house earned by the spread in KES."""

    orders: int = 0
    kes: Decimal = ZERO
    grams: Decimal = ZERO
    earned: Decimal = ZERO

    def __add__(self, other: "Traded") -> "Traded":
        return Traded(
            self.orders + other.orders,
            self.kes + other.kes,
            self.grams + other.grams,
            self.earned + other.earned,
        )


@dataclass(frozen=True, slots=True)
class TradeDay:
    """A day in Nairobi. People bought `bought` from the house and sold `sold` to it."""

    day: dt.date
    bought: Traded
    sold: Traded

    @property
    def both(self) -> Traded:
        return self.bought + self.sold


# Earned by an order: how far its price lay from the middle between the two prices that were in force when it was
# quoted, times its grams: the half of the spread that this side pays. So gold that is bought and later sold at the same
# two prices has earned the whole spread, and what the world's price did in between is no earning. The rounding to whole
# shillings, which also falls to the house, is not counted. An order counts on the day on which it was completed, for as
# long as it stands completed. Prices as in `pools.selectors`: the last written for a moment, unless it takes back.
_TRADE = """
SELECT (o.finished_at AT TIME ZONE 'Africa/Nairobi')::date AS day, o.side, count(*), sum(o.total_kes), sum(o.grams),
       coalesce(sum(abs(o.price_per_gram - (p.buy + p.sell) / 2) * o.grams), 0)
FROM trading_order o
JOIN trading_quote q ON q.id = o.quote_id
LEFT JOIN LATERAL (
    SELECT buy, sell FROM pools_price p
    WHERE p.effective_from <= q.created_at AND NOT p.takes_back
      AND NOT EXISTS (
        SELECT FROM pools_price t WHERE t.effective_from = p.effective_from AND t.id > p.id AND t.takes_back
      )
    ORDER BY p.effective_from DESC, p.id DESC LIMIT 1
) p ON true
WHERE o.status = 'completed' AND o.finished_at >= %(start)s
GROUP BY 1, 2
"""


def trade_days(*, days: int, moment: dt.datetime) -> list[TradeDay]:
    """The last `days` days until this moment, today last; each is there, also without any trade."""
    today = moment.astimezone(NAIROBI).date()
    first = today - dt.timedelta(days=days - 1)
    found: dict[tuple[dt.date, str], Traded] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TRADE, {"start": midnight(first)})
        for day, side, *sums in cursor.fetchall():
            found[day, side] = Traded(*sums)
    nothing = Traded()
    return [
        TradeDay(day, found.get((day, "buy"), nothing), found.get((day, "sell"), nothing))
        for day in (first + dt.timedelta(days=number) for number in range(days))
    ]


def trade_sum(days: Iterable[TradeDay]) -> tuple[Traded, Traded]:
    """Bought and sold over these days."""
    bought = sold = Traded()
    for day in days:
        bought, sold = bought + day.bought, sold + day.sold
    return bought, sold


# What customers own now, less what has moved since the end of each day. Grams that are held for a sale are still owned;
# those reserved for a buy ("incoming") are not yet. Codes as `ledger.chart` spells them.
_OWED = """
WITH owned AS MATERIALIZED (
    SELECT id, balance FROM ledger_account
    WHERE code >= 'user:' AND code < 'user;' AND asset = 'GOLD' AND code NOT LIKE '%%:incoming'
), moved AS (
    SELECT (t.created_at AT TIME ZONE 'Africa/Nairobi')::date AS day, sum(e.amount) AS grams
    FROM ledger_transaction t
    JOIN ledger_entry e ON e.transaction_id = t.id
    JOIN owned ON owned.id = e.account_id
    WHERE t.created_at >= %(start)s
    GROUP BY 1
)
SELECT d::date, (SELECT coalesce(sum(balance), 0) FROM owned) - coalesce(
    sum(moved.grams) OVER (ORDER BY d DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
FROM generate_series(%(first)s::date, %(last)s::date, '1 day') d
LEFT JOIN moved ON moved.day = d::date
ORDER BY 1
"""


def owed_days(*, days: int, moment: dt.datetime) -> Sequence[tuple[dt.datetime, Decimal]]:
    """Grams that customers owned at the end of each of the last `days` days (today: now), by the day's beginning."""
    today = moment.astimezone(NAIROBI).date()
    first = today - dt.timedelta(days=days - 1)
    with connection.cursor() as cursor:
        cursor.execute(_OWED, {"start": midnight(first), "first": first, "last": today})
        return [(midnight(day), grams) for day, grams in cursor.fetchall()]
