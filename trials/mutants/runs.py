"""Running the tests of a copy in a process of its own, and reading what came of it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: Longer than the slowest test of the catalogue takes on a busy machine.
MOST_SECONDS = 420.0
_FAILED = re.compile(r"^FAILED (.+?)(?: - (.*))?$", re.MULTILINE)
_TESTS_FAILED, _ALL_PASSED = 1, 0
#: The mistake itself does not run: then nobody has looked at what it does.
_NO_PROGRAM = ("ModuleNotFoundError", "ImportError", "NameError", "SyntaxError", "UnboundLocalError")


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"  # all tests passed: one is missing
    BROKEN = (
        "BROKEN"  # no test failed and not all passed: the patch broke the project in another way, or hung
    )


@dataclass(frozen=True, slots=True)
class Run:
    """What one process said. `code` None: it did not end in time."""

    code: int | None
    output: str
    seconds: float

    @property
    def verdict(self) -> Verdict:
        if self.code == _ALL_PASSED:
            return Verdict.SURVIVED
        runs = not self.why.startswith(_NO_PROGRAM)
        return Verdict.CAUGHT if self.code == _TESTS_FAILED and self.failed and runs else Verdict.BROKEN

    @property
    def failed(self) -> str:
        """The test that failed, without its parameters; empty when none did."""
        found = _FAILED.search(self.output)
        return found.group(1).partition("[")[0] if found else ""

    @property
    def why(self) -> str:
        """The first line of what that test complained about."""
        found = _FAILED.search(self.output)
        return (found.group(2) or "") if found else ""


def command(*words: str) -> list[str]:
    return [sys.executable, *words]


def run_tests(tests: Iterable[str], *, folder: Path, url: str, seconds: float = MOST_SECONDS) -> Run:
    """These tests of the copy, until the first one fails, on the database that is there already."""
    words = ("-m", "pytest", "-x", "-rf", "--reuse-db", "--no-header", "--tb=short", "--color=no")
    return run(command(*words, *tests), folder=folder, url=url, seconds=seconds)


def run(words: list[str], *, folder: Path, url: str, seconds: float) -> Run:
    """One process, its children with it: none is left when this returns."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "goldwallet.test.settings",
        # Whole reasons in pytest's list of what failed, whatever terminal this is.
        "COLUMNS": "240",
    }
    began = time.monotonic()
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    code: int | None = None
    try:
        output, _ = process.communicate(timeout=seconds)
        code = process.returncode
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
    finally:
        _kill(process)
    return Run(code, output, time.monotonic() - began)


def _kill(process: subprocess.Popen[str]) -> None:
    """The whole session: tests start houses and simulators of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
