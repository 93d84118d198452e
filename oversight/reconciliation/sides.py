"""Why M-Pesa's total and ours differ, in and out: each line and each thing that we booked counts for one reason.

A line and what it belongs to are one pair. What has no partner among what this run compares has a reason for that.
"""

from collections.abc import Callable
from typing import Any

from oversight.models import BreakKind
from oversight.reconciliation.explained import DIFFERENCES, FRESH, SETTLED, UNCOVERED, UNEXPLAINED, Outcome
from oversight.reconciliation.found import ZERO, Compared, Found, Part, Span, rows
from oversight.reconciliation.lines import COVERED, parameters
from oversight.reconciliation.money import OURS
from payments.models import Float

_OTHER_DAYS = "M-Pesa's lines of what we booked on other days"
_OTHER_LINES = "Booked now, on M-Pesa's lines of other days"
_NOTHING = "Booked and taken back, and M-Pesa shows neither"
_MOVES = "Moves of the float that no line shows yet"
#: By the word of the statement below.
_REASONS = {
    "open": DIFFERENCES,
    "closed": SETTLED,
    "fresh": FRESH,
    "other_days": _OTHER_DAYS,
    "other_lines": _OTHER_LINES,
    "nothing": _NOTHING,
    "move": _MOVES,
    "uncovered": UNCOVERED,
    "unexplained": UNEXPLAINED,
}

#: `found`: what the run found, with the line or what we booked or both, and what M-Pesa has more. `kes`: what ours has
#: more. A found pair of which one half belongs to other days differs by more than what was found.
_SUMS = """
WITH covered AS ({covered}), ours AS ({ours}), found AS (
    SELECT * FROM unnest(%(lines)s::text[], %(booked)s::text[], %(effects)s::numeric[], %(words)s::text[])
             AS found (line, booked, effect, word)
), moved AS (
    SELECT * FROM unnest(%(move_lines)s::text[], %(moves)s::text[]) AS moved (line, booked)
), partner AS (
    SELECT l.id, l.moved, l.completed_at, found.effect, found.word, CASE
        WHEN l.nth > 1 THEN NULL
        WHEN found.line IS NOT NULL THEN found.booked
        WHEN l.payment_id IS NOT NULL THEN l.payment_id::text
        WHEN l.arrival_state NOT IN ('new', 'matched') THEN l.arrival_id::text
        ELSE coalesce(moved.booked, named.id::text) END AS booked
    FROM reconciliation_line l
    LEFT JOIN found ON found.line = l.id::text
    LEFT JOIN moved ON moved.line = l.id::text
    LEFT JOIN payments_payment named ON named.id = l.named_id AND named.receipt IS NULL
    WHERE l.account = %(account)s AND l.kind NOT IN ('charge', 'reversal')
), line AS (
    -- Of several lines of one payment the first is its own.
    SELECT id, moved, completed_at, effect, word, booked AS wanted,
           CASE WHEN row_number() OVER (PARTITION BY booked ORDER BY completed_at, id) = 1 THEN booked END AS booked
    FROM partner
), pair AS (
    SELECT line.id AS line_id, line.moved, line.completed_at, line.wanted, ours.*,
           coalesce(ours.kes, 0) - coalesce(line.moved, 0) AS more,
           coalesce(line.effect, lost.effect) AS effect, coalesce(line.word, lost.word) AS word
    FROM line FULL JOIN ours ON ours.id = line.booked
    LEFT JOIN found lost ON line.id IS NULL AND lost.line IS NULL AND lost.booked = ours.id
)
SELECT CASE
    WHEN word IS NOT NULL THEN word
    WHEN line_id IS NOT NULL AND id IS NOT NULL AND more = 0 THEN 'agrees'
    WHEN line_id IS NOT NULL AND completed_at >= %(judged)s THEN 'fresh'
    WHEN line_id IS NOT NULL AND id IS NULL AND wanted IS NOT NULL THEN 'other_days'
    WHEN line_id IS NOT NULL THEN 'unexplained'
    WHEN what = 'move' THEN 'move'
    -- A receipt with a number is what came beyond what was booked, by two people.
    WHEN what = 'arrival' AND receipt LIKE '%%+%%' THEN 'closed'
    WHEN ended >= %(judged)s THEN 'fresh'
    WHEN EXISTS (SELECT FROM payments_statementline l WHERE l.receipt = pair.receipt AND l.status = 'Completed'
                 AND l.kind NOT IN ('charge', 'reversal')) THEN 'other_lines'
    WHEN NOT EXISTS (SELECT FROM covered WHERE account = %(account)s
                     AND tstzrange(began - %(skew)s, ended + %(skew)s) <@ spans) THEN 'uncovered'
    WHEN state IN ('reversed', 'returned') THEN 'nothing'
    WHEN EXISTS (SELECT FROM payments_statementline l WHERE upper(l.reference) = pair.reference
                 AND l.reference <> '' AND l.status = 'Completed' AND l.paid_in > 0) THEN 'other_lines'
    ELSE 'unexplained' END AS reason,
    sum(more) AS more, -sum(coalesce(effect, -more)) AS found
FROM pair GROUP BY 1
"""

#: Of the lines of an account, and of what we booked that has none.
_KINDS = {
    BreakKind.LINE_IN_UNKNOWN,
    BreakKind.LINE_OUT_UNKNOWN,
    BreakKind.AMOUNT_DIFFERS,
    BreakKind.STATE_DIFFERS,
    BreakKind.RECEIPT_DIFFERS,
    BreakKind.LINE_TWICE,
    BreakKind.PAYMENT_MISSING,
}


def sides(account: Float) -> Callable[[Span, Compared, Outcome], list[Part]]:
    """Why the sides of this account's lines differ."""

    def explain(span: Span, compared: Compared, outcome: Outcome) -> list[Part]:
        sql = _SUMS.format(covered=COVERED, ours=OURS[account])
        parts = []
        for row in rows(sql, parameters(span, account=account, **_known(account, compared, outcome))):
            if row.reason != "agrees":
                parts.append(Part(_REASONS[row.reason], row.found))
                parts.append(Part(_OTHER_DAYS, row.more - row.found))
        return parts

    return explain


def _known(account: Float, compared: Compared, outcome: Outcome) -> dict[str, Any]:
    """What the run has found about this account, as columns."""
    about = [one for one in outcome.found if one.kind in _KINDS and one.account == account]
    return {
        "lines": [str(one.line) if one.line else None for one in about],
        "booked": [_booked(one) for one in about],
        "effects": [one.effect for one in about],
        "words": ["closed" if outcome.settled(one) else "open" for one in about],
        "move_lines": [str(line) for line in compared.moves],
        "moves": [str(move) for move in compared.moves.values()],
    }


def _booked(one: Found) -> str | None:
    """What of ours stands against it. None: the line names something that has its money from elsewhere, or nothing."""
    booked = one.arrival or one.payment
    return str(booked) if booked and one.ours != ZERO and one.kind != BreakKind.LINE_TWICE else None
