"""Quotes and orders. Grams and shillings of an order are what was agreed; what moved stands in the ledger."""

import uuid
from decimal import Decimal

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet import phones
from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from payments.models import FINAL, Payment, State
from payments.rails import sentence


class Side(models.TextChoices):
    BUY = "buy", "Buy"
    SELL = "sell", "Sell"


class Status(models.TextChoices):
    PENDING = "pending", "In progress"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Not completed"
    EXPIRED = "expired", "Expired"
    PAID_LATE = "paid_late", "Paid late"
    REFUNDED = "refunded", "Refunded"
    REBOUGHT = "rebought", "Bought anew"
    REVERSED = "reversed", "Reversed"


#: Design section 6.
MOVES: Moves = {
    # A buy whose money comes before the tidying job but after its price has lapsed goes straight to PAID_LATE.
    Status.PENDING: frozenset({Status.COMPLETED, Status.FAILED, Status.EXPIRED, Status.PAID_LATE}),
    Status.EXPIRED: frozenset({Status.PAID_LATE}),
    Status.FAILED: frozenset({Status.PAID_LATE}),
    Status.PAID_LATE: frozenset({Status.COMPLETED, Status.REFUNDED, Status.REBOUGHT, Status.REVERSED}),
    # M-Pesa takes a payment back whenever it likes, whatever became of its money.
    Status.COMPLETED: frozenset({Status.REVERSED}),
    Status.REFUNDED: frozenset({Status.REVERSED}),
    Status.REBOUGHT: frozenset({Status.REVERSED}),
    Status.REVERSED: frozenset(),
}


#: Why an order is REVERSED although M-Pesa left its payment alone -> what became of its late money.
USED_FOR_DEBT, USED_BY_CORRECTION, USED_BY_PAYOUT = "debt", "corrected", "paid_out"
USED = {
    USED_FOR_DEBT: "This money covered what you owed us. What is left of it stands in your wallet.",
    USED_BY_PAYOUT: "The account was closed, so this money goes to the person's M-Pesa.",
    USED_BY_CORRECTION: "We corrected your cash with us and wrote to you. What is left of it stands in your wallet.",
}


class Terms(models.Model):
    """What a quote offers and an order agrees: side, grams, whole shillings, and the price per gram behind them."""

    side = models.CharField(max_length=4, choices=Side)
    grams = models.DecimalField(max_digits=18, decimal_places=6)
    total_kes = models.DecimalField(max_digits=20, decimal_places=2)
    price_per_gram = models.DecimalField(max_digits=18, decimal_places=2)

    class Meta:
        abstract = True


