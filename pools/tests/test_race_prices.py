"""Two people who have seen the same pair in force and set another one at the same moment: one of them is told."""

from decimal import Decimal

import pytest

from goldwallet.errors import Conflict
from goldwallet.test.race import Meeting, errors, together
from pools import services
from pools.effect import price_effect
from pools.models import Price
from pools.services import prices as under_test
from pools.tests.conftest import person

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def both_set(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Each raises the price by a tenth; both have looked at what is in force, and neither has written yet."""
    people = [person("one"), person("two")]
    services.price_set(buy=Decimal(10_000), sell=Decimal(9_000), by=people[0])
    pairs = [(Decimal(11_000), Decimal(9_000)), (Decimal(11_500), Decimal(9_000))]
    seals = [price_effect(buy=buy, sell=sell, effective_from=None).seal for buy, sell in pairs]
    meeting, around = Meeting(2), under_test.prices_around

    def late(effective_from):
        found = around(effective_from)
        meeting.wait()
        return found

    monkeypatch.setattr(under_test, "prices_around", late)

    def work(number: int) -> Price:
        buy, sell = pairs[number]
        return services.price_set(buy=buy, sell=sell, by=people[number], seen=seals[number])

    return together(2, work)


def test_one_of_two_is_told_that_the_price_has_changed(monkeypatch) -> None:
    (told,) = errors(both_set(monkeypatch))
    assert isinstance(told, Conflict)
    assert told.code == "changed"
    assert Price.objects.count() == 2


def test_without_the_lock_the_second_overrules_the_first_unseen(monkeypatch) -> None:
    monkeypatch.setattr(under_test, "_one_at_a_time", lambda: None)
    assert errors(both_set(monkeypatch)) == []
    assert Price.objects.count() == 3
