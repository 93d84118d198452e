"""What staff do to one person by themselves: hold, and write. Lifting a hold, a lost second factor and closing take
two people (`controls.kinds`). Each act has a reason and its line in the audit trail, and nobody acts on themselves.
"""

import uuid

from django.db import transaction

from accounts.models import User
from accounts.services import person_freeze
from controls.audit import record
from controls.counting import hit
from goldwallet.errors import Conflict, Refused
from notifications.services import message_enqueue
from oversight.people.own import refuse_own

MESSAGE = "staff-message"
#: To one person, whoever of us writes.
MESSAGES_A_DAY = 20
_DAY = 86_400


def hold(*, person: User, reason: str, by: User) -> None:
    """Put a person on hold at once. Raises Refused without a reason, and Conflict when they are on hold already."""
    refuse_own(by, person.pk)
    if not person_freeze(user_id=person.pk, reason=reason, by=by.pk):
        raise Conflict(f"{person.email} is on hold already.", code="frozen")


def letter(person: User, text: str) -> str:
    """The mail as it goes out: our greeting, their words, our name."""
    said = text.replace("\x00", " ").replace("\r\n", "\n").strip()
    return f"Hello {person.username},\n\n{said}\n\nWe never ask for your PIN, your password or a code.\n\nGold Wallet\n"


def write(*, person: User, subject: str, text: str, reason: str, by: User) -> None:
    """Send a mail to a person. Raises Refused for a closed account, and TooOften after many in a day."""
    refuse_own(by, person.pk)
    if not person.is_active:
        raise Conflict("This account is closed, and its owner has had our last mail.", code="closed")
    if not subject.strip() or not text.strip():
        raise Refused("Write a subject and a text.", code="text")
    # Before the transaction: a try that is refused counts too.
    hit("staff_message", str(person.pk), most=MESSAGES_A_DAY, seconds=_DAY)
    key = f"{MESSAGE}:{uuid.uuid4()}"
    with transaction.atomic():
        message_enqueue(
            user_id=person.pk,
            to=person.email,
            subject=" ".join(subject.split()),
            text=letter(person, text),
            kind=MESSAGE,
            key=key,
        )
        record(
            "message",
            subject=f"person:{person.pk}",
            person_id=person.pk,
            after={"letters": len(text)},
            reason=reason,
            by=by.pk,
        )
