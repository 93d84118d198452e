"""The whole house as processes: web server, worker and simulator over the test database, as `make run` runs them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
from django.db import connection

from goldwallet.test.provider import Simulator, free_port

CHECKOUT = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """The address of the database that the tests use, for another process."""
    found = connection.settings_dict
    who = quote(found["USER"] or "", safe="")
    secret = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    where = f"?host={quote(found['HOST'], safe='')}" if found["HOST"] else ""
    port = f"&port={found['PORT']}" if found["PORT"] else ""
    return f"postgresql://{who}{secret}@/{found['NAME']}{where}{port}"


class House:
    """Start the processes with `start`, stop them with `stop`; `kill_worker` is SIGKILL."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "goldwallet.test.house_settings",
            "DATABASE_URL": database_url(),
            "PORT": str(self.port),
            "SIMULATOR_URL": simulator.url,
            "DARAJA_CERTIFICATE": str(simulator.folder / "certificate.pem"),
            "LOG_LEVEL": "WARNING",
        }
        self.web: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.start_worker()
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
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError("the web server did not start")

    def start_worker(self) -> None:
        self.worker = self._run(["manage.py", "worker"])

    def kill_worker(self) -> None:
        assert self.worker is not None
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait(10)
        self.worker = None

    def stop(self) -> None:
        for process in (self.web, self.worker):
            if process is not None:
                process.terminate()
        for process in (self.web, self.worker):
            if process is not None:
                process.wait(30)

    def _run(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, *command], env=self.environment, cwd=CHECKOUT)
