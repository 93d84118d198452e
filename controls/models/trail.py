"""The audit trail, and what staff write for one another."""

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.triggers import NEVER_REMOVED, Protect, ReadOnly, append_only


class AuditEntry(models.Model):
    """One thing that somebody of the staff did, or read about a person. Written by `controls.audit`, never changed.

    It holds ids, states, amounts and reasons, and no data of a person's but the id. When somebody is erased, `reason`
    lets go of them, and of nothing else: the database looks (`controls_audit_forgets`, a migration).
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
        # One for each filter: what is rare would else be sought through all lines, half a second for a million of them.
        # Each costs a line some 15 microseconds of about 200.
        indexes = [
            models.Index(fields=["subject", "-id"], name="audit_subject"),
            models.Index(fields=["about", "-id"], name="audit_about"),
            models.Index(fields=["person", "-id"], name="audit_person"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["page", "-id"], name="audit_page"),
            models.Index(fields=["address", "-id"], name="audit_address"),
            models.Index(fields=["at"], name="audit_time"),
        ]
        triggers = append_only(but="public.controls_audit_forgets(OLD, NEW)")

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
    #: Of the form that it was written in: the same form sent twice is one note. None: no form wrote it.
    key = models.UUIDField(null=True, default=None, unique=True, editable=False)
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
            *NEVER_REMOVED,
            ReadOnly(name="content_stays", fields=["subject", "person", "author", "key", "flag", "made_at"]),
            Protect(
                name="lowered_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__lowered_at__isnull=False)
                & pgtrigger.Q(old__lowered_at__df=pgtrigger.F("new__lowered_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"note on {self.subject}"
