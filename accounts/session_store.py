"""Where sessions are kept: Django's own store in the database, with whose session it is as a column.

So a person can see where they are signed in, and end it: a session whose row is gone is over at its next request.
"""

import uuid
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from accounts.models import Session


class SessionStore(DatabaseStore):
    """`SESSION_ENGINE`. A request that still runs when its session is ended cannot write the row anew: Django's
    `save` updates what is there, and inserts under a new key alone.
    """

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        whose = data.get(SESSION_KEY)
        row.user_id = uuid.UUID(str(whose)) if whose else None
        return row
