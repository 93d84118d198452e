"""The real program on a free port, with a data folder of its own, and a receiver for its callbacks."""

import dataclasses
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.__main__ import build
from simulator.app import create_app
from simulator.config import settings_from
from simulator.tests.tools import Provider, Receiver

HOUSE = Path(__file__).resolve().parents[2]

# Times are short so that the run is; the share of failing queries is off unless a test wants it.
QUICK = {
    "SIMULATOR_PROMPT_SECONDS": "30",
    "SIMULATOR_IGNORE_SECONDS": "0.25",
    "SIMULATOR_CALLBACK_SECONDS": "0.02",
    "SIMULATOR_CALLBACK_TIMEOUT_SECONDS": "1",
    "SIMULATOR_B2C_SECONDS": "0.03",
    "SIMULATOR_QUERY_ERRORS": "0",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """`python -m simulator` as a process that can be stopped, killed and started again on the same data."""

    def __init__(self, data: Path, **changes: str) -> None:
        self.data = data
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
        self.port = free_port()
        self.environment = clean | QUICK | changes
        self.environment |= {"SIMULATOR_DATA": str(data), "SIMULATOR_PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Provider:
        self.process = subprocess.Popen([sys.executable, "-m", "simulator"], cwd=HOUSE, env=self.environment)
        provider = Provider(self.base, self.data)
        deadline = time.monotonic() + 20
        while not provider.is_up():
            assert self.process.poll() is None, "the simulator ended at its start"
            assert time.monotonic() < deadline, "the simulator did not start"
            time.sleep(0.05)
        return provider

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.process = None
        return code


@pytest.fixture(scope="session")
def provider(tmp_path_factory):
    """One simulator for all tests that leave it as they found it, but for their own phones."""
    program = Program(tmp_path_factory.mktemp("simulator"))
    yield program.start()
    program.end()


@pytest.fixture(scope="session")
def manual_program(tmp_path_factory):
    program = Program(tmp_path_factory.mktemp("manual"), SIMULATOR_MANUAL="1")
    yield program.start()
    program.end()


@pytest.fixture
def manual(manual_program):
    """A simulator whose clock the test moves, on empty books: 21 November 2026, 10:00."""
    manual_program.control("reset", {"seed": 1})
    return manual_program


@pytest.fixture
def program(tmp_path):
    """Start a simulator of one's own: `program(SIMULATOR_...="...")`."""
    programs = []

    def make(**changes: str) -> Program:
        programs.append(Program(tmp_path / f"data{len(programs)}", **changes))
        return programs[-1]

    yield make
    for one in programs:
        one.end(signal.SIGKILL)


@pytest.fixture
def variant(provider, tmp_path):
    """A simulator with other settings, inside the test's own process: `variant(float_opening=1200)`."""
    running = []

    def make(**changes: Any) -> Provider:
        data = tmp_path / f"variant{len(running)}"
        data.mkdir()
        for name in ("key.pem", "certificate.pem"):  # a key pair takes long to make
            shutil.copy(provider.data / name, data)
        settings = dataclasses.replace(settings_from(QUICK), data=data, **changes)
        simulator, scheduler = build(settings)
        scheduler.start()
        running.append((simulator, scheduler))
        return Provider("http://variant", data, httpx.WSGITransport(create_app(simulator)))

    yield make
    for simulator, scheduler in running:
        scheduler.stop()
        simulator.store.close()


@pytest.fixture(scope="session")
def receiver():
    with Receiver() as running:
        yield running


_NUMBERS = itertools.count(700_000_001)


@pytest.fixture
def phone() -> str:
    """A number that no other test uses."""
    return f"254{next(_NUMBERS)}"
