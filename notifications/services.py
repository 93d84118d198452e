"""Writing to people: into the outbox in the caller's transaction, out of it by the worker."""

import logging
import smtplib
import uuid
from collections.abc import Iterable

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import DateTimeField, F, Func

from goldwallet.clock import Now
from goldwallet.states import move
from notifications.models import MOVES, Message, State

log = logging.getLogger(__name__)

MOST_TRIES = 10


class _NextTry(Func):
    """When a message that is taken now is due again: in 30 s, then 60 s, and so on up to an hour. Even the
    first wait is longer than a try may take (mail times out at 10 s), so nobody takes a message that is still
    on its way.
    """

    template = "wallet_now() + LEAST(30 * power(2, %(expressions)s), 3600) * interval '1 second'"
    output_field = DateTimeField()


def message_enqueue(
    *, user_id: uuid.UUID | None, to: str, subject: str, text: str, kind: str, key: str, secret: bool = False
) -> None:
    """Put a mail in the outbox, in the caller's transaction if there is one: two statements.

    `key` names the occasion ("order-completed:<id>"): the same key a second time writes nothing. `secret`
    says that the text carries a code or a link that opens something; it is wiped after sending. No user: `to`
    is a stranger's address.
    """
    # Late, as tasks import this module.
    from notifications.tasks import deliver

    message = Message(user_id=user_id, kind=kind, key=key, subject=subject[:200], carries_secret=secret)
    message.to, message.text = to, text
    with transaction.atomic(savepoint=False):
        Message.objects.bulk_create([message], ignore_conflicts=True)
        deliver.defer(message_id=str(message.pk))


def messages_known(keys: Iterable[str]) -> set[str]:
    """Of these keys those under which something was written already, so that whoever comes by each minute need not."""
    return set(Message.objects.filter(key__in=list(keys)).values_list("key", flat=True))


def message_deliver(*, message_id: uuid.UUID) -> bool:
    """Send one message if it is due and nobody else has it in hand; say whether it went out.

    Taking it is one conditional UPDATE that pushes `due_at` into the future, so a worker that dies on the way
    leaves a row that becomes due again. After MOST_TRIES it is parked and logged for staff.
    """
    if not _take(message_id):
        return False
    message = Message.objects.get(pk=message_id)
    try:
        EmailMessage(subject=message.subject, body=message.text, to=[message.to]).send()
    except (smtplib.SMTPException, OSError) as error:
        _failed(message, error)
        return False
    # What remains readable of a secret message is that it was sent.
    kept = {"text_sealed": ""} if message.carries_secret else {}
    move(message, State.SENT, moves=MOVES, sent_at=Now(), **kept)
    return True


def _take(message_id: uuid.UUID) -> bool:
    due = Message.objects.filter(pk=message_id, state=State.WAITING, due_at__lte=Now())
    return due.update(due_at=_NextTry(F("tries")), tries=F("tries") + 1) == 1


def _failed(message: Message, error: Exception) -> None:
    # The error of a mail server may quote the address, so only its kind goes to the log.
    what = {
        "message": str(message.pk),
        "kind": message.kind,
        "tries": message.tries,
        "error": type(error).__name__,
    }
    if message.tries >= MOST_TRIES and move(message, State.PARKED, moves=MOVES):
        log.error("message parked after %(tries)s tries: %(kind)s %(message)s (%(error)s)", what)
    else:
        log.warning("message not sent, try %(tries)s: %(kind)s %(message)s (%(error)s)", what)


def messages_sweep(*, most: int = 50) -> int:
    """Send what is due although no job came for it (lost job, failed try). Gives how many went out."""
    due = Message.objects.filter(state=State.WAITING, due_at__lte=Now()).order_by("due_at")
    return sum(message_deliver(message_id=pk) for pk in list(due.values_list("pk", flat=True)[:most]))
