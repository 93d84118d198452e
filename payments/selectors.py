"""Reads of payments."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from controls.selectors import switch, threshold
from goldwallet.clock import after
from goldwallet.money import show_kes
from payments.models import Arrival, Callback, Direction, Exchange, Payment, State, StatementLine

HOUR, DAY = 3600, 86_400

#: Prompts of the last hour that were not paid, of one person and of one phone: what a limit against pestering counts
#: (a paid prompt pesters nobody). A fragment, so that the buy reads all its limits in one statement; parameters
#: `user_id` and `phone_lookup`, columns `person_prompts` and `phone_prompts`.
UNPAID_PROMPTS = """
SELECT count(*) FILTER (WHERE user_id = %(user_id)s) AS person_prompts,
       count(*) FILTER (WHERE phone_lookup = %(phone_lookup)s) AS phone_prompts
FROM payments_payment
WHERE created_at > wallet_now() - interval '1 hour' AND direction = 'in' AND state NOT IN ('succeeded', 'reversed')
  AND (user_id = %(user_id)s OR phone_lookup = %(phone_lookup)s)
"""


def receipt_is_a_payments(receipt: str) -> bool:
    """Whether a payment came, went or was taken back under this receipt: then no other money may be booked by it."""
    return Payment.objects.filter(Q(receipt=receipt) | Q(reversal_receipt=receipt)).exists()


def payments_under(code: str, *, receipts_only: bool = False) -> list[uuid.UUID]:
    """The ids of the payments that came, went or were taken back under this receipt, or have it as their reference."""
    named = Q(receipt=code) | Q(reversal_receipt=code)
    if not receipts_only:
        named |= Q(reference=code)
    return list(Payment.objects.filter(named).values_list("pk", flat=True))


def lines_of(payments: Iterable[Payment]) -> list[StatementLine]:
    """The lines of M-Pesa's statements under the receipts of these payments, oldest first."""
    receipts = {code for payment in payments for code in (payment.receipt, payment.reversal_receipt) if code}
    if not receipts:
        return []
    lines = StatementLine.objects.filter(Q(receipt__in=receipts) | Q(linked_receipt__in=receipts))
    return list(lines.order_by("completed_at", "receipt")[:20])


def arrivals_of(payments: Sequence[Payment]) -> list[Arrival]:
    """Money that came and is one of these payments, or whose reference or receipt is one's, oldest first."""
    receipts = [payment.receipt for payment in payments if payment.receipt]
    named = Q(payment__in=payments) | Q(receipt__in=receipts)
    return list(Arrival.objects.filter(named).order_by("arrived_at", "receipt")[:20])


def payouts_waiting(*, limit: int = 50) -> QuerySet[Payment]:
    """Payouts that staff decide, oldest first."""
    return (
        Payment.objects.filter(direction=Direction.OUT, state=State.AWAITING_APPROVAL)
        .select_related("user")
        .order_by("created_at")[:limit]
    )


def payouts_recent(*, limit: int = 20) -> QuerySet[Payment]:
    """The newest payouts that do not wait for staff."""
    return (
        Payment.objects.filter(direction=Direction.OUT)
        .exclude(state=State.AWAITING_APPROVAL)
        .select_related("user", "decided_by")
        .order_by("-created_at")[:limit]
    )


def payments_for_staff(*, limit: int = 50) -> QuerySet[Payment]:
    """Payments that a person should look at: a contradiction, no answer for too long, and every payout that M-Pesa has
    not answered, since somebody waits for that money.
    """
    unanswered = Q(state=State.UNKNOWN, direction=Direction.OUT)
    waiting = Payment.objects.filter(Q(attention=True) | unanswered)
    return waiting.select_related("user").order_by("created_at")[:limit]


@dataclass(frozen=True, slots=True)
class Trail:
    """Everything that was said about one payment, oldest first."""

    exchanges: list[Exchange]
    callbacks: list[Callback]


def trail(payment_id: uuid.UUID) -> Trail:
    return Trail(
        exchanges=list(Exchange.objects.filter(payment_id=payment_id).order_by("created_at")),
        callbacks=list(Callback.objects.filter(payment_id=payment_id).order_by("received_at")),
    )


# --- payouts that take two people, and volumes ----------------------------------------------------


def person_payouts_day(user_id: uuid.UUID) -> Decimal:
    """KES of a person's payouts of the last 24 hours, without those that surely did not go."""
    return payouts_day([user_id]).get(user_id, Decimal(0))


def payouts_day(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Decimal]:
    """The same for several people, in one statement; who was paid nothing is left out."""
    payouts = Payment.objects.filter(
        user_id__in=set(user_ids), direction=Direction.OUT, created_at__gt=after(-DAY)
    )
    sums = payouts.exclude(state__in=[State.FAILED, State.CANCELLED]).values("user_id")
    return dict(sums.annotate(kes=Sum("amount")).values_list("user_id", "kes"))


def takes_two(payment: Payment, *, day: Decimal | None = None) -> bool:
    """Whether two people let this payout go: it is large, the person's payouts of a day are (faults.md O16), or the
    person is on hold. `day`: the sum of the person's day, for who knows it already.
    """
    large = payment.amount >= threshold("payout_approval_kes")
    total = person_payouts_day(payment.user_id) if day is None else day
    return large or total > threshold("payouts_person_day_kes") or payment.user.frozen_reason != ""


def volume_reached(amount: Decimal) -> str:
    """Why one more payout of `amount` would be unusual, as a sentence; empty when it would not.

    Counts what was sent within the hour, and since two people last let payouts go on; the first after that goes.
    Binding only under the lock of the switch for payouts.
    """
    sent = Payment.objects.filter(direction=Direction.OUT, sent_at__gt=after(-HOUR))
    sent = sent.filter(sent_at__gt=switch("payouts").changed_at)
    hour = sent.aggregate(number=Count("pk"), kes=Sum("amount"))
    kes = (hour["kes"] or Decimal(0)) + amount
    if not hour["number"]:
        return ""
    if kes > threshold("payouts_hour_kes"):
        return f"Payouts of an hour would come to {show_kes(kes)}."
    if hour["number"] + 1 > threshold("payouts_hour_count"):
        return f"There would be {hour['number'] + 1} payouts within an hour."
    return ""
