"""Jobs that go through many rows."""

import logging
import uuid
from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)


def each_row(keys: Iterable[uuid.UUID], act: Callable[[uuid.UUID], bool]) -> int:
    """Do it to one after the other, each in its own transaction; answers to how many it was done.

    A row to which it cannot be done is logged and left, so that it does not keep all others waiting.
    """
    done = 0
    for key in list(keys):
        try:
            done += act(key)
        except Exception:
            log.exception("%s: row %s cannot be done", act.__qualname__, key)
    return done
