"""Kills: a worker in a process of its own, and a gate before the provider that holds a call where the test wants it.

A call held `before` has left the house and has not reached the provider; one held `after` was carried out, and its
answer has not come back. Then SIGKILL. Nothing in the house knows of any of this.
"""

import http.client
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.db import connection
from procrastinate.exceptions import AlreadyEnqueued

from goldwallet.test.provider import Simulator
from goldwallet.test.race import patiently

STK_PUSH = "/mpesa/stkpush/v1/processrequest"
STK_QUERY = "/mpesa/stkpushquery/v1/query"
B2C = "/mpesa/b2c/v3/paymentrequest"
STATUS = "/mpesa/transactionstatus/v1/query"
#: An address of ours that nobody listens at: what is posted there is lost.
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Hold:
    """One call to be held: the first to `path` with `word` in its body."""

    when: Literal["before", "after"]
    path: str
    word: str
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


class Gate:
    """A server between the house and the provider. It passes everything on, except what it was told to hold."""

    def __init__(self, provider_url: str) -> None:
        self.provider = urlsplit(provider_url).netloc
        self.calls: list[tuple[str, str]] = []
        self.holds: list[Hold] = []
        #: Word in a body -> that call's callback addresses are bent to NOWHERE on the way.
        self.without_callbacks: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def hold(self, when: Literal["before", "after"], path: str, word: str = "") -> Hold:
        hold = Hold(when, path, word)
        self.holds.append(hold)
        return hold

    def open(self) -> None:
        """Let go of what is held: those connections break without an answer."""
        for hold in self.holds:
            hold.opened.set()

    def count(self, path: str, word: str = "") -> int:
        """How many calls to `path` with `word` in them the house has made."""
        return sum(called == path and word in body for called, body in self.calls)

    def took(self, path: str, body: str) -> Hold | None:
        with self._lock:
            self.calls.append((path, body))
            for hold in self.holds:
                if hold.path == path and hold.word in body and not hold.reached.is_set():
                    if hold.when == "before":
                        hold.reached.set()
                    return hold
        return None

    def close(self) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass()

        def do_POST(self) -> None:
            self._pass()

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path = urlsplit(self.path).path
            hold = gate.took(path, body)
            if hold is not None and hold.when == "before":
                hold.opened.wait()
                return
            if any(word in body for word in gate.without_callbacks):
                body = body.replace(settings.BASE_URL, NOWHERE)
            status, kind, answer = self._forward(body)
            if hold is not None:
                hold.reached.set()
                hold.opened.wait()
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _forward(self, body: str) -> tuple[int, str, bytes]:
            passed = {"Authorization", "Content-Type", "Accept"}
            headers = {name: value for name, value in self.headers.items() if name in passed}
            provider = http.client.HTTPConnection(gate.provider, timeout=30)
            try:
                provider.request(self.command, self.path, body=body.encode() or None, headers=headers)
                response = provider.getresponse()
                return response.status, response.getheader("Content-Type", ""), response.read()
            finally:
                provider.close()

        def log_message(self, *args: object) -> None:
            """Quiet: the test looks at `calls`."""

    return Handler


def database_url() -> str:
    """The database of this test run, for another process."""
    place = connection.settings_dict
    who = quote(place["USER"], safe="") + (
        f":{quote(place['PASSWORD'], safe='')}" if place["PASSWORD"] else ""
    )
    where = {"host": place["HOST"], "port": place["PORT"]}
    options = urlencode({name: str(value) for name, value in where.items() if value})
    return f"postgresql://{who}@/{quote(place['NAME'])}?{options}"


class Worker:
    """`manage.py worker`, a process of its own on the database of the test."""

    def __init__(self, gate: Gate, simulator: Simulator, log: Path) -> None:
        self._log = log
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "goldwallet.test.settings",
            "GOLDWALLET_MODE": "demo",
            "DATABASE_URL": database_url(),
            "DARAJA_BASE_URL": gate.url,
            "BASE_URL": settings.BASE_URL,
            "DARAJA_CERTIFICATE": str(simulator.folder / "certificate.pem"),
            "SIMULATOR_URL": simulator.url,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start one and wait until it has put its name down."""
        before = _workers()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "worker"],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=settings.BASE_DIR,
            )
        patiently(lambda: self._alive() and bool(_workers() - before), what="a worker is up", patience=60)

    def _alive(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the worker ended by itself: {self._log.read_text()[-2000:]}"
        return True

    def freeze(self) -> None:
        """From now on it does nothing, and does not know."""
        self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is tidied up."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        assert self._process.wait(10) == -signal.SIGKILL
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._alive()
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """At the end of a test, whatever its state."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


def _workers() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM procrastinate_workers")
        return {row[0] for row in cursor.fetchall()}


def heartbeats_stopped_a_minute_ago() -> None:
    """What the queue would see half a minute after the kill: it judges a worker dead by its heartbeat."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = last_heartbeat - interval '1 minute'"
        )


def looks_in_hand() -> int:
    """Jobs about a payment that some worker, alive or dead, has taken and not finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND task_name = 'payments.look'"
        )
        row = cursor.fetchone()
        return int(row[0])


def waiting_for(table: str) -> int:
    """Sessions that wait for a lock on the whole `table`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table])
        row = cursor.fetchone()
        return int(row[0])


def sweep() -> None:
    """Ring the clock of the queue: the jobs that come every few seconds, now."""
    from goldwallet.tasks import jobs_rescue
    from payments.tasks import due
    from trading.tasks import expire

    for job in (jobs_rescue, due, expire):
        with suppress(AlreadyEnqueued):
            job.configure().defer(timestamp=0)
