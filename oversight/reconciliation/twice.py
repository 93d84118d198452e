"""One receipt on two lines."""

from goldwallet.money import show_kes
from oversight.models import BreakKind
from oversight.reconciliation.found import ZERO, Compared, Found, Span, rows, side
from oversight.reconciliation.lines import parameters


def twice(span: Span, so_far: list[Found]) -> Compared:
    """Lines beyond the first of one receipt and kind: the same thing said twice, or money that moved twice."""
    more = rows(
        "SELECT * FROM reconciliation_line WHERE nth > 1 AND completed_at < %(judged)s ORDER BY id",
        parameters(span),
    )
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
    judged = "SELECT count(*), sum(moved) FROM reconciliation_line WHERE completed_at < %(judged)s"
    receipts = f"{judged} AND nth = 1"
    return Compared(
        found=found,
        theirs=side(judged, parameters(span)),
        ours=side(receipts, parameters(span)),
        checked=("twice:",),
    )
