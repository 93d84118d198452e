"""The callback inbox: keep what somebody posted, answer at once, believe nothing until the provider was asked."""

import uuid
from dataclasses import dataclass, field

from django.db import transaction

from goldwallet.clock import Now
from payments.models import Callback, Direction, Exchange, Payment, State
from payments.rails import Claim, Fate, rail
from payments.services import look_soon, payment_flag, payment_receipt_add

#: What stands in the address after the rail's name.
KINDS = ("collect", "payout", "payout-timeout", "status", "status-timeout")
#: Real callbacks have about 1 kB. The rest of a longer body is not kept.
MOST_BYTES = 64_000
#: Of one address nobody needs more; a flood of copies ends here.
_MOST_PER_PAYMENT = 200


def callback_store(*, method: str, kind: str, token: str, body: bytes, from_address: str | None) -> bool:
    """Store a callback and enqueue a look at its payment, in one transaction. False: no such address of ours."""
    payment_id, exchange_id = _whose(method, kind, token)
    if payment_id is None:
        return False
    callback = Callback(
        payment_id=payment_id, exchange_id=exchange_id, kind=kind, from_address=from_address or None
    )
    callback.body = rail(method).scrub(body[:MOST_BYTES])
    with transaction.atomic():
        if Callback.objects.filter(payment_id=payment_id).count() >= _MOST_PER_PAYMENT:
            return True
        callback.save(force_insert=True)
        look_soon(payment_id)
    return True


def _whose(method: str, kind: str, token: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    if kind.startswith("status"):
        found = (
            Exchange.objects.filter(token=token, payment__method=method)
            .values_list("payment_id", "pk")
            .first()
        )
        return found or (None, None)
    direction = Direction.IN if kind == "collect" else Direction.OUT
    payment = Payment.objects.filter(token=token, method=method, direction=direction)
    return payment.values_list("pk", flat=True).first(), None


@dataclass(slots=True)
class Hints:
    """What the stored callbacks of one payment claim, put together."""

    success: bool = False
    request_id: str = ""
    receipt: str = ""
    failure_code: str = ""
    #: Why the claims cannot be right, as a sentence for staff. Empty: they fit what we asked for.
    contradiction: str = ""
    #: The newest answer to a question about a payout, and what it says.
    status: Callback | None = None
    status_fate: Fate = Fate.UNKNOWN
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether something came in that nobody has looked at yet."""
        return any(callback.handled_at is None for callback in self.callbacks)


def read(payment: Payment) -> Hints:
    """Read every stored callback of the payment, oldest first. Writes nothing."""
    hints = Hints()
    for callback in Callback.objects.filter(payment=payment).order_by("received_at"):
        hints.callbacks.append(callback)
        _take(hints, payment, callback)
    return hints


def _take(hints: Hints, payment: Payment, callback: Callback) -> None:
    provider = rail(payment.method)
    body = callback.body.encode()
    if callback.kind == "collect":
        claim = provider.read_collect(body)
    elif callback.kind == "payout":
        claim = provider.read_pay_out(body)
    elif callback.kind == "status":
        claim = provider.read_status(body)
        if not _fits(hints, payment, claim):
            return
        hints.status, hints.status_fate = callback, provider.fate_of_status(claim)
        hints.receipt = claim.receipt or hints.receipt
        hints.failure_code = hints.failure_code or claim.transaction_status
        return
    else:
        return  # a timeout notice says nothing about the payment's fate
    if not _fits(hints, payment, claim):
        return
    hints.request_id = hints.request_id or claim.request_id
    if claim.success is True:
        hints.success = True
        hints.receipt = hints.receipt or claim.receipt
    elif claim.success is False:
        hints.failure_code = claim.code


def _fits(hints: Hints, payment: Payment, claim: Claim) -> bool:
    """Whether the claim can be about this payment; what differs is noted for staff."""
    if not claim.readable:
        return False
    if claim.amount is not None and claim.amount != payment.amount:
        hints.contradiction = (
            f"A callback speaks of KES {claim.amount}, we asked for KES {payment.amount:.0f}."
        )
        return False
    if claim.originator_id and claim.originator_id != str(payment.pk):
        hints.contradiction = "A callback names another payout."
        return False
    known = payment.request_id
    if known and payment.direction == Direction.IN and claim.request_id and claim.request_id != known:
        hints.contradiction = "A callback names another prompt."
        return False
    return True


def handled(hints: Hints) -> None:
    """Mark what was read as done with."""
    unhandled = [callback.pk for callback in hints.callbacks if callback.handled_at is None]
    if unhandled:
        Callback.objects.filter(pk__in=unhandled).update(handled_at=Now())


def take_in_late(payment: Payment, hints: Hints) -> None:
    """Callbacks for a payment that has ended: a missing receipt is filled in, a contradiction goes to staff."""
    if payment.state == State.SUCCEEDED and not payment.receipt and hints.receipt and not hints.contradiction:
        payment_receipt_add(payment_id=payment.pk, receipt=hints.receipt)
    elif hints.contradiction:
        payment_flag(payment, hints.contradiction)
    elif payment.state in {State.FAILED, State.CANCELLED} and hints.success:
        payment_flag(payment, "A result says paid, but this payment had ended unpaid.")
    handled(hints)
