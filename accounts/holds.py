"""Holds on those who decide: one person puts anybody on hold at once, and two are left who can lift it.

Else the last one who is free could shut out everybody else, and nobody at the desk could undo it (docs/runbook.md,
"Holds"). What the house puts on hold by itself is not limited: money comes first.
"""

import uuid
from collections.abc import Collection
from functools import cache
from itertools import product

import pghistory
import structlog
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from controls.audit import record
from controls.kinds import KINDS, accounts_of
from goldwallet.errors import Conflict, Refused
from goldwallet.typed import one_line

log = structlog.get_logger(__name__)

#: They ask for the lifting of a hold, and decide it; they decide nearly everything else as well.
LIFTERS = frozenset(
    Role(name) for name in KINDS["person_unfreeze"].makers & KINDS["person_unfreeze"].checkers
)
TOO_FEW = (
    "Then fewer than two people could lift a hold, so this was not done. Lift another hold first, or give one more "
    "person the role treasury or administrator. If it cannot wait, pause payouts, and see the runbook."
)


def lifters_lock() -> None:
    """Whoever takes somebody away from those who decide waits here for the others, in the caller's transaction: two at
    once would each leave the other's.
    """
    group = Group.objects.select_for_update().filter(name=Role.ADMINISTRATOR)
    if not group:
        # What is locked must be there. Harmless when two do it at once.
        Group.objects.bulk_create([Group(name=Role.ADMINISTRATOR)], ignore_conflicts=True)
        group.get()


def may_lift(person_id: uuid.UUID) -> bool:
    return person_id in free_with(LIFTERS)


def free_with(roles: Collection[str]) -> list[uuid.UUID]:
    """Whose account is open and not on hold, and who has one of these roles to act with."""
    free = User.objects.filter(is_active=True, frozen_reason="", groups__name__in=roles)
    # A subquery: an auditor with another role would else pass by that one.
    return list(
        free.exclude(groups__name=Role.AUDITOR).order_by("pk").distinct().values_list("pk", flat=True)
    )


def two_can_lift(*, but: uuid.UUID | None = None) -> bool:
    """Whether two different persons are free to lift a hold; `but`: whose hold it is, who is none of them under any
    account.
    """
    found = set(free_with(LIFTERS)) - (accounts_of(but) if but else set())
    return _two(found, found)


def two_can_give_roles() -> bool:
    """Whether one person is free to ask for somebody's roles, and a different one to decide it."""
    kind = KINDS["roles_set"]
    return _two(free_with(kind.makers), free_with(kind.checkers))


def _two(some: Collection[uuid.UUID], others: Collection[uuid.UUID]) -> bool:
    """Whether one of these and one of those are two persons, under whichever accounts."""
    known = cache(accounts_of)
    pairs = product(sorted(some), sorted(others))
    return any(other not in known(one) and one not in known(other) for one, other in pairs)


def refuse_too_few(*, but: uuid.UUID | None = None) -> None:
    """Raises Conflict, after an act and under `lifters_lock`, when it has left fewer than two."""
    if not two_can_lift(but=but):
        raise Conflict(TOO_FEW, code="too_few")


def hold_lift_alone(*, person: User, reason: str, by: User) -> None:
    """Lift a hold where the desk cannot (`manage.py staff_hold lift`). Raises Refused where two people could do it."""
    said = one_line(reason)[:200]
    if len(said) < 10:
        raise Refused("Write why, in at least 10 letters. The audit trail keeps it.", code="reason")
    if by.pk in accounts_of(person.pk):
        raise Refused("Nobody lifts their own hold. Name somebody else.", code="own", status=403)
    with pghistory.context(user=str(by.pk), action="hold_lift_alone"), transaction.atomic():
        lifters_lock()
        if two_can_lift(but=person.pk):
            raise Refused("Two people at the desk can lift it. Ask them.", code="desk")
        if not User.objects.filter(pk=person.pk).exclude(frozen_reason="").update(frozen_reason=""):
            raise Conflict(f"{person.email} is not on hold.", code="not_frozen")
        record(
            "hold_lift",
            subject=f"person:{person.pk}",
            person_id=person.pk,
            before={"on_hold": True},
            after={"on_hold": False},
            reason=said,
            by=by.pk,
        )
    log.warning("a hold was lifted from the command line", person=str(person.pk), by=str(by.pk))
