"""M-Pesa's other lines: what it took back, and what it charged."""

from typing import Any

from goldwallet.money import show_kes
from oversight.models import BreakKind, How
from oversight.reconciliation.found import ZERO, Compared, Found, Row, Span, rows, side
from payments.models import Float

_REVERSALS = """
SELECT l.*, p.id AS p_id, p.state AS p_state, p.reference AS p_reference, p.direction AS p_direction,
       a.id AS a_id, a.state AS a_state, a.receipt AS a_receipt
FROM reconciliation_line l
LEFT JOIN payments_payment p ON p.receipt = nullif(l.linked_receipt, '')
LEFT JOIN payments_arrival a ON a.receipt = nullif(l.linked_receipt, '') AND p.id IS NULL
WHERE l.kind = 'reversal' AND l.nth = 1 AND l.completed_at < %(judged)s
  AND p.state IS DISTINCT FROM 'reversed'
  -- What we sent back ourselves, or have undone already.
  AND (a.state IS NULL OR a.state NOT IN ('returning', 'returned', 'reversed'))
ORDER BY l.completed_at, l.id
"""


def reversals(span: Span, so_far: list[Found]) -> Compared:
    """Lines that take a payment back, against the payments and arrivals that stand (faults.md P19)."""
    found = [_reversal(row) for row in rows(_REVERSALS, {"judged": span.judged_until})]
    theirs = side("SELECT count(*), sum(moved) FROM reconciliation_line WHERE kind = 'reversal'")
    ours = side(
        """
        SELECT count(*), -sum(abs(l.moved)) FROM reconciliation_line l
        WHERE l.kind = 'reversal' AND (
            EXISTS (SELECT FROM payments_payment p WHERE p.receipt = l.linked_receipt AND p.state = 'reversed')
            OR EXISTS (SELECT FROM payments_arrival a WHERE a.receipt = l.linked_receipt
                       AND a.state IN ('returning', 'returned', 'reversed')))
        """
    )
    return Compared(found=found, theirs=theirs, ours=ours, checked=())


def _reversal(row: Row) -> Found:
    about: dict[str, Any] = {
        "key": f"line:{row.id}",
        "line": row.id,
        "theirs": row.moved,
        "ours": ZERO,
        "account": row.account,
        "at": row.completed_at,
    }
    shown = show_kes(abs(row.moved))
    if row.moved < 0 and row.p_id is not None and row.p_direction == "in":
        return Found(
            **about,
            kind=BreakKind.REVERSED,
            payment=row.p_id,
            sentence=f"M-Pesa took {shown} back under {row.receipt}. Our payment {row.p_reference} stands.",
            cause="The customer asked M-Pesa for their money back. Take the payment back here too.",
        )
    if row.moved < 0 and row.a_id is not None:
        return Found(
            **about,
            kind=BreakKind.REVERSED,
            arrival=row.a_id,
            sentence=f"M-Pesa took {shown} back under {row.receipt}. Our book still has {row.a_receipt}.",
            cause="Whoever paid asked M-Pesa for their money back.",
            proposal=How.SUSPENSE if row.a_state == "suspense" else How.WRITE_OFF,
        )
    if row.moved > 0:
        return Found(
            **about,
            kind=BreakKind.LINE_IN_UNKNOWN,
            payment=row.p_id,
            sentence=f"M-Pesa gave {shown} back to us under {row.receipt}.",
            cause="A payout came back. The customer did not keep the money.",
        )
    return Found(
        **about,
        kind=BreakKind.LINE_OUT_UNKNOWN,
        sentence=f"M-Pesa took {shown} back under {row.receipt}, and we know no payment that it belongs to.",
        cause="A payment that we never booked was taken back, or the line does not say which.",
    )


# --- charges --------------------------------------------------------------------------------------

