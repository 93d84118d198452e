"""Long lists that a job writes for one of the staff."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves
from goldwallet.triggers import FSM, ReadOnly


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
    #: Whether the written file has people's addresses in it, so that only who may see people gets it. True until it
    #: is known.
    shows_people = models.BooleanField(default=True, db_default=True)
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
            ReadOnly(name="content_stays", fields=["kind", "format", "by", "created_at"]),
            FSM(
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
