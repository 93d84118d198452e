"""What holds for every job of the queue."""

from collections.abc import Callable
from typing import Any

from django.db import close_old_connections


def fresh_connection(call_next: Callable[[], Any], context: Any, worker: Any) -> Any:
    """A job begins as a request does: a connection that broke or is too old is replaced first."""
    close_old_connections()
    return call_next()