#: A charge stands under its payment's receipt, or is linked to it. A charge that is missing is only one where the file
#: that shows the payment lists charges at all.
_CHARGES = """
WITH charged AS (
    SELECT p.id, min(l.id::text)::uuid AS line_id, min(l.account) AS account, min(l.completed_at) AS at,
           sum(l.moved) AS moved
    FROM reconciliation_line l
    JOIN payments_payment p ON p.receipt = l.receipt OR p.receipt = nullif(l.linked_receipt, '')
    WHERE l.kind = 'charge' AND l.nth = 1 AND l.completed_at < %(judged)s
    GROUP BY p.id
), listing AS (
    -- By the whole file: of an older one only the lines of open differences are compared.
    SELECT file_id FROM (SELECT DISTINCT file_id FROM reconciliation_line) compared
    WHERE EXISTS (SELECT FROM payments_statementline l WHERE l.file_id = compared.file_id AND l.kind = 'charge')
), bare AS (
    SELECT p.id, l.id AS line_id, l.account, l.completed_at AS at, 0 AS moved
    FROM reconciliation_line l JOIN payments_payment p ON p.id = l.payment_id
    WHERE l.nth = 1 AND l.kind NOT IN ('charge', 'reversal') AND l.completed_at < %(judged)s
      AND l.file_id IN (SELECT file_id FROM listing) AND NOT EXISTS (SELECT FROM charged c WHERE c.id = p.id)
)
SELECT each.*, p.reference, p.charge, coalesce(p.charge, 0) AS booked
FROM (SELECT * FROM charged UNION ALL SELECT * FROM bare) each JOIN payments_payment p ON p.id = each.id
WHERE -each.moved <> coalesce(p.charge, 0)
  -- A payment that stands unpaid here is a difference of its own; its charge is booked with it.
  AND p.state IN ('succeeded', 'reversed')
ORDER BY each.at, each.id
"""

_STRAY = """
SELECT l.* FROM reconciliation_line l
WHERE l.kind = 'charge' AND l.nth = 1 AND l.completed_at < %(judged)s
  AND NOT EXISTS (SELECT FROM payments_payment p
                  WHERE p.receipt = l.receipt OR p.receipt = nullif(l.linked_receipt, ''))
  -- Of a payout that is proposed for a line, the charge goes with that difference.
  AND NOT EXISTS (SELECT FROM reconciliation_line o WHERE o.id = ANY (%(proposed)s)
                  AND o.receipt IN (l.receipt, l.linked_receipt))
ORDER BY l.completed_at, l.id
"""
#: The difference of such a line is a payment that is not booked under its receipt.
_PROPOSED = (BreakKind.RECEIPT_DIFFERS, BreakKind.STATE_DIFFERS)


def charges(span: Span, so_far: list[Found]) -> Compared:
    """What M-Pesa took for its service against what we booked, payment by payment."""
    parameters = {"judged": span.judged_until}
    differing = [_charge(row) for row in rows(_CHARGES, parameters)]
    proposed = [found.line for found in so_far if found.kind in _PROPOSED]
    stray = [_stray(row) for row in rows(_STRAY, {**parameters, "proposed": proposed})]
    theirs = side("SELECT count(*), sum(moved) FROM reconciliation_line WHERE kind = 'charge'")
    ours = side(
        """
        SELECT count(*) FILTER (WHERE p.charge > 0), -sum(coalesce(p.charge, 0))
        FROM reconciliation_line l JOIN payments_payment p ON p.id = l.payment_id WHERE l.nth = 1
        """
    )
    return Compared(found=[*differing, *stray], theirs=theirs, ours=ours, checked=("charge:",))


def _charge(row: Row) -> Found:
    return Found(
        key=f"charge:{row.id}",
        kind=BreakKind.CHARGE_DIFFERS,
        line=row.line_id,
        payment=row.id,
        theirs=row.moved,
        ours=-row.booked,
        account=row.account,
        at=row.at,
        sentence=f"M-Pesa charged {show_kes(-row.moved)} for payment {row.reference}. We booked "
        f"{show_kes(row.booked)}.",
        cause="The tariff has changed."
        if row.charge is not None
        else "No tariff was known when it was paid.",
        proposal=How.WRITE_OFF,
    )


def _stray(row: Row) -> Found:
    return Found(
        key=f"charge:line:{row.id}",
        kind=BreakKind.CHARGE_DIFFERS,
        line=row.id,
        theirs=row.moved,
        ours=ZERO,
        account=row.account,
        at=row.completed_at,
        sentence=f"M-Pesa charged {show_kes(abs(row.moved))} under {row.receipt}, which is no payment of ours.",
        cause="A charge for money that we did not send, or for our account itself."
        if row.account == Float.PAYOUTS
        else "A charge for our account itself.",
        proposal=How.WRITE_OFF,
    )
