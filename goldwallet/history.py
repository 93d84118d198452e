"""Reading what django-pghistory wrote about a row."""

from typing import Any

from django.db.models import Model


def events_of(row: Model) -> list[Any]:
    """The stored changes of a tracked row, oldest first, each with the context (who, from which page)."""
    # The tracker adds `events` when it is loaded, which a type checker cannot see.
    events: Any = getattr(row, "events")  # noqa: B009
    return list(events.select_related("pgh_context").order_by("pgh_created_at"))
