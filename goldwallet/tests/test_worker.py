"""Jobs that enqueue jobs do so in their transaction, in the worker as in a page."""

import uuid
from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from controls.models import Anchor, Cause
from controls.selectors import switch
from goldwallet.test.race import queue_empty
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
    worker = SimpleNamespace(run_worker=lambda: started.append(switch("payouts").paused))
    monkeypatch.setattr("goldwallet.management.commands.worker.worker_app", lambda: worker)
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
