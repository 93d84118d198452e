"""What we booked and M-Pesa does not show, judged where statements that were read whole cover all of its time."""

from goldwallet.money import show_kes
from oversight.models import BreakKind, How
from oversight.reconciliation.found import ZERO, Compared, Found, Row, Side, Span, rows, side
from oversight.reconciliation.lines import COVERED, PAID, parameters
from payments.models import Float

#: Whether a line takes this receipt back.
_TAKEN_BACK = (
    "EXISTS (SELECT FROM payments_statementline back WHERE back.kind = 'reversal'"
    " AND back.status = 'Completed' AND back.linked_receipt = {})"
)

_PAYMENTS = f"""
    SELECT p.id, p.reference, p.receipt, p.amount, p.direction, p.ended_at, p.receipt_seen_at, c.account,
           CASE p.direction WHEN 'in' THEN p.amount ELSE -p.amount END AS kes
    FROM payments_payment p
    JOIN covered c ON c.account = CASE p.direction WHEN 'in' THEN 'collections' ELSE 'payouts' END
    WHERE p.state IN {PAID}
      -- Taken back here, and M-Pesa shows neither the payment nor its reversal: nothing moved on either side.
      AND (p.state = 'succeeded' OR {_TAKEN_BACK.format("p.receipt")}
           OR EXISTS (SELECT FROM payments_statementline l WHERE l.receipt = p.reversal_receipt
                      AND l.status = 'Completed'))
      AND (p.ended_at BETWEEN %(start)s - interval '1 hour' AND %(end)s + interval '1 hour'
           OR p.id IN (SELECT payment_id FROM oversight_break
                       WHERE state = 'open' AND kind = 'payment_missing' AND payment_id IS NOT NULL))
      AND tstzrange(p.created_at - %(skew)s, p.ended_at + %(skew)s) <@ c.spans
      AND p.ended_at < %(judged)s
"""  # noqa: S608

_ARRIVALS = f"""
    SELECT a.id, a.receipt, a.amount, a.arrived_at, a.state, a.amount AS kes
    FROM payments_arrival a JOIN covered c ON c.account = 'collections'
    WHERE a.state NOT IN ('new', 'matched')
      AND (a.state NOT IN ('returned', 'reversed') OR {_TAKEN_BACK.format("a.receipt")})
      AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.receipt = a.receipt)
      AND (a.arrived_at BETWEEN %(start)s AND %(end)s
           OR a.id IN (SELECT arrival_id FROM oversight_break WHERE state = 'open' AND kind = 'payment_missing'))
      AND tstzrange(a.arrived_at - %(skew)s, a.arrived_at + %(skew)s) <@ c.spans
"""  # noqa: S608

# In two steps: what no receipt shows is little, and only for that is it asked whether a line names its reference.
_MISSING = f"""
WITH covered AS ({COVERED}), bare AS MATERIALIZED ({_PAYMENTS}
      -- Counted, so that it is looked up one by one: as NOT EXISTS all lines were read for each payment.
      AND (SELECT count(*) FROM payments_statementline l WHERE l.receipt = p.receipt
           AND l.status = 'Completed' AND l.kind NOT IN ('charge', 'reversal')) = 0
)
SELECT bare.* FROM bare WHERE NOT (direction = 'in' AND EXISTS (
    SELECT FROM payments_statementline l LEFT JOIN payments_arrival a ON a.receipt = l.receipt
    -- As the index of references has it.
    WHERE upper(l.reference) = bare.reference AND l.reference <> '' AND l.status = 'Completed' AND l.paid_in > 0
      AND (a.state IS NULL OR a.state IN ('new', 'matched')) AND (bare.receipt IS NULL OR l.paid_in = bare.amount)
))
ORDER BY ended_at, id
"""  # noqa: S608

_ARRIVALS_MISSING = f"""
WITH covered AS ({COVERED}) {_ARRIVALS}
      -- A receipt with a number is what came beyond what was booked under it.
      AND NOT EXISTS (SELECT FROM payments_statementline l
                      WHERE l.receipt = split_part(a.receipt, '+', 1) AND l.status = 'Completed')
ORDER BY a.arrived_at, a.id
"""

_JUDGED = f"""
WITH covered AS ({COVERED}), judged AS (
    SELECT kes FROM ({_PAYMENTS}) payments UNION ALL SELECT kes FROM ({_ARRIVALS}) arrivals
)
SELECT count(*), sum(kes) FROM judged
"""  # noqa: S608


def missing(span: Span, so_far: list[Found]) -> Compared:
    """What we booked and no line shows, where statements read whole cover all the time it can have moved in."""
    named = {found.payment for found in so_far if found.kind == BreakKind.RECEIPT_DIFFERS}
    lost = [row for row in rows(_MISSING, parameters(span)) if row.id not in named]
    strays = rows(_ARRIVALS_MISSING, parameters(span))
    found = [*(_payment_missing(row) for row in lost), *(_arrival_missing(row) for row in strays)]
    ours = side(_JUDGED, parameters(span))
    theirs = Side(ours.count - len(found), ours.total + sum((one.effect for one in found), ZERO))
    return Compared(found=found, theirs=theirs, ours=ours, checked=("missing:",), note=_not_whole())


def _not_whole() -> str:
    """Staff must know when a statement cannot show that something is missing."""
    counted = side("SELECT count(*), 0 FROM payments_statementfile WHERE problems <> '[]'::jsonb")
    if not counted.count:
        return ""
    return (
        f"{counted.count} statements could not be read whole, so they do not show that a payment is missing."
    )


def _payment_missing(row: Row) -> Found:
    paid_in = row.direction == "in"
    seen = " M-Pesa's list had shown it." if row.receipt_seen_at else ""
    name = row.receipt or f"payment {row.reference}, without a receipt"
    return Found(
        key=f"missing:{row.id}",
        kind=BreakKind.PAYMENT_MISSING,
        payment=row.id,
        theirs=ZERO,
        ours=row.amount if paid_in else -row.amount,
        account=row.account,
        at=row.ended_at,
        sentence=f"We booked {show_kes(row.amount)} {'in' if paid_in else 'out'} ({name}). The statement has no "
        f"such line.{seen}",
        cause="The answer that we believed was wrong. Ask M-Pesa about the receipt before anything else."
        if row.receipt
        else "It was settled without a receipt, and no line names its reference.",
        proposal=How.WRITE_OFF,
    )


def _arrival_missing(row: Row) -> Found:
    return Found(
        key=f"missing:arrival:{row.id}",
        kind=BreakKind.PAYMENT_MISSING,
        arrival=row.id,
        theirs=ZERO,
        ours=row.amount,
        account=Float.COLLECTIONS,
        at=row.arrived_at,
        sentence=f"We booked {show_kes(row.amount)} in ({row.receipt}). The statement has no such line.",
        cause="M-Pesa's list and M-Pesa's statement differ. Ask M-Pesa about the receipt before anything else.",
        proposal=How.WRITE_OFF,
    )
