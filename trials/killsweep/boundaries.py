"""Boundaries: every statement, commit and call that a process makes, numbered as they come; at one of them it dies."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from django.db import connection

from payments.rails.daraja import http
from trials.killsweep.place import Place

type When = Literal["before", "after"]
#: What each kind is, in the order of the report.
KINDS = {
    "statement": "a statement inside a transaction",
    "read": "a read outside a transaction",
    "write": "a write that is its own transaction",
    "commit": "a commit",
    "call": "a call to the provider",
    "callback": "a callback that comes in, and its answer",
}


@dataclass(frozen=True, slots=True)
class Boundary:
    """`step` is the part of the scenario, `label` what was about to be done."""

    kind: str
    step: str
    label: str


@dataclass(frozen=True, slots=True)
class Kill:
    number: int
    when: When


@dataclass
class Boundaries:
    """What one process passes. With `kill` it ends there by SIGKILL: no handler runs, nothing is tidied up."""

    kill: Kill | None = None
    place: Place | None = None
    seen: list[Boundary] = field(default_factory=list)
    step: str = ""
    _resting: bool = True

    @contextmanager
    def counting(self, step: str) -> Iterator[None]:
        """What happens in the block belongs to the house; outside of it the trial's own machinery is at work."""
        self.step, self._resting = step, False
        try:
            yield
        finally:
            self._resting = True

    def around[T](self, kind: str, label: str, act: Callable[[], T]) -> T:
        if self._resting:
            return act()
        number = len(self.seen)
        self.seen.append(Boundary(kind, self.step, label))
        self._die_at(Kill(number, "before"))
        try:
            return act()
        finally:
            self._die_at(Kill(number, "after"))

    def _die_at(self, here: Kill) -> None:
        if here == self.kill:
            assert self.place is not None
            self.place.write("killed", asdict(self.seen[here.number]))
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Stand around this process's connection and its calls, until it ends."""
        connection.ensure_connection()
        connection.execute_wrappers.append(self._statement)
        wrapper = cast("Any", connection)
        committing, sending = wrapper._commit, http.send
        wrapper._commit = lambda: self.around("commit", "COMMIT", committing)
        http.send = lambda method, path, **rest: self.around(
            "call", path, lambda: sending(method, path, **rest)
        )

    def _statement(self, execute: Callable[..., Any], sql: Any, values: Any, many: bool, context: Any) -> Any:
        return self.around(_kind(str(sql)), label(str(sql)), lambda: execute(sql, values, many, context))


def _kind(sql: str) -> str:
    if connection.in_atomic_block:
        return "statement"
    # Jobs are put into the queue, and the book is written, by functions.
    reads = sql.lstrip().upper().startswith("SELECT") and not re.search("procrastinate_|ledger_post", sql)
    return "read" if reads else "write"


def label(sql: str) -> str:
    """A statement in a few words: its verb and the table or function, the same in each run."""
    words = " ".join(sql.split())
    found = re.search(r'(?:FROM|INTO|UPDATE|JOIN)\s+"?([a-z_]+)|(\w+)\(', words)
    verb = words.split(" ", 1)[0].upper()
    return f"{verb} {found[1] or found[2]}" if found else verb
