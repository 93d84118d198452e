"""What the book held when a day began and what moved in it, straight from the ledger's entries, in few statements.

A moment counts by `created_at` of the transaction, which is the database's clock at the posting. So nothing is ever
posted into a day that is over. What each account held when the day began is its balance less all that was entered
since; that balances and entries agree is audited every night (`ledger.audit`). A day costs what was entered since it
began.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from ledger import chart
from payments.floats import code_of
from payments.models import Direction, Float

ZERO = Decimal(0)
#: Which way money goes through each of our accounts.
_WAYS = {Float.COLLECTIONS: Direction.IN.value, Float.PAYOUTS: Direction.OUT.value}


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on and before `end`."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class Held:
    """One account, or the same account of all people (`user:gold`), over a span. `went` is below zero."""

    code: str
    asset: str
    opening: Decimal
    came: Decimal
    went: Decimal

    @property
    def closing(self) -> Decimal:
        return self.opening + self.came + self.went

    @property
    def alive(self) -> bool:
        """Something lay there or moved."""
        return bool(self.opening or self.came or self.went)


# A person's code has 42 characters before the account's own name (`ledger.chart`). A regular expression on each code
# of a million would cost many times as much.
_HELD = """
WITH moved AS MATERIALIZED (
    SELECT e.account_id, sum(e.amount) AS since,
           sum(e.amount) FILTER (WHERE t.created_at < %(end)s AND e.amount > 0) AS came,
           sum(e.amount) FILTER (WHERE t.created_at < %(end)s AND e.amount < 0) AS went
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
    WHERE t.created_at >= %(start)s GROUP BY 1
)
SELECT CASE WHEN a.code LIKE 'user:%%' THEN 'user:' || substr(a.code, 43) ELSE a.code END, a.asset,
       sum(a.balance - coalesce(since, 0)),
       coalesce(sum(came), 0), coalesce(sum(went), 0)
FROM ledger_account a LEFT JOIN moved ON moved.account_id = a.id
GROUP BY 1, 2 ORDER BY 1
"""


def held(span: Span) -> list[Held]:
    """Every account of the house and of the pools, and people's added up. One statement, so of one moment."""
    return [Held(*row) for row in _rows(_HELD, start=span.start, end=span.end)]


@dataclass(frozen=True, slots=True)
class Posted:
    """The transactions of one kind in a span: what they did to people's gold and cash, M-Pesa and others.

    `sales` counts those that sold gold; `owed` is people's gold, also what is held for a sale; `mpesa` is above zero
    for money that came there.
    """

    kind: str
    count: int
    sales: int
    owed: Decimal
    cash: Decimal
    mpesa: Decimal
    sold: Decimal
    clearing: Decimal


_POSTED = r"""
SELECT t.kind, count(DISTINCT t.id),
       count(DISTINCT t.id) FILTER (WHERE a.code = %(sales)s AND e.amount > 0),
       coalesce(sum(e.amount) FILTER (WHERE a.code ~ '^user:[^:]+:gold(:locked)?$'), 0),
       coalesce(sum(e.amount) FILTER (WHERE a.code ~ '^user:[^:]+:cash$'), 0),
       coalesce(-sum(e.amount) FILTER (WHERE a.code = ANY (%(mpesa)s)), 0),
       coalesce(sum(e.amount) FILTER (WHERE a.code = %(sales)s), 0),
       coalesce(sum(e.amount) FILTER (WHERE a.code = %(clearing)s), 0)
FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
JOIN ledger_account a ON a.id = e.account_id
WHERE t.created_at >= %(start)s AND t.created_at < %(end)s
GROUP BY 1 ORDER BY 1
"""


def posted(span: Span) -> list[Posted]:
    return [
        Posted(*row)
        for row in _rows(
            _POSTED,
            start=span.start,
            end=span.end,
            sales=chart.house_sales().code,
            clearing=chart.payouts_clearing().code,
            mpesa=[chart.mpesa_collections().code, chart.mpesa_payouts().code],
        )
    ]


_BARS = """
SELECT b.pool_id::text, sum(CASE m.kind WHEN 'arrival' THEN 1 ELSE -1 END),
       sum(CASE m.kind WHEN 'arrival' THEN m.grams ELSE -m.grams END)
FROM pools_movement m JOIN pools_bar b ON b.id = m.bar_id JOIN ledger_transaction t ON t.id = m.transaction_id
WHERE t.created_at < %(end)s GROUP BY 1
"""


def bars(span: Span) -> dict[str, tuple[int, Decimal]]:
    """By pool: how many bars lay in the vault at the end, and their fine grams, from the bars' own movements."""
    return {pool: (int(count), fine) for pool, count, fine in _rows(_BARS, end=span.end)}


