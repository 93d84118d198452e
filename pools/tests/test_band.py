"""How far one person moves the prices alone, whatever is set, scheduled and taken back."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from goldwallet.clock import now
from goldwallet.errors import Refused
from goldwallet.test.clock import clock_shift
from pools import services
from pools.effect import price_effect
from pools.models import Price
from pools.selectors import current_price, prices_scheduled
from pools.services.band import own_breaks

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR


def level(steps: int) -> dict[str, Decimal]:
    """A pair so many steps of 19 % above 10,000."""
    buy = (Decimal(10_000) * Decimal("1.19") ** steps).quantize(Decimal("0.01"))
    return {"buy": buy, "sell": buy}


@pytest.fixture
def base(keeper) -> Price:
    return services.price_set(**level(0), by=keeper)


@pytest.mark.fault("Q05", "Q11")
def test_steps_that_are_taken_back_leave_no_jump(keeper, base):
    start = now()
    steps = [
        services.price_set(**level(n), by=keeper, effective_from=start + n * 25 * HOUR) for n in range(1, 5)
    ]
    for step in steps[:-1]:
        with pytest.raises(Refused, match=r"price would then go up by .* Take the later pairs back first"):
            services.price_cancel(price_id=step.pk, by=keeper, reason="Too high")
    assert prices_scheduled() == steps
    for step in reversed(steps):
        services.price_cancel(price_id=step.pk, by=keeper, reason="Too high")
    assert prices_scheduled() == []


@pytest.mark.fault("Q05", "Q11")
def test_a_low_pair_before_a_scheduled_higher_one_takes_two(keeper, base):
    at = now() + 30 * HOUR
    services.price_set(**level(1), by=keeper, effective_from=at)
    low = {"buy": Decimal(8_500), "sell": Decimal(8_500)}
    for moment in (None, at - HOUR):
        with pytest.raises(Refused, match=r"the buy price would then go up by 40\.0%, from KES 8,500") as no:
            services.price_set(**low, by=keeper, effective_from=moment)
        assert no.value.code == "price_jump"
        assert any("would then go up" in line for line in price_effect(**low, effective_from=moment).breaks)
        assert own_breaks(**low, at=moment or now()) == []
    assert Price.objects.count() == 2
    services.price_set(**low, by=keeper, confirmed=True)
    assert current_price().buy == 8_500


def test_not_only_the_next_pair_but_each_within_its_day_counts(keeper, base):
    """A pair of 8,500 that holds for an hour stands a day before a later one of 11,900."""
    at = now() + 30 * HOUR
    services.price_set(**level(0), by=keeper, effective_from=at)
    services.price_set(**level(1), by=keeper, effective_from=at + 20 * HOUR)
    with pytest.raises(Refused, match=r"then go up by 40\.0% within a day"):
        services.price_set(buy=Decimal(8_500), sell=Decimal(8_500), by=keeper, effective_from=at - HOUR)


def test_down_and_up_again_within_a_day_is_one_move(keeper, base):
    services.price_set(**level(-1), by=keeper)
    services.price_set(**level(0), by=keeper)
    services.price_set(buy=Decimal(8_500), sell=Decimal(8_500), by=keeper)
    with pytest.raises(Refused, match="within a day"):
        services.price_set(buy=Decimal(10_100), sell=Decimal(10_100), by=keeper, effective_from=now() + HOUR)


@pytest.mark.fault("Q05")
def test_a_pair_that_replaces_another_is_held_against_what_is_before_both(keeper, base):
    at = now() + 30 * HOUR
    services.price_set(**level(1), by=keeper, effective_from=at - 26 * HOUR)
    services.price_set(**level(2), by=keeper, effective_from=at)
    with pytest.raises(Refused, match=r"buy price would go up by 41\.6%, from KES 11,900"):
        services.price_set(**level(3), by=keeper, effective_from=at)


def test_what_two_people_agreed_to_holds_nobody_up_while_it_does_not_grow(keeper, base):
    at = now() + 30 * HOUR
    agreed = services.price_set(**level(3), by=keeper, effective_from=at, confirmed=True)
    services.price_set(buy=Decimal(10_100), sell=Decimal(10_000), by=keeper)
    with pytest.raises(Refused, match="would then go up"):
        services.price_set(buy=Decimal(10_100), sell=Decimal(9_999), by=keeper)
    assert prices_scheduled() == [agreed]


# --- whatever one person does ---------------------------------------------------------------------

_acts = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from([0, 1, 12, 24, 25, 36, 50, 75]), st.integers(-4, 4)),
        st.tuples(st.just("back"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, 11, 24, 26]), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


def tried(acts, keeper) -> list[Price]:
    """What stands after one person has tried all this; the clock goes on only by `wait`."""
    waited = dt.timedelta()
    services.price_set(**level(0), by=keeper)
    start = now()
    for act, number, steps in acts:
        try:
            if act == "wait":
                waited += number * HOUR
                clock_shift(waited)
            elif act == "back":
                ahead = prices_scheduled()
                if number < len(ahead):
                    services.price_cancel(price_id=ahead[number].pk, by=keeper, reason="Another")
            else:
                at = start + waited + number * HOUR if number else None
                services.price_set(**level(steps), by=keeper, effective_from=at)
        except Refused:
            pass
    stands: dict[dt.datetime, Price] = {}
    for price in Price.objects.order_by("effective_from", "pk"):
        stands[price.effective_from] = price
    return [price for price in stands.values() if not price.takes_back]


@pytest.mark.fault("Q05", "Q11")
@given(acts=_acts)
@example(acts=[("set", 25, 1), ("set", 50, 2), ("set", 75, 3), ("back", 0, 0), ("back", 0, 0)])
@example(acts=[("set", 25, 1), ("set", 24, -1)])
@example(acts=[("set", 36, 1), ("set", 36, 2), ("set", 36, 3)])
@example(acts=[("set", 1, -1), ("set", 12, 0), ("set", 24, 1)])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_one_person_never_moves_the_price_beyond_the_band(keeper, acts):
    with transaction.atomic():
        line = tried(acts, keeper)
        transaction.set_rollback(True)
    far = Decimal("0.2")
    for before, after in pairwise(line):
        assert abs(after.buy - before.buy) <= far * before.buy, line
    for number, after in enumerate(line):
        for earlier, ended in pairwise(line[: number + 1]):
            if ended.effective_from > after.effective_from - DAY:
                assert abs(after.buy - earlier.buy) <= far * earlier.buy, line
