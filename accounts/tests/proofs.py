"""Helpers for tests of any app: a person who shows once more who they are."""

import re

from django.test import Client

from accounts.models import Authenticator, Method, StepUp, User
from accounts.selectors import proof_address
from accounts.stepup import step_up_begin, step_up_prove
from accounts.tests.people import mailed_code, totp


def code_for(asked: StepUp) -> str:
    """What the person would type: from the newest mail, or from the authenticator."""
    return mailed_code(proof_address(asked.user)) if asked.method == Method.MAIL else fresh_totp(asked.user)


def fresh_totp(user: User) -> str:
    """A code that was not used yet: as if the last one had been entered a while ago."""
    Authenticator.objects.filter(user=user).update(last_step=-1)
    return totp(user)


def prove(user: User, *, operation: str, digest: str, session_key: str) -> StepUp:
    """A proof, by the way that a person takes."""
    asked = step_up_begin(user=user, operation=operation, digest=digest, session_key=session_key)
    return step_up_prove(step_up_id=asked.pk, user=user, session_key=session_key, code=code_for(asked))


def confirm_page(client: Client, answer) -> str:
    """The path of the page with the code, to which this answer leads."""
    assert answer.status_code == 302, answer.content.decode()
    assert re.fullmatch(r"/accounts/confirm/[0-9a-f-]{36}/", answer["Location"]), answer["Location"]
    return str(answer["Location"])


def enter_code(client: Client, answer) -> str:
    """Follow this answer to the page with the code, and enter it. Gives the path where the last press is."""
    page = confirm_page(client, answer)
    done = client.post(page, {"code": code_for(StepUp.objects.get(pk=page.split("/")[-2]))})
    assert done.status_code == 302, done.content.decode()
    return str(done["Location"])
