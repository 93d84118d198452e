"""Whose data somebody asks for, told from what they typed: the audit trail's line of a list or a file names them."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.selectors import people_by_phone, people_named, person_by_email
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from ledger.chart import owner_of


def only(people: Iterable[uuid.UUID | None]) -> uuid.UUID | None:
    """The one person who stands there, however often. None for nobody, and for several."""
    found = {person for person in people if person is not None}
    return found.pop() if len(found) == 1 else None


def person_meant(*, name: str = "", phone: str = "") -> uuid.UUID | None:
    """The one person with this name, or else with this number. None for nobody, and for several."""
    if name:
        return only(people_named(name, most=2))
    try:
        return only(person.pk for person in people_by_phone(phone)) if phone else None
    except Refused:
        return None


def whose_rows(rows: QuerySet[Any]) -> Iterator[uuid.UUID]:
    """Whose these rows are; two at most, by which one tells that they are several people's. Raises Refused for what
    takes too long.
    """
    with in_time():
        yield from rows.order_by().values_list("user_id", flat=True).distinct()[:2]


def owner_meant(*written: str) -> uuid.UUID | None:
    """The one person of these e-mail addresses and accounts: a whole code, or `user:<id>` for all of a person's."""
    owner = only(_owner(text) for text in written)
    # An account's code outlives whoever it is named after; the trail names only whom we know.
    return owner if owner and User.objects.filter(pk=owner).exists() else None


def _owner(written: str) -> uuid.UUID | None:
    if "@" in written:
        found = person_by_email(written)
        return found.pk if found else None
    try:
        owner = owner_of(f"{written.rstrip(':')}:any")
        return uuid.UUID(owner.id) if owner.kind == "user" else None
    except ValueError:
        return None
