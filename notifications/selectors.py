"""Reads of the outbox."""

import uuid

from django.db.models import QuerySet

from notifications.models import Message


def messages_of(user_id: uuid.UUID) -> QuerySet[Message]:
    """What we wrote to a person, newest first. Address and text stay sealed: nobody at the desk reads them."""
    return Message.objects.filter(user_id=user_id).defer("to_sealed", "text_sealed").order_by("-created_at", "-pk")
