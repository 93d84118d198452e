"""M-Pesa's lines against our payments and arrivals, both ways.

A line belongs to a payment by its receipt. A payment in without a receipt (its callback never came) is known by the
reference that the prompt carried. Nothing is paired by amount and time alone: that is at most a proposal.
"""

import datetime as dt
from typing import Any

from django.db import connection

from goldwallet.money import show_kes
from goldwallet.phones import mask
from oversight.models import BreakKind, How
from oversight.reconciliation.found import SKEW, ZERO, Compared, Found, Row, Side, Span, rows, side
from oversight.reconciliation.moves import BOOKED, FloatMoves
from payments.models import Float, Payment, StatementLine

_PAID = "('succeeded', 'reversed')"

#: Every line that is compared, with what it belongs to. `nth` counts the lines of one receipt and kind; the line that
#: fits its payment is the first. Made once a run, since the steps below all read it.
_PAIR = """
CREATE TEMP TABLE reconciliation_line AS
WITH wanted AS (
    SELECT account, receipt FROM payments_statementline
    WHERE completed_at BETWEEN %(start)s AND %(end)s
    UNION
    SELECT l.account, l.receipt FROM oversight_break b JOIN payments_statementline l ON l.id = b.line_id
    WHERE b.state = 'open'
), known AS (
    SELECT l.id, l.file_id, l.account, l.receipt, l.kind, l.completed_at, l.paid_in - l.withdrawn AS moved,
           upper(l.reference) AS reference, l.linked_receipt, p.id AS payment_id, f.uploaded_at,
           (abs(l.paid_in - l.withdrawn) = p.amount)::int + (upper(l.reference) = p.reference)::int AS fits
    FROM payments_statementline l
    JOIN wanted USING (account, receipt)
    JOIN payments_statementfile f ON f.id = l.file_id
    LEFT JOIN payments_payment p ON p.receipt = l.receipt AND l.kind NOT IN ('charge', 'reversal')
         AND p.direction = CASE WHEN l.paid_in > 0 THEN 'in' ELSE 'out' END
    WHERE l.status = 'Completed' AND l.paid_in <> l.withdrawn
)
SELECT known.*, a.id AS arrival_id, a.state AS arrival_state, a.amount AS arrival_amount, named.id AS named_id,
       row_number() OVER (PARTITION BY known.account, known.receipt, known.kind
                          ORDER BY fits DESC NULLS LAST, uploaded_at, known.completed_at, known.id) AS nth
FROM known
LEFT JOIN payments_arrival a ON a.receipt = known.receipt AND moved > 0 AND known.kind NOT IN ('charge', 'reversal')
LEFT JOIN payments_payment named ON known.payment_id IS NULL AND moved > 0
     AND known.kind NOT IN ('charge', 'reversal')
     AND known.reference <> '' AND named.reference = known.reference AND named.direction = 'in'
"""

#: The spans of an account's statements that were read whole. Times there are whole seconds.
COVERED = """
SELECT account, range_agg(tstzrange(starts_at, ends_at + interval '1 second')) AS spans
FROM payments_statementfile WHERE problems = '[]'::jsonb GROUP BY account
"""

_LINES = f"""
WITH covered AS ({COVERED}), judged AS (
    SELECT l.*, p.state AS payment_state, p.amount AS payment_amount, p.reference AS payment_reference,
           p.receipt AS payment_receipt, p.id AS about_id,
           l.payment_id IS NULL AS by_name
    FROM reconciliation_line l LEFT JOIN payments_payment p ON p.id = coalesce(l.payment_id, l.named_id)
    WHERE l.account = %(account)s AND l.kind NOT IN ('charge', 'reversal') AND l.nth = 1
      AND l.completed_at < %(judged)s
)
SELECT * FROM (
    SELECT judged.*, CASE
        WHEN payment_id IS NOT NULL AND payment_state NOT IN {_PAID} THEN 'state_differs'
        WHEN payment_id IS NOT NULL AND payment_amount <> abs(moved) THEN 'amount_differs'
        WHEN payment_id IS NOT NULL THEN NULL
        WHEN arrival_state <> 'new' AND arrival_amount <> moved THEN 'amount_differs'
        WHEN arrival_state <> 'new' THEN NULL
        -- The prompt's reference, and the payment knows no receipt: the first such line is its money.
        WHEN about_id IS NOT NULL AND payment_receipt IS NULL AND NOT EXISTS (
            SELECT FROM payments_statementline o
            WHERE upper(o.reference) = judged.reference AND o.status = 'Completed' AND o.paid_in > 0
              AND o.kind NOT IN ('charge', 'reversal') AND o.receipt <> judged.receipt
              AND (o.completed_at, o.id) < (judged.completed_at, judged.id))
        THEN CASE WHEN payment_state NOT IN {_PAID} THEN 'state_differs'
                  WHEN payment_amount <> moved THEN 'amount_differs' END
        -- The payment's own receipt should be there too, and is not.
        WHEN about_id IS NOT NULL AND payment_state IN {_PAID} AND payment_amount = moved AND NOT EXISTS (
            SELECT FROM payments_statementline o WHERE o.receipt = payment_receipt AND o.status = 'Completed')
            AND EXISTS (SELECT FROM covered, payments_payment p WHERE p.id = about_id
                        AND covered.account = judged.account
                        AND tstzrange(p.created_at - %(skew)s, p.ended_at + %(skew)s) <@ covered.spans)
        THEN 'receipt_differs'
        WHEN moved > 0 THEN 'line_in_unknown'
        ELSE 'line_out_unknown'
    END AS verdict FROM judged
) found WHERE verdict IS NOT NULL ORDER BY completed_at, id
"""  # noqa: S608


