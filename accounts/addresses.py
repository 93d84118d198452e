"""Another e-mail address for a person, and where the codes go meanwhile.

Mail proves who somebody is where there is no authenticator, so an address must not be changed by whoever has the
password alone: it takes a code that goes to the address which is about to be replaced (faults.md O12).
"""

import uuid

from django.db import transaction

from accounts.models import User
from accounts.services import person_lock
from accounts.stepup import Shown, shown_of, step_up_digest, step_up_ready, step_up_use

OPERATION = "email"
_NEW = "Your new address"


def address_change_prove(*, user_id: uuid.UUID, address: str, session_key: str) -> None:
    """Use up the proof for this one address, so that a code may go to it. Raises StepUpNeeded."""
    with transaction.atomic():
        person_lock(user_id)
        user = User.objects.get(pk=user_id)
        step_up_use(
            user_id=user_id,
            operation=OPERATION,
            digest=_digest(user, address),
            session_key=session_key,
            shown=_shown(user, address),
        )


def address_proven(*, user: User, session_key: str) -> str:
    """The new address for which the person has just entered a code, so that one press goes on; or empty."""
    ready = step_up_ready(user_id=user.pk, operation=OPERATION, session_key=session_key)
    address = dict(shown_of(ready))[_NEW] if ready else ""
    return address if ready and ready.digest == _digest(user, address) else ""


def _shown(user: User, address: str) -> Shown:
    return [("Your address now", user.email), (_NEW, address)]


def _digest(user: User, address: str) -> str:
    return step_up_digest(OPERATION, user=user.pk, old=user.email, new=address)
