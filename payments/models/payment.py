"""The payment, what was said to the provider about it, what came back, and the provider's token."""

import secrets
import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet import phones
from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves


def new_token() -> str:
    """128 bits in lowercase hex: the unguessable part of a callback's address (faults.md DR9)."""
    return secrets.token_hex(16)


class Direction(models.TextChoices):
    IN = "in", "In"
    OUT = "out", "Out"


class State(models.TextChoices):
    """Where a payment stands. Design section 5 has the picture."""

    CREATED = "created", "Prepared"
    AWAITING_APPROVAL = "awaiting_approval", "Waits for staff"
    SENDING = "sending", "Being sent"
    PENDING = "pending", "With M-Pesa"
    UNKNOWN = "unknown", "Checking"
    SUCCEEDED = "succeeded", "Paid"
    FAILED = "failed", "Not paid"
    CANCELLED = "cancelled", "Cancelled"
    REVERSED = "reversed", "Reversed"


#: For both directions; a rule that holds for one direction alone stands in `services`.
MOVES: Moves = {
    # To UNKNOWN: the provider said to have put it off, and then a callback came.
    State.CREATED: frozenset({State.SENDING, State.CANCELLED, State.AWAITING_APPROVAL, State.UNKNOWN}),
    State.AWAITING_APPROVAL: frozenset({State.CREATED, State.CANCELLED, State.SUCCEEDED}),
    # To an end at once: the callback may be confirmed before the answer to the request is written down.
    State.SENDING: frozenset({State.CREATED, State.PENDING, State.UNKNOWN, State.SUCCEEDED, State.FAILED}),
    State.PENDING: frozenset({State.UNKNOWN, State.SUCCEEDED, State.FAILED}),
    State.UNKNOWN: frozenset({State.PENDING, State.SUCCEEDED, State.FAILED}),
    # Late money. For a payout it is an incident (services.settling): its hold was released long ago.
    State.FAILED: frozenset({State.SUCCEEDED}),
    State.CANCELLED: frozenset({State.SUCCEEDED}),
    State.SUCCEEDED: frozenset({State.REVERSED}),
    State.REVERSED: frozenset(),
}

#: The provider may still act on these.
LIVE = (State.SENDING, State.PENDING, State.UNKNOWN)
FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.REVERSED)


