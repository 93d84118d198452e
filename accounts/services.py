"""Writes about people that no page of allauth makes."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import pghistory
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts import holds, second_factor
from accounts.models import KycStatus, Tier, User, tier_of
from accounts.plain import address_refuse
from accounts.roles import Role
from controls.audit import record
from goldwallet import phones
from goldwallet.errors import Refused
from goldwallet.typed import one_line


def person_create(
    *,
    email: str,
    password: str,
    phone: str = "",
    username: str = "",
    kyc_status: str = KycStatus.UNVERIFIED,
    is_staff: bool = False,
) -> User:
    """A person whose e-mail address counts as verified, for demo data and tests. Customers sign themselves
    up.

    The username is the first part of the address unless given. Raises Refused for a number that is not
    Kenyan, and for an address that no account may have.
    """
    address_refuse(email)
    with transaction.atomic():
        person = User(
            username=username or email.partition("@")[0],
            email=User.objects.normalize_email(email),
            kyc_status=kyc_status,
            is_staff=is_staff,
        )
        person.phone = phones.normalise(phone) if phone else ""
        person.set_password(password)
        person.save(force_insert=True)
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def staff_create(
    *,
    email: str,
    password: str,
    roles: Iterable[str],
    totp_secret: str = "",
    phone: str = "",
    username: str = "",
) -> User:
    """A member of staff with roles. `totp_secret` (base 32) enrols an authenticator at once; without it the
    person enrols at the first sign-in.
    """
    with transaction.atomic():
        person = person_create(email=email, password=password, phone=phone, username=username, is_staff=True)
        roles_give(person=person, roles=roles)
        if totp_secret:
            second_factor.authenticator_give(user=person, key=totp_secret)
    return person


def roles_give(*, person: User, roles: Iterable[str]) -> None:
    """These roles and no others; whoever has one works here, whoever has none does not. Two people change them
    (`accounts.requests`), or the command line in a house without them (`accounts.hiring`).
    """
    # Made when missing: a database without its groups must not make staff without roles.
    groups = [Group.objects.get_or_create(name=Role(role).value)[0] for role in roles]
    person.groups.set(groups)
    person.is_staff = bool(groups)
    User.objects.filter(pk=person.pk).exclude(is_staff=person.is_staff).update(is_staff=person.is_staff)


@dataclass(frozen=True, slots=True)
class LockedPerson:
    """What a service needs of a person whose row it has locked."""

    id: uuid.UUID
    kyc_status: str
    is_active: bool
    frozen: bool
    enhanced: bool
    #: Nothing is paid out to the person for now (`User.payouts_from`).
    payouts_held: bool
    #: Of the person's own number, which alone is paid (`accounts.numbers`).
    phone_lookup: str

    @property
    def tier(self) -> Tier:
        return tier_of(self.kyc_status, enhanced=self.enhanced)


# NO KEY UPDATE excludes other orders of the person; rows that merely point at the person (a message, an order being
# settled) do not wait for it. Raw, since it opens every order (docs/performance.md); a test holds it to the model.
PERSON_LOCK = """
SELECT id, kyc_status, is_active, frozen_reason <> '', enhanced, coalesce(payouts_from > wallet_now(), false),
       phone_lookup
FROM accounts_user WHERE id = %s FOR NO KEY UPDATE
"""


def person_lock(user_id: uuid.UUID) -> LockedPerson:
    """Lock the person's row until the transaction ends: limits are checked under it. Raises User.DoesNotExist."""
    with connection.cursor() as cursor:
        cursor.execute(PERSON_LOCK, [user_id])
        row = cursor.fetchone()
    if row is None:
        raise User.DoesNotExist(f"there is no person {user_id}")
    return LockedPerson(*row)


def person_lock_now(user_id: uuid.UUID) -> LockedPerson | None:
    """As `person_lock`, for who holds later locks of the order already: does not wait. None: somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute(f"{PERSON_LOCK} SKIP LOCKED", [user_id])
        row = cursor.fetchone()
    return LockedPerson(*row) if row else None


def person_freeze(*, user_id: uuid.UUID, reason: str, by: uuid.UUID | None = None) -> bool:
    """Put a person on hold, by staff or by the house itself (None); False: they were on hold already, and the first
    reason stays. Lifting it takes two people. Raises Refused without a reason, and for a hold on oneself, and Conflict
    when staff would leave fewer than two who can lift it (`accounts.holds`).
    """
    if by == user_id:
        raise Refused("You cannot put yourself on hold. Ask somebody else to do it.", code="own", status=403)
    said = one_line(reason)[:200]
    if len(said) < 5:
        raise Refused("Write why. The person's history keeps it.", code="reason")
    who = {"user": str(by)} if by else {}
    with pghistory.context(**who, action="person_freeze"), transaction.atomic():
        one_less = by is not None and _one_less(user_id)
        changed = User.objects.filter(pk=user_id, frozen_reason="").update(frozen_reason=said) == 1
        if changed:
            if one_less:
                holds.refuse_too_few(but=user_id)
            record(
                "hold",
                subject=f"person:{user_id}",
                person_id=user_id,
                before={"on_hold": False},
                after={"on_hold": True},
                reason=said,
                by=by,
            )
    return changed


def _one_less(user_id: uuid.UUID) -> bool:
    """Whether a hold takes this person away from those who lift holds. Of such holds the second waits here."""
    if not User.objects.filter(pk=user_id, groups__name__in=holds.LIFTERS).exists():
        return False
    holds.lifters_lock()
    return holds.may_lift(user_id)


# --- identity -------------------------------------------------------------------------------------


def person_identity_set(*, user_id: uuid.UUID, kyc_status: str) -> None:
    """Say how far a person has shown who they are; call it under the person's lock.

    That they may trade more was agreed about the identity that was proven then: without one it ends.
    """
    changes: dict[str, object] = {"kyc_status": KycStatus(kyc_status)}
    if kyc_status != KycStatus.VERIFIED:
        changes["enhanced"] = False
    User.objects.filter(pk=user_id).update(**changes)


def person_enhance(*, user_id: uuid.UUID, enhanced: bool) -> bool:
    """Let a verified person trade more, or no longer; call it under the person's lock. False: nothing to change."""
    verified = User.objects.filter(pk=user_id, kyc_status=KycStatus.VERIFIED)
    return verified.filter(enhanced=not enhanced).update(enhanced=enhanced) == 1
