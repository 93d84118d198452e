"""Every write to a payment except the talk with the provider, which is `payments.sending`.

Intent is committed before any call; the job that makes the call is enqueued in the same transaction; an outcome is
settled once, under the payment's lock, with one posting as the last write (design section 5).
"""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.sql import insert
from goldwallet.states import move
from ledger import services as ledger
from ledger.errors import Overdraft
from ledger.services import Transfer
from payments import purposes
from payments.models import MOVES, Callback, Direction, Exchange, Payment, State, new_token

#: How often a settlement that lost the race for the last gold is tried before it does without.
_SETTLE_TRIES = 3


def payment_create(
    *,
    direction: Direction,
    purpose: str,
    user_id: uuid.UUID,
    amount: Decimal,
    phone: str,
    reference: str,
    expires_in: float | None = None,
    wait_for_staff: bool = False,
) -> Payment:
    """Write the intent and enqueue the job that acts on it, in the caller's transaction.

    `amount` is in whole shillings; `reference` is the AccountReference (at most 12 characters, unique);
    `expires_in` seconds is how long a prompt that was not sent yet may still be sent.
    """
    payment = Payment(
        direction=direction,
        purpose=purpose,
        user_id=user_id,
        amount=amount,
        reference=reference,
        token=new_token(),
        state=State.AWAITING_APPROVAL if wait_for_staff else State.CREATED,
    )
    payment.phone = phone
    waits = {"due_at": None} if wait_for_staff else {}
    insert(payment, expires_at=None if expires_in is None else after(expires_in), **waits)
    if not wait_for_staff:
        look_soon(payment.pk)
    return payment


def look_soon(payment_id: uuid.UUID, *, seconds: int = 0) -> None:
    """Ask the worker to look at the payment; the row is the truth, the job only says where to look."""
    from payments.tasks import look  # tasks import this module

    job = look.configure(schedule_in={"seconds": seconds}) if seconds else look
    job.defer(payment_id=str(payment_id))


def hook_url(kind: str, token: str) -> str:
    """The absolute address for one callback of one payment or question."""
    return settings.BASE_URL + reverse("hook", args=["daraja", kind, token])


def payment_settle(
    *,
    payment_id: uuid.UUID,
    paid: bool,
    receipt: str = "",
    code: str = "",
    exchange: Exchange | None = None,
    callback: Callback | None = None,
    decided_by: uuid.UUID | None = None,
    note: str = "",
) -> bool:
    """End a payment on evidence, tell its purpose, post once. False: it had ended already, nothing changed.

    A receipt that another payment carries already is not taken over: the payment ends without one, before staff.
    """
    changes: dict[str, Any] = {
        "receipt": receipt or None,
        "failure_code": "" if paid else code[:40],
        "evidence_exchange": exchange,
        "evidence_callback": callback,
        "decided_by_id": decided_by,
        "note": note,
        "attention": False,
    }
    for attempt in range(1, _SETTLE_TRIES + 1):
        last_try = attempt == _SETTLE_TRIES
        try:
            return _settle_once(payment_id=payment_id, paid=paid, last_try=last_try, changes=changes)
        except Overdraft:
            if last_try:
                raise
        except IntegrityError as error:
            if last_try or not _receipt_is_taken(error):
                raise
            changes |= {"receipt": None, "note": _taken(receipt), "attention": True}
    raise AssertionError("unreachable")


