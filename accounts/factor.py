"""Customers and staff change their second factor: set it up, move it to another phone, take it away.

Whoever holds only the session must do none of it, so each takes a proof for exactly that (`accounts.stepup`): a code
of the authenticator, or a recovery code, from whoever has one, and a code by mail from whoever has none yet. After each
change the person hears of it, and is signed out everywhere else.
"""

import uuid

from django.db import transaction

from accounts import messages, second_factor
from accounts.devices import sessions_end
from accounts.models import Authenticator, User
from accounts.resets import reset_end
from accounts.second_factor import Enrolment
from accounts.selectors import authenticator_of, is_staff_member
from accounts.services import person_lock
from accounts.stepup import StepUpNeeded, step_up_digest, step_up_proven, step_up_use
from goldwallet.errors import Conflict, Refused

OPERATION = "factor"


def _set_digest(user: User) -> str:
    """For the one key that is in the making, and the authenticator that it replaces: a proof is good for no other."""
    pending = Authenticator.objects.only("pk").filter(user=user, confirmed=False).first()
    before = authenticator_of(user)
    return step_up_digest(
        OPERATION,
        act="set",
        user=user.pk,
        key=pending.pk if pending else 0,
        before=before.pk if before else 0,
    )


def _set_shown(user: User) -> list[tuple[str, str]]:
    what = "Moves to another phone or app" if authenticator_of(user) else "Is set up"
    return [("Authenticator app", what)]


def enrolment_ask(*, user: User, session_key: str) -> None:
    """Raises StepUpNeeded, unless the person has just shown who they are for it."""
    second_factor.authenticator_begin(user=user)
    digest = _set_digest(user)
    if not step_up_proven(user_id=user.pk, operation=OPERATION, digest=digest, session_key=session_key):
        raise StepUpNeeded(operation=OPERATION, digest=digest, shown=_set_shown(user))


def enrolment_of(*, user: User, session_key: str) -> Enrolment | None:
    """The key for the person's app; None until they have shown who they are for it."""
    digest = _set_digest(user)
    if not step_up_proven(user_id=user.pk, operation=OPERATION, digest=digest, session_key=session_key):
        return None
    return second_factor.authenticator_begin(user=user)


def factor_set(*, user_id: uuid.UUID, code: str, session_key: str) -> tuple[Authenticator, list[str]]:
    """The new app shows the right code: from now on it is the second factor. Gives the recovery codes, too.

    Raises StepUpNeeded, and Refused for a wrong code, which costs no proof.
    """
    with transaction.atomic():
        user = _locked(user_id)
        step_up_use(
            user_id=user_id,
            operation=OPERATION,
            digest=_set_digest(user),
            session_key=session_key,
            shown=_set_shown(user),
        )
        device, codes = second_factor.authenticator_confirm(user=user, code=code, replace=True)
        reset_end(user_id=user_id)
        sessions_end(user_id=user_id, keep=session_key)
    return device, codes


def _remove_digest(user: User) -> str:
    device = authenticator_of(user)
    if device is None:
        raise Conflict("You have no authenticator app set up.", code="no_factor")
    if is_staff_member(user):
        raise Refused(
            "Whoever works here needs an authenticator app. Move it to another phone instead.",
            code="staff",
            status=403,
        )
    return step_up_digest(OPERATION, act="remove", user=user.pk, key=device.pk)


def removal_proven(*, user: User, session_key: str) -> bool:
    """Whether one more press removes it. Raises Refused where there is nothing to remove."""
    digest = _remove_digest(user)
    return step_up_proven(user_id=user.pk, operation=OPERATION, digest=digest, session_key=session_key)


def factor_remove(*, user_id: uuid.UUID, session_key: str) -> None:
    """Customers only: from now on the password alone lets in. Raises StepUpNeeded, Refused."""
    with transaction.atomic():
        user = _locked(user_id)
        step_up_use(
            user_id=user_id,
            operation=OPERATION,
            digest=_remove_digest(user),
            session_key=session_key,
            shown=[("Authenticator app", "Is removed, with its recovery codes")],
        )
        second_factor.second_factor_remove(user=user)
        reset_end(user_id=user_id)
        sessions_end(user_id=user_id, keep=session_key)
        messages.second_factor_off(user)


def _locked(user_id: uuid.UUID) -> User:
    person_lock(user_id)
    return User.objects.get(pk=user_id)
