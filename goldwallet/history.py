"""Reading what django-pghistory wrote about a row."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Model


def events_of(row: Model, *, known: Iterable[Any] = ()) -> list[Any]:
    """The stored changes of a tracked row, oldest first; each with `by`, the person who made it (None: the system).

    `known`: people that the caller has read already.
    """
    # The tracker names its accessor after the fields that it keeps; the link back to the row is always `pgh_obj`.
    relation = next(found for found in row._meta.related_objects if found.field.name == "pgh_obj")
    events: Any = getattr(row, relation.get_accessor_name() or "")
    found = list(events.select_related("pgh_context").order_by("pgh_created_at", "pgh_id"))
    return with_authors(found, known=known)


def with_authors(found: list[Any], *, known: Iterable[Any] = ()) -> list[Any]:
    """Stored changes, read with their contexts; each gets its `by`, as `events_of` has it."""
    names = [event.pgh_context.metadata.get("user") if event.pgh_context else None for event in found]
    people = {person.pk: person for person in known}
    others = {UUID(name) for name in names if name} - set(people)
    people |= get_user_model()._default_manager.in_bulk(others)
    for event, name in zip(found, names, strict=True):
        event.by = people.get(UUID(name)) if name else None
    return found