def _receipt_is_taken(error: IntegrityError) -> bool:
    """Whether the database refused because another payment carries the receipt."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    return name.startswith(Payment._meta.db_table) and "receipt" in name


def _taken(receipt: str) -> str:
    return f"Receipt {receipt} was named for this payment, and another payment carries it already."


@transaction.atomic
def _settle_once(*, payment_id: uuid.UUID, paid: bool, last_try: bool, changes: dict[str, Any]) -> bool:
    payment = payment_lock(payment_id)
    target = State.SUCCEEDED if paid else State.FAILED
    if paid and payment.direction == Direction.OUT and payment.state in {State.FAILED, State.CANCELLED}:
        # Paid although it had definitely failed and the hold was released: an incident, never a silent posting.
        payment_flag(payment, "M-Pesa says paid, but this payout had ended unpaid and its hold was released.")
        return False
    if not paid and payment.state == State.CREATED:
        return False
    if not move(payment, target, moves=MOVES, ended_at=Now(), due_at=None, **changes):
        return False
    _tell(payment, paid=paid, last_try=last_try)
    return True


def _tell(payment: Payment, *, paid: bool, last_try: bool) -> None:
    transfers = (purposes.paid if paid else purposes.failed)(payment, last_try=last_try)
    word = "paid" if paid else "failed"
    _post(payment, word, transfers)


def _post(payment: Payment, word: str, transfers: Sequence[Transfer]) -> None:
    if transfers:
        ledger.post(
            key=f"payment:{payment.pk}:{word}",
            kind=f"{purposes.PURPOSES[payment.purpose].kind}_{word}",
            transfers=transfers,
            actor=str(payment.decided_by_id or ""),
            memo=payment.reference,
        )


def payment_lock(payment_id: uuid.UUID) -> Payment:
    """The payment under its lock, with its person read along (customer data for messages, no lock)."""
    return Payment.objects.select_for_update(of=("self",)).select_related("user").get(pk=payment_id)


def payment_cancel_unsent(payment: Payment) -> bool:
    """A prompt that was not sent in time is never sent. The caller holds the lock and releases what it reserved."""
    return payment.state == State.CREATED and move(
        payment, State.CANCELLED, moves=MOVES, ended_at=Now(), due_at=None
    )


@transaction.atomic
def payment_cancel_expired(*, payment_id: uuid.UUID) -> bool:
    """Cancel a prompt whose time ran out before it was sent: put off by the provider, or the worker was behind.

    What it had reserved is released by its order's own deadline, which is the same moment.
    """
    payment = payment_lock(payment_id)
    over = Payment.objects.filter(pk=payment_id, expires_at__lte=Now()).exists()
    return over and payment_cancel_unsent(payment)


def payment_request_known(*, payment_id: uuid.UUID, request_id: str) -> None:
    """The provider's id of a prompt whose answer was lost, learned from a callback and confirmed by the provider."""
    Payment.objects.filter(pk=payment_id, request_id="").update(request_id=request_id[:64])


def payment_flag(payment: Payment, note: str) -> None:
    """Put the payment before staff, with the reason in a sentence."""
    Payment.objects.filter(pk=payment.pk).update(attention=True, note=note[:300])


def payment_receipt_add(*, payment_id: uuid.UUID, receipt: str) -> None:
    """A payment that was settled by the query alone learns its receipt from the callback that came later."""
    without = Payment.objects.filter(pk=payment_id, state=State.SUCCEEDED, receipt=None)
    try:
        with transaction.atomic():
            without.update(receipt=receipt)
    except IntegrityError as error:
        if not _receipt_is_taken(error):
            raise
        without.update(attention=True, note=_taken(receipt))


# --- staff ----------------------------------------------------------------------------------------


def _payout_for_staff(payment_id: uuid.UUID, staff_id: uuid.UUID) -> Payment:
    payment = payment_lock(payment_id)
    if payment.user_id == staff_id:
        raise Refused("This is your own payout. Somebody else must decide it.", code="own", status=403)
    if payment.state != State.AWAITING_APPROVAL:
        raise Conflict("This payout does not wait for a decision any more.")
    return payment


@transaction.atomic
def payout_approve(*, payment_id: uuid.UUID, by: uuid.UUID) -> None:
    """Let a waiting payout go to M-Pesa."""
    payment = _payout_for_staff(payment_id, by)
    move(payment, State.CREATED, moves=MOVES, due_at=Now(), decided_by_id=by)
    look_soon(payment.pk)


@transaction.atomic
def payout_refuse(*, payment_id: uuid.UUID, by: uuid.UUID, reason: str) -> None:
    """End a waiting payout unpaid: what was held goes back exactly as it was taken."""
    reason = " ".join(reason.replace("\x00", " ").split())
    if len(reason) < 5:
        raise Refused("Write the reason. The customer's history keeps it.", code="reason")
    payment = _payout_for_staff(payment_id, by)
    move(
        payment,
        State.CANCELLED,
        moves=MOVES,
        ended_at=Now(),
        due_at=None,
        decided_by_id=by,
        failure_code="refused",
        decision=reason[:300],
    )
    _tell(payment, paid=False, last_try=True)


@transaction.atomic
def payout_record(*, payment_id: uuid.UUID, by: uuid.UUID, receipt: str) -> None:
    """A waiting payout was paid by hand at the M-Pesa portal: record its receipt (10 letters and digits)."""
    receipt = receipt.strip().upper()
    if len(receipt) != 10 or not receipt.isascii() or not receipt.isalnum():
        raise Refused("An M-Pesa receipt has ten letters and digits, for example UKL7A2B3C4.", code="receipt")
    payment = _payout_for_staff(payment_id, by)
    try:
        with transaction.atomic():
            move(
                payment,
                State.SUCCEEDED,
                moves=MOVES,
                ended_at=Now(),
                due_at=None,
                decided_by_id=by,
                receipt=receipt,
                decision="Paid by hand.",
            )
    except IntegrityError as error:
        if not _receipt_is_taken(error):
            raise
        raise Conflict("This receipt belongs to another payment already.", code="receipt_used") from None
    _tell(payment, paid=True, last_try=True)
