"""Keys that seal, counts of tries, and proofs of erasure."""

import uuid

from django.conf import settings
from django.db import models

from goldwallet.clock import Now
from goldwallet.triggers import APPEND_ONLY


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
        triggers = APPEND_ONLY

    def __str__(self) -> str:
        return f"{self.what}: {self.rows}"
