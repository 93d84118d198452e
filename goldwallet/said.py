"""What a page says after a step waits for the next page in the session, sealed: it names people ("The mail goes to
..."), and neither a cookie nor a table shows them to whoever reads it.
"""

from typing import Any

from django.contrib.messages.storage.session import SessionStorage

from goldwallet.sealing import SealBroken, seal, unseal

_PLACE = {"table": "accounts_session", "row": "", "field": "messages"}


class SealedMessages(SessionStorage):
    """`MESSAGE_STORAGE`."""

    def serialize_messages(self, messages: Any) -> str:
        return seal(str(super().serialize_messages(messages)), **_PLACE)

    def deserialize_messages(self, data: Any) -> Any:
        """None for nothing, and for what a key sealed that is gone meanwhile: a lost sentence is no incident."""
        try:
            return super().deserialize_messages(unseal(data, **_PLACE)) if data else None
        except SealBroken:
            return None
