"""Our own tables against the ledger. Each comparison is one statement, so it sees one moment of a busy house."""

import hashlib
from decimal import Decimal
from typing import Any

from goldwallet.money import show_grams, show_kes
from ledger import chart
from ledger.audit import verify_each
from oversight.models import BreakKind
from oversight.reconciliation.found import ZERO, Compared, Found, Row, Side, Span, rows, side

# --- payments and their postings ------------------------------------------------------------------

#: What a payment's transactions (and their mirrors) moved on M-Pesa's account, less what they moved for charges. Money
#: that waited in suspense had come before: what such a transaction takes out of there counts as come.
_BOOKED = """
moved AS MATERIALIZED (
    SELECT transaction_id, sum(amount) AS kes FROM ledger_entry
    WHERE account_id = ANY (ARRAY(SELECT id FROM ledger_account
                                  WHERE code IN ('mpesa:collections', 'mpesa:payouts', 'house:charges',
                                               'suspense:mpesa')))
    GROUP BY 1
), told AS MATERIALIZED (
    SELECT coalesce(t.reverses_id, t.id) AS id, moved.kes
    FROM moved JOIN ledger_transaction t ON t.id = moved.transaction_id
), booked AS MATERIALIZED (
    SELECT split_part(t.key, ':', 2) AS payment, sum(told.kes) AS kes
    FROM told JOIN ledger_transaction t USING (id)
    WHERE t.key LIKE 'payment:%' AND split_part(t.key, ':', 3) IN ('paid', 'incident', 'reversed')
    GROUP BY 1
)
"""

_POSTINGS = f"""
WITH {_BOOKED}, due AS (
    -- Money that came left the outside account, hence below zero; a payout went into it.
    SELECT id, reference, direction, state, ended_at,
           CASE WHEN state <> 'succeeded' THEN 0 WHEN direction = 'in' THEN -amount ELSE amount END AS kes
    FROM payments_payment
)
SELECT coalesce(due.id::text, booked.payment) AS payment, due.id, due.reference, due.state, due.direction,
       due.ended_at,
       -coalesce(due.kes, 0) AS due, -coalesce(booked.kes, 0) AS booked
FROM due FULL JOIN booked ON booked.payment = due.id::text
WHERE coalesce(due.kes, 0) <> coalesce(booked.kes, 0)
ORDER BY 1
"""  # noqa: S608


def postings(span: Span, so_far: list[Found]) -> Compared:
    """Each payment that was paid has its posting with its amount; every other one has none, or it was undone."""
    theirs = side(
        "SELECT count(*), sum(CASE direction WHEN 'in' THEN amount ELSE -amount END)"
        " FROM payments_payment WHERE state = 'succeeded'"
    )
    ours = side(f"WITH {_BOOKED} SELECT count(*) FILTER (WHERE kes <> 0), -sum(kes) FROM booked")  # noqa: S608
    return Compared(
        found=[_posting(row) for row in rows(_POSTINGS)], theirs=theirs, ours=ours, checked=("posting:",)
    )


def _posting(row: Row) -> Found:
    name = (
        f"Payment {row.reference} ({row.state})" if row.id else f"A payment that is not there ({row.payment})"
    )
    return Found(
        key=f"posting:{row.payment}",
        kind=BreakKind.POSTING_DIFFERS,
        payment=row.id,
        about="" if row.id else row.payment[:120],
        theirs=row.due,
        ours=row.booked,
        # The float is off by it too.
        account={"in": "collections", "out": "payouts"}.get(row.direction, ""),
        at=row.ended_at,
        sentence=f"{name} should have moved {show_kes(row.due)} in the book. It moved {show_kes(row.booked)}.",
        cause="Somebody changed the payment or reversed its posting by hand.",
    )


# --- gold -----------------------------------------------------------------------------------------

