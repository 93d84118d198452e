import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Checkout, eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")

HOLD = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"


def server_pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[0])


def test_starts_and_stops_twice_and_keeps_the_data(checkout: Checkout) -> None:
    url = checkout.postgres("start").stdout.strip()
    checkout.query(url, "CREATE TABLE kept (grams numeric)")
    checkout.query(url, "INSERT INTO kept VALUES (1.000001)")
    assert checkout.postgres("start").stdout.strip() == url
    assert checkout.postgres("stop").returncode == 0
    assert checkout.postgres("status").returncode == 3
    assert checkout.postgres("stop").returncode == 0
    assert checkout.postgres("start").stdout.strip() == url
    assert str(checkout.query(url, "SELECT grams FROM kept")[0][0]) == "1.000001"


def test_is_durable_private_and_deaf_to_the_network(checkout: Checkout) -> None:
    url = checkout.postgres("start").stdout.strip()
    for setting, expected in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}.items():
        assert checkout.query(url, f"SHOW {setting}") == [(expected,)]
    assert checkout.data.stat().st_mode & 0o077 == 0


def test_a_killed_server_starts_again_with_what_was_committed(checkout: Checkout) -> None:
    url = checkout.postgres("start").stdout.strip()
    checkout.query(url, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(server_pid(checkout.data), signal.SIGKILL)
    assert checkout.postgres("start").stdout.strip() == url
    assert checkout.query(url, "SELECT n FROM kept") == [(7,)]


def test_a_stale_note_that_names_another_program_does_not_stop_it(checkout: Checkout) -> None:
    checkout.postgres("start")
    note = (checkout.data / "postmaster.pid").read_text()
    checkout.postgres("stop")
    user = {"user": checkout.data.stat().st_uid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **user) as other:  # the number of the dead server went to this one
        (checkout.data / "postmaster.pid").write_text(note.replace(note.splitlines()[0], str(other.pid), 1))
        started = checkout.postgres("start")
        assert other.poll() is None
        other.kill()
    assert started.returncode == 0, started.stderr


def test_it_runs_while_somebody_uses_it_and_stops_after_the_last_even_when_killed(checkout: Checkout) -> None:
    first, second = (checkout.begin("with_database.py", "-c", HOLD) for _ in range(2))
    assert eventually(lambda: checkout.postgres("status").returncode == 0)
    first.kill()
    first.wait()
    assert not eventually(lambda: checkout.postgres("status").returncode != 0, seconds=1)
    second.kill()
    second.wait()
    assert eventually(lambda: checkout.postgres("status").returncode == 3)
    assert eventually(lambda: not checkout.processes()), checkout.processes()


def test_a_server_started_by_hand_outlives_those_who_use_it(checkout: Checkout) -> None:
    url = checkout.postgres("start").stdout.strip()
    used = checkout.tool("with_database.py", "-c", "import os; print(os.environ['DATABASE_URL'])")
    assert used.stdout.strip() == url
    assert checkout.postgres("status").returncode == 0


def test_two_checkouts_do_not_meet(make_checkout: Callable[..., Checkout]) -> None:
    one, other = make_checkout("one"), make_checkout("other")
    urls = [each.postgres("start").stdout.strip() for each in (one, other)]
    assert urls[0] != urls[1]
    assert one.postgres("stop").returncode == 0
    assert other.query(urls[1], "SELECT 1") == [(1,)]


def test_a_path_too_long_for_a_socket(make_checkout: Callable[..., Checkout]) -> None:
    checkout = make_checkout("a-folder-with-a-long-name/" * 5 + "checkout")
    url = checkout.postgres("start").stdout.strip()
    assert checkout.query(url, "SELECT 1") == [(1,)]
    folder = Path(url.rpartition("host=")[2].replace("%2F", "/"))
    assert len(str(folder)) < 90
    assert folder.stat().st_mode & 0o077 == 0
    checkout.postgres("stop")
    assert not folder.exists()


def test_data_of_another_version_is_named_and_left_alone(fresh_checkout: Checkout) -> None:
    old = fresh_checkout.folder / "var/postgres/9"
    old.mkdir(parents=True)
    (old / "PG_VERSION").write_text("9\n")
    refused = fresh_checkout.postgres("start")
    assert refused.returncode == 1
    assert "was written by PostgreSQL 9; installed here: 18" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert sorted(path.name for path in old.parent.iterdir() if path.is_dir()) == ["9"]


def test_database_url_starts_nothing(fresh_checkout: Checkout) -> None:
    fresh_checkout.settings["DATABASE_URL"] = "postgresql://elsewhere/goldwallet"
    answer = fresh_checkout.postgres("start")
    assert answer.stdout.strip() == "postgresql://elsewhere/goldwallet"
    assert "DATABASE_URL is set" in answer.stderr
    assert not (fresh_checkout.folder / "var").exists()


@as_root
def test_root_below_a_folder_that_only_root_may_enter(open_folder: Path, make_checkout) -> None:
    (open_folder / "private").mkdir(mode=0o700)
    checkout = make_checkout("private/checkout", fresh=True)
    users = Path("/etc/passwd").read_bytes()
    started = checkout.postgres("start")
    url = started.stdout.strip()
    assert started.returncode == 0, started.stderr
    assert checkout.query(url, "SELECT 1") == [(1,)]
    shelter = Path((checkout.folder / "var/postgres/elsewhere").read_text().strip())
    assert shelter.stat().st_mode & 0o777 == 0o700
    assert Path(f"/proc/{server_pid(shelter / '18')}").stat().st_uid != 0
    assert (open_folder / "private").stat().st_mode & 0o777 == 0o700
    assert Path("/etc/passwd").read_bytes() == users
    checkout.query(url, "CREATE TABLE kept (n int)")
    checkout.postgres("stop")
    assert checkout.postgres("start").stdout.strip() == url
    assert checkout.query(url, "SELECT count(*) FROM kept") == [(0,)]


@as_root
def test_root_runs_the_server_as_the_owner_of_the_checkout(fresh_checkout: Checkout) -> None:
    os.chown(fresh_checkout.folder, 65534, 65534)
    assert "nobody" in fresh_checkout.postgres("status").stdout
    assert fresh_checkout.postgres("start").returncode == 0
    data = fresh_checkout.data
    assert data.stat().st_uid == 65534
    assert Path(f"/proc/{server_pid(fresh_checkout.data)}").stat().st_uid == 65534
