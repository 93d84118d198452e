"""How the tools talk to the person at the terminal. Standard library only, like everything in this folder
that runs before the environment exists."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

COLOURS = {"red": "31", "green": "32", "blue": "34", "magenta": "35", "cyan": "36", "dim": "2", "bold": "1"}


class Problem(Exception):  # said to people, never logged
    """What stops a command, as a sentence for the person at the terminal: no traceback is shown."""


def paint(text: str, *names: str) -> str:
    """The text in colour, or plain where the output is no terminal or the person asked for none."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{';'.join(COLOURS[name] for name in names)}m{text}\x1b[0m"


def say(text: str = "") -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Shows what is being done and, when it is done, how long it took."""
    began = time.monotonic()
    yield
    say(f"  {title:<34} {paint(f'{time.monotonic() - began:5.1f} s', 'dim')}")


def complain(problem: Problem) -> int:
    """Prints the sentence of a problem and gives the exit code that goes with it."""
    print(f"\n{problem}", file=sys.stderr, flush=True)
    return 1