_POOLS = """
SELECT p.id, p.name, bars.grams AS bars, vault.grams AS vault, free.grams AS free, given.grams AS given
FROM pools_pool p
CROSS JOIN LATERAL (SELECT coalesce(sum(fine_grams), 0) AS grams FROM pools_bar
                    WHERE pool_id = p.id AND status = 'active') bars
CROSS JOIN LATERAL (SELECT coalesce(-sum(balance), 0) AS grams FROM ledger_account
                    WHERE code = 'pool:' || p.id::text || ':vault') vault
CROSS JOIN LATERAL (SELECT coalesce(sum(balance), 0) AS grams FROM ledger_account
                    WHERE code = 'pool:' || p.id::text || ':available') free
LEFT JOIN (SELECT pool_id, sum(grams - returned) AS grams FROM pools_allocation
           WHERE state <> 'released' GROUP BY pool_id) promised ON promised.pool_id = p.id
CROSS JOIN LATERAL (SELECT coalesce(promised.grams, 0) AS grams) given
ORDER BY p.id
"""


def pools(span: Span, so_far: list[Found]) -> Compared:
    """A pool's bars against what it has free, and what of it is promised and sold."""
    every = rows(_POOLS)
    found = [_pool(row) for row in every if not row.bars == row.vault == row.free + row.given]
    theirs = Side(len(every), sum((row.bars for row in every), ZERO))
    ours = Side(len(every), sum((_booked(row) for row in every), ZERO))
    return Compared(found=found, theirs=theirs, ours=ours, checked=("pool:",), unit="grams")


def _booked(row: Row) -> Decimal:
    """What the book has; of its two figures the one that differs from the bars, if one does."""
    given: Decimal = row.free + row.given
    return given if row.bars != given else row.vault


def _pool(row: Row) -> Found:
    return Found(
        key=f"pool:{row.id}",
        kind=BreakKind.POOL_DIFFERS,
        about=str(row.id),
        grams=True,
        theirs=row.bars,
        ours=_booked(row),
        sentence=f"{row.name}: its bars hold {show_grams(row.bars)}, the book has {show_grams(row.vault)} in the "
        f"vault, and {show_grams(row.free + row.given)} are free, promised or sold.",
        cause="A bar or an allocation was changed past the pages of the desk.",
    )


_HOLDINGS = r"""
WITH book AS (
    SELECT split_part(code, ':', 2) AS person, sum(balance) AS grams,
           CASE WHEN code LIKE '%:incoming' THEN 'reserved' ELSE 'owned' END AS part
    FROM ledger_account WHERE code ~ '^user:[^:]+:gold(:(locked|incoming))?$' GROUP BY 1, 3
), given AS (
    SELECT user_id::text AS person, sum(grams - returned) AS grams,
           CASE state WHEN 'reserved' THEN 'reserved' ELSE 'owned' END AS part
    FROM pools_allocation WHERE state <> 'released' GROUP BY 1, 3
)
SELECT person, part, coalesce(given.grams, 0) AS given, coalesce(book.grams, 0) AS book
FROM book FULL JOIN given USING (person, part)
"""


def holdings(span: Span, so_far: list[Found]) -> Compared:
    """Each person's grams in the book against what the pools have allocated to them."""
    differing = rows(
        f"SELECT * FROM ({_HOLDINGS}) found WHERE given <> book ORDER BY person, part"  # noqa: S608
    )
    return Compared(
        found=[_holding(row) for row in differing],
        theirs=side(f"SELECT count(*), sum(given) FROM ({_HOLDINGS}) found"),  # noqa: S608
        ours=side(f"SELECT count(*), sum(book) FROM ({_HOLDINGS}) found"),  # noqa: S608
        checked=("holding:",),
        unit="grams",
    )


def _holding(row: Row) -> Found:
    word = "owns" if row.part == "owned" else "has reserved"
    code = chart.user_gold(row.person) if row.part == "owned" else chart.user_gold_incoming(row.person)
    return Found(
        key=f"holding:{row.person}:{row.part}",
        kind=BreakKind.HOLDING_DIFFERS,
        about=code.code,
        grams=True,
        theirs=row.given,
        ours=row.book,
        sentence=f"In the book a person {word} {show_grams(row.book)}. The pools have allocated "
        f"{show_grams(row.given)} to them.",
        cause="An adjustment or an allocation was written past its service.",
    )


# --- holds ----------------------------------------------------------------------------------------

