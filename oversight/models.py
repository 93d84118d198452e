"""The reconciliation: its runs, and the differences that they found."""

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from controls.models import Request
from goldwallet.clock import Now
from goldwallet.states import Moves
from goldwallet.triggers import APPEND_ONLY
from payments.models import Arrival, Payment, StatementLine


class RunState(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Stopped by an error"


class Run(models.Model):
    """One comparison of everything with everything. It stays as a report that can be printed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.RUNNING)
    #: None: the daily job.
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, default=None)
    #: The span of provider lines that were compared.
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    #: Progress: what is being compared now, and how many comparisons are done of how many.
    step = models.CharField(max_length=80, blank=True, default="")
    steps_done = models.PositiveSmallIntegerField(default=0)
    steps_total = models.PositiveSmallIntegerField(default=0)
    #: Per comparison: what was compared, both sides' totals, why they differ, seconds, differences. Amounts as text.
    report = models.JSONField(default=list)
    #: Differences that it left open; each stands in `findings`.
    found = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            # Two at once would find everything twice.
            models.UniqueConstraint(fields=["state"], name="run_one_at_a_time", condition=Q(state="running")),
            models.CheckConstraint(name="run_span", condition=Q(starts_at__lte=models.F("ends_at"))),
        ]
        indexes = [models.Index(fields=["-started_at"], name="run_newest")]


class BreakKind(models.TextChoices):
    """What differs."""

    LINE_IN_UNKNOWN = "line_in_unknown", "M-Pesa shows money in that we do not know"
    LINE_OUT_UNKNOWN = "line_out_unknown", "M-Pesa shows money out that we did not send"
    PAYMENT_MISSING = "payment_missing", "We booked a payment that M-Pesa does not show"
    AMOUNT_DIFFERS = "amount_differs", "The amounts of a payment differ"
    STATE_DIFFERS = "state_differs", "M-Pesa shows as paid what we hold as unpaid or open"
    RECEIPT_DIFFERS = "receipt_differs", "M-Pesa knows a payment by another receipt"
    REVERSED = "reversed", "M-Pesa took back a payment that stands with us"
    REVERSAL_DIFFERS = "reversal_differs", "M-Pesa took back more or less than we did"
    CHARGE_DIFFERS = "charge_differs", "M-Pesa's charge differs from what we booked"
    LINE_TWICE = "line_twice", "One receipt stands on two lines of the same kind"
    FLOAT_DIFFERS = "float_differs", "A float differs from M-Pesa's balance"
    POSTING_DIFFERS = "posting_differs", "A payment and the ledger differ"
    POOL_DIFFERS = "pool_differs", "A pool's grams differ from its bars"
    HOLDING_DIFFERS = "holding_differs", "A person's grams differ from their allocations"
    HOLD_DIFFERS = "hold_differs", "What is held differs from the open orders"
    BOOK_BROKEN = "book_broken", "The ledger does not add up"


class BreakState(models.TextChoices):
    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"
    GONE = "gone", "No longer there"


BREAK_MOVES: Moves = {
    BreakState.OPEN: frozenset({BreakState.RESOLVED, BreakState.GONE}),
    BreakState.RESOLVED: frozenset(),
    BreakState.GONE: frozenset(),
}


class How(models.TextChoices):
    """How a difference may be resolved; each takes two people."""

    MATCH = "match", "Match: our records are brought in line, no money moves"
    SUSPENSE = "suspense", "Post to suspense"
    REFUND = "refund", "Send back to who paid it"
    WRITE_OFF = "write_off", "Write off"


@pghistory.track(
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state", "owner", "note")),
    fields=["state", "owner", "note", "how"],
    model_name="BreakEvent",
)
class Break(models.Model):
    """One difference. `key` says which, so that the next run finds the same one and not a second."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=160)
    kind = models.CharField(max_length=20, choices=BreakKind)
    state = models.CharField(max_length=8, choices=BreakState, default=BreakState.OPEN)
    #: The size of the difference, above zero: KES, or grams.
    kes = models.DecimalField(max_digits=20, decimal_places=2, null=True, default=None)
    grams = models.DecimalField(max_digits=18, decimal_places=6, null=True, default=None)
    #: Both sides in KES or grams, as they change what M-Pesa (the vault) holds: money out is below zero.
    theirs = models.DecimalField(max_digits=20, decimal_places=6, null=True, default=None)
    ours = models.DecimalField(max_digits=20, decimal_places=6, null=True, default=None)
    #: What differs, and the cause that the run proposes, as sentences.
    sentence = models.CharField(max_length=300)
    cause = models.CharField(max_length=300)
    #: The resolution that the run proposes; empty when only a person can tell.
    proposal = models.CharField(max_length=10, choices=How, blank=True, default="")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, default=None, related_name="+")
    arrival = models.ForeignKey(Arrival, models.PROTECT, null=True, default=None, related_name="+")
    line = models.ForeignKey(StatementLine, models.PROTECT, null=True, default=None, related_name="+")
    #: An account's code or a pool's id, where it is about one.
    about = models.CharField(max_length=120, blank=True, default="")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True, default="")
    how = models.CharField(max_length=10, choices=How, blank=True, default="")
    request = models.ForeignKey(Request, models.PROTECT, null=True, default=None, related_name="+")
    first_run = models.ForeignKey(Run, models.PROTECT, related_name="first_found")
    last_run = models.ForeignKey(Run, models.PROTECT, related_name="seen")
    found_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="break_one_open", condition=Q(state="open")),
            models.CheckConstraint(name="break_kind_known", condition=Q(kind__in=BreakKind.values)),
            models.CheckConstraint(
                name="break_closed_has_time", condition=Q(state="open") | Q(closed_at__isnull=False)
            ),
            models.CheckConstraint(
                name="break_resolved_by_two",
                condition=~Q(state="resolved") | Q(request__isnull=False) & ~Q(how=""),
            ),
        ]
        indexes = [models.Index(fields=["state", "found_at"], name="break_open")]


