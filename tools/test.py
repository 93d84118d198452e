"""`make test`: everything that must hold before a change is done, with one table at the end.

The checks that read the code run beside the tests that run it, and these in lanes beside one another, each on its copy
of one migrated database. With arguments (`make test ARGS="ledger -k post"`) only pytest runs, with these.
`python tools/test.py --checks` runs the checks alone.
"""

import fcntl
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import browser
import environment
from postgres import Lease, locked
from processes import bound
from production import throwaway
from terminal import Problem, complain, paint, say, step

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = environment.VENV / "bin"

Command = Sequence[str | Path]

#: The parts of the tests, as conftest.py tells them apart. The last is shown while it runs.
LANES = ("machinery", "money", "house")


@dataclass
class Step:
    """One thing that must hold."""

    title: str
    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    passed: bool = False
    output: str = ""

    def run(self) -> None:
        """Runs it and keeps what it says, for the case that it fails."""
        began = time.monotonic()
        done = subprocess.run(
            bound(self.command),
            cwd=CHECKOUT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.seconds, self.passed, self.output = time.monotonic() - began, done.returncode == 0, done.stdout

    @property
    def row(self) -> str:
        result = paint("passed", "green") if self.passed else paint("FAILED", "red", "bold")
        return f"  {self.title:<44} {self.seconds:7.1f} s   {result}"


def checks() -> list[Step]:
    python, manage = BIN / "python", (BIN / "python", "manage.py")
    templates = [str(path) for path in sorted(CHECKOUT.glob("**/templates/**/*.html")) if is_ours(path)]
    return [
        Step("ruff check", [BIN / "ruff", "check", "."]),
        Step("ruff format --check", [BIN / "ruff", "format", "--check", "."]),
        Step("djade --check", [BIN / "djade", "--target-version", "6.1", "--check", *templates]),
        Step("lint-imports", [BIN / "lint-imports"]),
        Step("makemigrations --check", [*manage, "makemigrations", "--check", "--dry-run"]),
        Step("check --deploy", [*manage, "check", "--deploy", "--fail-level", "WARNING"], throwaway()),
        Step("mypy --strict", [python, "-m", "mypy", "."]),
    ]


def is_ours(path: Path) -> bool:
    """Django's templates of the house: neither what is installed nor the simulator's, which are not
    Django's."""
    return path.relative_to(CHECKOUT).parts[0] not in {".venv", "var", "simulator"}


def run_all(steps: Sequence[Step]) -> threading.Thread:
    """Starts the steps, one after the other, beside whatever the caller does meanwhile."""

    def work() -> None:
        for one in steps:
            one.run()

    thread = threading.Thread(target=work, name="checks", daemon=True)
    thread.start()
    return thread


def run_tests(one: Step, *, live: bool = True) -> None:
    """Runs pytest before the person's eyes, or shows all of it at its end; keeps its last line for the table."""
    began = time.monotonic()
    process = subprocess.Popen(
        bound(one.command),
        cwd=CHECKOUT,
        env={**os.environ, **one.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    kept: list[str] = []
    for line in process.stdout:
        if live:
            print(line, end="", flush=True)
        else:
            kept.append(line)
        if re.search(r"\d+ (passed|failed|error|skipped|deselected)|no tests ran", line):
            one.output = line.strip()
    one.passed = process.wait() == 0
    one.seconds = time.monotonic() - began
    if kept:
        print(f"\n{one.title}\n{''.join(kept)}", end="", flush=True)


def run_lanes(tests: Sequence[Step]) -> None:
    """Beside one another: much of each is waiting for other processes."""
    threads = [
        threading.Thread(target=run_tests, args=(one,), kwargs={"live": one is tests[-1]}, daemon=True)
        for one in tests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def pytest(arguments: Sequence[str], settings: Mapping[str, str], *, title: str = "pytest") -> Step:
    colour = "yes" if sys.stdout.isatty() else "auto"
    return Step(title, [BIN / "python", "-m", "pytest", f"--color={colour}", *arguments], settings)


def lane(name: str, arguments: Sequence[str], settings: Mapping[str, str]) -> Step:
    """A part of the tests (conftest.py), on a database of its own."""
    apart = {**settings, "DATABASE_URL": another_database(os.environ["DATABASE_URL"], name)}
    return pytest([*arguments, "--lane", name], apart, title=f"pytest: {name}")


@contextmanager
def pattern() -> Iterator[Mapping[str, str]]:
    """A migrated database that the lanes copy. Where none can be made each makes its own, and says what is wrong."""
    made, dropped = (
        Step(what, [BIN / "python", "-m", "goldwallet.test.pattern", what]) for what in ("make", "drop")
    )
    made.run()
    try:
        yield {"TEST_PATTERN": made.output.split()[-1]} if made.passed else {}
    finally:
        dropped.run()


def another_database(url: str, suffix: str) -> str:
    """The same server with a database of another name: pytest makes its own beside the one that it is told."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path}_{suffix}").geturl()


def everything() -> int:
    steps = checks()
    beside = run_all(steps)
    settings: dict[str, str] = {}
    arguments = ["-ra"]
    missing: Problem | None = None
    try:
        settings["BROWSER_PATH"] = str(browser.find_or_fetch(BIN / "python"))
    except Problem as problem:
        missing = problem
        arguments += ["-m", "not browser"]
    with pattern() as copied:
        tests = [lane(name, arguments, {**settings, **copied}) for name in LANES]
        run_lanes(tests)
    beside.join()
    for one in steps:
        if not one.passed:
            say(f"\n{paint(one.title, 'bold', 'red')}: {shlex.join(str(word) for word in one.command[:6])}")
            say(one.output.rstrip())
    say(f"\n{'-' * 72}")
    for one in (*steps, *tests):
        say(one.row)
    if missing:
        say(f"  {'browser tests':<44} {'not run':>9}   {paint('FAILED', 'red', 'bold')}\n{missing}")
    say("-" * 72)
    for one in tests:
        say(f"{one.title}: {one.output or 'it said nothing that counts tests'}")
    return 0 if all(one.passed for one in (*steps, *tests)) and not missing else 1


def checks_only() -> int:
    failed = 0
    for one in checks():
        one.run()
        say(one.row if one.passed else f"{one.row}\n{one.output.rstrip()}")
        failed += not one.passed
    return 1 if failed else 0


def selected(arguments: Sequence[str]) -> int:
    found = browser.find(BIN / "python")
    tests = pytest(arguments, {"BROWSER_PATH": str(found)} if found else {})
    run_tests(tests)
    return 0 if tests.passed else 1


def main(arguments: Sequence[str]) -> int:
    environment.ensure("dev")
    with ExitStack() as held:
        if "DATABASE_URL" not in os.environ:
            try:
                held.enter_context(locked("testing", fcntl.LOCK_EX | fcntl.LOCK_NB))
            except BlockingIOError:
                raise Problem("The tests of this checkout are running in another terminal.") from None
            with step("database (PostgreSQL in var/)"):
                os.environ["DATABASE_URL"] = held.enter_context(Lease()).url
        if list(arguments) == ["--checks"]:
            return checks_only()
        return selected(arguments) if arguments else everything()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit(complain(problem))
    except KeyboardInterrupt:
        sys.exit(130)
