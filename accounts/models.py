"""People, and the second factor of those who have one."""

import secrets
import uuid
from collections.abc import Callable
from typing import ClassVar

import pghistory
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower
from django_otp.models import Device

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property


class KycStatus(models.TextChoices):
    UNVERIFIED = "unverified", "Not verified"
    PENDING = "pending", "In review"
    VERIFIED = "verified", "Verified"
    REJECTED = "rejected", "Rejected"


class PeopleManager(UserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Lower case throughout: nobody runs two mailboxes that differ in capitals only, and thieves pretend
        to.
        """
        return (email or "").strip().lower()


@pghistory.track(
    exclude=["password", "last_login", "phone_sealed", "first_name", "last_name"], append_only=True
)
class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A person: customer or staff. Grams and money stand in the ledger, never here.

    The phone is not unique: until the number is proven, somebody else's typing error must not shut its owner
    out (docs/decisions, "Phone numbers are not unique").
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    kyc_status = models.CharField(max_length=12, choices=KycStatus, default=KycStatus.UNVERIFIED)
    phone_sealed = models.TextField(blank=True, default="")
    phone_lookup = models.CharField(max_length=64, blank=True, default="", db_index=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # On hold: signs in and reads, and neither buys nor sells nor is paid. Empty: not on hold.
    frozen_reason = models.CharField(max_length=200, blank=True, default="")

    # Put there by django-otp's middleware: has this session shown the second factor?
    is_verified: Callable[[], bool]

    phone = sealed_property("phone_sealed", lookup="phone_lookup", kind="phone")

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta(AbstractUser.Meta):
        abstract = False
        constraints = [
            # Together with `unique` above: unique whatever the capitals.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.UniqueConstraint(Lower("username"), name="user_username_unique_whatever_case"),
        ]


@pghistory.track(
    pghistory.InsertEvent("role_granted"),
    pghistory.DeleteEvent("role_withdrawn"),
    obj_field=None,
    append_only=True,
)
class RoleGrant(User.groups.through):  # type: ignore[name-defined,misc]
    """Who has which role. A proxy, so that every grant and withdrawal leaves an event with who did it."""

    class Meta:
        proxy = True


def random_device_id() -> int:
    """The key is part of what a secret is sealed to, so it must be known before the row is written."""
    return secrets.randbelow(2**62) + 1


class SecondFactor(Device):  # type: ignore[misc]
    """What both kinds of second factor share: a growing delay after wrong codes, kept in the row and so under
    its lock.
    """

    id = models.BigIntegerField(primary_key=True, default=random_device_id, editable=False)
    failures = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def verify_token(self, token: str) -> bool:
        """django-otp's generic entrance is shut: codes are checked by `accounts.second_factor`, which holds
        the lock.
        """
        raise NotImplementedError("use accounts.second_factor.code_check")


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    fields=["id", "user", "confirmed"],
    model_name="AuthenticatorEvent",
    append_only=True,
)
class Authenticator(SecondFactor):
    """An authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds). At most one confirmed and one in
    the making.
    """

    key_sealed = models.TextField()
    # The time step of the last code taken: this one and all before it are used up.
    last_step = models.BigIntegerField(default=-1)

    key = sealed_property("key_sealed")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_one_of_each_a_user"),
        ]


class RecoveryKit(SecondFactor):
    """The set of one-use codes for the day on which the authenticator is lost."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user"], name="recovery_kit_one_a_user")]


class RecoveryCode(models.Model):
    """One code, as a keyed hash: the code itself was shown once and is nowhere."""

    kit = models.ForeignKey(RecoveryKit, on_delete=models.CASCADE, related_name="codes")
    code_hash = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"
