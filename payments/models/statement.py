"""What the provider says about our accounts: statements that staff upload, and balances that we ask for."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from payments.models.payment import Exchange


class Float(models.TextChoices):
    """Our two accounts at the provider: the chart's `mpesa:collections` and `mpesa:payouts`."""

    COLLECTIONS = "collections", "Collections"
    PAYOUTS = "payouts", "Payouts"


class StatementFile(models.Model):
    """One uploaded export of one account. The same bytes are taken once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.CharField(max_length=12, choices=Float)
    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64, unique=True)
    #: The span that the file covers: from its first to its last completed line, widened by what staff say it covers.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    lines_count = models.PositiveIntegerField(default=0)
    #: Lines that could not be read, each as a sentence.
    problems = models.JSONField(default=list)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="statement_account_known", condition=Q(account__in=Float.values)),
            models.CheckConstraint(name="statement_span", condition=Q(starts_at__lte=models.F("ends_at"))),
        ]
        indexes = [models.Index(fields=["account", "starts_at"], name="statement_span_of")]


class StatementLine(models.Model):
    """One line. A receipt may stand on two lines (payment and its charge), so the whole line is what is unique.

    KES; `withdrawn` above zero whatever sign the export used. The same line in two overlapping files is kept once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file = models.ForeignKey(StatementFile, models.PROTECT, related_name="lines")
    account = models.CharField(max_length=12, choices=Float)
    receipt = models.CharField(max_length=20)
    kind = models.CharField(max_length=12)
    status = models.CharField(max_length=20)
    completed_at = models.DateTimeField()
    paid_in = models.DecimalField(max_digits=20, decimal_places=2)
    withdrawn = models.DecimalField(max_digits=20, decimal_places=2)
    balance = models.DecimalField(max_digits=20, decimal_places=2, null=True, default=None)
    #: Details and the other party name people: sealed. `fingerprint` tells equal lines (keyed hash of the details).
    details_sealed = models.TextField(blank=True, default="")
    fingerprint = models.CharField(max_length=64)
    reason = models.CharField(max_length=80, blank=True, default="")
    reference = models.CharField(max_length=40, blank=True, default="")
    linked_receipt = models.CharField(max_length=20, blank=True, default="")

    details = sealed_property("details_sealed")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "receipt", "fingerprint", "paid_in", "withdrawn"],
                name="statement_line_once",
            ),
            models.CheckConstraint(
                name="statement_line_one_way",
                condition=Q(paid_in__gte=0, withdrawn__gte=0) & (Q(paid_in=0) | Q(withdrawn=0)),
            ),
        ]
        indexes = [
            models.Index(fields=["receipt"], name="statement_line_receipt"),
            models.Index(fields=["account", "completed_at"], name="statement_line_time"),
            models.Index(
                fields=["linked_receipt"], name="statement_line_linked", condition=~Q(linked_receipt="")
            ),
            models.Index(Upper("reference"), name="statement_line_reference", condition=~Q(reference="")),
        ]


class BalanceReading(models.Model):
    """What the provider says stands on one of its accounts (Utility, Working, Charges Paid ...), in KES."""

    id = models.BigAutoField(primary_key=True)
    exchange = models.ForeignKey(Exchange, models.PROTECT, related_name="balances")
    shortcode = models.CharField(max_length=10)
    name = models.CharField(max_length=60)
    current = models.DecimalField(max_digits=20, decimal_places=2)
    available = models.DecimalField(max_digits=20, decimal_places=2)
    read_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exchange", "shortcode", "name"], name="balance_once_an_answer"),
        ]
        indexes = [models.Index(fields=["shortcode", "-read_at"], name="balance_newest")]
