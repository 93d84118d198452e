"""In the demo a mail goes to the phone of its reader."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from accounts.selectors import person_by_email
from goldwallet.demo.phone import DEMO_PHONE, PhoneAway, hand_mail

log = logging.getLogger(__name__)


class PhoneBackend(BaseEmailBackend):
    """Django's mail interface in front of the simulator's phones.

    An address that belongs to nobody here, or to somebody without a phone, is read on the demo phone. When
    the simulator is down, that is logged and raised: mail from the outbox then waits there for its next try.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        return sum(self._send(message) for message in email_messages)

    def _send(self, message: EmailMessage) -> int:
        try:
            for address in message.recipients():
                person = person_by_email(address)
                phone = (person.phone if person else "") or DEMO_PHONE
                hand_mail(phone, to=address, subject=str(message.subject), text=str(message.body))
        except PhoneAway:
            log.warning("the demo phone is away; a mail was not handed over: %s", message.subject)
            raise
        return 1
