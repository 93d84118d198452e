"""What staff do to one person by themselves: hold, and write. Lifting a hold, a lost second factor and closing take
two people (`controls.kinds`). Each act has a reason and its line in the audit trail, and nobody acts on themselves.
"""

import uuid

from django.db import connection, transaction

from accounts.models import User
from accounts.own import refuse_own
from accounts.services import person_freeze
from controls.audit import done_before, record
from controls.counting import hit
from goldwallet.errors import Conflict, Refused
from notifications.models import Message
from notifications.services import message_enqueue

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


def write(*, person: User, subject: str, text: str, reason: str, by: User, key: uuid.UUID) -> None:
    """Send a mail to a person. `key` is the form's: sent twice it is one mail, and the second time does nothing.

    Raises Conflict for a closed account and for a key that has sent another mail, and TooOften after many in a day.
    """
    refuse_own(by, person.pk)
    if not subject.strip() or not text.strip():
        raise Refused("Write a subject and a text.", code="text")
    name, about, words = f"{MESSAGE}:{key}", " ".join(subject.split()), letter(person, text)
    if _sent(person, name, about, words):
        return
    if not person.is_active:
        raise Conflict("This account is closed, and its owner has had our last mail.", code="closed")
    # Before the transaction: a try that is refused counts too.
    hit("staff_message", str(person.pk), most=MESSAGES_A_DAY, seconds=_DAY)
    with transaction.atomic():
        _wait_for(name)
        if _sent(person, name, about, words):
            return
        message_enqueue(user_id=person.pk, to=person.email, subject=about, text=words, kind=MESSAGE, key=name)
        record(
            "message",
            subject=f"person:{person.pk}",
            person_id=person.pk,
            after={"letters": len(text)},
            reason=reason,
            by=by.pk,
        )


def _wait_for(name: str) -> None:
    """Of two that come at once the second waits here until the first one's transaction has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _sent(person: User, key: str, subject: str, text: str) -> bool:
    """Whether the form has sent this mail. Raises Conflict when it has sent another one."""
    stored = Message.objects.filter(key=key).first()
    if stored is None:
        return False
    if (stored.user_id, stored.subject, stored.text) != (person.pk, subject, text):
        raise Conflict(
            "This form has sent a mail already. Look at the new one below, then send it.", code="sent"
        )
    done_before()
    return True
