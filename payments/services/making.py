"""A payment's intent, its lock, and what is written about it beside its state."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from goldwallet.clock import Now, after
from goldwallet.errors import Conflict
from goldwallet.sql import insert
from goldwallet.states import move
from ledger import services as ledger
from payments.models import MOVES, Direction, Payment, State, new_token
from payments.services.receipts import receipt_claim


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


@transaction.atomic
def payment_receipt_add(*, payment_id: uuid.UUID, receipt: str) -> None:
    """A payment that was settled by the query alone learns its receipt from the callback that came later."""
    payment = payment_lock(payment_id)
    if payment.state != State.SUCCEEDED or payment.receipt is not None:
        return
    try:
        freed = receipt_claim(payment, receipt, decided=False)
    except Conflict as conflict:
        payment_flag(payment, taken(receipt, conflict))
        return
    Payment.objects.filter(pk=payment_id).update(receipt=receipt)
    if freed:
        # Posted with the payment already: what lay in suspense was the same money.
        ledger.post(
            key=f"payment:{payment_id}:receipt", kind="arrival_matched", transfers=freed, memo=receipt
        )


def taken(receipt: str, conflict: Conflict) -> str:
    """What staff read when it is booked for something else."""
    return f"Receipt {receipt} was named for this payment. {conflict.sentence}"


def payouts_ask_first() -> int:
    """After a restore: payouts that look unsent may have been sent in the time that is missing. Ask about them.

    Answers how many. None of them is sent by itself again (faults.md W12).
    """
    payouts = Payment.objects.filter(direction=Direction.OUT)
    payouts.filter(state=State.AWAITING_APPROVAL).update(
        attention=True,
        note="The database was restored. Look in M-Pesa's statement whether this was paid before you send it.",
    )
    unsent = payouts.filter(state=State.CREATED)
    return unsent.update(state=State.UNKNOWN, sent_at=Now(), due_at=Now(), tries=0)
