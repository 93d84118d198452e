"""Deaths and broken commits, in the process that plays: what was committed stays, the rest is forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection

from payments.rails.daraja import http


class Killed(BaseException):
    """The process died here. Nothing of ours may catch it."""


class Mishaps:
    """Armed with one mishap, which then strikes once: `call_before`, `call_after`, `commit_before`, `commit_after`."""

    NAMES = ("call_before", "call_after", "commit_before", "commit_after")

    def __init__(self) -> None:
        self.armed = ""
        #: Only what the house does may break, not the machine's own questions.
        self.playing = False
        self.struck: dict[str, int] = dict.fromkeys(self.NAMES, 0)

    def _strikes(self, name: str) -> bool:
        if self.armed != name or not self.playing:
            return False
        self.armed = ""
        self.struck[name] += 1
        return True

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The provider's calls and this process's commits go through here for as long as the block runs."""
        sending = http.send

        def send(*arguments: Any, **rest: Any) -> http.Said:
            if self._strikes("call_before"):
                raise Killed
            said = sending(*arguments, **rest)
            if self._strikes("call_after"):
                raise Killed
            return said

        wrapper: Any = connection
        committing = wrapper._commit

        def commit() -> None:
            if self._strikes("commit_before"):
                connection.close()
                raise OperationalError("the connection broke before the commit")
            committing()
            if self._strikes("commit_after"):
                connection.close()
                raise OperationalError("the connection broke after the commit")

        http.send = send
        wrapper._commit = commit
        try:
            yield
        finally:
            http.send = sending
            del wrapper._commit
