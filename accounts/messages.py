"""What we write to people about their account."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from accounts.selectors import contacts
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


def second_factor_on(user: User) -> None:
    _send(
        user,
        kind="second-factor-on",
        subject="Your authenticator app is set up",
        text=f"From now on we ask for a code of your authenticator app when you sign in.\n\n{_NOT_YOU}",
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


# --- proofs for one operation ---------------------------------------------------------------------


def step_up_code(user: User, *, code: str, key: uuid.UUID, shown: Sequence[tuple[str, str]]) -> None:
    """The code itself, to the person's address alone. It says what it is for, so that nobody gives it away for less."""
    listed = "".join(f"{name}: {value}\n" for name, value in shown)
    told = f"You confirm this with it:\n{listed}\n" if shown else ""
    _send_to(
        user.email,
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