class News(models.TextChoices):
    """What a difference was to the run that tells it."""

    NEW = "new", "New"
    KNOWN = "known", "Known before"
    GONE = "gone", "No longer there"


class Finding(models.Model):
    """A difference as one run found it: the run's report, which stays as it was printed.

    What became of the difference since, and who has it, stands with the difference itself. Amounts as there; of one
    that is gone they are those of the run that found it last.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.PROTECT, related_name="findings")
    difference = models.ForeignKey(Break, models.PROTECT, related_name="findings")
    news = models.CharField(max_length=5, choices=News)
    kind = models.CharField(max_length=20, choices=BreakKind)
    #: The receipt, the payment's reference or the account that it is about.
    subject = models.CharField(max_length=120)
    kes = models.DecimalField(max_digits=20, decimal_places=2, null=True, default=None)
    grams = models.DecimalField(max_digits=18, decimal_places=6, null=True, default=None)
    theirs = models.DecimalField(max_digits=20, decimal_places=6, null=True, default=None)
    ours = models.DecimalField(max_digits=20, decimal_places=6, null=True, default=None)
    sentence = models.CharField(max_length=300)
    cause = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "difference"], name="finding_once_a_run"),
            models.CheckConstraint(name="finding_news_known", condition=Q(news__in=News.values)),
            models.CheckConstraint(name="finding_kind_known", condition=Q(kind__in=BreakKind.values)),
        ]
        triggers = APPEND_ONLY

    def __str__(self) -> str:
        return self.sentence


class DailyClose(models.Model):
    """A day in Nairobi as it stood when it was closed: gold, cash, volumes, differences, prices, approvals.

    It stays as it was made; what is corrected later belongs to the day of the correction.
    """

    day = models.DateField(primary_key=True)
    #: Amounts as text, by section (`oversight.close`).
    figures = models.JSONField()
    #: SHA-256 of the figures as canonical JSON, printed on the page.
    digest = models.CharField(max_length=64)
    #: None: the job after midnight.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = APPEND_ONLY

    def __str__(self) -> str:
        return str(self.day)
