"""Payouts that wait for staff. One person lets a small one go, or refuses any; a large one takes two
(`payments.requests`).
"""

import uuid

from django.db import transaction

from controls.audit import record
from controls.kinds import accounts_of
from controls.selectors import request_about
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.states import move
from goldwallet.typed import one_line
from payments.models import FINAL, MOVES, Payment, State
from payments.selectors import takes_two
from payments.services.making import look_soon, payment_lock
from payments.services.receipts import receipt_check_free
from payments.services.settling import payment_charge, payment_tell

TWO = "This payout takes two people. Ask a second person to approve it."


def words(text: str) -> str:
    """What staff write. Raises Refused when it says nothing."""
    said = one_line(text)
    if len(said) < 5:
        raise Refused("Write the reason. The customer's history keeps it.", code="reason")
    return said[:300]


def _check_not_own(payment: Payment, staff_id: uuid.UUID | None) -> None:
    """Nor by a second account of theirs (faults.md Z07)."""
    if staff_id is not None and payment.user_id in accounts_of(staff_id):
        raise Refused("This is your own payment. Somebody else must decide it.", code="own", status=403)


def _waiting(payment_id: uuid.UUID, staff_id: uuid.UUID | None) -> Payment:
    payment = payment_lock(payment_id)
    _check_not_own(payment, staff_id)
    if payment.state != State.AWAITING_APPROVAL:
        raise Conflict("This payout does not wait for a decision any more.")
    return payment


def _check_nobody_asks(payment: Payment) -> None:
    """While two people decide, one alone does not: it may have been paid by hand already."""
    if request_about(f"payment:{payment.pk}") is not None:
        raise Conflict(
            "Somebody has asked a second person about this payout. Decide that first.", code="asked"
        )


def _record(
    action: str, payment: Payment, by: uuid.UUID, *, before: str, after: str, reason: str = ""
) -> None:
    """The line of the audit trail, of what one person decided alone."""
    record(
        action,
        subject=f"payment:{payment.pk}",
        person_id=payment.user_id,
        before={"state": str(before)},
        after={"state": str(after), "kes": str(payment.amount)},
        reason=reason,
        by=by,
    )


@transaction.atomic
def payout_approve(*, payment_id: uuid.UUID, by: uuid.UUID) -> None:
    """Let a waiting payout go that one person may decide. Raises Refused for one that takes two."""
    payment = _waiting(payment_id, by)
    _check_nobody_asks(payment)
    if takes_two(payment):
        raise Refused(TWO, code="two", status=403)
    _release(payment, by)
    _record("payout_approve", payment, by, before=State.AWAITING_APPROVAL, after=State.CREATED)


@transaction.atomic
def payout_release(*, payment_id: uuid.UUID, by: uuid.UUID | None) -> None:
    """Let a waiting payout go, whatever its size: two people agreed."""
    _release(_waiting(payment_id, by), by)


def _release(payment: Payment, by: uuid.UUID | None) -> None:
    move(payment, State.CREATED, moves=MOVES, due_at=Now(), decided_by_id=by)
    look_soon(payment.pk)


@transaction.atomic
def payout_refuse(*, payment_id: uuid.UUID, by: uuid.UUID, reason: str) -> None:
    """End a waiting payout unpaid: what was held goes back exactly as it was taken."""
    said = words(reason)
    payment = _waiting(payment_id, by)
    _check_nobody_asks(payment)
    move(
        payment,
        State.CANCELLED,
        moves=MOVES,
        ended_at=Now(),
        due_at=None,
        decided_by_id=by,
        failure_code="refused",
        decision=said,
    )
    _record("payout_refuse", payment, by, before=State.AWAITING_APPROVAL, after=State.CANCELLED, reason=said)
    payment_tell(payment, paid=False)


@transaction.atomic
def payout_record(*, payment_id: uuid.UUID, by: uuid.UUID | None, receipt: str) -> None:
    """A waiting payout was paid by hand at the M-Pesa portal: take over its receipt. Raises Conflict."""
    payment = _waiting(payment_id, by)
    receipt_check_free(receipt, payment)
    move(
        payment,
        State.SUCCEEDED,
        moves=MOVES,
        ended_at=Now(),
        due_at=None,
        decided_by_id=by,
        receipt=receipt,
        charge=payment_charge(payment),
        decision="Paid by hand.",
    )
    payment_tell(payment, paid=True)


@transaction.atomic
def payment_seen(*, payment_id: uuid.UUID, by: uuid.UUID, reason: str) -> None:
    """Somebody looked at a payment that has ended and stood before staff, and nothing is left to do about it."""
    said = words(reason)
    payment = payment_lock(payment_id)
    _check_not_own(payment, by)
    if payment.state not in FINAL:
        raise Conflict("This payment has not ended. It stays here until it has.")
    Payment.objects.filter(pk=payment_id).update(attention=False, decision=said, decided_by_id=by)
    _record("payment_seen", payment, by, before=payment.state, after=payment.state, reason=said)
