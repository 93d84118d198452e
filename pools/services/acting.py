"""What the writes of this app share: who acts, and a refusal in place of a broken uniqueness."""

from collections.abc import Iterator
from contextlib import contextmanager

import pghistory
from django.db import IntegrityError, transaction

from accounts.models import User
from goldwallet.errors import Refused


@contextmanager
def acting(by: User, action: str, **more: str) -> Iterator[None]:
    """One transaction; what it changes is recorded as done by this person. `more` stands beside it (a `reason`)."""
    with pghistory.context(user=str(by.pk), action=action, **more), transaction.atomic():
        yield


@contextmanager
def unique(constraint: str, sentence: str) -> Iterator[None]:
    """Turn the breach of one unique constraint into a refusal. Two people may send the same thing at the
    same moment.
    """
    try:
        yield
    except IntegrityError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        if getattr(diagnosis, "constraint_name", None) != constraint:
            raise
        raise Refused(sentence, code="taken") from error