class Quote(Terms):
    """A price that binds us for a minute, for one person, once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    phone_sealed = models.TextField()
    #: The whole holding was asked for, so that the sale leaves no dust.
    everything = models.BooleanField(default=False)
    #: A buy with money that came too late for this order: paid from the customer's cash, not by a prompt.
    late_order = models.ForeignKey("Order", models.PROTECT, null=True, default=None, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, default=None)

    phone = sealed_property("phone_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="quote_side_known", condition=Q(side__in=Side.values)),
            models.CheckConstraint(
                name="quote_amounts_positive", condition=Q(grams__gt=0, total_kes__gt=0, price_per_gram__gt=0)
            ),
        ]
        indexes = [models.Index(fields=["user", "expires_at"], name="quote_open", condition=Q(used_at=None))]

    @property
    def phone_masked(self) -> str:
        return phones.mask(self.phone)

    @property
    def kes(self) -> Decimal:
        return self.total_kes


@pghistory.track(
    pghistory.UpdateEvent(condition=pghistory.AnyChange("status")),
    fields=["status", "failure_code"],
    model_name="OrderEvent",
)
class Order(Terms):
    """A buy or a sale that somebody confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    quote = models.OneToOneField(Quote, models.PROTECT, related_name="order")
    #: What pays it. An order that was bought anew with late money names the payment of the old one.
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="+")
    rebuys = models.OneToOneField("self", models.PROTECT, null=True, default=None, related_name="rebought_by")
    #: The latest payout that gives late money back.
    refund = models.OneToOneField(Payment, models.PROTECT, null=True, default=None, related_name="+")
    #: Shown to the customer and in the M-Pesa prompt: the payment's AccountReference.
    reference = models.CharField(max_length=12, unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    failure_code = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: A buy keeps its gold reserved until then. A sale's hold never expires.
    expires_at = models.DateTimeField(null=True, default=None)
    #: Money that comes by then completes the order at its price, if there is gold.
    honour_until = models.DateTimeField(null=True, default=None)
    finished_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.CheckConstraint(name="order_side_known", condition=Q(side__in=Side.values)),
            models.CheckConstraint(name="order_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(
                name="order_amounts_positive", condition=Q(grams__gt=0, total_kes__gt=0, price_per_gram__gt=0)
            ),
            # One rounding rule, down, for the house (design section 3): the customer never gets more than the price
            # gives. Held here too, so that no code path can round the other way.
            models.CheckConstraint(
                name="order_rounds_for_the_house",
                condition=Q(side="buy", total_kes__gte=F("grams") * F("price_per_gram"))
                | Q(side="sell", total_kes__lte=F("grams") * F("price_per_gram")),
            ),
            models.UniqueConstraint(
                fields=["payment"], name="order_one_a_payment", condition=Q(rebuys__isnull=True)
            ),
            models.CheckConstraint(name="order_only_buys_rebuy", condition=Q(side="buy") | Q(rebuys=None)),
            models.CheckConstraint(
                name="order_buy_has_deadlines",
                condition=Q(side="sell")
                | Q(rebuys__isnull=False)
                | Q(expires_at__isnull=False, honour_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="order_of_user"),
            models.Index(fields=["-created_at", "-id"], name="order_newest"),
            # The desk's filters: what is rare among a million orders is found without reading all of them.
            models.Index(fields=["status", "-created_at", "-id"], name="order_status"),
            models.Index(fields=["total_kes"], name="order_total"),
            # The overview asks for a day's trade every 15 seconds, wherever it stands open.
            models.Index(fields=["finished_at"], name="order_completed", condition=Q(status="completed")),
            models.Index(
                fields=["expires_at"], name="order_expiring", condition=Q(status="pending", side="buy")
            ),
        ]

    @property
    def is_buy(self) -> bool:
        return self.side == Side.BUY

    @property
    def final(self) -> bool:
        """Nothing more happens by itself."""
        return self.status != Status.PENDING

    @property
    def failure_sentence(self) -> str:
        """Why the order ended without money, as the customer reads it. Empty when it did not."""
        return _why_unpaid(self.failure_code, self.payment) if self.failure_code else ""

    @property
    def waiting(self) -> bool:
        """Something is under way, so that the page looks again."""
        going_back = self.refund is not None and self.refund.state not in FINAL
        return not self.final or (self.status == Status.PAID_LATE and going_back)

    @property
    def refund_open(self) -> bool:
        """A payout gives the late money back, and did not end unpaid: its money is not here to be used."""
        return self.refund is not None and self.refund.state not in {State.FAILED, State.CANCELLED}

    @property
    def refund_sentence(self) -> str:
        """Why late money could not be sent back, as the customer reads it. Empty when nothing went wrong."""
        if self.refund is None or self.refund_open:
            return ""
        return not_sent_sentence(self.refund)


def not_sent_sentence(payout: Payment) -> str:
    """Why our money for somebody was not sent, as they read it."""
    why = _why_unpaid(payout.failure_code, payout)
    # What follows the reason is advice for a sale: another number, another amount. Here there is none.
    return why if payout.failure_code == "refused" else why.split(". ")[0].rstrip(".") + "."


def _why_unpaid(code: str, payment: Payment) -> str:
    if code == "refused":
        return f"Our team did not release this payout. They wrote: {payment.decision}"
    return sentence(code, payment.direction)
