"""Forked children: real processes, each with a database connection of its own, that wait for work and do it together.

They are forked from a process that has loaded everything, so that a start costs milliseconds, and what a test has
patched is patched in them too. A crew lives through all rounds of a race: what begins together is let go by a barrier.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from types import TracebackType
from typing import Any

from django.db import connection, connections

#: How long the others are waited for before a round counts as hung.
PATIENCE_SECONDS = 60.0
_FORK = multiprocessing.get_context("fork")
_PR_SET_PDEATHSIG = 1


class Shared:
    """What a crew and its parent share without a word: a barrier, a sum of what was done, and the end of the work."""

    def __init__(self, count: int) -> None:
        self.barrier: Barrier = _FORK.Barrier(count)
        self.done = _FORK.Value("q", 0)
        self.over: Event = _FORK.Event()


class Together:
    """What a child knows of its crew: its number, from 0, and what all share."""

    def __init__(self, number: int, shared: Shared) -> None:
        self.number = number
        self._shared = shared
        self._barrier = shared.barrier

    @property
    def over(self) -> bool:
        """Whether the parent has said that it is enough."""
        return self._shared.over.is_set()

    def count(self) -> None:
        """One more thing is done; the parent reads the sum of all."""
        with self._shared.done.get_lock():
            self._shared.done.value += 1

    def wait(self) -> None:
        """Go on when everybody is here. Raises threading.BrokenBarrierError when somebody does not come."""
        self._barrier.wait(PATIENCE_SECONDS)

    def give_up(self) -> None:
        """I shall not come: whoever waits, or comes to wait, hears of it at once."""
        self._barrier.abort()


type Work = Callable[..., Any]


class Crew:
    """`count` children for as long as the block runs.

    `each(work, *arguments)` calls `work(together, *arguments)` in all of them at once and answers their results in
    order. `work` must be a function of a module, and what goes in and out must be picklable. An exception in a child
    is raised here.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._shared = Shared(count)
        self._pipes: list[Connection] = []
        self._children: list[multiprocessing.process.BaseProcess] = []

    def __enter__(self) -> "Crew":
        # A child must not share a session with its parent: neither speaks on the other's socket, nor closes it.
        connections.close_all()
        for number in range(self.count):
            ours, theirs = _FORK.Pipe()
            child = _FORK.Process(
                target=_live, args=(number, theirs, [*self._pipes, ours], self._shared), daemon=True
            )
            child.start()
            theirs.close()
            self._pipes.append(ours)
            self._children.append(child)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for child in self._children:
            child.join(0 if kind else PATIENCE_SECONDS)
            if child.is_alive():
                child.kill()
                child.join()

    def each(self, work: Work, *arguments: Any) -> list[Any]:
        self.start(work, *arguments)
        return self.results()

    def start(self, work: Work, *arguments: Any) -> None:
        """Let them begin, and come back at once; `results` waits for the end."""
        for pipe in self._pipes:
            pipe.send((work, arguments))

    @property
    def done(self) -> int:
        """How often a child has called `count`."""
        return int(self._shared.done.value)

    def enough(self) -> None:
        """Whoever works until the end ends now."""
        self._shared.over.set()

    def results(self, *, patience: float = 3600.0) -> list[Any]:
        """What each returned. Raises what one of them raised, and TimeoutError when one does not answer."""
        end = time.monotonic() + patience
        found = [self._result(number, end) for number in range(self.count)]
        failures = [result.error for result in found if isinstance(result, _Failure)]
        if failures:
            # Who only waited in vain for another is not the one to hear.
            raise min(failures, key=lambda error: "BrokenBarrierError" in str(error))
        return found

    def _result(self, number: int, end: float) -> Any:
        pipe = self._pipes[number]
        if not pipe.poll(max(0.0, end - time.monotonic())):
            raise TimeoutError(f"process {number} does not answer")
        try:
            return pipe.recv()
        except EOFError:
            self._children[number].join(5)
            code = self._children[number].exitcode
            raise RuntimeError(f"process {number} died (exit code {code})") from None


class _Failure:
    """An exception on its way from a child to its parent."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _live(number: int, pipe: Connection, others: Sequence[Connection], shared: Shared) -> None:
    """A child's life: work until the parent closes its end of the pipe, or dies."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    for other in others:
        other.close()
    together = Together(number, shared)
    while True:
        try:
            work, arguments = pipe.recv()
        except EOFError:
            break
        pipe.send(_done(work, together, arguments))
    connection.close()


def _done(work: Work, together: Together, arguments: Sequence[Any]) -> Any:
    try:
        return work(together, *arguments)
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        together.give_up()
        # As text: not every exception of the database's driver can be sent to another process.
        return _Failure(RuntimeError(f"process {together.number}: {type(error).__name__}: {error}"))


def end_with_parent() -> None:
    """From now on this process is killed when its parent dies, also by SIGKILL (Linux; elsewhere it notices later)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
