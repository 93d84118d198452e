"""What holds for every job of the queue."""

from collections.abc import Callable
from typing import Any

import structlog
from django.db import close_old_connections


def fresh_connection(call_next: Callable[[], Any], context: Any, worker: Any) -> Any:
    """A job begins as a request does: a connection that broke or is too old is replaced first. Lines that it logs
    carry its number and its task's name.
    """
    close_old_connections()
    with structlog.contextvars.bound_contextvars(job=context.job.id, task=context.job.task_name):
        return call_next()
