"""PostgreSQL dies in the middle of everything, again and again: `python -m trials crash --restarts 200 --clients 50`.

A server of our own, durable as in production. Customers buy, pay, sell and are paid out through the services; the
worker and the web server run as processes. Then `pg_ctl stop -m immediate`, or SIGKILL of its first process, and a
start. What somebody was told to be done must be there; everything else is there whole or not at all. At last a stretch
in which commits do not wait for the disk: a trial that finds no loss there would find none anywhere.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cluster import Cluster, cluster

if TYPE_CHECKING:
    from trials.clients import Notes
    from trials.processes import Crew
    from trials.services import Service, Web

#: Acts per customer before the server dies, and again when it is back. By count: a busy machine gets there too.
ACTS = 3
#: And up to so many seconds later, so that it dies anywhere in an act.
LATER_SECONDS = 0.3
PATIENCE_SECONDS = 120
#: What `migrate` writes into its tables.
_KNOWN = ("django_migrations", "django_content_type", "auth_permission")


@dataclass
class Report:
    """What happened. `violations` is empty when everything held."""

    clients: int
    fsync: str = ""
    synchronous_commit: str = ""
    restarts: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    #: Acts that broke in somebody's hands, and those of them that were done all the same.
    broken: int = 0
    done_all_the_same: int = 0
    longest_away_seconds: float = 0.0
    #: How often the worker and the web server ended by themselves and were started again.
    worker_ends: int = 0
    web_ends: int = 0
    #: Of the mails that were due, those that the worker has not sent in the end.
    mails_left: int = 0
    #: Found in the last stretch, where commits did not wait for the disk: there must be some.
    lost_when_not_durable: int = 0
    pages: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def plain(self) -> dict[str, object]:
        """For JSON. (`asdict` makes nonsense of a Counter.)"""
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()
        }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m trials crash", description=__doc__)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8, help="customers, each a process; 8 unless told")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--like",
        default="",
        metavar="URL",
        help="take the tables of this migrated database, which is quicker",
    )
    parser.add_argument(
        "--not-durable",
        action="store_true",
        help="commits do not wait for the disk: the trial must find losses",
    )
    options = parser.parse_args(arguments)
    with cluster("crash") as own, tempfile.TemporaryDirectory() as folder:
        report = _run(own, Path(folder), options)
    print(json.dumps(report.plain()) if options.json else _told(report), flush=True)
    return 1 if report.violations else 0


def _told(report: Report) -> str:
    lines = [f"{name}: {value}" for name, value in report.plain().items() if name != "violations"]
    return "\n".join(["", *lines, f"violations: {len(report.violations)}", *report.violations])


def _run(own: Cluster, folder: Path, options: argparse.Namespace) -> Report:
    """Django is set up only now, with the address of our own server."""
    os.environ |= {"DATABASE_URL": own.url, "DJANGO_SETTINGS_MODULE": "trials.settings"}
    import django

    django.setup()
    from trials import services

    report = Report(options.clients)
    began = time.monotonic()
    if options.like:
        _take_tables(own, options.like)
    _prepare(report)
    environment = services.environment(own.url)
    worker = services.worker(environment, folder)
    web = services.Web(environment, folder)
    try:
        web.start()
        dice = random.Random(options.seed)
        for number in range(options.restarts):
            _stretch(own, report, worker, web, dice, sigkill=bool(number % 2))
            if number % 10 == 9:
                report.violations += _halves()
            report.seconds = round(time.monotonic() - began, 1)
            if not options.json:
                print(f"\r{number + 1}/{options.restarts} {_line(report)}", end="", flush=True)
    finally:
        worker.stop()
        web.stop()
    report.worker_ends, report.web_ends = worker.ends, web.service.ends
    report.violations += _halves()
    if report.mails_left:
        report.violations.append(f"{report.mails_left} mails about orders never went out")
    _control(own, report)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _line(report: Report) -> str:
    return (
        f"restarts, {report.acknowledged} acknowledged, {report.broken} broken "
        f"({report.done_all_the_same} of them done), {len(report.violations)} violations, {report.seconds:.0f} s"
    )


def _take_tables(own: Cluster, url: str) -> None:
    """The tables of another database, and that its migrations have run. `migrate` then finds nothing left to do."""
    dump: list[str | Path] = [own.server.place.programs / "pg_dump", "--dbname", url]
    rows = [word for name in _KNOWN for word in ("--table", name)]
    load: list[str | Path] = [
        own.server.place.programs / "psql",
        "-X",
        "-q",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        own.url,
    ]
    for what in (["--schema-only"], ["--data-only", *rows]):
        text = subprocess.run([*dump, *what], check=True, capture_output=True).stdout
        subprocess.run(load, input=text, check=True, stdout=subprocess.DEVNULL)


def _prepare(report: Report) -> None:
    from django.core.management import call_command
    from django.db import connection

    from goldwallet.test.world import world_create

    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    world_create()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        report.fsync, report.synchronous_commit = cursor.fetchone()
    if (report.fsync, report.synchronous_commit) != ("on", "on"):
        raise RuntimeError("this server is not durable, so the trial would show nothing")


def _stretch(
    own: Cluster, report: Report, worker: "Service", web: "Web", dice: random.Random, *, sigkill: bool
) -> None:
    """Load, a crash in the middle of it, and what everybody says afterwards."""
    from trials.clients import customers_live
    from trials.contests.rows import people
    from trials.processes import Crew

    users = people(report.clients)
    with Crew(report.clients) as crew:
        crew.start(customers_live, users)
        _acts(crew)
        time.sleep(dice.uniform(0, LATER_SECONDS))
        died = time.monotonic()
        _kill(own, sigkill=sigkill)
        own.server.start()
        back = time.monotonic()
        report.restarts["SIGKILL" if sigkill else "immediate"] += 1
        worker.see_that_it_runs()
        _acts(crew)
        crew.enough()
        notes: list[Notes] = crew.results(patience=PATIENCE_SECONDS)
    _take(report, notes)
    report.violations += _wrong_now(report, notes, worker, web)
    _look_at_pages(report, web, died, back)


def _acts(crew: "Crew") -> None:
    """Wait until everybody has done something, on average ACTS acts."""
    due = crew.done + ACTS * crew.count
    if not _soon(lambda: crew.done >= due, patience=PATIENCE_SECONDS):
        raise TimeoutError(f"{crew.count} customers did less than {ACTS} acts each in {PATIENCE_SECONDS} s")


def _kill(own: Cluster, *, sigkill: bool) -> None:
    if sigkill:
        pid = own.server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    else:
        own.server.run("pg_ctl", "stop", "-s", "-m", "immediate", "-w", "-D", own.server.place.data)


def _take(report: Report, notes: list["Notes"]) -> None:
    for one in notes:
        report.acknowledged += len(one.acknowledged)
        report.broken += one.broken
        report.done_all_the_same += one.done_all_the_same
        report.longest_away_seconds = max(report.longest_away_seconds, round(one.away, 2))


def _wrong_now(report: Report, notes: list["Notes"], worker: "Service", web: "Web") -> list[str]:
    from trials.aftermath import lost

    told = {key: order for one in notes for key, order in one.acknowledged.items()}
    wrong = lost(told)
    if not told:
        wrong.append("nobody did anything")
    if not any(one.broken for one in notes):
        wrong.append("nobody noticed that the database died")
    if not _soon(lambda: _worker_works(worker), patience=60):
        wrong.append("the worker does no jobs any more")
    if not _soon(web.database_is_ready):
        wrong.append("/readyz does not find the database again")
    return [f"after restart {report.restarts.total()}: {text}" for text in wrong]


def _worker_works(worker: "Service") -> bool:
    """Whether a job that is enqueued now is done within moments."""
    from django.db import connection

    from trading.tasks import expire

    worker.see_that_it_runs()
    # A periodic job, one more time; under its own lock two of them would not be let into the queue.
    job = expire.configure(queueing_lock=f"trial:{time.monotonic()}", priority=100).defer(timestamp=0)

    def done() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE id = %s)", [job])
            return not cursor.fetchone()[0]

    return _soon(done, patience=5)


def _mails_left(worker: "Service") -> int:
    """Let the worker finish, ten minutes later by the house's clock: what died in its hands is due again by then."""
    from goldwallet.test.clock import shift_clock
    from notifications.models import Message, State
    from notifications.tasks import sweep

    waiting = Message.objects.filter(state=State.WAITING)
    left = waiting.count()
    with shift_clock(minutes=10):
        while left:
            worker.see_that_it_runs()
            sweep.configure(queueing_lock=f"trial:{time.monotonic()}", priority=100).defer(timestamp=0)
            before = left
            _soon(lambda: not waiting.exists(), patience=20)
            left = waiting.count()
            if left >= before:
                break
    return left


