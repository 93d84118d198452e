"""The whole house as processes: web server, worker and simulator over the test database, as `make run` runs them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import httpx
from django.db import connection

from accounts.models import User
from goldwallet.test.provider import Simulator, free_port
from goldwallet.test.race import patiently
from goldwallet.test.world import buy
from payments.models import Direction, Payment, State
from trading.models import Order, Status

CHECKOUT = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """The address of the database that the tests use, for another process."""
    found = connection.settings_dict
    who = quote(found["USER"] or "", safe="")
    secret = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    where = f"?host={quote(found['HOST'], safe='')}" if found["HOST"] else ""
    port = f"&port={found['PORT']}" if found["PORT"] else ""
    return f"postgresql://{who}{secret}@/{found['NAME']}{where}{port}"


_AT_WORK = """
EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'
      AND pid <> pg_backend_pid()
)
"""
_BUSY = f"SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'doing') OR {_AT_WORK}"


#: Also on a machine with other work on it.
_START_SECONDS = 60


def callbacks_end(simulator: Simulator, *, patience: float = 30) -> None:
    """The simulator forgets the callbacks that it has not sent, and those on their way have been taken in: after
    this the tables may be emptied.
    """
    simulator.reset()
    end = time.monotonic() + patience
    while not _quiet(0.1, f"SELECT {_AT_WORK}"):
        if time.monotonic() > end:
            raise TimeoutError("callbacks do not end")


class House:
    """Start the processes with `start`, stop them with `stop`; `kill_worker` is SIGKILL.

    They may serve several tests, one after the other: `pause` before the database is emptied, `resume` after it.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "goldwallet.test.house_settings",
            "DATABASE_URL": database_url(),
            "SIMULATOR_URL": simulator.url,
            "DARAJA_CERTIFICATE": str(simulator.folder / "certificate.pem"),
            "LOG_LEVEL": "WARNING",
        }
        self._at(free_port())
        self.web: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.paused = False

    def _at(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment["PORT"] = str(port)

    def start(self) -> None:
        """Both programs run, and the worker's first rounds are over: it catches up with what it slept through, and a
        test should not meet that.
        """
        for _ in range(3):
            self.start_worker()
            if self._start_web():
                patiently(_first_rounds_over, what="the worker has caught up", patience=_START_SECONDS)
                return
            # Its port was free when it was chosen, and somebody else was quicker. The worker names it to the provider.
            self.kill_worker()
            self._at(free_port())
        raise RuntimeError("the web server ended at its start")

    def _start_web(self) -> bool:
        """Whether it answers; False when it ended. Raises TimeoutError when neither happens."""
        granian = [
            "granian",
            "--interface",
            "wsgi",
            "--no-ws",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        options = ["--workers", "1", "--blocking-threads", "4", "--log-level", "warning"]
        self.web = self._run(["-m", *granian, *options, "goldwallet.wsgi:application"])
        end = time.monotonic() + _START_SECONDS
        while self.web.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    return True
            if time.monotonic() > end:
                raise TimeoutError("the web server did not start")
            time.sleep(0.05)
        return False

    def start_worker(self) -> None:
        self.worker = self._run(["manage.py", "worker"])

    def kill_worker(self) -> None:
        assert self.worker is not None
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait(10)
        self.worker = None

    def pause(self, *, patience: float = 30) -> None:
        """Bring the house to rest, so that the tables can be emptied; what is left to do is forgotten.

        The worker is held still and is not only idle: a periodic job that wakes up while tables are emptied would
        deadlock with that. So would a callback: the simulator forgets those that it has not sent, and the others end.
        """
        end = time.monotonic() + patience
        while not self.paused:
            if not _busy():
                self._signal_worker(signal.SIGSTOP)
                self.paused = _quiet(0.02)
                if not self.paused:
                    self._signal_worker(signal.SIGCONT)
            if time.monotonic() > end:
                raise TimeoutError("the house does not come to rest")
            time.sleep(0.02)
        self.simulator.reset()
        while not _quiet(0.15):
            if time.monotonic() > end:
                raise TimeoutError("callbacks do not end")
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs CASCADE")

    def resume(self) -> None:
        self.paused = False
        self._signal_worker(signal.SIGCONT)

    def _signal_worker(self, number: int) -> None:
        if self.worker is not None:
            self.worker.send_signal(number)

    def stop(self) -> None:
        self.resume()
        for process in (self.web, self.worker):
            if process is not None:
                process.terminate()
        for process in (self.web, self.worker):
            if process is not None:
                process.wait(30)

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, *command], env=self.environment, cwd=CHECKOUT)


def _busy(question: str = _BUSY) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question)
        (busy,) = cursor.fetchone()
    return bool(busy)


def _first_rounds_over() -> bool:
    rounds = "SELECT FROM procrastinate_periodic_defers"
    left = "SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND scheduled_at IS NULL"
    return _busy(f"SELECT EXISTS ({rounds}) AND NOT EXISTS ({left})")


def _quiet(seconds: float, question: str = _BUSY) -> bool:
    """Whether nothing is under way, and nothing comes for so long."""
    end = time.monotonic() + seconds
    while not _busy(question):
        if time.monotonic() > end:
            return True
        time.sleep(0.01)
    return False


def owns(house: House, user: User, kes: int) -> Order:
    """The person buys gold for so many shillings and pays on the phone: it counts in the simulator's books, too."""
    order = buy(user, kes)
    house.simulator.answer(user.phone, "accept")
    patiently(lambda: Order.objects.get(pk=order.pk).status == Status.COMPLETED, what="the gold is theirs")
    return Order.objects.get(pk=order.pk)


def prompted(house: House, user: User) -> Payment:
    """The person's newest payment, when its prompt is on the phone and the house knows that.

    An order is pending before that. Whoever moves the clock or counts what the provider has must not do it meanwhile.
    """
    newest = Payment.objects.filter(user=user, direction=Direction.IN).order_by("-created_at")
    patiently(lambda: bool(house.simulator.prompts(user.phone)), what="the prompt is on the phone")
    patiently(newest.filter(state=State.PENDING).exists, what="the house knows of the prompt")
    return newest[0]
