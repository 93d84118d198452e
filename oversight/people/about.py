"""What a note can be about, where it stands, who writes there, and whose it is."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import may_act, may_see
from accounts.roles import Role
from goldwallet.errors import Refused
from pools.models import Pool
from trading.models import Order


@dataclass(frozen=True, slots=True)
class About:
    """One kind of thing that notes are written about. `roles` work on its page; the administrator does everywhere.

    `person_of` answers whose it is; it raises Refused (404) when there is no such thing. `called`: the column that
    pages call one by; `many`: as the overview calls them.
    """

    roles: tuple[Role, ...]
    page: str
    person_of: Callable[[uuid.UUID], uuid.UUID | None]
    rows: Callable[[], QuerySet[Any]]
    called: str
    many: str


def _missing() -> Refused:
    return Refused("There is nothing here to write about.", code="subject", status=404)


def _person(key: uuid.UUID) -> uuid.UUID | None:
    if not User.objects.filter(pk=key).exists():
        raise _missing()
    return key


def _customer_of_order(key: uuid.UUID) -> uuid.UUID | None:
    found = Order.objects.filter(pk=key).values_list("user_id", flat=True).first()
    if found is None:
        raise _missing()
    return found


def _nobody(key: uuid.UUID) -> uuid.UUID | None:
    if not Pool.objects.filter(pk=key).exists():
        raise _missing()
    return None


ABOUT: dict[str, About] = {
    "person": About(
        (Role.REVIEWER, Role.TREASURY), "desk_person", _person, User.objects.all, "email", "people"
    ),
    "order": About(
        (Role.TREASURY, Role.PRICING, Role.VAULT),
        "desk_order",
        _customer_of_order,
        Order.objects.all,
        "reference",
        "orders",
    ),
    "pool": About((Role.VAULT,), "desk_pool", _nobody, Pool.objects.all, "name", "pools"),
}
#: Everybody who writes about anything.
WRITERS = tuple(sorted({role for about in ABOUT.values() for role in about.roles} | {Role.ADMINISTRATOR}))


def split(subject: str) -> tuple[About, uuid.UUID]:
    """The kind and the key of `person:<id>`. Raises Refused (404) for anything that no note can be about."""
    kind, _, key = subject.partition(":")
    if kind not in ABOUT:
        raise _missing()
    try:
        return ABOUT[kind], uuid.UUID(key)
    except ValueError:
        raise _missing() from None


def may_read(user: User, about: About) -> bool:
    return may_see(user, *about.roles)


def may_write(user: User, about: About) -> bool:
    return may_act(user, *about.roles, Role.ADMINISTRATOR)
