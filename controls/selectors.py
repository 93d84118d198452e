"""Reads of what staff steer."""

import threading
import time
from decimal import Decimal

from controls.models import Threshold
from controls.thresholds import DEFINITIONS

# A change reaches every process within this time; the process that made it sees it at once.
CACHE_SECONDS = 5.0


class _Cache:
    """All thresholds of this process, read together by one query and kept for at most CACHE_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Decimal] = {}
        self._good_until = 0.0

    def read(self) -> dict[str, Decimal]:
        with self._lock:
            if time.monotonic() < self._good_until:
                return self._values
        # Outside the lock: a slow database must not make threads queue behind one another.
        values = thresholds()
        with self._lock:
            self._values = values
            self._good_until = time.monotonic() + CACHE_SECONDS
        return values

    def forget(self) -> None:
        with self._lock:
            self._good_until = 0.0


_cache = _Cache()


def thresholds() -> dict[str, Decimal]:
    """Every threshold by name, straight from the database. One query."""
    values = {name: definition.default for name, definition in DEFINITIONS.items()}
    stored = dict(Threshold.objects.values_list("name", "value"))
    return values | {name: value for name, value in stored.items() if name in DEFINITIONS}


def threshold(name: str) -> Decimal:
    """One threshold, at most CACHE_SECONDS old. Raises KeyError for a name that does not exist."""
    return _cache.read()[name]


def thresholds_forget() -> None:
    """Read the thresholds afresh next time."""
    _cache.forget()
