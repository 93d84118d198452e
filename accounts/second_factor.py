"""The second factor: codes of an authenticator app, and recovery codes for when it is lost.

TOTP is RFC 6238 as authenticator apps do it (SHA-1, six digits, thirty seconds). A code is checked under the
lock of the device's row and the time step is stored, so no code works twice, however many requests carry it.
The shape of the code picks the device, so wrong TOTP codes never lock the recovery codes away.
"""

import base64
import re
import secrets
import uuid
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import segno
from django.db import transaction
from django.db.models import BigIntegerField, Func
from django.utils.crypto import constant_time_compare
from django_otp.oath import hotp

from accounts import messages
from accounts.models import Authenticator, RecoveryCode, RecoveryKit, SecondFactor, User
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.sealing import fingerprint

PERIOD_SECONDS = 30
DIGITS = 6
RECOVERY_CODES = 10
ISSUER = "Gold Wallet"

_TOTP_SHAPE = re.compile(r"[0-9]{6}")
# Two slips are human; from the third on each wrong code doubles the wait, up to a day. Whoever guesses knows the
# password, and gets 17 guesses on the first two days and one on each day after: one chance in a thousand within a year
# (three of a million codes are right). The person hears of every fifth one, and has the recovery codes meanwhile. A new
# password by mail begins the count anew, once a day: whoever reads the mail, too, and does it each day has one chance
# in fifty within a year, and the person hears of each new password.
_FREE_FAILURES = 2
_LONGEST_WAIT_SECONDS = 86_400
_ALARM_EVERY = 5
# Digits alone, as the field brings up a phone's number keys; sixteen of them are 53 random bits.
_RECOVERY_LENGTH = 16

_WRONG = "That code is not right. Look at the newest code in your authenticator app."


class _WorldStep(Func):
    """The time step of the world, in the database. The authenticator in a pocket follows the world's time, so
    tests that move the house's clock do not move this one.
    """

    template = f"floor(extract(epoch from clock_timestamp()) / {PERIOD_SECONDS})::bigint"
    output_field = BigIntegerField()


@dataclass(frozen=True)
class Enrolment:
    """What the enrolment page shows: the key (base 32) to type, and the same as a QR code (inline SVG)."""

    key: str
    qr_svg: str


def code_check(*, user: User, code: str) -> SecondFactor:
    """The device that takes `code`; the code is used up. Raises Refused (429 while the device is locked).

    A wrong code is counted and stays counted although the caller hears a refusal: the count commits first.
    """
    text = re.sub(r"[\s-]", "", code)
    with transaction.atomic():
        if _TOTP_SHAPE.fullmatch(text):
            device, refusal = _authenticator_check(user, text)
        else:
            device, refusal = _recovery_check(user, text)
    if refusal is not None or device is None:
        raise refusal or Refused(_WRONG, code="code")
    return device


def _authenticator_check(user: User, code: str) -> tuple[SecondFactor | None, Refused | None]:
    device = (
        Authenticator.objects.select_for_update()
        .annotate(house_now=Now(), world_step=_WorldStep())
        .filter(user=user, confirmed=True)
        .first()
    )
    if device is None:
        return None, Refused(_WRONG, code="code")
    if locked := _locked(device):
        return None, locked
    step = _matching_step(device.key, code, device.world_step)
    if step is None:
        return None, _failed(user, device)
    if step <= device.last_step:
        return None, Refused("That code has been used. Wait for the next one.", code="code_used")
    Authenticator.objects.filter(pk=device.pk).update(
        last_step=step, failures=0, locked_until=None, last_used_at=Now()
    )
    return device, None


def _recovery_check(user: User, code: str) -> tuple[SecondFactor | None, Refused | None]:
    kit = RecoveryKit.objects.select_for_update().annotate(house_now=Now()).filter(user=user).first()
    if kit is None:
        return None, Refused(_WRONG, code="code")
    if locked := _locked(kit):
        return None, locked
    unused = RecoveryCode.objects.filter(kit=kit, code_hash=_recovery_hash(user.pk, code), used_at=None)
    if unused.update(used_at=Now()) != 1:
        return None, _failed(user, kit)
    RecoveryKit.objects.filter(pk=kit.pk).update(failures=0, locked_until=None, last_used_at=Now())
    messages.recovery_code_used(user, left=RecoveryCode.objects.filter(kit=kit, used_at=None).count())
    return kit, None


def _matching_step(key: str, code: str, world_step: int) -> int | None:
    """The step whose code this is: the present one or a neighbour, since clocks differ and people type
    slowly.
    """
    raw = base64.b32decode(key)
    found = None
    for step in (world_step - 1, world_step, world_step + 1):
        if constant_time_compare(f"{hotp(raw, step, DIGITS):0{DIGITS}d}", code):
            found = step
    return found


def _locked(device: Authenticator | RecoveryKit) -> Refused | None:
    if device.locked_until is None or device.locked_until <= device.house_now:
        return None
    seconds = int((device.locked_until - device.house_now).total_seconds()) + 1
    return Refused(
        f"Too many wrong codes. Wait {_duration(seconds)}, then try again.", code="locked", status=429
    )


