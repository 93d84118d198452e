"""How much a verified person may trade, as two people have agreed (`kyc.requests`)."""

import uuid

from accounts.models import User
from accounts.services import person_enhance, person_lock
from goldwallet.errors import Refused
from kyc import mails


def tier_change(*, user_id: uuid.UUID, enhanced: bool, key: str) -> None:
    """In the transaction of the approval. `key` names the occasion. Raises Refused for who is not verified."""
    person_lock(user_id)
    if not person_enhance(user_id=user_id, enhanced=enhanced):
        raise Refused("Only a verified person's tier changes, and this one stands so already.", code="same")
    mails.tier(User.objects.get(pk=user_id), enhanced=enhanced, key=key)
