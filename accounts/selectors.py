"""Reads about people."""

import datetime as dt
import uuid
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.apps import apps
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Authenticator, RecoveryCode, User
from accounts.roles import Role
from controls.selectors import threshold
from goldwallet import phones
from goldwallet.clock import after, now
from goldwallet.sealing import fingerprint

# How long a notice goes to an address after it was replaced.
_CONTACT_HOURS = 30 * 24.0
_ROLES = frozenset(Role)


@dataclass(frozen=True, kw_only=True)
class SecondFactorState:
    """What the security page shows. `codes_left` counts unused recovery codes."""

    enrolled: bool
    codes_left: int


def people_by_phone(phone: str) -> list[User]:
    """Everybody who gave this number, oldest first; several may, as a number is not proven yet. Raises
    Refused.
    """
    wanted = fingerprint(phones.normalise(phone), kind="phone")
    return list(User.objects.filter(phone_lookup=wanted).order_by("created_at", "pk"))


def person_by_phone(phone: str) -> User | None:
    """The one person with this number; None when nobody has it and when several do. Raises Refused."""
    found = people_by_phone(phone)
    return found[0] if len(found) == 1 else None


def person_by_email(email: str) -> User | None:
    return User.objects.filter(email=email.strip().lower()).first()


def person_by_login(login: str) -> User | None:
    """Whose account a sign-in with this e-mail address or username is about."""
    text = login.strip()
    return (
        User.objects.filter(Q(email=text.lower()) | Q(username__iexact=text)).order_by("created_at").first()
    )


def people_named(text: str, *, most: int) -> list[uuid.UUID]:
    """The ids of at most so many people with this in their username or e-mail address. A whole address means the person
    who has it, whoever else has it as a part of their name.
    """
    exact = person_by_email(text) if "@" in text else None
    if exact is not None:
        return [exact.pk]
    named = User.objects.filter(Q(username__icontains=text) | Q(email__icontains=text))
    return list(named.values_list("pk", flat=True)[:most])


def roles_of(user: User) -> frozenset[Role]:
    """The roles of this person. Asked once a request: the answer stays on the instance."""
    if not hasattr(user, "_roles"):
        names = user.groups.filter(name__in=list(Role)).values_list("name", flat=True)
        user._roles = frozenset(Role(name) for name in names)  # type: ignore[attr-defined]
    roles: frozenset[Role] = user._roles  # type: ignore[attr-defined]
    return roles


def is_staff_member(user: User) -> bool:
    """Staff need the second factor: whoever is marked as staff or has any role."""
    return user.is_staff or bool(roles_of(user))


def staff_ever() -> QuerySet[User]:
    """Everybody who works here, or has had a role here."""
    granted = apps.get_model("accounts", "RoleGrantEvent")._default_manager.values("user_id")
    return User.objects.filter(Q(is_staff=True) | Q(pk__in=granted))


def has_worked_here(user: User) -> bool:
    return is_staff_member(user) or staff_ever().filter(pk=user.pk).exists()


def address_proven(user: User) -> bool:
    """Whether the person has opened the link that was mailed to the address which the account has now."""
    return bool(EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists())


def authenticator_of(user: User) -> Authenticator | None:
    """The confirmed authenticator."""
    found: Authenticator | None = Authenticator.objects.filter(user=user, confirmed=True).first()
    return found


def second_factor_state(user: User) -> SecondFactorState:
    return SecondFactorState(
        enrolled=authenticator_of(user) is not None,
        codes_left=RecoveryCode.objects.filter(kit__user=user, used_at=None).count(),
    )


# The database notes each grant and withdrawal of a role, whoever makes it by whatever way. Every request of staff asks
# all of it, so it is one statement.
_STANDING = """
SELECT wallet_now(), coalesce((SELECT max(pgh_id) FROM accounts_rolegrantevent WHERE user_id = %(user)s), 0),
       ARRAY(SELECT g.name FROM auth_group g JOIN accounts_user_groups m ON m.group_id = g.id
             WHERE m.user_id = %(user)s)
"""


def standing(user: User) -> tuple[dt.datetime, int]:
    """The database's time, and the number of the last grant or withdrawal of a role of this person, 0 without any.

    What `roles_of` answers for the rest of the request is read with it.
    """
    if not user.is_staff:
        return now(), 0
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"user": user.pk})
        moment, event, names = cursor.fetchone()
    user._roles = frozenset(Role(name) for name in names if name in _ROLES)  # type: ignore[attr-defined]
    return moment.astimezone(dt.UTC), event


def contacts(user: User) -> list[str]:
    """Where notices go: the person's address, and those that it has replaced lately. Lately is a month, and never less
    than the cool-off of a payout number: a thief who waits for its end is still heard of.
    """
    return list(dict.fromkeys([user.email, *_addresses_since(user, max(_CONTACT_HOURS, _cooloff_hours()))]))


def proof_address(user: User) -> str:
    """Where codes go that prove who somebody is: to the address that the person had before the cool-off of a payout
    number began. So who has changed it since, by whatever way, waits as long as for a new number.

    For an account that is younger, it is the address of the sign-up.
    """
    addresses = _addresses_since(user, _cooloff_hours())
    return addresses[-1] if addresses else user.email


def _cooloff_hours() -> float:
    return float(threshold("payout_cooloff_hours"))


def _addresses_since(user: User, hours: float) -> list[str]:
    """The person's addresses of these last hours, the newest first; the last is the one that they began with.

    The database notes every change of an address, whoever makes it by whatever way.
    """
    events = apps.get_model("accounts", "UserEvent")._default_manager.filter(pgh_obj_id=user.pk)
    since = after(-hours * 3600)
    before = events.filter(pgh_created_at__lte=since).order_by("-pgh_id").values_list("email", flat=True)[:1]
    lately = events.filter(pgh_created_at__gt=since).order_by("-pgh_id").values_list("email", flat=True)
    return [*lately, *before]


def people_on_hold(*, limit: int) -> list[User]:
    """So many at most; the list of people has all of them."""
    return list(User.objects.exclude(frozen_reason="").order_by("email")[:limit])


def staff_with_roles() -> list[tuple[User, list[str]]]:
    """Everybody who works here, with the names of their roles."""
    staff = User.objects.filter(is_staff=True).prefetch_related("groups").order_by("-is_active", "email")
    return [(person, sorted(group.name for group in person.groups.all())) for person in staff]