_GOLD_HELD = r"""
SELECT coalesce(due.code, held.code) AS code, 'GOLD' AS asset, coalesce(due.amount, 0) AS due,
       coalesce(held.balance, 0) AS held
FROM (SELECT 'user:' || user_id::text || CASE side WHEN 'buy' THEN ':gold:incoming' ELSE ':gold:locked' END AS code,
             sum(grams) AS amount
      FROM trading_order WHERE status = 'pending' GROUP BY 1) due
FULL JOIN (SELECT code, balance FROM ledger_account
           WHERE balance <> 0 AND code ~ '^user:[^:]+:gold:(incoming|locked)$') held USING (code)
"""
_MONEY_HELD = """
SELECT 'payouts:clearing' AS code, 'KES' AS asset,
       (SELECT coalesce(sum(amount), 0) FROM payments_payment WHERE direction = 'out'
        AND state IN ('created', 'awaiting_approval', 'sending', 'pending', 'unknown')) AS due,
       (SELECT coalesce(sum(balance), 0) FROM ledger_account WHERE code = 'payouts:clearing') AS held
UNION ALL
SELECT 'suspense:mpesa', 'KES',
       (SELECT coalesce(sum(amount), 0) FROM payments_arrival WHERE state IN ('suspense', 'returning')),
       (SELECT coalesce(sum(balance), 0) FROM ledger_account WHERE code = 'suspense:mpesa')
"""
_HELD_FOR = {
    "payouts:clearing": "The book has {held} under way. The open payouts are for {due}.",
    "suspense:mpesa": "The book has {held} in suspense. The arrivals there are for {due}.",
}


def gold_held(span: Span, so_far: list[Found]) -> Compared:
    """Gold is held for open orders."""
    return _held(rows(f"SELECT * FROM ({_GOLD_HELD}) found ORDER BY code"), ("hold:user:",), "grams")  # noqa: S608


def money_held(span: Span, so_far: list[Found]) -> Compared:
    """Money is held for open payouts, and for arrivals that nobody has claimed."""
    every = rows(_MONEY_HELD)
    told = " ".join(_hold_sentence(row) for row in every)
    return _held(every, ("hold:payouts:", "hold:suspense:"), "KES", told)


def _held(every: list[Row], checked: tuple[str, ...], unit: str, note: str = "") -> Compared:
    return Compared(
        found=[_hold(row) for row in every if row.due != row.held],
        theirs=Side(len(every), sum((row.due for row in every), ZERO)),
        ours=Side(len(every), sum((row.held for row in every), ZERO)),
        checked=checked,
        unit=unit,
        note=note,
    )


def _hold_sentence(row: Row) -> str:
    show: Any = show_grams if row.asset == "GOLD" else show_kes
    words = _HELD_FOR.get(row.code, "The book holds {held} for open orders. The open orders are for {due}.")
    return words.format(held=show(row.held), due=show(row.due))


def _hold(row: Row) -> Found:
    return Found(
        key=f"hold:{row.code}",
        kind=BreakKind.HOLD_DIFFERS,
        about=row.code,
        grams=row.asset == "GOLD",
        theirs=row.due,
        ours=row.held,
        sentence=_hold_sentence(row),
        cause="An order, a payout or an arrival was changed past its service.",
    )


# --- the book itself ------------------------------------------------------------------------------


def whole_book(span: Span, so_far: list[Found]) -> Compared:
    """The ledger's own audit, entry by entry."""
    found = [
        Found(
            key=f"book:{hashlib.sha256(f'{name}|{text}'.encode()).hexdigest()[:32]}",
            kind=BreakKind.BOOK_BROKEN,
            sentence=f"{says[0].upper()}{says[1:]}. But {text}."[:300],
            cause="Somebody wrote to the database past the house. Stop, and compare with the last backup.",
        )
        for name, says, texts in verify_each()
        for text in texts
    ]
    shillings = "a.asset = 'KES' AND e.amount {} 0"
    joined = "SELECT count(*), {}sum(e.amount) FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id WHERE "
    return Compared(
        found=found,
        theirs=side(joined.format("-") + shillings.format("<")),
        ours=side(joined.format("") + shillings.format(">")),
        checked=("book:",),
        note="Left: what left an account. Right: what entered one. Shillings.",
    )
