"""Jobs that enqueue jobs do so in their transaction, in the worker as in a page."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from controls.models import Anchor, Cause
from controls.selectors import switch
from goldwallet.test.kill import database_url
from goldwallet.test.race import patiently, queue_empty
from goldwallet.test.worker import work
from notifications.tasks import deliver

pytestmark = pytest.mark.django_db(transaction=True)

seen: list[int] = []


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    """Nothing of other tests is seen here, and the failed job is not seen by them."""
    queue_empty()
    yield
    queue_empty()


@app.task(name="test.enqueue_and_look")
def enqueue_and_look() -> None:
    """What others see of a job that was enqueued here, before the transaction has ended."""
    with transaction.atomic():
        deliver.defer(message_id=str(uuid.uuid4()))
        seen.append(_seen_by_others())


@app.task(name="test.enqueue_and_fail")
def enqueue_and_fail() -> None:
    with transaction.atomic():
        deliver.defer(message_id=str(uuid.uuid4()))
        raise RuntimeError("rolled back")


def _seen_by_others() -> int:
    """Counted by a connection of its own."""
    other = transaction.get_connection().copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", [deliver.name])
            return int(cursor.fetchone()[0])
    finally:
        other.close()


def test_nobody_sees_it_before_the_commit() -> None:
    seen.clear()
    enqueue_and_look.defer()
    work(concurrency=1)
    assert seen == [0]


def test_a_rollback_takes_it_back() -> None:
    enqueue_and_fail.defer()
    work(concurrency=1)
    assert ProcrastinateJob.objects.filter(task_name=enqueue_and_fail.name, status="failed").exists()
    assert not ProcrastinateJob.objects.filter(task_name=deliver.name).exists()


@pytest.mark.fault("W12")
def test_a_worker_on_a_restored_database_pauses_payouts_first(monkeypatch) -> None:
    """Before it takes its first job. The next start finds the database that it knows."""
    started = []

    def paused() -> bool:
        # This runs in a thread whose session another test may have ended.
        connection.close()
        return switch("payouts").paused

    async def work_on() -> None:
        started.append(await sync_to_async(paused)())

    monkeypatch.setattr("goldwallet.management.commands.worker.work_on", work_on)
    call_command("worker", stdout=StringIO())
    Anchor.objects.update(text="the database of before")
    said = StringIO()
    call_command("worker", stdout=said)
    assert started == [False, True]
    assert "This database was restored." in said.getvalue()
    assert switch("payouts").cause == Cause.RESTORED
    said = StringIO()
    call_command("worker", stdout=said)
    assert "restored" not in said.getvalue()


_END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'test worker'
"""


@pytest.mark.race
@pytest.mark.fault("W03", "W07")
def test_a_worker_outlives_its_sessions(tmp_path) -> None:
    """A real worker loses every session to the database, more than once, and does the next job all the same."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "goldwallet.test.settings",
        "DATABASE_URL": database_url(),
        "PGAPPNAME": "test worker",
    }
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            env=environment,
            cwd=settings.BASE_DIR,
            stdout=log,
            stderr=log,
        )
        try:
            patiently(lambda: bool(ProcrastinateWorker.objects.count()), what="a worker is up", patience=60)
            for number in range(3):
                patiently(_has_sessions, what="the worker is back", patience=60)
                with transaction.get_connection().cursor() as cursor:
                    cursor.execute(_END_SESSIONS)
                job = enqueue_and_look.defer()
                patiently(lambda job=job: _did(job), what=f"job {number} is done", patience=60)
            assert process.poll() is None
        finally:
            process.kill()
            process.wait(10)


def _has_sessions() -> bool:
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'test worker'"
        )
        return bool(cursor.fetchone()[0])


def _did(job: int) -> bool:
    """Tried to the end: the worker knows no task of a test, and says so."""
    return ProcrastinateJob.objects.filter(pk=job, status__in=["failed", "succeeded"]).exists()
