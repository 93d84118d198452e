"""What staff steer: thresholds, switches, and requests that take two people."""

import uuid

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from goldwallet.triggers import APPEND_ONLY


@pghistory.track(append_only=True)
class Threshold(models.Model):
    """A number that staff moved away from its default (`controls.thresholds`). No row: the default counts."""

    name = models.CharField(primary_key=True, max_length=40)
    value = models.DecimalField(max_digits=20, decimal_places=2)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


# --- switches -------------------------------------------------------------------------------------


class SwitchName(models.TextChoices):
    BUY = "buy", "Buying"
    SELL = "sell", "Selling"
    PAYOUTS = "payouts", "Payouts"


class Cause(models.TextChoices):
    """Why a switch is off. Everything but `staff` is the house's own doing."""

    STAFF = "staff", "Staff paused it"
    BREAK = "break", "Reconciliation found a difference above the limit"
    FLOAT_EMPTY = "float_empty", "The float for payouts is empty"
    VOLUME = "volume", "Payouts are larger or more than usual"
    INVARIANT = "invariant", "The books do not add up"
    INCIDENT = "incident", "A payout that had failed was paid all the same"
    RESTORED = "restored", "The database was restored from a backup"


@pghistory.track(
    pghistory.UpdateEvent(condition=pghistory.AnyChange("paused", "cause", "note")), append_only=True
)
class Switch(models.Model):
    """Pauses one thing for everybody. No row: it was never paused."""

    name = models.CharField(primary_key=True, max_length=10, choices=SwitchName)
    paused = models.BooleanField(default=False)
    cause = models.CharField(max_length=12, choices=Cause, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")
    #: None: the house did it by itself.
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, default=None, related_name="+"
    )
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(name="switch_known", condition=Q(name__in=SwitchName.values)),
            models.CheckConstraint(
                name="switch_pause_has_cause", condition=Q(paused=False) | ~Q(cause="") & ~Q(note="")
            ),
        ]
        triggers = [pgtrigger.Protect(name="never_removed", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.name}: {'paused' if self.paused else 'on'}"


class Anchor(models.Model):
    """Which database this is. A restored copy differs from what is written in it (faults.md W12). One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    text = models.CharField(max_length=120)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(name="anchor_once", condition=Q(id=1))]


# --- four eyes ------------------------------------------------------------------------------------


class RequestState(models.TextChoices):
    WAITING = "waiting", "Waits for a second person"
    EXECUTED = "executed", "Done"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Taken back"
    EXPIRED = "expired", "Expired"


REQUEST_MOVES: Moves = {
    RequestState.WAITING: frozenset(
        {RequestState.EXECUTED, RequestState.REFUSED, RequestState.WITHDRAWN, RequestState.EXPIRED}
    ),
    RequestState.EXECUTED: frozenset(),
    RequestState.REFUSED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
    RequestState.EXPIRED: frozenset(),
}


#: The last line behind `controls.services`: of who asks, who decides and whom it is about, no two have the same phone
#: or the same proven ID. It looks when a request is made and when somebody decides it. Who asked and whom it is about
#: may have become one since: then a third person can still refuse it, and nobody can approve it.
_NO_SECOND_ACCOUNT = """
IF TG_OP = 'UPDATE' AND NEW.checker_id IS NOT DISTINCT FROM OLD.checker_id THEN
    RETURN NEW;
END IF;
IF EXISTS (
    SELECT FROM accounts_user one JOIN accounts_user other USING (phone_lookup)
    WHERE one.id < other.id AND phone_lookup <> ''
        AND one.id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND other.id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND (NEW.state IN ('waiting', 'executed') OR NEW.checker_id IN (one.id, other.id))
) OR EXISTS (
    SELECT FROM kyc_case one JOIN kyc_case other USING (id_type, id_number_lookup)
    WHERE one.user_id < other.user_id AND id_number_lookup <> ''
        AND one.valid_until IS NOT NULL AND other.valid_until IS NOT NULL
        AND one.user_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND other.user_id IN (NEW.maker_id, NEW.checker_id, NEW.person_id)
        AND (NEW.state IN ('waiting', 'executed') OR NEW.checker_id IN (one.user_id, other.user_id))
) THEN
    RAISE EXCEPTION 'pgtrigger: Cannot let one person be two in a request';
END IF;
RETURN NEW;
"""


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(condition=pghistory.AnyChange("state")),
    # Somebody opened its evidence (services.evidence_open).
    pghistory.ManualEvent("evidence_open"),  # type: ignore[no-untyped-call]
    fields=["kind", "subject", "content_hash", "state", "reason", "decision"],
    model_name="RequestEvent",
    append_only=True,
)
class Request(models.Model):
    """What one person asks for and another one does. What is asked never changes; `content_hash` binds the approval.

    `kind` is one of `controls.kinds.KINDS`; `payload` is what its functions read; `subject` names the one thing it is
    about (`payment:<id>`), so that two open requests cannot be about the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    payload = models.JSONField()
    content_hash = models.CharField(max_length=64)
    #: What it would do, as computed when it was made (`controls.effects.Effect` as JSON).
    effect = models.JSONField()
    reason = models.CharField(max_length=500)
    #: Whom it is about (`controls.kinds`); that person neither asks for it nor decides it, under no account of theirs.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    checker = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    state = models.CharField(max_length=10, choices=RequestState, default=RequestState.WAITING)
    #: The second person's words, and what executing it came to, in a sentence.
    decision = models.CharField(max_length=500, blank=True, default="")
    result = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.CheckConstraint(name="request_two_people", condition=~Q(maker=F("checker"))),
            models.CheckConstraint(
                name="request_not_about_own", condition=~Q(maker=F("person")) & ~Q(checker=F("person"))
            ),
            models.CheckConstraint(name="request_state_known", condition=Q(state__in=RequestState.values)),
            models.CheckConstraint(
                name="request_decided_by_somebody",
                condition=~Q(state__in=["executed", "refused"])
                | Q(checker__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(name="request_has_reason", condition=~Q(reason="")),
            models.UniqueConstraint(
                fields=["subject"], name="request_one_open_a_subject", condition=Q(state="waiting")
            ),
        ]
        indexes = [
            models.Index(fields=["state", "created_at"], name="request_inbox"),
            models.Index(fields=["subject", "created_at"], name="request_subject"),
        ]
        triggers = [
            pgtrigger.Protect(name="never_removed", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="content_stays",
                fields=[
                    "kind",
                    "subject",
                    "payload",
                    "content_hash",
                    "effect",
                    "reason",
                    "person",
                    "maker",
                    "created_at",
                    "expires_at",
                ],
            ),
            pgtrigger.Trigger(
                name="no_second_account",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                func=_NO_SECOND_ACCOUNT,
            ),
            pgtrigger.FSM(
                name="decided_once",
                field="state",
                transitions=[("waiting", state) for state in ("executed", "refused", "withdrawn", "expired")],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Attachment(models.Model):
    """The evidence of a request, sealed: a page of a statement, a letter. At most one, a megabyte."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.OneToOneField(Request, models.PROTECT, related_name="attachment")
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    #: Base64 of the file.
    content_sealed = models.TextField()

    content = sealed_property("content_sealed")


# --- keys, counts, erasure ------------------------------------------------------------------------


class SealingKey(models.Model):
    """A key that something here is sealed with. It may leave the settings only when it is retired (faults.md K08).

    `check_value` is a keyed hash of a constant: an id that suddenly stands for another key is noticed.
    """

    ring = models.CharField(max_length=20)
    kid = models.CharField(max_length=40)
    check_value = models.CharField(max_length=64)
    first_seen_at = models.DateTimeField(db_default=Now())
    #: Since when it stands first in its ring and seals. None: it only opens.
    sealing_since = models.DateTimeField(null=True, default=None)
    retired_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ring", "kid"], name="sealing_key_once")]

    def __str__(self) -> str:
        return f"{self.ring}:{self.kid}"


class Count(models.Model):
    """How often something was tried within a window of time, shared by all processes (`controls.counting`)."""

    key = models.CharField(primary_key=True, max_length=120)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class Erasure(models.Model):
    """The proof that data is gone: which kind, by which rule, of whom, how much. It holds nothing of the data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: What kind of data, as the policy names it (`oversight.retention`).
    what = models.CharField(max_length=40)
    rule = models.CharField(max_length=200)
    #: The person's or row's id where it is about one; the id alone says nothing outside this database.
    subject = models.CharField(max_length=120, blank=True, default="")
    rows = models.PositiveIntegerField()
    #: None: the clock did it.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, default=None, related_name="+"
    )
    done_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["what", "done_at"], name="erasure_what")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.what}: {self.rows}"


# --- the audit trail ------------------------------------------------------------------------------


class AuditEntry(models.Model):
    """One thing that somebody of the staff did, or read about a person. Written by `controls.audit`, never changed.

    It holds ids, states, amounts and reasons, and no data of a person's but the id.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    #: None: the house did it by itself.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+", db_index=False
    )
    #: Where the request came from, as far as our own proxies have noted it.
    address = models.GenericIPAddressField(null=True, default=None)
    #: One of `controls.audit.ACTIONS`.
    action = models.CharField(max_length=40)
    #: The page it was done on: the name of its path.
    page = models.CharField(max_length=60, blank=True, default="")
    #: What it was done to or what was read: `order:<id>`, or the name of a list (`orders`).
    subject = models.CharField(max_length=120, blank=True, default="")
    #: What that is about in turn: a request's own subject (`payment:<id>`), so that the thing's trail has what two
    #: people did to it. Lines of before the column have none.
    about = models.CharField(max_length=120, blank=True, default="", db_default="")
    #: Whose data or money it is about.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+", db_index=False
    )
    before = models.JSONField(null=True, default=None)
    after = models.JSONField(null=True, default=None)
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [models.CheckConstraint(name="audit_has_action", condition=~Q(action=""))]
        indexes = [
            models.Index(fields=["subject", "-id"], name="audit_subject"),
            models.Index(fields=["about", "-id"], name="audit_about"),
            models.Index(fields=["person", "-id"], name="audit_person"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["at"], name="audit_time"),
        ]
        triggers = APPEND_ONLY

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


# --- notes ----------------------------------------------------------------------------------------


class Flag(models.TextChoices):
    """What a note warns of, on every page of its subject until somebody takes it down."""

    WATCH = "watch", "Watch closely"
    FRAUD = "fraud", "Suspected fraud"
    COMPLAINT = "complaint", "Complaint open"
    CARE = "care", "Needs patience"


class Note(models.Model):
    """What staff write for one another about a person, a pool, an order. With a flag it stands on top until lowered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: `person:<id>`, `pool:<id>`, `order:<id>`.
    subject = models.CharField(max_length=120)
    #: Whom it is about, if anybody: their erasure blanks the text.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text_sealed = models.TextField(blank=True, default="")
    flag = models.CharField(max_length=10, choices=Flag, blank=True, default="")
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    lowered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, default=None, related_name="+"
    )
    lowered_at = models.DateTimeField(null=True, default=None)

    text = sealed_property("text_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="note_flag_known", condition=Q(flag="") | Q(flag__in=Flag.values)),
            models.CheckConstraint(
                name="note_lowered_by_somebody",
                condition=Q(lowered_at=None, lowered_by=None)
                | ~Q(flag="") & Q(lowered_at__isnull=False, lowered_by__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["subject", "-made_at"], name="note_subject")]
        triggers = [
            pgtrigger.Protect(name="never_removed", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="content_stays", fields=["subject", "person", "author", "flag", "made_at"]
            ),
            pgtrigger.Protect(
                name="lowered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__lowered_at__isnull=False)
                & pgtrigger.Q(old__lowered_at__df=pgtrigger.F("new__lowered_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"note on {self.subject}"


# --- exports --------------------------------------------------------------------------------------


class ExportState(models.TextChoices):
    WAITING = "waiting", "Waits for its turn"
    RUNNING = "running", "Being written"
    DONE = "done", "Ready"
    FAILED = "failed", "Stopped by an error"
    GONE = "gone", "Deleted"


EXPORT_MOVES: Moves = {
    ExportState.WAITING: frozenset({ExportState.RUNNING, ExportState.FAILED, ExportState.GONE}),
    ExportState.RUNNING: frozenset({ExportState.DONE, ExportState.FAILED, ExportState.WAITING}),
    ExportState.DONE: frozenset({ExportState.GONE}),
    ExportState.FAILED: frozenset({ExportState.GONE}),
    ExportState.GONE: frozenset(),
}


class Export(models.Model):
    """A list too long to be written while somebody waits (`accounts.exporting`): a job writes it, and a day later it is
    deleted. Only who asked for it gets it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: One of `controls.exports.EXPORTS`, and how it was filtered (JSON: what was typed may be a phone number).
    kind = models.CharField(max_length=40)
    filters_sealed = models.TextField(blank=True, default="")
    format = models.CharField(max_length=4)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=ExportState, default=ExportState.WAITING)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, default=None)
    expires_at = models.DateTimeField()

    filters = sealed_property("filters_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(name="export_state_known", condition=Q(state__in=ExportState.values)),
            models.CheckConstraint(name="export_format_known", condition=Q(format__in=["csv", "xlsx"])),
            # One at a time of one person: a second waits until the first is written.
            models.UniqueConstraint(
                fields=["by"], name="export_one_open", condition=Q(state__in=["waiting", "running"])
            ),
        ]
        indexes = [models.Index(fields=["by", "-created_at"], name="export_newest")]
        triggers = [
            pgtrigger.ReadOnly(name="content_stays", fields=["kind", "format", "by", "created_at"]),
            pgtrigger.FSM(
                name="moves",
                field="state",
                transitions=[
                    (str(one), str(other)) for one, to in EXPORT_MOVES.items() for other in sorted(to)
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ExportPart(models.Model):
    """A piece of a written export, sealed, in its order. Any web process hands it out from here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    export = models.ForeignKey(Export, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    #: Base64 of the bytes.
    content_sealed = models.TextField()

    content = sealed_property("content_sealed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_part_once")]