@dataclass(frozen=True, slots=True)
class Reading:
    """What M-Pesa said last in the span about one of our accounts, and what the book had at that moment."""

    account: Float
    read_at: dt.datetime
    there: Decimal
    book: Decimal


# Two accounts may stand under one shortcode. M-Pesa writes whole seconds: a reading stands for the end of its second.
_READING = """
WITH asked AS (
    SELECT * FROM unnest(%(accounts)s::text[], %(shortcodes)s::text[]) AS one (account, shortcode)
), own AS (
    SELECT a.id, a.balance, own.shortcode
    FROM unnest(%(codes)s::text[], %(shortcodes)s::text[]) AS own (code, shortcode)
    JOIN ledger_account a ON a.code = own.code
)
SELECT asked.account, said.read_at, said.kes,
       coalesce((SELECT sum(e.amount) FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
                 JOIN own ON own.id = e.account_id AND own.shortcode = asked.shortcode
                 WHERE t.created_at >= said.read_at + interval '1 second'), 0)
       - coalesce((SELECT sum(own.balance) FROM own WHERE own.shortcode = asked.shortcode), 0)
FROM asked CROSS JOIN LATERAL (
    SELECT max(r.read_at) AS read_at, sum(r.current) AS kes FROM payments_balancereading r
    WHERE r.shortcode = asked.shortcode AND r.name ~* '(utility|charges paid)' AND r.exchange_id = (
        SELECT exchange_id FROM payments_balancereading
        WHERE shortcode = asked.shortcode AND name ~* 'utility' AND read_at >= %(start)s AND read_at < %(end)s
        ORDER BY read_at DESC, id DESC LIMIT 1)
) said
WHERE said.kes IS NOT NULL
ORDER BY 1
"""


def readings(span: Span, shortcodes: dict[str, str]) -> list[Reading]:
    """One for each account about which M-Pesa said something in the span. `shortcodes`: ours in that span."""
    found = _rows(
        _READING,
        start=span.start,
        end=span.end,
        accounts=[str(one) for one in Float],
        shortcodes=[shortcodes[one] for one in Float],
        codes=[code_of(one).code for one in Float],
    )
    return [Reading(Float(account), *row) for account, *row in found]


# As `payments.floats` judges a young reading, but up to the end of the span: what M-Pesa may have counted before we did
# is all of the account that belongs to no payment, and payments that were there by then; with what was then still open
# and its charge (none is above KES 200). An open payment that ended after the span is sought among a week's.
_MOVING = """
WITH asked AS (
    SELECT * FROM unnest(%(accounts)s::text[], %(codes)s::text[], %(directions)s::text[], %(reads)s::timestamptz[])
        AS one (account, code, direction, read)
), later AS MATERIALIZED (
    SELECT a.code, e.amount, t.kind, t.created_at, CASE WHEN t.key ~ '^payment:[0-9a-f-]{36}(:|$)'
                                                        THEN split_part(t.key, ':', 2)::uuid END AS payment
    FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
    JOIN ledger_account a ON a.id = e.account_id
    WHERE a.code = ANY (%(codes)s) AND t.created_at > %(first)s - interval '1 minute' AND t.created_at < %(end)s
)
SELECT asked.account, sum(
       coalesce((SELECT sum(abs(later.amount)) FROM later LEFT JOIN payments_payment p ON p.id = later.payment
                 WHERE later.code = asked.code AND later.created_at > asked.read - interval '1 minute'
                   AND (p.id IS NULL OR later.kind LIKE '%%reversed'
                        OR p.created_at <= asked.read + interval '1 minute')), 0)
       + coalesce((SELECT sum(amount + 200) FROM payments_payment
                   WHERE direction = asked.direction AND state IN ('sending', 'pending', 'unknown')
                     AND created_at <= asked.read + interval '1 minute'), 0)
       + coalesce((SELECT sum(amount + 200) FROM payments_payment
                   WHERE direction = asked.direction AND sent_at IS NOT NULL AND ended_at >= %(end)s
                     AND created_at > asked.read - interval '7 days'
                     AND created_at <= asked.read + interval '1 minute'), 0))
FROM asked GROUP BY 1
"""


def moving(span: Span, said: Sequence[Reading], shortcodes: dict[str, str]) -> dict[str, Decimal]:
    """So much may stand on either side of each reading, of all accounts under its shortcode. One statement for all."""
    asked = [
        (str(reading.account), code_of(one).code, reading.read_at, _WAYS[one])
        for reading in said
        for one in Float
        if shortcodes[one] == shortcodes[reading.account]
    ]
    if not asked:
        return {}
    accounts, codes, reads, directions = (list(column) for column in zip(*asked, strict=True))
    found = _rows(
        _MOVING,
        accounts=accounts,
        codes=codes,
        reads=reads,
        directions=directions,
        first=min(reads),
        end=span.end,
    )
    return dict(found)


def _rows(statement: str, **parameters: Any) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