def _soon(condition: Callable[[], bool], *, patience: float = 20) -> bool:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _look_at_pages(report: Report, web: "Web", died: float, back: float) -> None:
    """What a visitor saw: an error page while the database was away, and never a dead connection afterwards."""
    answers, web.answers = web.answers, []
    for asked, status, took in answers:
        # One that was asked just before the server was back may have met its absence.
        when = "before" if asked + took < died else "after" if asked >= back else "meanwhile"
        report.pages[f"{when} {status}"] += 1
        if status == 0:
            report.violations.append(f"no answer from /healthz or the front page, {when} the crash")
        elif when != "meanwhile" and status != 200:
            report.violations.append(f"the front page answered {status} {when} the crash")
        if took > 15:
            report.violations.append(f"the front page took {took:.0f} s")


def _halves() -> list[str]:
    """What is there by half, as of one moment: the worker goes on meanwhile."""
    from django.db import connection, transaction

    from trials.aftermath import halves

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return halves()


def _control(own: Cluster, report: Report) -> None:
    """The same without waiting for the disk. The server is back only when everybody has gone: much may be missing."""
    from django.db import connection

    from trials.aftermath import lost
    from trials.clients import customers_live
    from trials.contests.rows import people
    from trials.processes import Crew

    users = people(report.clients)
    with connection.cursor() as cursor:
        for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
        cursor.execute("SELECT pg_reload_conf()")
    with Crew(report.clients) as crew:
        crew.start(customers_live, users)
        _acts(crew)
        crew.enough()
        _kill(own, sigkill=False)
        notes: list[Notes] = crew.results(patience=PATIENCE_SECONDS)
    own.server.start()
    report.lost_when_not_durable = len(
        lost({k: order for one in notes for k, order in one.acknowledged.items()})
    )
    if not report.lost_when_not_durable:
        report.violations.append(
            "nothing was lost although commits did not wait: this trial cannot see a loss"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
