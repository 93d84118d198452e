"""People, and the second factor of those who have one."""

import secrets
import uuid
from collections.abc import Callable
from typing import ClassVar

import pghistory
import pgtrigger
from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django_otp.models import Device

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.triggers import FSM, HISTORY, Protect, ReadOnly, append_only


class KycStatus(models.TextChoices):
    UNVERIFIED = "unverified", "Not verified"
    PENDING = "pending", "In review"
    VERIFIED = "verified", "Verified"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"


class Tier(models.TextChoices):
    """How much a person may trade (`kyc.selectors`)."""

    UNVERIFIED = "unverified", "Not verified"
    VERIFIED = "verified", "Verified"
    ENHANCED = "enhanced", "Enhanced"


def tier_of(kyc_status: str, *, enhanced: bool) -> Tier:
    """An identity that is not, or no longer, proven counts for nothing beyond the lowest tier."""
    if kyc_status != KycStatus.VERIFIED:
        return Tier.UNVERIFIED
    return Tier.ENHANCED if enhanced else Tier.VERIFIED


class PeopleManager(UserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Lower case throughout: nobody runs two mailboxes that differ in capitals only, and thieves pretend
        to.
        """
        return (email or "").strip().lower()


@pghistory.track(
    exclude=["password", "last_login", "phone_sealed", "first_name", "last_name"],
    meta={
        "triggers": append_only(but="public.accounts_userevent_forgets(OLD, NEW)"),
        # Whose number it ever was (`kyc.alike`).
        "indexes": [
            models.Index(
                fields=["phone_lookup"], name="user_event_phone", condition=~models.Q(phone_lookup="")
            )
        ],
    },
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
    # On hold: signs in and reads, and neither buys nor sells nor is paid, and of staff does nothing at the desk
    # (`accounts.permissions`). Empty: not on hold.
    frozen_reason = models.CharField(max_length=200, blank=True, default="")

    # Two people have agreed that a verified person may trade more (`kyc.requests.tier_set`).
    enhanced = models.BooleanField(default=False)
    # Nothing is paid out before: somebody's second factor was taken away (faults.md A09).
    payouts_from = models.DateTimeField(null=True, default=None)
    closed_at = models.DateTimeField(null=True, default=None)

    # Put there by django-otp's middleware: has this session shown the second factor?
    is_verified: Callable[[], bool]

    phone = sealed_property("phone_sealed", lookup="phone_lookup", kind="phone")

    @property
    def tier(self) -> Tier:
        return tier_of(self.kyc_status, enhanced=self.enhanced)

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta(AbstractUser.Meta):
        abstract = False
        constraints = [
            # Together with `unique` above: unique whatever the capitals.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.UniqueConstraint(Lower("username"), name="user_username_unique_whatever_case"),
        ]
        indexes = [
            # The desk's list of people, and the few among them who are on hold.
            models.Index(fields=["-created_at", "-id"], name="user_newest"),
            models.Index(
                fields=["-created_at", "-id"], name="user_on_hold", condition=~models.Q(frozen_reason="")
            ),
        ]


@pghistory.track(
    pghistory.InsertEvent("role_granted"),
    pghistory.DeleteEvent("role_withdrawn"),
    obj_field=None,
    meta=HISTORY,
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
    meta=HISTORY,
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


# --- where somebody is signed in ------------------------------------------------------------------


class Session(AbstractBaseSession):
    """A session, with whose it is (`accounts.session_store`). No foreign key: signing in locks nobody's row."""

    user_id = models.UUIDField(null=True, default=None, db_index=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        # Late: the store imports this module.
        from accounts.session_store import SessionStore

        return SessionStore


class KnownDevice(models.Model):
    """A browser in which a person has signed in before, as a keyed hash of its cookie (`accounts.devices`).

    A sign-in from any other is told to the person.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    mark = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "mark"], name="known_device_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"device {self.pk}"


# --- proofs for one operation ---------------------------------------------------------------------


class Method(models.TextChoices):
    """How a person proves once more who they are."""

    CODE = "code", "Authenticator or recovery code"
    MAIL = "mail", "Code by mail"


class StepUp(models.Model):
    """A proof for exactly one operation of one session, minutes long, used once (faults.md A08).

    `operation` names what it is for; `digest` is the hash of everything that was shown to the person, so a proof for
    one sale pays no other. Asked, proven, used: each is a time, and the last one ends it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    # A keyed hash of the session's key: another session's proof is none.
    session_hash = models.CharField(max_length=64)
    method = models.CharField(max_length=4, choices=Method)
    # Of the code that went out by mail, keyed. Empty for an authenticator.
    code_hash = models.CharField(max_length=64, blank=True, default="")
    tries = models.PositiveSmallIntegerField(default=0)
    # What the page shows, as JSON (pairs of a name and a value), and the page where the operation is done.
    shown_sealed = models.TextField(blank=True, default="")
    back = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    proven_at = models.DateTimeField(null=True, default=None)
    used_at = models.DateTimeField(null=True, default=None)

    shown = sealed_property("shown_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="step_up_used_after_it_was_proven",
                condition=models.Q(used_at=None) | models.Q(proven_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["user", "operation", "digest"], name="step_up_operation")]
        triggers = [
            ReadOnly(name="bound", fields=["user", "operation", "digest", "session_hash"]),
            # What was shown is sealed anew when keys rotate; nothing else of a used proof changes.
            Protect(
                name="used_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__used_at__isnull=False)
                & (
                    pgtrigger.Q(old__used_at__df=pgtrigger.F("new__used_at"))
                    | pgtrigger.Q(old__proven_at__df=pgtrigger.F("new__proven_at"))
                    | pgtrigger.Q(old__expires_at__df=pgtrigger.F("new__expires_at"))
                    | pgtrigger.Q(old__tries__df=pgtrigger.F("new__tries"))
                    | pgtrigger.Q(old__code_hash__df=pgtrigger.F("new__code_hash"))
                    | pgtrigger.Q(old__method__df=pgtrigger.F("new__method"))
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.pk}"


# --- where money goes -----------------------------------------------------------------------------


@pghistory.track(
    exclude=["phone_sealed"],
    meta={"triggers": append_only(but="public.accounts_payoutnumberevent_forgets(OLD, NEW)")},
)
class PayoutNumber(models.Model):
    """Another M-Pesa number that a person wants to be paid on. It takes money from `usable_from` on (faults.md O12).

    Then it becomes the person's phone. Until then the old number stays, and its owner can call it off.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="payout_numbers")
    phone_sealed = models.TextField()
    phone_lookup = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    usable_from = models.DateTimeField()
    adopted_at = models.DateTimeField(null=True, default=None)
    cancelled_at = models.DateTimeField(null=True, default=None)

    phone = sealed_property("phone_sealed", lookup="phone_lookup", kind="phone")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                name="payout_number_one_waiting",
                condition=models.Q(adopted_at=None, cancelled_at=None),
            ),
            models.CheckConstraint(
                name="payout_number_cools_off",
                condition=models.Q(usable_from__gt=models.F("created_at")),
            ),
        ]
        triggers = [ReadOnly(name="stays", fields=["user", "phone_lookup", "created_at", "usable_from"])]

    def __str__(self) -> str:
        return f"payout number {self.pk}"


class ResetState(models.TextChoices):
    WAITING = "waiting", "Waits"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Called off"


@pghistory.track(meta=HISTORY)
class FactorReset(models.Model):
    """Two people have agreed to take somebody's second factor away, and it happens at `due_at` (faults.md A09).

    Until then the person, who was told, can call it off.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    request = models.OneToOneField("controls.Request", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ResetState, default=ResetState.WAITING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, default=None)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], name="factor_reset_one_waiting", condition=models.Q(state="waiting")
            ),
            models.CheckConstraint(
                name="factor_reset_takes_its_time", condition=models.Q(due_at__gt=models.F("created_at"))
            ),
        ]
        triggers = [
            ReadOnly(name="delay_stays", fields=["user", "request", "created_at", "due_at"]),
            FSM(name="ends_once", field="state", transitions=[("waiting", "done"), ("waiting", "cancelled")]),
        ]

    def __str__(self) -> str:
        return f"reset of {self.user_id}: {self.state}"
