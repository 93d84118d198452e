"""Writes of what staff steer."""

from decimal import Decimal
from typing import Any

import pghistory
from django.db import transaction

from controls.models import Threshold
from controls.selectors import thresholds_forget
from controls.thresholds import DEFINITIONS
from goldwallet.clock import Now
from goldwallet.errors import Refused


def threshold_set(*, name: str, value: Decimal, by: Any) -> None:
    """Move a threshold. `by` is the staff member; `value` is in the unit of `controls.thresholds`.

    Raises Refused for a name that does not exist, a value out of its bounds or with too many places.
    Other processes see the new value within `selectors.CACHE_SECONDS`.
    """
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise Refused(f"There is no threshold called {name}.", code="threshold_unknown")
    if not value.is_finite() or not definition.least <= value <= definition.most:
        raise Refused(
            f"{definition.label}: choose a number from {definition.least} to {definition.most}.",
            code="threshold_bounds",
        )
    if value != round(value, definition.places):
        raise Refused(f"{definition.label}: use a whole number.", code="threshold_places")
    with transaction.atomic(), pghistory.context(user=str(by.pk), action="threshold_set"):
        Threshold.objects.update_or_create(
            name=name, defaults={"value": value, "changed_by_id": by.pk, "changed_at": Now()}
        )
        # After the commit: before it, another thread would read the old value and keep it.
        transaction.on_commit(thresholds_forget)
    thresholds_forget()
