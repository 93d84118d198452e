"""Waiting for what the worker and the simulator do."""

import time
from collections.abc import Iterator

_PATIENCE_SECONDS = 40


def until_patience_ends(complaint: str) -> Iterator[None]:
    """Go round until the caller leaves the loop. Raises TimeoutError with the complaint."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(0.1)
    raise TimeoutError(complaint)
