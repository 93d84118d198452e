"""Who comes to work here. Two people decide it at the desk (`accounts.requests`); in a house without these two the
first administrators come from the command line (`manage.py staff_first`; docs/runbook.md, "A new colleague").

Whoever works here has been a customer and stays one: their grams and shillings stay theirs, and nobody of the staff
asks for or decides what is about themselves.
"""

import pghistory
import structlog
from django.db import transaction

from accounts.holds import free_with, lifters_lock, two_can_give_roles
from accounts.models import User
from accounts.roles import Role
from accounts.selectors import address_proven, roles_of
from accounts.services import person_lock, roles_give
from controls.audit import record
from controls.kinds import KINDS, accounts_of
from goldwallet.errors import Conflict, Refused

log = structlog.get_logger(__name__)


def hire_refuse(person: User) -> None:
    """Raises Refused for who does not work here and cannot begin to."""
    if not person.is_active:
        raise Refused(f"The account of {person.email} is closed.", code="closed")
    if not address_proven(person):
        raise Refused(
            f"{person.email} is not confirmed yet. The person opens the link in our mail first.",
            code="unproven",
        )
    if person.frozen_reason:
        raise Refused(f"{person.email} is on hold. Two people lift the hold first.", code="frozen")


def staff_first(*, person: User, roles: frozenset[Role]) -> None:
    """Make somebody an administrator while nobody at the desk can. Raises Refused, and Conflict where two people could
    do it there.
    """
    if Role.ADMINISTRATOR not in roles:
        raise Refused("Name the role administrator: administrators ask for all other colleagues at the desk.")
    with pghistory.context(action="staff_first"), transaction.atomic():
        lifters_lock()
        if two_can_give_roles():
            raise Conflict("Two people at the desk can give roles. Ask them.", code="desk")
        person_lock(person.pk)
        found = User.objects.get(pk=person.pk)
        hire_refuse(found)
        _refuse_second_account(found)
        held = roles_of(found)
        if held == roles:
            raise Conflict(f"{found.email} has exactly these roles already.", code="same")
        roles_give(person=found, roles=roles)
        record(
            "staff_first",
            subject=f"roles:{found.pk}",
            person_id=found.pk,
            before={"roles": sorted(held)},
            after={"roles": sorted(roles)},
        )
    log.warning("an administrator was made from the command line", person=str(person.pk))


def _refuse_second_account(person: User) -> None:
    """Two accounts of one person never are the two who are needed."""
    others = (accounts_of(person.pk) - {person.pk}) & set(free_with(KINDS["roles_set"].checkers))
    if others:
        names = ", ".join(
            User.objects.filter(pk__in=others).order_by("email").values_list("email", flat=True)
        )
        raise Refused(
            f"{person.email} has a phone or an ID in common with {names}. The second one must be another person.",
            code="own",
            status=403,
        )
