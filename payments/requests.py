"""Payments that two people decide: what each kind of request says, and what it does (`controls.kinds`).

Nothing here resends anything: an UNKNOWN payment is resolved as paid or as not paid, with evidence (faults.md O10).
"""

import uuid
from typing import Any

from controls.effects import Change, Description
from controls.models import Request
from goldwallet.clock import after
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from ledger.services import overdraft_refused
from payments import services
from payments.models import Direction, Payment, State
from payments.purposes import PURPOSES

#: A payout that nobody answers about may still be under way at M-Pesa. Only after this may people call it not paid.
SAFE_SECONDS = 1800
_OPEN = frozenset({State.PENDING, State.UNKNOWN})
#: What follows when a payout that had ended unpaid turns out paid: the person has the gold and the money.
_INCIDENT = (
    Change("Payouts", "as now", "paused for everybody"),
    Change("The person", "as now", "on hold, and owes the amount"),
)
_ENDED_UNPAID = frozenset({State.FAILED, State.CANCELLED})


def _payment(payload: dict[str, Any]) -> Payment:
    try:
        found = Payment.objects.filter(pk=uuid.UUID(str(payload.get("payment", "")))).first()
    except ValueError:
        found = None
    if found is None:
        raise Refused("There is no such payment.", code="no_payment", status=404)
    return found


def payment_person(payload: dict[str, Any]) -> uuid.UUID | None:
    """Whom a request about a payment is about: whose payment it is."""
    try:
        return _payment(payload).user_id
    except Refused:
        return None


def receipt_of(payload: dict[str, Any]) -> str:
    """The M-Pesa receipt of a payload, in capitals. Raises Refused."""
    receipt = str(payload.get("receipt", "")).strip().upper()
    if len(receipt) != 10 or not receipt.isascii() or not receipt.isalnum():
        raise Refused("An M-Pesa receipt has ten letters and digits, for example UKL7A2B3C4.", code="receipt")
    return receipt


def _which(payment: Payment) -> str:
    way = "to" if payment.direction == Direction.OUT else "from"
    return f"{show_kes(payment.amount)} {way} {payment.phone_masked} ({payment.reference})"


def _state(payment: Payment, after_: State) -> Change:
    return Change("State of the payment", State(payment.state).label, after_.label)


# --- resolved as paid or not paid -----------------------------------------------------------------


def payment_resolve_describe(payload: dict[str, Any]) -> Description:
    """payload: `payment`, `paid` (bool), `receipt` (when paid)."""
    payment, paid = _payment(payload), payload.get("paid") is True
    if payment.state not in _OPEN and not (paid and payment.state in _ENDED_UNPAID):
        raise Conflict("This payment is not open any more. Look at it again.", code="not_open")
    if paid:
        changes = (
            _state(payment, State.SUCCEEDED),
            Change("M-Pesa receipt", payment.receipt or "none", receipt_of(payload)),
        )
        summary = f"{_which(payment)} counts as paid."
        if payment.direction == Direction.OUT and payment.state in _ENDED_UNPAID:
            return Description(summary, (*changes, *_INCIDENT), leaving_kes=payment.amount)
        return Description(summary, changes)
    if payment.direction == Direction.OUT and not _safe(payment):
        minutes = SAFE_SECONDS // 60
        raise Refused(
            f"M-Pesa may still carry this out. Wait until {minutes} minutes after it was sent, and look at the "
            "statement again.",
            code="too_soon",
            status=409,
        )
    return Description(f"{_which(payment)} counts as not paid.", (_state(payment, State.FAILED),))


def _safe(payment: Payment) -> bool:
    return Payment.objects.filter(pk=payment.pk, sent_at__lte=after(-SAFE_SECONDS)).exists()


def payment_resolve_execute(request: Request) -> str:
    payment_resolve_describe(request.payload)
    payment, paid = _payment(request.payload), request.payload["paid"] is True
    receipt = receipt_of(request.payload) if paid else ""
    settled = services.payment_settle(
        payment_id=payment.pk,
        paid=paid,
        receipt=receipt,
        code="" if paid else "resolved",
        request=request,
        decision=request.reason,
    )
    if not settled:
        raise Conflict("This payment has just ended by itself. Look at it again.", code="not_open")
    return f"{_which(payment)} counts as {'paid' if paid else 'not paid'}."


# --- payouts that wait ----------------------------------------------------------------------------


def _waits(payload: dict[str, Any]) -> Payment:
    payment = _payment(payload)
    if payment.state != State.AWAITING_APPROVAL:
        raise Conflict("This payout does not wait for a decision any more.")
    return payment


def _not_on_hold(payment: Payment) -> None:
    """`payments.sending` pays nobody who is on hold: what two people let go would only come back to them."""
    if payment.user.frozen_reason:
        raise Conflict("This person is on hold. Lift the hold first, or refuse this payout.", code="frozen")


def payout_release_describe(payload: dict[str, Any]) -> Description:
    """payload: `payment`."""
    payment = _waits(payload)
    _not_on_hold(payment)
    change = _state(payment, State.CREATED)
    return Description(f"{_which(payment)} goes to M-Pesa.", (change,), leaving_kes=payment.amount)


def payout_release_execute(request: Request) -> str:
    payout_release_describe(request.payload)
    payment = _waits(request.payload)
    services.payout_release(payment_id=payment.pk, by=request.checker_id or request.maker_id)
    return f"{_which(payment)} goes to M-Pesa now."


def payout_record_describe(payload: dict[str, Any]) -> Description:
    """payload: `payment`, `receipt`."""
    payment = _waits(payload)
    changes = (_state(payment, State.SUCCEEDED), Change("M-Pesa receipt", "none", receipt_of(payload)))
    return Description(f"{_which(payment)} was paid by hand.", changes)


def payout_record_execute(request: Request) -> str:
    payment, receipt = _waits(request.payload), receipt_of(request.payload)
    services.payout_record(payment_id=payment.pk, by=request.checker_id or request.maker_id, receipt=receipt)
    return f"{_which(payment)} is recorded as paid by hand."


# --- taken back by M-Pesa -------------------------------------------------------------------------


def payment_reversed_describe(payload: dict[str, Any]) -> Description:
    """payload: `payment`, `receipt` of the reversal (in the statement it stands beside the payment's own)."""
    payment, receipt = _payment(payload), receipt_of(payload)
    if payment.state != State.SUCCEEDED or not PURPOSES[payment.purpose].reversed:
        raise Conflict("Only a payment that came and stands can be taken back.", code="not_paid")
    if receipt == payment.receipt:
        raise Refused("This is the payment's own receipt. The reversal has another one.", code="receipt")
    changes = (
        _state(payment, State.REVERSED),
        Change("Receipt of the reversal", "none", receipt),
        Change("The person", "as now", "on hold if something stays owed"),
    )
    return Description(f"M-Pesa took back {_which(payment)}.", changes, leaving_kes=payment.amount)


def payment_reversed_execute(request: Request) -> str:
    payment_reversed_describe(request.payload)
    payment, receipt = _payment(request.payload), receipt_of(request.payload)
    with overdraft_refused("The person's gold or cash has just moved. Look again."):
        services.payment_reverse(payment_id=payment.pk, receipt=receipt, request=request)
    return f"{_which(payment)} is undone."
