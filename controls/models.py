"""What staff steer."""

import pghistory
from django.conf import settings
from django.db import models

from goldwallet.clock import Now


@pghistory.track(append_only=True)
class Threshold(models.Model):
    """A number that staff moved away from its default (`controls.thresholds`). No row: the default counts."""

    name = models.CharField(primary_key=True, max_length=40)
    value = models.DecimalField(max_digits=20, decimal_places=2)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"
