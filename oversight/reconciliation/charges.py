"""What M-Pesa charged."""

from goldwallet.money import show_kes
from oversight.models import BreakKind, How
from oversight.reconciliation.found import ZERO, Compared, Found, Row, Span, rows, side
from payments.models import Float

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
PROPOSED = (BreakKind.RECEIPT_DIFFERS, BreakKind.STATE_DIFFERS)


def charges(span: Span, so_far: list[Found]) -> Compared:
    """What M-Pesa took for its service against what we booked, payment by payment."""
    parameters = {"judged": span.judged_until}
    differing = [_charge(row) for row in rows(_CHARGES, parameters)]
    proposed = [found.line for found in so_far if found.kind in PROPOSED]
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
