"""Taking back a transaction of the ledger by its exact mirror, by two people (`controls.kinds`).

Only what lives in the ledger alone can be taken back here, and what brings its own mirror. An order, a payment, a bar
or a difference has a state beside the book, which the mirror would leave behind: each is undone on its own page.
"""

import uuid
from decimal import Decimal
from typing import Any

from controls.effects import Change, Description
from controls.models import Request
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from ledger import chart
from ledger import services as ledger
from ledger.errors import WrongReversal
from ledger.models import Transaction
from ledger.selectors import Leg, balance, legs
from ledger.services import overdraft_refused
from trading.selectors import ADJUSTMENTS
from trading.services.adjusting import adjustment_of, adjustment_reverse

#: Kinds of transactions that have no state outside the ledger.
_BOOK_ALONE = frozenset({"float_in", "float_move"})

# Beginning of a kind -> where it is undone. The first that fits counts.
_ELSEWHERE = (
    ("vault_", "Bars moved with this. Withdraw them or bring them back on the pool's page."),
    ("buy_", "An order hangs on this. If M-Pesa took its money back, say so on the payment's page."),
    ("sale_", "An order hangs on this. Its payout is decided on the payment's page."),
    ("sell_", "An order hangs on this. Its payout is decided on the payment's page."),
    ("refund_", "An order hangs on this. Its payout is decided on the payment's page."),
    ("cash_", "A payout hangs on this. It is decided on the payment's page."),
    ("debt_", "A debt was settled with this. Correct the person's cash by an adjustment."),
    ("arrival_", "Money that came hangs on this. Give it to somebody or send it back on its own page."),
    ("suspense_", "Money that came hangs on this. Give it to somebody or send it back on its own page."),
    ("break_", "This resolved a difference. Correct it by moving a float, or by an adjustment."),
    ("reversal", "This takes another transaction back. Ask for that one anew."),
)
_UNKNOWN = "This transaction cannot be taken back here. Correct it by an adjustment."


def reversal_subject(transaction_id: int) -> str:
    return f"transaction:{transaction_id}"


def why_not(found: Transaction) -> str:
    """Why this transaction is not taken back here, and where instead; empty when it can be."""
    if found.reversals.exists():
        return "This transaction is taken back already."
    if found.kind in _BOOK_ALONE or found.kind in ADJUSTMENTS:
        return ""
    return next((words for start, words in _ELSEWHERE if found.kind.startswith(start)), _UNKNOWN)


def _transaction(payload: dict[str, Any]) -> Transaction:
    text = str(payload.get("transaction", ""))
    known = text.isascii() and text.isdigit() and len(text) < 19
    found = Transaction.objects.filter(pk=int(text)).first() if known else None
    if found is None:
        raise Refused("There is no such transaction.", code="no_transaction", status=404)
    if reason := why_not(found):
        raise Conflict(reason, code="not_here")
    return found


def ledger_reverse_person(payload: dict[str, Any]) -> uuid.UUID | None:
    """Whose gold or cash an adjustment corrected; nobody's, for a transaction between accounts of the house."""
    try:
        found = _transaction(payload)
    except Refused:
        return None
    return whose(found)


def whose(found: Transaction) -> uuid.UUID | None:
    return adjustment_of(found.pk).user_id if found.kind in ADJUSTMENTS else None


def ledger_reverse_describe(payload: dict[str, Any]) -> Description:
    """payload: `transaction` (its number)."""
    found = _transaction(payload)
    said = found.kind.replace("_", " ")
    changes = (Change(f"Transaction {found.pk}, {said}", "stands", "taken back by its mirror"),)
    memo = f": {found.memo}" if found.memo else ""
    leaving = sum((leg.amount for leg in legs(found.pk) if _leaves(leg)), Decimal(0))
    return Description(f"Transaction {found.pk} is taken back ({said}{memo}).", changes, leaving_kes=leaving)


def _leaves(leg: Leg) -> bool:
    """Whether the mirror of this transfer gives shillings away: to a customer, or to the owner."""
    if leg.source.asset != chart.KES:
        return False
    return chart.owner_of(leg.source.code).kind == "user" or leg.destination == chart.house_capital()


def ledger_reverse_execute(request: Request) -> str:
    found = _transaction(request.payload)
    by = request.checker_id or request.maker_id
    if found.kind in ADJUSTMENTS:
        if adjustment_of(found.pk).user_id in {request.maker_id, request.checker_id}:
            raise Refused("This is about yourself. Two other people must do it.", code="own", status=403)
        words = f"We took a correction back. It said: {found.memo}"
        posted = adjustment_reverse(transaction_id=found.pk, words=words, request_id=request.pk, by=by)
        return f"Transaction {posted} takes transaction {found.pk} back. The person has a mail."
    posted = _reverse(found, request)
    return f"Transaction {posted} takes transaction {found.pk} back."


def _reverse(found: Transaction, request: Request) -> int:
    try:
        with overdraft_refused("The value has moved on meanwhile. Look at the accounts again."):
            _check_floats(found.pk)
            return ledger.reverse(
                transaction_id=found.pk,
                key=f"request:{request.pk}",
                actor=str(request.checker_id or request.maker_id),
                memo=request.reason[:200],
            )
    except WrongReversal as error:
        raise Conflict("This transaction is taken back already.", code="reversed") from error


def _check_floats(transaction_id: int) -> None:
    """What would leave an account at M-Pesa must stand there by the book: these accounts know no bottom."""
    for leg in legs(transaction_id):
        if leg.source.code in {chart.mpesa_collections().code, chart.mpesa_payouts().code}:
            there = -balance(leg.source)
            if there < leg.amount:
                raise Conflict(
                    f"By the book there is {show_kes(there)} on that account at M-Pesa.", code="not_enough"
                )
