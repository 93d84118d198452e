"""What M-Pesa took back, payment by payment, against what we took back: too little, too much and never are differences.

The lines of one payment are added up, since M-Pesa may take back a part, or twice.
"""

from decimal import Decimal
from typing import Any

from goldwallet.money import show_kes
from oversight.models import BreakKind, How
from oversight.reconciliation.explained import SETTLED, UNCOVERED
from oversight.reconciliation.found import SKEW, ZERO, Compared, Found, Part, Row, Side, Span, rows
from oversight.reconciliation.lines import COVERED

#: Payments and arrivals that a line of the run takes back, or that were taken back here in its span. `booked_at` is
#: when we posted it. What two people wrote off of such a difference, or put into suspense again, counts as taken back.
_CONCERNED = """
SELECT p.id AS payment_id, NULL::uuid AS arrival_id, p.receipt, p.reversal_receipt, p.direction, p.amount,
       CASE p.direction WHEN 'in' THEN 'collections' ELSE 'payouts' END AS account,
       p.reference AS name, p.state, p.state = 'reversed' AS back, p.created_at AS began,
       (SELECT t.created_at FROM ledger_transaction t WHERE t.key = 'payment:' || p.id || ':reversed') AS booked_at
FROM payments_payment p
UNION ALL
SELECT NULL, a.id, a.receipt, NULL, 'in', a.amount, 'collections', a.receipt, a.state,
       a.state IN ('returned', 'reversed'), a.arrived_at,
       coalesce((SELECT t.created_at FROM ledger_transaction t WHERE t.key = 'arrival:' || a.id || ':returned'),
                a.decided_at)
FROM payments_arrival a
WHERE NOT EXISTS (SELECT FROM payments_payment p WHERE p.receipt = a.receipt OR p.id = a.payment_id)
"""

_ADDED = f"""
WITH covered AS ({COVERED}), original AS (
    SELECT one.*, coalesce(one.payment_id, one.arrival_id) AS id FROM ({_CONCERNED}) one
    WHERE one.receipt IN (SELECT linked_receipt FROM reconciliation_line WHERE kind = 'reversal')
       OR one.reversal_receipt IN (SELECT receipt FROM reconciliation_line WHERE kind = 'reversal')
       OR one.back AND one.booked_at BETWEEN %(start)s AND %(end)s
       OR coalesce(one.payment_id, one.arrival_id) IN (
            SELECT coalesce(payment_id, arrival_id) FROM oversight_break
            WHERE state = 'open' AND kind IN ('reversal_differs', 'reversed'))
), line AS (
    -- The same line may be written differently in two exports: that is a difference of its own.
    SELECT DISTINCT ON (original.id, l.receipt) original.id AS of_id, l.id, l.receipt, l.account, l.completed_at,
           l.paid_in - l.withdrawn AS moved
    FROM original JOIN payments_statementline l ON l.kind = 'reversal' AND l.status = 'Completed'
         AND (l.linked_receipt = original.receipt OR l.receipt = original.reversal_receipt)
    WHERE l.completed_at < %(judged)s
    ORDER BY original.id, l.receipt, l.completed_at, l.id
), added AS (
    SELECT of_id, sum(moved) AS moved, count(*) AS lines, array_agg(id ORDER BY completed_at, id) AS ids,
           min(receipt) AS line_receipt, max(completed_at) AS last_at, min(account) AS line_account
    FROM line GROUP BY of_id
), off AS (
    SELECT coalesce(payment_id, arrival_id) AS of_id, sum(theirs - ours) AS kes FROM oversight_break
    WHERE kind = 'reversal_differs' AND state = 'resolved' AND how IN ('write_off', 'suspense') GROUP BY 1
)
SELECT original.*, coalesce(added.moved, 0) AS moved, coalesce(added.lines, 0) AS lines, added.ids,
       added.line_receipt, added.last_at, coalesce(added.line_account, original.account) AS at_account,
       CASE original.direction WHEN 'in' THEN -1 ELSE 1 END AS sign, coalesce(off.kes, 0) AS off,
       EXISTS (SELECT FROM payments_statementline l WHERE l.status = 'Completed' AND l.receipt = original.receipt
               AND l.kind NOT IN ('charge', 'reversal'))
       OR original.receipt IS NULL AND EXISTS (
           SELECT FROM payments_statementline l WHERE l.status = 'Completed' AND l.paid_in > 0
           AND upper(l.reference) = original.name AND l.reference <> '') AS shown,
       -- All the time in which its lines can stand: from its beginning until we booked it.
       EXISTS (SELECT FROM covered c WHERE c.account = original.account AND original.booked_at < %(judged)s
               AND tstzrange(original.began - %(skew)s, original.booked_at + %(skew)s) <@ c.spans) AS whole
FROM original LEFT JOIN added ON added.of_id = original.id LEFT JOIN off ON off.of_id = original.id
ORDER BY original.began, original.id
"""  # noqa: S608

#: Lines that take back what we do not know at all.
_STRANGE = """
SELECT l.* FROM reconciliation_line l
WHERE l.kind = 'reversal' AND l.nth = 1 AND l.completed_at < %(judged)s
  AND NOT EXISTS (SELECT FROM payments_payment p
                  WHERE p.receipt = nullif(l.linked_receipt, '') OR p.reversal_receipt = l.receipt)
  AND NOT EXISTS (SELECT FROM payments_arrival a WHERE a.receipt = nullif(l.linked_receipt, ''))
ORDER BY l.completed_at, l.id
"""

