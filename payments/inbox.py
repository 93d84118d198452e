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
_MOST_PER_ADDRESS = 50


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
        same = Callback.objects.filter(payment_id=payment_id, exchange=exchange_id, kind=kind)
        if same.count() >= _MOST_PER_ADDRESS:
            return True
        callback.save(force_insert=True)
        look_soon(payment_id)
    return True


def _whose(method: str, kind: str, token: str) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The payment behind an address, and the question if it is one's."""
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
    #: What a result claimed as the reason, and what the answer that settles says.
    failure_code: str = ""
    status_code: str = ""
    #: Why what somebody posted cannot be right, as a sentence for staff. Empty: it fits what we asked for.
    oddity: str = ""
    #: The same of the answers to our questions, which come to addresses that only the provider was told.
    contradiction: str = ""
    status_receipt: str = ""
    #: The answer to a question about a payout that settles it, and what it says. PAID is never replaced by FAILED.
    status: Callback | None = None
    status_fate: Fate = Fate.UNKNOWN
    callbacks: list[Callback] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Whether something came in that nobody has looked at yet."""
        return any(callback.handled_at is None for callback in self.callbacks)

    @property
    def claims_paid(self) -> bool:
        """Whether anything says that it was paid, believed or not."""
        return self.success or self.status_fate == Fate.PAID

    @property
    def only_answers(self) -> bool:
        """Whether all that is new are answers to questions of ours about a payout."""
        return self.fresh and all(
            callback.exchange_id is not None for callback in self.callbacks if callback.handled_at is None
        )


def read(payment: Payment) -> Hints:
    """Read every stored callback of the payment, oldest first. Writes nothing."""
    hints = Hints()
    stored = Callback.objects.filter(payment=payment).select_related("exchange")
    for callback in stored.order_by("received_at"):
        hints.callbacks.append(callback)
        _take(hints, payment, callback)
    return hints


def _take(hints: Hints, payment: Payment, callback: Callback) -> None:
    provider = rail(payment.method)
    body = callback.body.encode()
    if callback.kind == "collect":
        _take_result(hints, payment, provider.read_collect(body))
    elif callback.kind == "payout":
        _take_result(hints, payment, provider.read_pay_out(body))
    elif callback.kind == "status":
        claim = provider.read_status(body)
        _take_status(hints, payment, callback, claim, provider.fate_of_status(claim))
    # A timeout notice says nothing about the payment's fate.


def _take_result(hints: Hints, payment: Payment, claim: Claim) -> None:
    if not claim.readable:
        return
    if difference := _difference(payment, claim):
        hints.oddity = difference
        return
    # The newest: an id that somebody made up must not stand in the way of the right one.
    hints.request_id = claim.request_id or hints.request_id
    if claim.success is True:
        hints.success = True
        _take_receipt(hints, claim)
    elif claim.success is False:
        hints.failure_code = claim.code


def _take_status(hints: Hints, payment: Payment, callback: Callback, claim: Claim, fate: Fate) -> None:
    """An answer to a question of ours. It ends a payout, so it must name the payout or the question."""
    if not claim.readable:
        return
    if difference := _difference(payment, claim):
        hints.contradiction = difference
        return
    if fate not in {Fate.PAID, Fate.FAILED}:
        return
    # Whose ConversationID an answer carries is known from one source only (daraja.md 5.1): one of the two ids will do.
    asked = callback.exchange.request_id if callback.exchange else ""
    if claim.originator_id != str(payment.pk) and not (asked and claim.request_id == asked):
        hints.contradiction = "An answer about this payout names neither it nor our question."
        return
    if hints.status_fate not in {Fate.UNKNOWN, fate}:
        hints.contradiction = "Two answers about this payout contradict one another."
    if hints.status_fate != Fate.PAID:
        hints.status, hints.status_fate = callback, fate
    if fate == Fate.PAID:
        if _differs(claim.receipt, hints.status_receipt):
            hints.contradiction = "Two answers about this payout name different receipts."
        hints.status_receipt = hints.status_receipt or claim.receipt
    else:
        hints.status_code = claim.transaction_status


def _take_receipt(hints: Hints, claim: Claim) -> None:
    if _differs(claim.receipt, hints.receipt):
        hints.oddity = "Two callbacks name different receipts."
    hints.receipt = hints.receipt or claim.receipt


def _difference(payment: Payment, claim: Claim) -> str:
    """What in the claim is not what we asked for, as a sentence for staff; empty when it fits."""
    if claim.amount is not None and claim.amount != payment.amount:
        return f"A callback speaks of KES {claim.amount}, we asked for KES {payment.amount:.0f}."
    # Often masked; then it says nothing (daraja.md 7).
    if claim.phone.isdigit() and claim.phone[-9:] != payment.phone[-9:]:
        return "A callback names another phone than ours."
    if payment.direction == Direction.OUT:
        another = _differs(claim.originator_id, str(payment.pk))
        return "A callback names another payout." if another else ""
    if _differs(claim.request_id, payment.request_id) or _differs(
        claim.merchant_request_id, payment.merchant_request_id
    ):
        return "A callback names another prompt."
    if claim.request_id and not payment.request_id and _of_another(claim.request_id, payment):
        return "A callback names the prompt of another payment."
    return ""


def _differs(claimed: str, known: str) -> bool:
    return bool(claimed and known and claimed != known)


def _of_another(request_id: str, payment: Payment) -> bool:
    """Whether the id is known from another payment: what paid for that one does not pay for this one too.

    Only asked when the answer to our own request was lost, so that this payment has no id yet.
    """
    others = Payment.objects.filter(request_id=request_id, direction=Direction.IN).exclude(pk=payment.pk)
    asked = Exchange.objects.filter(request_id=request_id).exclude(payment=payment)
    return others.exists() or asked.exists()


def handled(hints: Hints) -> None:
    """Mark what was read as done with. Two who read the same lock it in one order, or they would deadlock."""
    unhandled = [callback.pk for callback in hints.callbacks if callback.handled_at is None]
    if unhandled:
        mine = Callback.objects.filter(pk__in=unhandled).order_by("pk").select_for_update()
        with transaction.atomic():
            Callback.objects.filter(pk__in=mine.values("pk")).update(handled_at=Now())


def take_in_late(payment: Payment, hints: Hints) -> None:
    """Callbacks for a payment that has ended: a missing receipt is filled in, a contradiction goes to staff."""
    strange = hints.contradiction or hints.oddity
    receipt = hints.status_receipt or hints.receipt
    if payment.state == State.SUCCEEDED and not payment.receipt and receipt and not strange:
        payment_receipt_add(payment_id=payment.pk, receipt=receipt)
    elif strange:
        payment_flag(payment, strange)
    elif payment.state in {State.FAILED, State.CANCELLED} and hints.claims_paid:
        payment_flag(payment, "M-Pesa says paid, but this payment had ended unpaid.")
    handled(hints)
