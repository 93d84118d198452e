"""The measurement sees a difference that is there, and asks what it says it asks."""

import pytest

from trials.enumeration import WAYS, Measured, measure, people_create


def test_five_milliseconds_tell() -> None:
    assert not Measured("x", known=[10.0, 11.0, 12.0], unknown=[10.0, 15.9, 90.0]).tells
    assert Measured("x", known=[10.0, 11.0, 12.0], unknown=[10.0, 16.0, 90.0]).tells
    assert Measured("x", known=[16.0], unknown=[10.0]).difference == 6


@pytest.mark.django_db
@pytest.mark.parametrize("name", WAYS)
def test_every_way_is_asked_for_both(name: str, settings) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (10_000, 60))
    measured = measure(name, 3, people_create(2))
    assert len(measured.known) == len(measured.unknown) == 3
