"""A run whose process was killed keeps nobody waiting, and one that is worked on is left alone."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from goldwallet.errors import Conflict
from goldwallet.test.house import CHECKOUT, database_url
from goldwallet.test.race import patiently
from oversight.models import Break, Run, RunState
from oversight.reconciliation import run as runs
from oversight.reconciliation.alive import run_held
from oversight.reconciliation.run import reconcile, run_begin, run_do
from oversight.tasks import reconcile_run

pytestmark = pytest.mark.django_db(transaction=True)

#: A comparison in another process that has begun and does not get on.
_STUCK = """
import django, time
django.setup()
from oversight.reconciliation import lines, run
lines.pair = lambda span: time.sleep(600)
run.reconcile()
"""


@pytest.fixture
def stuck() -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "goldwallet.test.house_settings",
        "DATABASE_URL": database_url(),
    }
    process = subprocess.Popen([sys.executable, "-c", _STUCK], env=environment, cwd=CHECKOUT)
    patiently(Run.objects.exclude(step="").exists, what="the other process begins", patience=60)
    yield process
    process.kill()
    process.wait(10)


@pytest.mark.fault("W02")
def test_the_next_run_begins_at_once_when_the_former_was_killed(stuck: subprocess.Popen[bytes]) -> None:
    former = Run.objects.get()
    with pytest.raises(Conflict, match="running already"):
        reconcile()
    assert Run.objects.get().state == RunState.RUNNING

    stuck.send_signal(signal.SIGKILL)
    stuck.wait(10)
    patiently(lambda: not _locks(), what="PostgreSQL sees that it is dead")
    assert reconcile().state == RunState.DONE
    former.refresh_from_db()
    assert former.state == RunState.FAILED
    assert former.finished_at is not None
    assert "stopped before" in former.error


def _locks() -> list[list[int]]:
    """The numbers of the locks that somebody holds in this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT classid::int, objid::int FROM pg_locks JOIN pg_database d ON d.oid = database
            WHERE locktype = 'advisory' AND objsubid = 2 AND d.datname = current_database()
            """
        )
        return [list(row) for row in cursor.fetchall()]


def test_a_run_whose_connection_broke_is_dead() -> None:
    begun = run_begin()
    other = psycopg.connect(database_url(), autocommit=True)
    other.execute("SELECT pg_advisory_lock(%s, %s)", _numbers(begun.pk))
    with pytest.raises(Conflict):
        run_begin()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [other.info.backend_pid])
    patiently(lambda: not _locks(), what="the session ends")
    assert run_begin().pk != begun.pk
    other.close()


def _numbers(run_id: uuid.UUID) -> list[int]:
    """Of the lock that `run_held` takes, as PostgreSQL shows them."""
    with run_held(run_id):
        return _locks()[0]


def test_a_run_that_waits_for_a_worker_is_waited_for() -> None:
    waiting = run_begin()
    reconcile_run.defer(run_id=str(waiting.pk))
    with pytest.raises(Conflict):
        reconcile()
    # Its worker was killed and its job is gone: nobody will come.
    ProcrastinateJob.objects.all().delete()
    assert reconcile().state == RunState.DONE
    waiting.refresh_from_db()
    assert waiting.state == RunState.FAILED


def test_a_job_that_comes_again_does_the_run_from_its_beginning() -> None:
    """The worker was killed midway, and the queue gives its job to another one."""
    begun = run_begin()
    Run.objects.filter(pk=begun.pk).update(step="Charges", steps_done=5, report=[{"name": "Money in"}])
    reconcile_run.func(str(begun.pk))
    begun.refresh_from_db()
    assert begun.state == RunState.DONE
    assert [step["name"] for step in begun.report] == [step.name for step in runs.STEPS]


def test_a_job_of_a_run_that_has_ended_does_nothing() -> None:
    done = reconcile()
    reconcile_run.func(str(done.pk))
    before = done.finished_at
    done.refresh_from_db()
    assert done.finished_at == before
    with pytest.raises(Conflict, match="ended already"):
        run_do(done.pk)


def test_one_session_at_a_time_works_on_a_run() -> None:
    begun = run_begin()
    with psycopg.connect(database_url()) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", _numbers(begun.pk))
        with pytest.raises(Conflict, match="Somebody else"):
            run_do(begun.pk)
    assert not Run.objects.get().report


def test_a_run_that_was_given_up_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It came back to life after another had taken it for dead."""
    keep = runs.breaks_keep

    def given_up(**kwargs):
        kept = keep(**kwargs)
        Run.objects.update(state=RunState.FAILED, finished_at=kwargs["run"].started_at)
        return kept

    monkeypatch.setattr(runs, "breaks_keep", given_up)
    with pytest.raises(Conflict, match="given up"):
        reconcile()
    assert Run.objects.get().state == RunState.FAILED
    assert not Break.objects.exists()
