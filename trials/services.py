"""The house's own processes beside a campaign: the web server and the worker, on the campaign's database."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import httpx

from goldwallet.test.provider import free_port

CHECKOUT = Path(__file__).resolve().parent.parent
#: An address that nobody listens at: the provider is away all the time, which is no fault of the database.
NOWHERE = "http://127.0.0.1:9"


def environment(database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "trials.settings",
        "GOLDWALLET_MODE": "demo",
        "DARAJA_BASE_URL": NOWHERE,
        "SIMULATOR_URL": NOWHERE,
        "LOG_LEVEL": "ERROR",
    }


class Service:
    """One program, started again when it has ended by itself, as the container's restart policy does."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._command = [sys.executable, *command]
        self._environment = dict(environment)
        self._log: IO[bytes] = log.open("ab")
        self.ends = -1
        self._process: subprocess.Popen[bytes] | None = None
        self.see_that_it_runs()

    def see_that_it_runs(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.ends += 1
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                cwd=CHECKOUT,
            )

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def worker(environment: Mapping[str, str], folder: Path) -> Service:
    return Service(["manage.py", "worker"], environment, folder / "worker.log")


class Web:
    """The web server as `make run` starts it, and somebody who asks for its front page all the time."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
        options += ["--workers", "2", "--blocking-threads", "4", "--log-level", "warning"]
        command = ["-m", "granian", *options, "goldwallet.wsgi:application"]
        self.service = Service(command, {**environment, "PORT": str(port)}, folder / "web.log")
        self._http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        #: (when it was asked, by the monotonic clock; status; seconds it took). Status 0: no answer at all.
        self.answers: list[tuple[float, int, float]] = []
        self._over = threading.Event()
        self._visitor = threading.Thread(target=self._visit, daemon=True)

    def start(self) -> None:
        """Wait until pages are served, then begin to ask."""
        end = time.monotonic() + 40
        while self._status("/") != 200:
            if time.monotonic() > end:
                raise TimeoutError("the web server does not serve its front page")
            time.sleep(0.1)
        self._visitor.start()

    def _visit(self) -> None:
        while not self._over.wait(0.05):
            asked = time.monotonic()
            # The front page reads the price; /healthz must answer whatever the database does.
            front, alive = self._status("/"), self._status("/healthz")
            self.answers.append((asked, front if alive == 200 else 0, time.monotonic() - asked))

    def _status(self, path: str) -> int:
        try:
            return self._http.get(path).status_code
        except httpx.TransportError:
            return 0

    def database_is_ready(self) -> bool:
        answer = self._http.get("/readyz").json()
        return bool(answer["checks"]["database"] == answer["checks"]["migrations"] == "ok")

    def stop(self) -> None:
        self._over.set()
        if self._visitor.is_alive():
            self._visitor.join(30)
        self._http.close()
        self.service.stop()