def pair(span: Span) -> None:
    """Make the table that the other steps of this module read."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciliation_line")
        cursor.execute(_PAIR, _parameters(span))
        cursor.execute("CREATE INDEX ON reconciliation_line (receipt)")
        cursor.execute("ANALYZE reconciliation_line")


def unpair() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS reconciliation_line")


def _parameters(span: Span, **more: Any) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "judged": span.judged_until, "skew": SKEW, **more}


#: What we know of in the span: payments, money in that belongs to none, and what we moved between accounts.
_OURS = {
    "in": f"""
    SELECT amount AS kes FROM payments_payment
    WHERE direction = 'in' AND state IN {_PAID} AND ended_at BETWEEN %(start)s AND %(end)s
    UNION ALL
    SELECT amount FROM payments_arrival
    WHERE state NOT IN ('new', 'matched') AND arrived_at BETWEEN %(start)s AND %(end)s
      AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.receipt = payments_arrival.receipt)
    UNION ALL {BOOKED.replace("%(code)s", "'mpesa:collections'")}
    """,  # noqa: S608
    "out": f"""
    SELECT -amount AS kes FROM payments_payment
    WHERE direction = 'out' AND state IN {_PAID} AND ended_at BETWEEN %(start)s AND %(end)s
    UNION ALL {BOOKED.replace("%(code)s", "'mpesa:payouts'")}
    """,  # noqa: S608
}


def _sides(span: Span, account: str, direction: str) -> tuple[Side, Side]:
    theirs = side(
        "SELECT count(*), sum(moved) FROM reconciliation_line WHERE account = %(account)s"
        " AND kind NOT IN ('charge', 'reversal')",
        {"account": account},
    )
    ours = side(f"SELECT count(*), sum(kes) FROM ({_OURS[direction]}) ours", _parameters(span))  # noqa: S608
    return theirs, ours


def money_in(span: Span, so_far: list[Found]) -> Compared:
    """Lines of the collecting account: payments, arrivals, and what is neither."""
    theirs, ours = _sides(span, Float.COLLECTIONS, "in")
    return Compared(found=_lines(span, Float.COLLECTIONS), theirs=theirs, ours=ours, checked=("line:",))


def money_out(span: Span, so_far: list[Found]) -> Compared:
    """Lines of the paying account: payouts, and what nobody here sent (faults.md O15)."""
    theirs, ours = _sides(span, Float.PAYOUTS, "out")
    return Compared(found=_lines(span, Float.PAYOUTS), theirs=theirs, ours=ours, checked=())


def _lines(span: Span, account: str) -> list[Found]:
    found = rows(_LINES, _parameters(span, account=account))
    moves = FloatMoves()
    unknown = {BreakKind.LINE_IN_UNKNOWN, BreakKind.LINE_OUT_UNKNOWN}
    moved = moves.take([row for row in found if row.verdict in unknown])
    proposed: set[Any] = set()
    return [_line(row, proposed, moves) for row in found if row.id not in moved]


def _line(row: Row, proposed: set[Any], moves: FloatMoves) -> Found:
    match row.verdict:
        case BreakKind.STATE_DIFFERS:
            return _state_differs(row)
        case BreakKind.AMOUNT_DIFFERS:
            return _amount_differs(row)
        case BreakKind.RECEIPT_DIFFERS:
            return _receipt_differs(row)
        case BreakKind.LINE_IN_UNKNOWN:
            return _in_unknown(row, moves)
        case _:
            return _out_unknown(row, proposed, moves)


def _about(row: Row) -> dict[str, Any]:
    return {"key": f"line:{row.id}", "line": row.id, "account": row.account, "at": row.completed_at}


def _state_differs(row: Row) -> Found:
    state = row.payment_state.replace("_", " ")
    return Found(
        **_about(row),
        kind=BreakKind.STATE_DIFFERS,
        payment=row.about_id,
        theirs=row.moved,
        ours=ZERO,
        sentence=f"M-Pesa completed {row.receipt} over {show_kes(abs(row.moved))}. Our payment "
        f"{row.payment_reference} is {state}.",
        cause="M-Pesa's answer was lost, or came after we had given up. Resolve the payment as paid, with this line.",
    )


def _amount_differs(row: Row) -> Found:
    arrival = row.payment_id is None and row.arrival_id is not None
    booked = row.arrival_amount if arrival else row.payment_amount
    return Found(
        **_about(row),
        kind=BreakKind.AMOUNT_DIFFERS,
        payment=None if arrival else row.about_id,
        arrival=row.arrival_id if arrival else None,
        theirs=row.moved,
        ours=booked if row.moved > 0 else -booked,
        sentence=f"M-Pesa moved {show_kes(abs(row.moved))} under {row.receipt}. We booked {show_kes(booked)}.",
        cause="The payment was booked with what we asked for, and another amount moved.",
        proposal=How.SUSPENSE if row.moved > booked and row.kind == "collection" else How.WRITE_OFF,
    )


def _receipt_differs(row: Row) -> Found:
    return Found(
        **_about(row),
        kind=BreakKind.RECEIPT_DIFFERS,
        payment=row.about_id,
        theirs=row.moved,
        ours=row.moved,
        sentence=f"M-Pesa knows payment {row.payment_reference} as {row.receipt}. We have it as "
        f"{row.payment_receipt or 'paid without a receipt'}.",
        cause="The receipt that we noted came from a callback that was wrong, or from none at all.",
        proposal=How.MATCH,
    )


def _in_unknown(row: Row, moves: FloatMoves) -> Found:
    collection = row.kind == "collection"
    if row.about_id is not None:
        cause = f"It names payment {row.payment_reference}, which has its money already. Perhaps it was paid twice."
    elif collection:
        cause = "Somebody paid to our number by hand, with a reference that we do not know."
    else:
        cause = moves.unclear(row) or (
            "Money moved between accounts of ours, or came back from M-Pesa. See the line's details."
        )
    return Found(
        **_about(row),
        kind=BreakKind.LINE_IN_UNKNOWN,
        payment=row.about_id,
        theirs=row.moved,
        ours=ZERO,
        sentence=f"M-Pesa shows {show_kes(row.moved)} in under {row.receipt}. We have no such payment.",
        cause=cause,
        proposal=How.SUSPENSE if collection else "",
    )


def _out_unknown(row: Row, proposed: set[Any], moves: FloatMoves) -> Found:
    """A payout without a receipt may be the one: same amount, same digits of the phone, about that time."""
    payment = _candidate(row, proposed) if row.kind == "payout" else None
    if payment is None:
        settlement = row.kind == "settlement"
        return Found(
            **_about(row),
            kind=BreakKind.LINE_OUT_UNKNOWN,
            theirs=row.moved,
            ours=ZERO,
            sentence=f"M-Pesa shows {show_kes(-row.moved)} out under {row.receipt}. We sent no such payment.",
            cause=moves.unclear(row) or "Money was moved to our bank by hand."
            if settlement
            else "Somebody else may be sending from our account. Ask M-Pesa, and change the credential.",
        )
    proposed.add(payment.pk)
    values = {
        "about_id": payment.pk,
        "payment_reference": payment.reference,
        "payment_state": payment.state,
        "payment_receipt": payment.receipt,
    }
    told = Row({**row.values, **values})
    return _receipt_differs(told) if payment.state == "succeeded" else _state_differs(told)


def _candidate(row: Row, proposed: set[Any]) -> Payment | None:
    """The one payout that this line can be; None when there is none, or more than one."""
    near = Payment.objects.filter(
        direction="out",
        amount=-row.moved,
        receipt=None,
        sent_at__lte=row.completed_at + SKEW,
        sent_at__gte=row.completed_at - dt.timedelta(days=1),
    ).exclude(pk__in=proposed)
    details = StatementLine.objects.get(pk=row.id).details
    fitting = [payment for payment in near[:50] if _names(details, payment.phone)]
    return fitting[0] if len(fitting) == 1 else None


def _names(details: str, phone: str) -> bool:
    """Whether the details name this phone, whole or masked."""
    local = f"0{phone[3:]}"
    return any(form in details for form in (phone, local, f"{phone[:4]}****{phone[-3:]}", mask(phone)))


# --- what M-Pesa does not show --------------------------------------------------------------------

#: Whether a line takes this receipt back.
_TAKEN_BACK = (
    "EXISTS (SELECT FROM payments_statementline back WHERE back.kind = 'reversal'"
    " AND back.status = 'Completed' AND back.linked_receipt = {})"
)

# In two steps: what no receipt shows is little, and only for that is it asked whether a line names its reference.
_MISSING = f"""
WITH covered AS ({COVERED}), bare AS MATERIALIZED (
    SELECT p.id, p.reference, p.receipt, p.amount, p.direction, p.ended_at, p.receipt_seen_at, c.account
    FROM payments_payment p
    JOIN covered c ON c.account = CASE p.direction WHEN 'in' THEN 'collections' ELSE 'payouts' END
    WHERE p.state IN {_PAID}
      -- Taken back here, and M-Pesa shows neither the payment nor its reversal: nothing moved on either side.
      AND (p.state = 'succeeded' OR {_TAKEN_BACK.format("p.receipt")}
           OR EXISTS (SELECT FROM payments_statementline l WHERE l.receipt = p.reversal_receipt
                      AND l.status = 'Completed'))
      AND (p.ended_at BETWEEN %(start)s - interval '1 hour' AND %(end)s + interval '1 hour'
           OR p.id IN (SELECT payment_id FROM oversight_break
                       WHERE state = 'open' AND kind = 'payment_missing' AND payment_id IS NOT NULL))
      AND tstzrange(p.created_at - %(skew)s, p.ended_at + %(skew)s) <@ c.spans
      AND p.ended_at < %(judged)s
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
WITH covered AS ({COVERED})
SELECT a.id, a.receipt, a.amount, a.arrived_at
FROM payments_arrival a JOIN covered c ON c.account = 'collections'
WHERE a.state NOT IN ('new', 'matched')
  AND (a.state NOT IN ('returned', 'reversed') OR {_TAKEN_BACK.format("a.receipt")})
  AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.receipt = a.receipt)
  AND (a.arrived_at BETWEEN %(start)s AND %(end)s
       OR a.id IN (SELECT arrival_id FROM oversight_break WHERE state = 'open' AND kind = 'payment_missing'))
  AND tstzrange(a.arrived_at - %(skew)s, a.arrived_at + %(skew)s) <@ c.spans
  -- A receipt with a number is what came beyond what was booked under it.
  AND NOT EXISTS (SELECT FROM payments_statementline l
                  WHERE l.receipt = split_part(a.receipt, '+', 1) AND l.status = 'Completed')
