"""Time and chance. Both are the machine's, or both are set by hand (SIMULATOR_MANUAL=1).

By hand the clock stands still until it is moved, and one seed decides every id, receipt and failing query, so
that two equal runs give equal answers.
"""

import random
from datetime import UTC, datetime

# Where a seeded run starts unless it names another moment: 21 November 2026, 10:00 in Nairobi.
SEEDED_START = datetime(2026, 11, 21, 7, tzinfo=UTC).timestamp()


class Clock:
    """Seconds since the epoch, and the one source of chance."""

    def __init__(self) -> None:
        self._held_at: float | None = None
        self.chance: random.Random = random.SystemRandom()

    def now(self) -> float:
        return machine_time() if self._held_at is None else self._held_at

    def hold(self, at: float) -> None:
        """Stand still at `at`: from here on only another call moves the clock."""
        self._held_at = at

    def seed(self, number: int) -> None:
        """Draw from here on as every run with this number does."""
        self.chance = random.Random(number)  # noqa: S311 - repeatable on purpose; never guards anything

    def release(self) -> None:
        """Back to the machine's time and chance."""
        self._held_at = None
        self.chance = random.SystemRandom()


def machine_time() -> float:
    return datetime.now(UTC).timestamp()


# One for the process: ids are made in places that know nothing of settings.
CLOCK = Clock()