@pghistory.track(
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state", "note", "decision")),
    fields=["state", "receipt", "failure_code", "note", "decision"],
    model_name="PaymentEvent",
)
class Payment(models.Model):
    """One movement of KES between us and a phone. Amounts are whole shillings."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    direction = models.CharField(max_length=3, choices=Direction)
    purpose = models.CharField(max_length=20)
    method = models.CharField(max_length=20, default="daraja")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=20, decimal_places=2)
    phone_sealed = models.TextField()
    phone_lookup = models.CharField(max_length=64)
    reference = models.CharField(max_length=12, unique=True)
    token = models.CharField(max_length=32, unique=True, default=new_token)
    state = models.CharField(max_length=20, choices=State, default=State.CREATED)
    request_id = models.CharField(max_length=64, blank=True, default="")
    merchant_request_id = models.CharField(max_length=64, blank=True, default="")
    receipt = models.CharField(max_length=20, unique=True, null=True, default=None)  # noqa: DJ001 - unique or unknown
    #: When the provider's own list (Pull or a statement) showed the receipt. Null: it is a callback's claim so far.
    receipt_seen_at = models.DateTimeField(null=True, default=None)
    #: The receipt under which the provider took it back.
    reversal_receipt = models.CharField(  # noqa: DJ001 - unique or none
        max_length=20, unique=True, null=True, default=None
    )
    #: The provider's charge for it, as booked, in KES. Null: not booked (yet).
    charge = models.DecimalField(max_digits=20, decimal_places=2, null=True, default=None)
    failure_code = models.CharField(max_length=40, blank=True, default="")
    #: Why a person has to look at it. Empty: nobody needs to.
    note = models.CharField(max_length=300, blank=True, default="")
    #: What staff wrote when they decided; of a refused payout the customer reads it.
    decision = models.CharField(max_length=300, blank=True, default="")
    attention = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: A prompt that was not sent by then is never sent; a payout never expires.
    expires_at = models.DateTimeField(null=True, default=None)
    sent_at = models.DateTimeField(null=True, default=None)
    ended_at = models.DateTimeField(null=True, default=None)
    #: When the worker looks next: to send (CREATED) or to ask (SENDING, PENDING, UNKNOWN). Null: nothing to do.
    due_at = models.DateTimeField(null=True, db_default=Now())
    #: Attempts to send while CREATED, questions asked after that.
    tries = models.PositiveSmallIntegerField(default=0)
    evidence_exchange = models.ForeignKey(
        "Exchange", models.PROTECT, null=True, default=None, related_name="+"
    )
    evidence_callback = models.ForeignKey(
        "Callback", models.PROTECT, null=True, default=None, related_name="+"
    )
    #: Two people decided, with evidence (design section 7).
    evidence_request = models.ForeignKey(
        "controls.Request", models.PROTECT, null=True, default=None, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )

    phone = sealed_property("phone_sealed", lookup="phone_lookup", kind="phone")

    class Meta:
        constraints = [
            models.CheckConstraint(name="payment_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="payment_amount_whole_shillings", condition=Q(amount=F("amount") - F("amount") % 1)
            ),
            models.CheckConstraint(
                name="payment_direction_known", condition=Q(direction__in=Direction.values)
            ),
            models.CheckConstraint(name="payment_state_known", condition=Q(state__in=State.values)),
            # Only a payout waits for staff.
            models.CheckConstraint(
                name="payment_approval_for_payouts",
                condition=~Q(state=State.AWAITING_APPROVAL) | Q(direction="out"),
            ),
            # A definite failure points at what proves it (faults.md DR12).
            models.CheckConstraint(
                name="payment_failure_has_evidence",
                condition=~Q(state=State.FAILED)
                | Q(evidence_exchange__isnull=False)
                | Q(evidence_callback__isnull=False)
                | Q(evidence_request__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="payment_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["phone_lookup", "created_at"], name="payment_phone"),
            # The desk's list and its filters: what is rare among a million payments is found without reading all.
            models.Index(fields=["-created_at", "-id"], name="payment_newest"),
            models.Index(fields=["state", "-created_at", "-id"], name="payment_state"),
            models.Index(fields=["purpose", "-created_at", "-id"], name="payment_purpose"),
            models.Index(fields=["amount"], name="payment_amount"),
            models.Index(fields=["user", "created_at"], name="payment_user"),
            models.Index(fields=["sent_at"], name="payment_out_sent", condition=Q(direction="out")),
            models.Index(
                fields=["created_at"],
                name="payment_waiting",
                condition=Q(state__in=["awaiting_approval", "unknown"]) | Q(attention=True),
            ),
        ]

    @property
    def phone_masked(self) -> str:
        return phones.mask(self.phone)


class Kind(models.TextChoices):
    """What was asked of the provider."""

    COLLECT = "collect", "Prompt"
    COLLECT_REPORT = "collect_report", "Question about a prompt"
    PAY_OUT = "pay_out", "Payout"
    PAY_OUT_ASK = "pay_out_ask", "Question about a payout"
    BALANCE = "balance", "Question about our balance"
    PULL = "pull", "List of money that came"
    REVERSE = "reverse", "Money sent back"
    REGISTER = "register", "Registration of our addresses"


class Exchange(models.Model):
    """One call to the provider with its answer: the evidence behind a state. Bodies are scrubbed and sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: None: about the house itself (balance, list, registration) or about an arrival.
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, default=None, related_name="exchanges")
    arrival = models.ForeignKey(
        "payments.Arrival", models.PROTECT, null=True, default=None, related_name="exchanges"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    #: A question whose answer comes by callback has an address of its own.
    token = models.CharField(max_length=32, unique=True, null=True, default=None)  # noqa: DJ001 - unique or none
    outcome = models.CharField(max_length=20, blank=True, default="")
    http_status = models.PositiveSmallIntegerField(null=True, default=None)
    code = models.CharField(max_length=40, blank=True, default="")
    text = models.CharField(max_length=300, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    body_sealed = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    answered_at = models.DateTimeField(null=True, default=None)

    body = sealed_property("body_sealed")

    class Meta:
        indexes = [models.Index(fields=["payment", "created_at"], name="exchange_payment")]


class Callback(models.Model):
    """The raw inbox: what somebody posted to an address of ours, scrubbed and sealed, before anybody believes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: None: an answer to a question of the house, or a notice that money came.
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, default=None, related_name="callbacks")
    exchange = models.ForeignKey(Exchange, models.PROTECT, null=True, default=None, related_name="callbacks")
    kind = models.CharField(max_length=20)
    from_address = models.GenericIPAddressField(null=True, default=None)
    body_sealed = models.TextField(blank=True, default="")
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    handled_at = models.DateTimeField(null=True, default=None)

    body = sealed_property("body_sealed")

    class Meta:
        indexes = [
            models.Index(fields=["payment", "received_at"], name="callback_payment"),
            models.Index(
                fields=["received_at"], name="callback_unhandled", condition=Q(handled_at__isnull=True)
            ),
        ]


class RailToken(models.Model):
    """The access token of a rail, shared by all processes: a new one may kill the one before (daraja.md C2)."""

    method = models.CharField(max_length=20, primary_key=True)
    token_sealed = models.TextField(blank=True, default="")
    minted_at = models.DateTimeField(null=True, default=None)
    expires_at = models.DateTimeField(null=True, default=None)
    renewing_until = models.DateTimeField(null=True, default=None)

    token = sealed_property("token_sealed")
