"""What every trial leaves behind for the tests after it."""

import datetime as dt
from collections.abc import Iterator

import pytest

from goldwallet.test.clock import clock_shift


@pytest.fixture(autouse=True)
def clock_right(request: pytest.FixtureRequest) -> Iterator[None]:
    """A trial moves the house's clock, and whoever is killed in it leaves it there."""
    if "django_db_setup" not in request.fixturenames:
        yield
        return
    blocker = request.getfixturevalue("django_db_blocker")
    yield
    with blocker.unblock():
        clock_shift(dt.timedelta())
