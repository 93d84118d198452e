"""Reads of payments."""

import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from payments.models import Callback, Direction, Exchange, Payment, State

#: Prompts of the last hour that were not paid, of one person and of one phone: what a limit against pestering counts
#: (a paid prompt pesters nobody). A fragment, so that the buy reads all its limits in one statement; parameters
#: `user_id` and `phone_lookup`, columns `person_prompts` and `phone_prompts`.
UNPAID_PROMPTS = """
SELECT count(*) FILTER (WHERE user_id = %(user_id)s) AS person_prompts,
       count(*) FILTER (WHERE phone_lookup = %(phone_lookup)s) AS phone_prompts
FROM payments_payment
WHERE created_at > wallet_now() - interval '1 hour' AND direction = 'in' AND state <> 'succeeded'
  AND (user_id = %(user_id)s OR phone_lookup = %(phone_lookup)s)
"""


def payouts_waiting() -> QuerySet[Payment]:
    """Payouts that staff decide, oldest first."""
    return (
        Payment.objects.filter(direction=Direction.OUT, state=State.AWAITING_APPROVAL)
        .select_related("user")
        .order_by("created_at")
    )


def payouts_recent(*, limit: int = 50) -> QuerySet[Payment]:
    """The newest payouts that do not wait for staff."""
    return (
        Payment.objects.filter(direction=Direction.OUT)
        .exclude(state=State.AWAITING_APPROVAL)
        .select_related("user", "decided_by")
        .order_by("-created_at")[:limit]
    )


def payments_for_staff() -> QuerySet[Payment]:
    """Payments that a person should look at: a contradiction, or no answer for too long."""
    return Payment.objects.filter(attention=True).select_related("user").order_by("created_at")


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
