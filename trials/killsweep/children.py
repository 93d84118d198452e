"""Forks of a warmed process: Django is loaded, and each child opens a database connection of its own."""

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from trials.processes import end_with_parent

#: A run takes well under a second; one that hangs is a finding.
_MOST_SECONDS = 120


def run(work: Callable[[], None], *, log: Path) -> int:
    """Do `work` in a child and wait for its end: 0, 1 for an exception (it stands in `log`), or minus the signal."""
    pid = os.fork()
    if pid == 0:
        _live(work, log)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _live(work: Callable[[], None], log: Path) -> None:
    code = 1
    try:
        end_with_parent()
        gc.disable()  # it lives for less than a second
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(_MOST_SECONDS)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent reads it in the log
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not exit: what the parent has registered for its own end is none of ours.
        os._exit(code)