ORDER BY a.arrived_at, a.id
"""  # noqa: S608


def missing(span: Span, so_far: list[Found]) -> Compared:
    """What we booked and no line shows, where statements read whole cover all the time it can have moved in."""
    named = {found.payment for found in so_far if found.kind == BreakKind.RECEIPT_DIFFERS}
    lost = [row for row in rows(_MISSING, _parameters(span)) if row.id not in named]
    strays = rows(_ARRIVALS_MISSING, _parameters(span))
    found = [*(_payment_missing(row) for row in lost), *(_arrival_missing(row) for row in strays)]
    theirs = side(
        "SELECT count(*), sum(moved) FROM reconciliation_line WHERE kind NOT IN ('charge', 'reversal')"
    )
    both = f"{_OURS['in']} UNION ALL {_OURS['out']}"
    ours = side(f"SELECT count(*), sum(kes) FROM ({both}) ours", _parameters(span))  # noqa: S608
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


# --- one receipt on two lines ---------------------------------------------------------------------


def twice(span: Span, so_far: list[Found]) -> Compared:
    """Lines beyond the first of one receipt and kind: the same thing said twice, or money that moved twice."""
    more = rows("SELECT * FROM reconciliation_line WHERE nth > 1 AND completed_at < %(judged)s ORDER BY id",
                _parameters(span))  # fmt: skip
    found = [
        Found(
            key=f"twice:{row.id}",
            kind=BreakKind.LINE_TWICE,
            line=row.id,
            payment=row.payment_id,
            theirs=row.moved,
            ours=ZERO,
            account=row.account,
            at=row.completed_at,
            sentence=f"{row.receipt} stands on more than one line. This one moved {show_kes(row.moved)}.",
            cause="Two exports write one line differently, or M-Pesa moved the money twice. Compare the balances.",
        )
        for row in more
    ]
    counted = "SELECT count(*), sum(abs(moved)) FROM reconciliation_line"
    receipts = "SELECT count(*), sum(abs(moved)) FROM reconciliation_line WHERE nth = 1"
    return Compared(found=found, theirs=side(counted), ours=side(receipts), checked=("twice:",))
