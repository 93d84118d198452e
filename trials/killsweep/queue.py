"""The queue in one thread, so that boundaries have a fixed order: take a job, do it, strike it out.

A worker that dies leaves its job `doing`; `rescued` gives such jobs back, as `goldwallet.tasks.jobs_rescue` does.
"""

import json
from collections.abc import Callable
from typing import Any

from django.db import connection
from procrastinate.contrib.django import app

_TAKE = """
UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
    SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND task_name = ANY (%(tasks)s)
    AND (%(early)s OR scheduled_at IS NULL OR scheduled_at <= clock_timestamp()) ORDER BY id LIMIT 1
) RETURNING id, task_name, args::text
"""
LOOK = "payments.look"


def work_once(tasks: list[str], *, early: bool = True) -> bool:
    """Do the oldest job of these tasks; `early`: also one that is to wait, since the row is the truth.

    False: there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"tasks": tasks, "early": early})
        taken = cursor.fetchone()
    if taken is None:
        return False
    job_id, task, arguments = taken
    _function(task)(**json.loads(arguments))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job_id])
    return True


def _function(task: str) -> Callable[..., Any]:
    return app.tasks[task].func


def every_task() -> list[str]:
    return sorted(app.tasks)


_SUCCEEDED = """
DELETE FROM procrastinate_jobs dead WHERE status = 'doing' AND EXISTS (
    SELECT FROM procrastinate_jobs other WHERE other.queueing_lock = dead.queueing_lock
    AND (other.status = 'todo' OR other.status = 'doing' AND other.id > dead.id)
)
"""


def rescued() -> None:
    """As `goldwallet.tasks.jobs_rescue`: a job whose successor waits already is struck out, since only one may wait."""
    with connection.cursor() as cursor:
        cursor.execute(_SUCCEEDED)
        cursor.execute("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")


def nearer(seconds: float) -> None:
    """So much time has passed for the jobs that wait: the queue asks the machine's clock, which no trial moves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - make_interval(secs => %s)"
            " WHERE status = 'todo' AND scheduled_at IS NOT NULL",
            [seconds],
        )


def left() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs")
        (count,) = cursor.fetchone()
    return int(count)


def emptied() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
