"""Thresholds and switches: what staff steer, and which database this is."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from goldwallet.clock import Now
from goldwallet.triggers import HISTORY, NEVER_REMOVED


@pghistory.track(meta=HISTORY)
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
    pghistory.UpdateEvent(condition=pghistory.AnyChange("paused", "cause", "note")), meta=HISTORY
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
        triggers = NEVER_REMOVED

    def __str__(self) -> str:
        return f"{self.name}: {'paused' if self.paused else 'on'}"


class Anchor(models.Model):
    """Which database this is. A restored copy differs from what is written in it (faults.md W12). One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    text = models.CharField(max_length=120)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(name="anchor_once", condition=Q(id=1))]