#: Why the sides may differ without a difference.
_RETURNING = "On its way back: M-Pesa has said so once"
_NEITHER = "Taken back here, and M-Pesa shows neither the payment nor its reversal"


def reversals(span: Span, so_far: list[Found]) -> Compared:
    """Both ways, per original receipt (faults.md P19)."""
    parameters = {"start": span.start, "end": span.end, "judged": span.judged_until, "skew": SKEW}
    added = rows(_ADDED, parameters)
    strange = rows(_STRANGE, parameters)
    told = [_compared(row) for row in added]
    found = [one for one in told if isinstance(one, Found)]
    parts = [one for one in told if isinstance(one, Part)] + [Part(SETTLED, -row.off) for row in added]
    lines = sum(row.lines for row in added) + len(strange)
    back = [row.sign * row.amount for row in added if row.back]
    return Compared(
        found=[*found, *(_strange(row) for row in strange)],
        theirs=Side(lines, sum((row.moved for row in [*added, *strange]), ZERO)),
        ours=Side(len(back), sum(back, ZERO)),
        checked=("reversal:",),
        parts=parts,
    )


def _compared(row: Row) -> Found | Part | None:
    """None: both sides agree. A part: they differ, and that is no difference, or not yet."""
    whole = row.sign * row.amount
    booked = (whole if row.back else ZERO) + row.off
    if row.moved == booked:
        return None
    if row.state == "returning" and row.moved == whole:
        return Part(_RETURNING, booked - row.moved)
    if not row.back and not row.off and row.lines == 1 and row.moved == whole:
        return _stands(row)
    # Neither the payment nor its reversal is on a statement: nothing moved, here or there.
    if not row.lines and not row.shown:
        return Part(_NEITHER, booked - row.moved)
    # M-Pesa shows less than we took back: the rest may stand where no statement reaches.
    if abs(row.moved) < abs(booked) and not row.whole:
        return Part(UNCOVERED, booked - row.moved)
    return _differs(row, booked)


def _stands(row: Row) -> Found:
    """M-Pesa took all of it back, once, and here it stands."""
    about: dict[str, Any] = {
        "key": f"line:{row.ids[0]}",
        "line": row.ids[0],
        "theirs": row.moved,
        "ours": ZERO,
        "account": row.at_account,
        "at": row.last_at,
    }
    shown = show_kes(abs(row.moved))
    if row.arrival_id is not None:
        return Found(
            **about,
            kind=BreakKind.REVERSED,
            arrival=row.arrival_id,
            sentence=f"M-Pesa took {shown} back under {row.line_receipt}. Our book still has {row.receipt}.",
            cause="Whoever paid asked M-Pesa for their money back.",
            proposal=How.SUSPENSE if row.state == "suspense" else How.WRITE_OFF,
        )
    if row.direction == "in":
        return Found(
            **about,
            kind=BreakKind.REVERSED,
            payment=row.payment_id,
            sentence=f"M-Pesa took {shown} back under {row.line_receipt}. Our payment {row.name} stands.",
            cause="The customer asked M-Pesa for their money back. Take the payment back here too.",
        )
    return Found(
        **about,
        kind=BreakKind.LINE_IN_UNKNOWN,
        payment=row.payment_id,
        sentence=f"M-Pesa gave {shown} back to us under {row.line_receipt}.",
        cause="A payout came back. The customer did not keep the money.",
    )


def _differs(row: Row, booked: Decimal) -> Found:
    moved = abs(row.moved)
    said = (
        f"took back {show_kes(moved)} on {row.lines} lines" if row.lines else "shows no line that takes back"
    )
    ours = f"We took back {show_kes(abs(booked))}." if booked else "Here nothing of it is taken back."
    return Found(
        key=f"reversal:{row.id}",
        kind=BreakKind.REVERSAL_DIFFERS,
        payment=row.payment_id,
        arrival=row.arrival_id,
        line=row.ids[-1] if row.ids else None,
        theirs=row.moved,
        ours=booked,
        account=row.at_account,
        at=row.last_at or row.booked_at,
        sentence=f"Of {show_kes(row.amount)} ({row.receipt or row.name}) M-Pesa {said}. {ours}",
        cause=_why(row, booked),
        proposal=How.WRITE_OFF if booked else "",
    )


def _why(row: Row, booked: Decimal) -> str:
    if not row.lines:
        return "We believed that M-Pesa took it back, and M-Pesa did not. Ask M-Pesa about the reversal's receipt."
    if abs(row.moved) > row.amount:
        return "M-Pesa took back more than was paid. Ask M-Pesa for the rest."
    if not booked:
        return "M-Pesa took back a part. Ask M-Pesa why before the payment is taken back here: that undoes all of it."
    return "M-Pesa took back a part, and we took back all of it."


def _strange(row: Row) -> Found:
    taken = row.moved < 0
    shown = show_kes(abs(row.moved))
    said = f"took {shown} back" if taken else f"gave {shown} back to us"
    return Found(
        key=f"line:{row.id}",
        kind=BreakKind.LINE_OUT_UNKNOWN if taken else BreakKind.LINE_IN_UNKNOWN,
        line=row.id,
        theirs=row.moved,
        ours=ZERO,
        account=row.account,
        at=row.completed_at,
        sentence=f"M-Pesa {said} under {row.receipt}, and we know no payment that it belongs to.",
        cause="A payment that we never booked was taken back, or the line does not say which.",
    )
