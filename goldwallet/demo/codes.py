"""Confirming with a code, the way a customer does: it comes by mail, and the mail is read on the phone."""

import re

from accounts.models import User
from accounts.stepup import StepUpNeeded, step_up_begin, step_up_prove
from goldwallet.demo import phone
from goldwallet.demo.waiting import until_patience_ends

_CODE = re.compile(r"^([0-9]{6})$", re.MULTILINE)


def confirm(user: User, needed: StepUpNeeded, *, session_key: str) -> None:
    """Prove what was asked for. Raises TimeoutError when no mail comes."""
    asked = step_up_begin(
        user=user,
        operation=needed.operation,
        digest=needed.digest,
        session_key=session_key,
        shown=needed.shown,
    )
    for _ in until_patience_ends(f"no code for {user.email}"):
        for text in phone.mails(user.phone):
            if code := _CODE.search(text):
                step_up_prove(step_up_id=asked.pk, user=user, session_key=session_key, code=code.group(1))
                return
