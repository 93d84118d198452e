"""Money that reached our Paybill, known by its receipt: from Pull or a statement, never from a callback alone."""

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from payments.models.payment import Exchange, Payment


class ArrivalState(models.TextChoices):
    NEW = "new", "Being looked at"
    MATCHED = "matched", "Belongs to a payment"
    SUSPENSE = "suspense", "Nobody's yet"
    ASSIGNED = "assigned", "Given to a customer"
    RETURNING = "returning", "Being sent back"
    RETURNED = "returned", "Sent back"
    REVERSED = "reversed", "Reversed by M-Pesa"


ARRIVAL_MOVES: Moves = {
    ArrivalState.NEW: frozenset({ArrivalState.MATCHED, ArrivalState.SUSPENSE}),
    ArrivalState.MATCHED: frozenset({ArrivalState.REVERSED}),
    ArrivalState.SUSPENSE: frozenset(
        {ArrivalState.ASSIGNED, ArrivalState.RETURNING, ArrivalState.MATCHED, ArrivalState.REVERSED}
    ),
    # Back to suspense: the provider definitely refused to send it back.
    ArrivalState.RETURNING: frozenset({ArrivalState.RETURNED, ArrivalState.SUSPENSE}),
    ArrivalState.ASSIGNED: frozenset({ArrivalState.REVERSED}),
    ArrivalState.RETURNED: frozenset(),
    ArrivalState.REVERSED: frozenset(),
}


class Source(models.TextChoices):
    """Who said so first. A confirmation callback is only a reason to pull (faults.md DR10)."""

    PULL = "pull", "M-Pesa, asked by us"
    STATEMENT = "statement", "Statement uploaded by staff"


@pghistory.track(
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state", "note")),
    fields=["state", "note"],
    model_name="ArrivalEvent",
)
class Arrival(models.Model):
    """One receipt of money in. KES in `amount`; `reference` and `payer` as the provider writes them (masked).

    Customers pay whole shillings; what a bank or another organisation sends may have cents, and is ours to keep too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    method = models.CharField(max_length=20, default="daraja")
    receipt = models.CharField(max_length=20, unique=True)
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    reference = models.CharField(max_length=40, blank=True, default="")
    payer_sealed = models.TextField(blank=True, default="")
    source = models.CharField(max_length=10, choices=Source)
    #: The answer that listed it. Null: it came with a statement.
    listed_in = models.ForeignKey(Exchange, models.PROTECT, null=True, default=None, related_name="+")
    #: The provider's time; `seen_at` is ours.
    arrived_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_default=Now(), editable=False)
    state = models.CharField(max_length=10, choices=ArrivalState, default=ArrivalState.NEW)
    #: The payment that it is (MATCHED), or that its reference names (any other state).
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, default=None, related_name="arrivals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    #: Why it stands where it stands, as a sentence for staff.
    note = models.CharField(max_length=300, blank=True, default="")
    #: When the worker looks at it next: NEW to be matched, RETURNING to be asked about.
    due_at = models.DateTimeField(null=True, db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0)
    decided_at = models.DateTimeField(null=True, default=None)

    payer = sealed_property("payer_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="arrival_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="arrival_state_known", condition=Q(state__in=ArrivalState.values)),
            models.CheckConstraint(name="arrival_source_known", condition=Q(source__in=Source.values)),
            models.CheckConstraint(
                name="arrival_matched_has_payment",
                condition=~Q(state=ArrivalState.MATCHED) | Q(payment__isnull=False),
            ),
            models.CheckConstraint(
                name="arrival_assigned_has_user",
                condition=~Q(state=ArrivalState.ASSIGNED) | Q(user__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="arrival_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["state", "arrived_at"], name="arrival_state"),
            models.Index(fields=["arrived_at"], name="arrival_time"),
        ]

    def __str__(self) -> str:
        return self.receipt

    @property
    def person_id(self) -> uuid.UUID | None:
        """Whose money it is, or else seems to be: of the payment that its reference names."""
        return self.user_id or (self.payment.user_id if self.payment else None)


class Pull(models.Model):
    """One question for the provider's list of a stretch of time. Complete: the list was read to its end.

    A complete one is the only proof that something did not come.
    """

    id = models.BigAutoField(primary_key=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    began_at = models.DateTimeField(db_default=Now(), editable=False)
    complete = models.BooleanField(default=False)
    rows = models.PositiveIntegerField(default=0)
    #: The newest answer: of a complete pull the one that said that there is no more.
    exchange = models.ForeignKey(Exchange, models.PROTECT, null=True, default=None, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(name="pull_span", condition=Q(starts_at__lte=F("ends_at"))),
            models.CheckConstraint(
                name="pull_complete_has_answer", condition=Q(complete=False) | Q(exchange__isnull=False)
            ),
        ]
        indexes = [models.Index(fields=["-ends_at"], name="pull_complete", condition=Q(complete=True))]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %T} - {self.ends_at:%F %T}"
