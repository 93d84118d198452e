"""Whether a run that has not ended is still being worked on.

Whoever works on a run holds an advisory lock of its number, and PostgreSQL gives the lock back the moment that the
session dies. A run that waits for a worker has its job in the queue instead.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from goldwallet.errors import Conflict
from oversight.models import Run

#: The job that works on a run which a page began.
JOB = "oversight.reconcile_run"
#: Of locks with two numbers the first says what they are about.
_ABOUT = 0x5EC0


@contextmanager
def run_held(run_id: uuid.UUID) -> Iterator[None]:
    """Hold the run for as long as the block lasts. Raises Conflict when another session holds it."""
    numbers = [_ABOUT, _number(run_id)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", numbers)
        if not cursor.fetchone()[0]:
            raise Conflict("Somebody else works on this comparison.", code="running")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", numbers)


def run_alive(run: Run) -> bool:
    """Whether a session works on it, or a job waits to."""
    return _held(run.pk) or (not run.step and _waits(run.pk))


def _held(run_id: uuid.UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = CAST(%s AS int)::oid AND objid = CAST(%s AS int)::oid)
            """,
            [_ABOUT, _number(run_id)],
        )
        return bool(cursor.fetchone()[0])


def _waits(run_id: uuid.UUID) -> bool:
    jobs = ProcrastinateJob.objects.filter(task_name=JOB, args__run_id=str(run_id))
    return jobs.filter(status__in=("todo", "doing")).exists()


def _number(run_id: uuid.UUID) -> int:
    """Half of a lock's number: two runs that share one are as likely as two people with the same key."""
    return int.from_bytes(run_id.bytes[:4], signed=True)
