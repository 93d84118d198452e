"""What we write to people about their account."""

import uuid

from accounts.models import User
from notifications.services import message_enqueue

_NOT_YOU = "If this was not you, change your password at once and write to us."


def _send(user: User, *, kind: str, subject: str, text: str) -> None:
    message_enqueue(
        user_id=user.pk,
        to=user.email,
        subject=subject,
        text=f"Hello {user.username},\n\n{text}\n\nGold Wallet\n",
        kind=kind,
        key=f"{kind}:{uuid.uuid4()}",
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
        text=f"Somebody signed in with one of your recovery codes. {codes} left.\n\n{_NOT_YOU}",
    )


def recovery_codes_renewed(user: User) -> None:
    _send(
        user,
        kind="recovery-codes-renewed",
        subject="You have new recovery codes",
        text=f"Your old recovery codes do not work any more.\n\n{_NOT_YOU}",
    )
