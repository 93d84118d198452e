"""Child processes of a tool: started in groups of their own, their output named, stopped together, none left
behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from terminal import Problem, paint

GRACE_SECONDS = 10
TWICE_SECONDS = 1


def bound(command: Sequence[str | Path]) -> list[str | Path]:
    """The command as a child that does not outlive the thread that starts it; see child.py."""
    wrapper = Path(__file__).with_name("child.py")
    return [sys.executable, "-I", "-S", wrapper, str(os.getpid()), *command]


class StoppedError(BaseException):
    """Somebody asked this tool to stop: Ctrl-C, SIGTERM, or the terminal was closed."""


class Stopping:
    """Turns the first request to stop into `StoppedError`, at any line; one that comes later only sets `hurry`."""

    def __init__(self) -> None:
        self.asked = False
        self._began = 0.0
        self.hurry = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            # One request may arrive twice at once: from the terminal, and passed on by `make`.
            self.hurry = time.monotonic() - self._began > TWICE_SECONDS
            return
        self.begin()
        raise StoppedError

    def begin(self) -> None:
        """From here on a request to stop only hurries what is being stopped already."""
        if not self.asked:
            self.asked = True
            self._began = time.monotonic()


class Child:
    """One program: each line of its output is printed with the child's name before it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        folder: Path,
        colour: str = "dim",
    ) -> None:
        self.name = name
        self._label = paint(f"{name:<9} |", colour)
        self._process = subprocess.Popen(
            bound(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the tool alone, which stops its children in order
        )
        self._reader = threading.Thread(target=self._read, name=f"output of {name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(OSError):  # nobody reads us any more; the child may still write
                print(f"{self._label} {line.rstrip()}", flush=True)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def outcome(self) -> str:
        """How it ended, for a sentence."""
        code = self._process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def wait(self, watch: Callable[[], None]) -> None:
        """Waits for a good end; calls `watch` meanwhile. Raises Problem on a bad one."""
        while not self.ended:
            watch()
            time.sleep(0.05)
        self._reader.join(timeout=1)
        if self._process.returncode != 0:
            raise Problem(f"{self.name} {self.outcome}; the lines above say why.")

    def ask_to_end(self) -> None:
        """Asks the child alone: a web server ends its own workers, and asking these too confuses them."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends the child and whatever it started in its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def drain(self) -> None:
        """Takes in the rest of its output."""
        self._reader.join(timeout=1)


def stop(children: Sequence[Child], stopping: Stopping) -> None:
    """Asks all to end, waits, kills those that did not within the time of grace or when somebody is in a
    hurry."""
    for child in children:
        if not child.ended:
            child.ask_to_end()
    began = time.monotonic()
    while any(not child.ended for child in children):
        if stopping.hurry or time.monotonic() - began > GRACE_SECONDS:
            break
        time.sleep(0.05)
    for child in children:
        child.kill()  # or what it left behind
        while not child.ended:
            time.sleep(0.02)
        child.drain()
