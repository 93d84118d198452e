"""The outbox: every message to a person is a row first, and is sent from the row."""

import uuid

from django.conf import settings
from django.db import models

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property
from goldwallet.states import Moves


class Channel(models.TextChoices):
    MAIL = "mail", "Mail"


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    PARKED = "parked", "Given up"


MOVES: Moves = {
    State.WAITING: frozenset({State.SENT, State.PARKED}),
    State.PARKED: frozenset({State.WAITING}),
    State.SENT: frozenset(),
}


class Message(models.Model):
    """One message to one address. Sent at least once: after a crash between sending and noting it, it goes
    again.

    Address and text are sealed. The text of a message that carried a secret (a code, a link) is wiped once it
    is sent. `due_at` is the earliest time of the next try; taking the row for a try moves it, which is what
    keeps two workers from sending the same message.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.MAIL)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, unique=True)
    to_sealed = models.TextField()
    subject = models.CharField(max_length=200)
    text_sealed = models.TextField(blank=True)
    carries_secret = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    to = sealed_property("to_sealed")
    text = sealed_property("text_sealed")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=State.SENT, sent_at__isnull=False)
                | models.Q(~models.Q(state=State.SENT), sent_at__isnull=True),
                name="message_sent_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(state=State.WAITING), name="message_waiting_due"
            ),
            models.Index(fields=["user", "-created_at"], name="message_of_user"),
        ]
