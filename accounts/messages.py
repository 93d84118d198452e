"""What we write to people about their account."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from accounts.selectors import contacts, proof_address
from goldwallet import phones, wording
from notifications.services import message_enqueue

_NOT_YOU = "If this was not you, change your password at once and write to us."


def _send(user: User, *, kind: str, subject: str, text: str) -> None:
    """A notice, also to the addresses that the person had until lately: a thief who has the new one reads no other."""
    for address in contacts(user):
        _send_to(address, user=user, kind=kind, subject=subject, text=text, key=f"{kind}:{uuid.uuid4()}")


def _send_to(
    address: str, *, user: User, kind: str, subject: str, text: str, key: str, secret: bool = False
) -> None:
    message_enqueue(
        user_id=user.pk,
        to=address,
        subject=subject,
        text=f"Hello {user.username},\n\n{text}\n\nGold Wallet\n",
        kind=kind,
        key=key,
        secret=secret,
    )


def second_factor_on(user: User, *, replaced: bool) -> None:
    if replaced:
        subject = "You have a new authenticator app"
        text = "From now on we ask for the codes of your new authenticator app. The old app and the old recovery codes "
        text += "do not work any more."
    else:
        subject = "Your authenticator app is set up"
        text = "From now on we ask for a code of your authenticator app when you sign in."
    _send(user, kind="second-factor-on", subject=subject, text=f"{text}\n\n{_NOT_YOU}")


def second_factor_off(user: User) -> None:
    _send(
        user,
        kind="second-factor-off",
        subject="Your authenticator app was removed",
        text="From now on your password alone lets you in. Your recovery codes do not work any more."
        f"\n\n{_NOT_YOU}",
    )


def second_factor_alarm(user: User) -> None:
    _send(
        user,
        kind="second-factor-alarm",
        subject="Wrong sign-in codes",
        text="Somebody entered your right password, and then five wrong codes. Nobody was let in, and each "
        f"further try has to wait longer.\n\n{_NOT_YOU}",
    )


def recovery_code_used(user: User, *, left: int) -> None:
    codes = "1 recovery code is" if left == 1 else f"{left} recovery codes are"
    _send(
        user,
        kind="recovery-code-used",
        subject="A recovery code was used",
        text=f"Somebody used a recovery code in the place of your authenticator app. {codes} left.\n\n{_NOT_YOU}",
    )


def recovery_codes_renewed(user: User) -> None:
    _send(
        user,
        kind="recovery-codes-renewed",
        subject="You have new recovery codes",
        text=f"Your old recovery codes do not work any more.\n\n{_NOT_YOU}",
    )


# --- a lost second factor -------------------------------------------------------------------------


def factor_reset_asked(user: User, *, due_at: dt.datetime) -> None:
    _send(
        user,
        kind="factor-reset-asked",
        subject="Your authenticator app will be removed",
        text="We were told that you have lost your authenticator app. Two of us have agreed to remove it, and your "
        f"recovery codes with it, on {wording.exact_time(due_at)} in Nairobi. Nothing is paid out "
        "meanwhile, nor for some time after it.\n\n"
        "If you have the app, or this was not you, sign in with its code before then and call it off:\n"
        f"{settings.BASE_URL}{reverse('account_security')}\n\nThen change your password, and write to us.",
    )


def factor_reset_called_off(user: User) -> None:
    _send(
        user,
        kind="factor-reset-called-off",
        subject="Your authenticator app stays",
        text=f"Somebody signed in with your authenticator app and called it off: we do not remove it.\n\n{_NOT_YOU}",
    )


def factor_reset_done(user: User, *, payouts_from: dt.datetime) -> None:
    _send(
        user,
        kind="factor-reset-done",
        subject="Your authenticator app was removed",
        text="As agreed we have removed your authenticator app and your recovery codes, and signed you out everywhere. "
        "Sign in with your password, and set up the app again on the page of your security.\n\n"
        f"For your safety nothing is paid out before {wording.exact_time(payouts_from)} in Nairobi.\n\n{_NOT_YOU}",
    )


# --- where somebody is signed in ------------------------------------------------------------------


def new_device(user: User, *, device: str, place: str, when: dt.datetime) -> None:
    _send(
        user,
        kind="new-device",
        subject="A sign-in from a new device",
        text="Somebody signed in to your account on a device that we have not seen before.\n\n"
        f"Device: {device}\nNetwork: {place}\nTime in Nairobi: {wording.exact_time(when)}\n\n"
        f"See where you are signed in, and end it there:\n{settings.BASE_URL}{reverse('account_security')}\n\n"
        f"{_NOT_YOU}",
    )


# --- proofs for one operation ---------------------------------------------------------------------


def step_up_code(user: User, *, code: str, key: uuid.UUID, shown: Sequence[tuple[str, str]]) -> None:
    """The code itself, to one address alone (`proof_address`). It says what it is for, so that nobody gives it away for
    less.
    """
    listed = "".join(f"{name}: {value}\n" for name, value in shown)
    told = f"You confirm this with it:\n{listed}\n" if shown else ""
    _send_to(
        proof_address(user),
        user=user,
        kind="step-up-code",
        subject="Your code to confirm",
        text=f"Your code is\n\n{code}\n\n"
        f"Enter it on the page that is open in your browser. It is good for 10 minutes.\n\n{told}"
        "Give it to nobody, not to us either. Did you not ask for it? Then somebody else is signed in as you: "
        "change your password at once and write to us.",
        key=f"step-up-code:{key}",
        secret=True,
    )


def step_up_alarm(user: User) -> None:
    _send(
        user,
        kind="step-up-alarm",
        subject="Wrong codes",
        text="Somebody who is signed in as you entered five wrong codes where we ask for a code by mail. Nothing was "
        f"done.\n\n{_NOT_YOU}",
    )


# --- where money goes -----------------------------------------------------------------------------


def number_asked(user: User, *, phone: str, usable_from: dt.datetime) -> None:
    _send(
        user,
        kind="payout-number-asked",
        subject="Your M-Pesa number is about to change",
        text=f"From {wording.exact_time(usable_from)} in Nairobi on we pay you on another M-Pesa number: "
        f"{phones.mask(phone)}. Until then we pay you on the number that you have now.\n\n"
        "If this was not you, sign in and call it off before then, and change your password:\n"
        f"{settings.BASE_URL}{reverse('account_phone')}",
    )


def number_called_off(user: User, *, phone: str) -> None:
    _send(
        user,
        kind="payout-number-called-off",
        subject="Your M-Pesa number stays as it is",
        text=f"The change to {phones.mask(phone)} was called off. We go on paying you on the number that you have "
        f"now.\n\n{_NOT_YOU}",
    )


def number_adopted(user: User, *, phone: str) -> None:
    _send(
        user,
        kind="payout-number-adopted",
        subject="Your M-Pesa number was changed",
        text=f"From now on we pay you on {phones.mask(phone)} and on no other number.\n\n{_NOT_YOU}",
    )
