"""Money in and money out: M-Pesa's lines against payments, arrivals and moves of the float."""

import datetime as dt
from typing import Any

from goldwallet.money import show_kes
from goldwallet.phones import mask
from oversight.models import BreakKind, How
from oversight.reconciliation.found import SKEW, ZERO, Compared, Found, Row, Span, rows, side
from oversight.reconciliation.lines import COVERED, PAID, parameters
from oversight.reconciliation.moves import BOOKED, FloatMoves
from payments.models import Float, Payment, StatementLine

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
        WHEN payment_id IS NOT NULL AND payment_state NOT IN {PAID} THEN 'state_differs'
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
        THEN CASE WHEN payment_state NOT IN {PAID} THEN 'state_differs'
                  WHEN payment_amount <> moved THEN 'amount_differs' END
        -- The payment's own receipt should be there too, and is not.
        WHEN about_id IS NOT NULL AND payment_state IN {PAID} AND payment_amount = moved AND NOT EXISTS (
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


#: What we know of in the span: payments, money in that belongs to none, and what we moved between accounts.
OURS = {
    Float.COLLECTIONS: f"""
    SELECT id::text, 'payment' AS what, amount AS kes, receipt, reference, state, created_at AS began,
           ended_at AS ended
    FROM payments_payment
    WHERE direction = 'in' AND state IN {PAID} AND ended_at BETWEEN %(start)s AND %(end)s
    UNION ALL
    SELECT id::text, 'arrival', amount, receipt, NULL, state, arrived_at, arrived_at FROM payments_arrival
    WHERE state NOT IN ('new', 'matched') AND arrived_at BETWEEN %(start)s AND %(end)s
      AND NOT EXISTS (SELECT FROM payments_payment p WHERE p.receipt = payments_arrival.receipt)
    UNION ALL {BOOKED.replace("%(code)s", "'mpesa:collections'")}
    """,  # noqa: S608
    Float.PAYOUTS: f"""
    SELECT id::text, 'payment' AS what, -amount AS kes, receipt, reference, state, created_at AS began,
           ended_at AS ended
    FROM payments_payment
    WHERE direction = 'out' AND state IN {PAID} AND ended_at BETWEEN %(start)s AND %(end)s
    UNION ALL {BOOKED.replace("%(code)s", "'mpesa:payouts'")}
    """,  # noqa: S608
}


def _compared(span: Span, account: Float, checked: tuple[str, ...]) -> Compared:
    theirs = side(
        "SELECT count(*), sum(moved) FROM reconciliation_line WHERE account = %(account)s"
        " AND kind NOT IN ('charge', 'reversal')",
        {"account": account},
    )
    ours = side(f"SELECT count(*), sum(kes) FROM ({OURS[account]}) ours", parameters(span))  # noqa: S608
    found, moves = _lines(span, account)
    return Compared(found=found, theirs=theirs, ours=ours, checked=checked, moves=moves)


def money_in(span: Span, so_far: list[Found]) -> Compared:
    """Lines of the collecting account: payments, arrivals, and what is neither."""
    return _compared(span, Float.COLLECTIONS, checked=("line:",))


def money_out(span: Span, so_far: list[Found]) -> Compared:
    """Lines of the paying account: payouts, and what nobody here sent (faults.md O15)."""
    return _compared(span, Float.PAYOUTS, checked=())


def _lines(span: Span, account: str) -> tuple[list[Found], dict[Any, Any]]:
    """What differs, and the lines that are moves of a float."""
    found = rows(_LINES, parameters(span, account=account))
    moves = FloatMoves()
    unknown = {BreakKind.LINE_IN_UNKNOWN, BreakKind.LINE_OUT_UNKNOWN}
    moved = moves.take([row for row in found if row.verdict in unknown])
    proposed: set[Any] = set()
    return [_line(row, proposed, moves) for row in found if row.id not in moved], moved


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
