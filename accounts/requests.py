"""What takes two people about people: somebody's roles, and lifting a hold (`controls.kinds`)."""

import uuid
from collections.abc import Iterable
from typing import Any

from accounts.hiring import hire_refuse
from accounts.holds import lifters_lock, may_lift, refuse_too_few
from accounts.models import KycStatus, User
from accounts.roles import Role, roles_named
from accounts.selectors import authenticator_of
from accounts.services import person_lock, roles_give
from controls.effects import Change, Description
from controls.models import Request
from goldwallet.errors import Refused
from goldwallet.money import show_kes
from ledger import chart
from ledger.selectors import balance


def person_of(payload: dict[str, Any]) -> User:
    """Whom a request is about. Raises Refused."""
    try:
        return User.objects.get(pk=uuid.UUID(str(payload.get("person", ""))))
    except (ValueError, User.DoesNotExist):
        raise Refused("There is no such person.", code="person") from None


# --- roles ----------------------------------------------------------------------------------------


def _roles(payload: dict[str, Any]) -> frozenset[Role]:
    asked = payload.get("roles")
    return roles_named(asked if isinstance(asked, list) else [None])


def _held(person: User) -> frozenset[str]:
    return frozenset(person.groups.values_list("name", flat=True))


def _words(roles: Iterable[str]) -> str:
    return ", ".join(sorted(roles)) or "none"


def roles_set_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `roles` (list of names): all the roles that the person has from then on. Who has one
    works here, who has none does not.
    """
    person, roles = person_of(payload), _roles(payload)
    begins, ends = bool(roles) and not person.is_staff, person.is_staff and not roles
    if begins:
        hire_refuse(person)
    elif not person.is_staff:
        raise Refused(f"{person.email} does not work here yet. Choose a role.", code="none")
    elif _held(person) == roles and not ends:
        raise Refused(f"{person.email} has exactly these roles already.", code="same")
    change = Change(f"Roles of {person.email}", _words(_held(person)), _words(roles))
    changes = [
        change,
        Change(f"Where {person.email} is signed in", "as now", "signed out, and signs in again"),
    ]
    summary = f"{person.email} has the roles {change.after} instead of {change.before}."
    if begins:
        changes.append(Change(f"{person.email} works here", "no", "yes"))
        changes.append(_second_factor(person))
        summary = f"{person.email} comes to work here, with the roles {change.after}."
    if ends:
        changes.append(Change(f"{person.email} works here", "yes", "no, and stays a customer"))
        summary = f"{person.email} does not work here any more, and stays a customer."
    warned = roles and _unknown(person)
    return Description(summary, tuple(changes), warnings=(_UNKNOWN,) if warned else ())


def _second_factor(person: User) -> Change:
    label, asked = f"Second factor of {person.email}", "asked for at each sign-in"
    if authenticator_of(person):
        return Change(label, "an authenticator app", asked)
    return Change(label, "none", f"set up at the next sign-in by who has the password, then {asked}")


_UNKNOWN = (
    "Nobody can see whether this account is a second one of somebody: it has no phone number, and no ID is proven for "
    "it. Make sure that you know whose it is."
)


def _unknown(person: User) -> bool:
    """Whether there is nothing by which one could tell that this is an account of somebody known (`kyc.alike`)."""
    return not person.phone_lookup and person.kyc_status != KycStatus.VERIFIED


def roles_set_execute(request: Request) -> str:
    # Two at once must not leave the house without an administrator, nor a change and a hold without two who decide.
    lifters_lock()
    person_lock(person_of(request.payload).pk)
    description = roles_set_describe(request.payload)
    person, roles = person_of(request.payload), _roles(request.payload)
    if Role.ADMINISTRATOR not in roles and not _other_administrators(person):
        raise Refused("Then nobody would be administrator. Give somebody else the role first.", code="last")
    lifted = may_lift(person.pk)
    roles_give(person=person, roles=roles)
    if lifted and not may_lift(person.pk):
        refuse_too_few()
    return description.summary


def _other_administrators(person: User) -> bool:
    active = User.objects.filter(
        is_active=True, is_staff=True, frozen_reason="", groups__name=Role.ADMINISTRATOR
    )
    return active.exclude(pk=person.pk).exists()


# --- holds ----------------------------------------------------------------------------------------


def person_unfreeze_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id)."""
    person = person_of(payload)
    if not person.frozen_reason:
        raise Refused(f"{person.email} is not on hold.", code="not_frozen")
    owed = -balance(chart.user_receivable(person.pk))
    owes = f" {person.email} still owes us {show_kes(owed)}." if owed > 0 else ""
    change = Change(f"Hold on {person.email}", person.frozen_reason, "lifted")
    return Description(f"{person.email} may buy, sell and be paid again.{owes}", (change,))


def person_unfreeze_execute(request: Request) -> str:
    person = person_of(request.payload)
    person_lock(person.pk)
    if not User.objects.filter(pk=person.pk).exclude(frozen_reason="").update(frozen_reason=""):
        raise Refused(f"{person.email} is not on hold.", code="not_frozen")
    return f"The hold on {person.email} is lifted."
