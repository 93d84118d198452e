"""What M-Pesa charged."""

from goldwallet.money import show_kes
from oversight.models import BreakKind, How
from oversight.reconciliation.explained import FRESH, UNEXPLAINED, Outcome, by_differences
from oversight.reconciliation.found import ZERO, Compared, Found, Part, Row, Span, rows, side
from oversight.reconciliation.lines import PAID
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
#: The payments of which the lines of this run show the money.
_PAYMENTS = """
    SELECT DISTINCT ON (p.id) p.id, p.state, coalesce(p.charge, 0) AS charge, l.completed_at
    FROM reconciliation_line l JOIN payments_payment p ON p.id = l.payment_id
    WHERE l.nth = 1 AND l.kind NOT IN ('charge', 'reversal') ORDER BY p.id, l.completed_at
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
    ours = side(f"SELECT count(*) FILTER (WHERE charge > 0), -sum(charge) FROM ({_PAYMENTS}) payments")  # noqa: S608
    return Compared(found=[*differing, *stray], theirs=theirs, ours=ours, checked=("charge:",))


#: By the word of the statement below; `found` is told by the differences themselves.
_REASONS = {
    "fresh": FRESH,
    "differing": "Charged for payments that differ themselves",
    "twice": "Receipts on two lines, compared above",
    "other_days": "Charged for payments of other days",
    "unlisted": "Booked, and the statement lists no charges",
    "unexplained": UNEXPLAINED,
}

_SUMS = f"""
WITH booked AS ({_PAYMENTS}), charge AS (
    SELECT p.id, p.state, l.id AS line_id, l.nth, l.moved, l.completed_at
    FROM reconciliation_line l
    LEFT JOIN payments_payment p ON p.receipt = l.receipt OR p.receipt = nullif(l.linked_receipt, '')
    WHERE l.kind = 'charge'
), charged AS (
    SELECT id, min(state) AS state, sum(moved) AS moved, max(completed_at) AS at FROM charge
    WHERE nth = 1 AND id IS NOT NULL GROUP BY id
), each AS (
    SELECT CASE
        WHEN coalesce(booked.id, charged.id)::text = ANY (%(payments)s) THEN 'found'
        WHEN coalesce(charged.moved, 0) = -coalesce(booked.charge, 0) THEN 'agrees'
        WHEN coalesce(booked.state, charged.state) NOT IN {PAID} THEN 'differing'
        WHEN greatest(charged.at, booked.completed_at) >= %(judged)s THEN 'fresh'
        WHEN booked.id IS NULL THEN 'other_days'
        WHEN charged.id IS NULL THEN 'unlisted'
        ELSE 'unexplained' END AS reason,
        -coalesce(booked.charge, 0) - coalesce(charged.moved, 0) AS more
    FROM booked FULL JOIN charged USING (id)
    UNION ALL
    SELECT CASE WHEN nth > 1 THEN 'twice' WHEN line_id::text = ANY (%(lines)s) THEN 'found'
                WHEN completed_at >= %(judged)s THEN 'fresh' ELSE 'differing' END, -moved
    FROM charge WHERE nth > 1 OR id IS NULL
)
SELECT reason, sum(more) AS more FROM each GROUP BY 1
"""  # noqa: S608


def charges_explained(span: Span, compared: Compared, outcome: Outcome) -> list[Part]:
    """Why what M-Pesa charged and what we booked differ in total."""
    found = by_differences(span, compared, outcome)
    parameters = {
        "judged": span.judged_until,
        "payments": [str(one.payment) for one in compared.found if one.payment],
        "lines": [str(one.line) for one in compared.found if not one.payment],
    }
    more = {row.reason: row.more for row in rows(_SUMS, parameters)}
    more.pop("agrees", None)
    # Of a payment whose own line belongs to another day only what M-Pesa charged is counted here.
    elsewhere = more.pop("found", ZERO) - sum((part.amount for part in found), ZERO)
    parts = [Part(_REASONS[reason], kes) for reason, kes in more.items()]
    return [*found, *parts, Part(_REASONS["other_days"], elsewhere)]


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
