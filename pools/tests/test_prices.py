"""The two prices: set now or ahead, never below each other, never changed."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from controls.services import threshold_set
from goldwallet.clock import now
from goldwallet.errors import Refused
from pools import services
from pools.models import Price
from pools.selectors import current_price, price_history, prices_page, prices_scheduled

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def pair(buy: str, sell: str) -> dict[str, Decimal]:
    return {"buy": Decimal(buy), "sell": Decimal(sell)}


def test_a_price_is_in_force_at_once(keeper):
    assert current_price() is None
    price = services.price_set(**pair("13250.50", "12980"), by=keeper, reason="  morning   fix ")
    with CaptureQueriesContext(connection) as queries:
        assert current_price() == price
    assert len(queries) == 1
    price.refresh_from_db()
    assert (price.created_by, price.reason, price.spread) == (keeper, "morning fix", Decimal("270.50"))
    assert price.spread_percent == Decimal("2.04")
    newer = services.price_set(**pair("13300", "13000"), by=keeper)
    assert current_price() == newer


def test_a_scheduled_price_waits_for_its_time(keeper):
    present = services.price_set(**pair("13000", "12800"), by=keeper)
    later = now() + HOUR
    services.price_set(**pair("13100", "12900"), by=keeper, effective_from=later)
    assert current_price() == present
    better = services.price_set(**pair("13200", "12950"), by=keeper, effective_from=later)
    assert prices_scheduled() == [better]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION wallet_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
            "AS $$ SELECT clock_timestamp() + interval '1 hour 1 second' $$"
        )
    assert current_price() == better
    assert prices_scheduled() == []


def test_equal_prices_are_allowed_and_crossed_ones_are_not(keeper):
    services.price_set(**pair("13000", "13000"), by=keeper)
    with pytest.raises(Refused, match="must not be above the buy price"):
        services.price_set(**pair("13000", "13000.01"), by=keeper)
    assert Price.objects.count() == 1


@pytest.mark.parametrize(
    ("buy", "sell", "sentence"),
    [
        ("0", "0", "more than nothing"),
        ("-1", "-2", "more than nothing"),
        ("13000", "0", "more than nothing"),
        ("NaN", "1", "more than nothing"),
        ("Infinity", "1", "more than nothing"),
        ("1000000000", "1", "less than a billion"),
        ("13000.001", "12000", "two digits"),
        ("13000", "12000.005", "two digits"),
    ],
)
def test_what_is_no_price_is_refused(keeper, buy, sell, sentence):
    with pytest.raises(Refused, match=sentence):
        services.price_set(**pair(buy, sell), by=keeper)
    assert not Price.objects.exists()


def test_the_past_and_the_far_future_are_refused(keeper):
    with pytest.raises(Refused, match="has passed"):
        services.price_set(**pair("2", "1"), by=keeper, effective_from=now() - dt.timedelta(seconds=1))
    with pytest.raises(Refused, match="31 days"):
        services.price_set(**pair("2", "1"), by=keeper, effective_from=now() + dt.timedelta(days=32))
    assert not Price.objects.exists()


@pytest.mark.fault("Q11")
def test_a_large_move_must_be_meant(keeper):
    services.price_set(**pair("10000", "9000"), by=keeper)
    services.price_set(**pair("12000", "10000"), by=keeper)  # exactly 20 % up
    for buy, sell, words in (
        ("120000", "100000", "buy price would go up by 900"),  # a digit too many
        ("14400.01", "10000", "buy price would go up by 20.0%"),
        ("12000", "7999", "sell price would go down by 20.0%"),
    ):
        with pytest.raises(Refused, match=words) as refusal:
            services.price_set(**pair(buy, sell), by=keeper)
        assert refusal.value.code == "price_jump"
    assert Price.objects.count() == 2
    services.price_set(**pair("14400.01", "10000"), by=keeper, confirmed=True)
    threshold_set(name="price_jump_percent", value=Decimal(1), by=keeper)
    with pytest.raises(Refused, match="more than 1% takes a second person"):
        services.price_set(**pair("14600", "10000"), by=keeper)


@pytest.mark.fault("Q05", "Q11")
def test_many_small_steps_are_one_large_move(keeper):
    """The price a day before counts as well: nobody walks the price away alone."""
    old = services.PastPrice(**pair("10000", "9000"), effective_from=now() - dt.timedelta(hours=25))
    services.price_history_load(prices=[old], by=keeper, reason="Before")
    services.price_set(**pair("11900", "10700"), by=keeper)
    with pytest.raises(Refused, match=r"buy price would go up by 30\.0% within a day, from KES 10,000"):
        services.price_set(**pair("13000", "10800"), by=keeper)
    services.price_set(**pair("12000", "10800"), by=keeper)
    assert current_price().buy == 12000


def test_a_scheduled_price_is_compared_with_the_one_before_it(keeper):
    services.price_set(**pair("10000", "9000"), by=keeper)
    at = now() + HOUR
    services.price_set(**pair("11500", "10500"), by=keeper, effective_from=at)
    services.price_set(**pair("13000", "12000"), by=keeper, effective_from=at + HOUR)
    with pytest.raises(Refused, match="would go up"):
        services.price_set(**pair("13000", "12000"), by=keeper)


def test_history_begins_with_the_price_that_was_in_force(keeper):
    past = [
        services.PastPrice(**pair(str(100 + day), "90"), effective_from=now() - dt.timedelta(days=day))
        for day in (40, 20, 10, 1)
    ]
    assert services.price_history_load(prices=past, by=keeper, reason="Taken over") == 4
    services.price_set(**pair("102", "90"), by=keeper, effective_from=now() + HOUR)
    assert [int(price.buy) for price in price_history(30)] == [140, 120, 110, 101]
    assert [int(price.buy) for price in price_history(15)] == [120, 110, 101]
    assert [int(price.buy) for price in prices_page(limit=2)] == [102, 101]
    assert [int(price.buy) for price in prices_page(before=prices_page(limit=2)[-1].pk)] == [110, 120, 140]


def test_a_past_is_taken_over_once_and_only_before_the_first_price(keeper):
    day = now() - dt.timedelta(days=1)
    with pytest.raises(Refused, match="lies in the past"):
        services.price_history_load(
            prices=[services.PastPrice(**pair("2", "1"), effective_from=now() + HOUR)], by=keeper, reason=""
        )
    past = [services.PastPrice(**pair("2", "1"), effective_from=day)]
    services.price_history_load(prices=past, by=keeper, reason="")
    with pytest.raises(Refused, match="has prices already"):
        services.price_history_load(prices=past, by=keeper, reason="")


@pytest.mark.fault("Q05")
@pytest.mark.parametrize(
    "values", ["100, 100.01", "0, 0", "-1, -2", "'NaN', 'NaN'", "'NaN', 1", "1000000000, 1"]
)
def test_the_database_refuses_a_wrong_pair(keeper, values):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pools_price (buy, sell, effective_from, reason, created_by_id) "
            f"VALUES ({values}, now(), '', %s)",
            [keeper.pk],
        )


@pytest.mark.parametrize("sql", ["UPDATE pools_price SET buy = buy + 1", "DELETE FROM pools_price"])
def test_a_price_stays_as_it_was_written(keeper, sql):
    services.price_set(**pair("2", "1"), by=keeper)
    with (
        pytest.raises(DatabaseError, match="Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert current_price().buy == 2
