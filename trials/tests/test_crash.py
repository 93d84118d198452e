"""PostgreSQL stopped in mid-flight: once by `pg_ctl`, once by SIGKILL, on a server of the test's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from goldwallet.test.kill import database_url

# Its server takes over the tables of the tests' database.
pytestmark = pytest.mark.django_db

CHECKOUT = Path(__file__).resolve().parents[2]
RESTARTS, CLIENTS = 2, 8


@pytest.fixture(scope="module")
def report(django_db_setup) -> dict:
    command = [sys.executable, "-m", "trials", "crash", "--json", "--like", database_url()]
    command += ["--restarts", str(RESTARTS), "--clients", str(CLIENTS)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.fault("W03")
def test_nothing_that_was_acknowledged_is_lost_and_nothing_is_there_by_half(report: dict) -> None:
    assert report["violations"] == []
    assert report["restarts"] == {"immediate": 1, "SIGKILL": 1}
    assert (report["fsync"], report["synchronous_commit"]) == ("on", "on")
    assert report["acknowledged"] >= 2 * RESTARTS * CLIENTS
    assert report["broken"] >= RESTARTS


@pytest.mark.fault("W03")
def test_the_web_server_finds_the_database_again_without_a_restart(report: dict) -> None:
    """Each front page before and after was served; while the database was away people got an error page at once."""
    assert report["web_ends"] == 0
    seen = {(page.split()[0], int(page.split()[1])) for page in report["pages"]}
    assert {status for when, status in seen if when != "meanwhile"} == {200}
    assert {when for when, _ in seen} == {"before", "meanwhile", "after"}
    assert any(when == "meanwhile" and status >= 500 for when, status in seen)


def test_the_trial_sees_a_loss_where_commits_do_not_wait_for_the_disk(report: dict) -> None:
    """The negative control."""
    assert report["lost_when_not_durable"] > 0
