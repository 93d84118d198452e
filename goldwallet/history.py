"""Reading what django-pghistory wrote about a row."""

from typing import Any

from django.db.models import Model


def events_of(row: Model) -> list[Any]:
    """The stored changes of a tracked row, oldest first, each with the context (who, from which page)."""
    # The tracker names its accessor after the fields that it keeps; the link back to the row is always `pgh_obj`.
    relation = next(found for found in row._meta.related_objects if found.field.name == "pgh_obj")
    events: Any = getattr(row, relation.get_accessor_name() or "")
    return list(events.select_related("pgh_context").order_by("pgh_created_at", "pgh_id"))