def _duration(seconds: int) -> str:
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    minutes = -(-seconds // 60)
    if minutes <= 120:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"{-(-minutes // 60)} hours"


def failures_forget(user: User) -> None:
    """The wrong codes so far, and the wait for them: whoever entered them is shut out by a new password."""
    for device in (Authenticator, RecoveryKit):
        device._default_manager.filter(user=user).update(failures=0, locked_until=None)


def _failed(user: User, device: Authenticator | RecoveryKit) -> Refused:
    failures = device.failures + 1
    wait = 0 if failures <= _FREE_FAILURES else min(2 ** (failures - 1), _LONGEST_WAIT_SECONDS)
    type(device)._default_manager.filter(pk=device.pk).update(
        failures=failures, locked_until=after(wait) if wait else None
    )
    if failures % _ALARM_EVERY == 0:
        messages.second_factor_alarm(user)
    return Refused(_WRONG, code="code")


# --- enrolment
# ------------------------------------------------------------------------------------------------------


def authenticator_begin(*, user: User) -> Enrolment:
    """A key for the person's app. The same one until it is confirmed, so that a reload does not spoil the
    scan.
    """
    with transaction.atomic():
        _lock(user)
        pending = Authenticator.objects.filter(user=user, confirmed=False).first()
        if pending is None:
            pending = Authenticator(user=user, confirmed=False, name="authenticator")
            pending.key = new_key()
            pending.save(force_insert=True)
    return Enrolment(key=pending.key, qr_svg=_qr(user, pending.key))


def authenticator_confirm(*, user: User, code: str, replace: bool = False) -> tuple[Authenticator, list[str]]:
    """The person's app shows the right code: the key becomes the second factor, and with `replace` takes the place of
    the one before. Also gives the recovery codes, which are shown this once. Raises Refused for a wrong code, Conflict
    when there is a confirmed authenticator already.
    """
    with transaction.atomic():
        _lock(user)
        before = Authenticator.objects.filter(user=user, confirmed=True)
        replaced = before.exists()
        if replaced and not replace:
            raise Conflict("This account has an authenticator already. Sign in with its code.")
        pending = (
            Authenticator.objects.annotate(world_step=_WorldStep()).filter(user=user, confirmed=False).first()
        )
        step = _matching_step(pending.key, re.sub(r"\s", "", code), pending.world_step) if pending else None
        if pending is None or step is None:
            raise Refused(_WRONG, code="code")
        before.delete()
        pending.confirmed, pending.last_step = True, step
        pending.save(update_fields=["confirmed", "last_step"])
        codes = _recovery_codes_make(user)
        messages.second_factor_on(user, replaced=replaced)
    return pending, codes


def second_factor_remove(*, user: User) -> bool:
    """Take away the authenticator, whichever is in the making, and the recovery codes; False: there were none. Call it
    in the transaction of whoever has asked who the person is.
    """
    _lock(user)
    devices, _ = Authenticator.objects.filter(user=user).delete()
    kits, _ = RecoveryKit.objects.filter(user=user).delete()
    return bool(devices or kits)


def _lock(user: User) -> None:
    """Changes of one person's second factor come one after the other. A code that is checked meanwhile waits for none
    of it: rows that only point at the person (its mail) do not wait for this lock.
    """
    User.objects.select_for_update(no_key=True).only("id").get(pk=user.pk)


def authenticator_give(*, user: User, key: str) -> list[str]:
    """Enrol `key` (base 32) straight away, for demo data and tests. Gives the recovery codes."""
    with transaction.atomic():
        device = Authenticator(user=user, confirmed=True, name="authenticator")
        device.key = key
        device.save(force_insert=True)
        return _recovery_codes_make(user)


def recovery_codes_renew(*, user: User, code: str) -> list[str]:
    """A fresh set; the old one stops working. Asks for a code of the second factor. Raises Refused."""
    code_check(user=user, code=code)
    with transaction.atomic():
        _lock(user)
        codes = _recovery_codes_make(user)
        messages.recovery_codes_renewed(user)
    return codes


def new_key() -> str:
    """160 random bits in base 32, what RFC 4226 recommends."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def _recovery_codes_make(user: User) -> list[str]:
    # The kit stays, and only its codes change: a session that was let in by a recovery code hangs on the kit.
    kit, _ = RecoveryKit.objects.get_or_create(
        user=user, defaults={"confirmed": True, "name": "recovery codes"}
    )
    RecoveryCode.objects.filter(kit=kit).delete()
    codes = [
        "".join(secrets.choice("0123456789") for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(kit=kit, code_hash=_recovery_hash(user.pk, code)) for code in codes
    )
    return ["-".join(code[i : i + 4] for i in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def _recovery_hash(user_id: uuid.UUID, code: str) -> str:
    """A keyed hash is enough: a code carries 53 random bits, so there is nothing to guess by dictionary."""
    return fingerprint(f"{user_id}|{code}", kind="recovery-code")


def _qr(user: User, key: str) -> str:
    label = quote(f"{ISSUER}:{user.email}")
    parameters = urlencode(
        {"secret": key, "issuer": ISSUER, "digits": DIGITS, "period": PERIOD_SECONDS}, quote_via=quote
    )
    code = segno.make(f"otpauth://totp/{label}?{parameters}", error="m", micro=False)
    return code.svg_inline(omitsize=True, border=4, light="#fff", dark="#000", svgclass="qr", lineclass=None)
