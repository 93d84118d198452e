"""The two prices: set now or ahead, never below each other, never changed."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from controls.models import AuditEntry
from controls.services import threshold_set
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.test import world as house
from ledger import chart
from ledger.selectors import balance
from pools import services
from pools.effect import price_effect
from pools.models import Price
from pools.selectors import (
    current_price,
    price_at,
    price_before,
    price_history,
    prices_page,
    prices_scheduled,
)

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
    with pytest.raises(Refused, match="within a day"):
        services.price_set(**pair("13000", "12000"), by=keeper, effective_from=at + HOUR)
    services.price_set(**pair("13000", "12000"), by=keeper, effective_from=at + 24 * HOUR)
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
    assert [int(row.price.buy) for row in prices_page(limit=2)] == [102, 101]
    older = prices_page(before=prices_page(limit=2)[-1].price.pk)
    assert [int(row.price.buy) for row in older] == [110, 120, 140]


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
        pytest.raises(DatabaseError, match="the rows of pools_price stay"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert current_price().buy == 2


# --- taking back ----------------------------------------------------------------------------------


def passed(hours: float) -> None:
    """From here on it is so much later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION wallet_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
            f"AS $$ SELECT clock_timestamp() + interval '{hours} hours' $$"
        )


def test_a_scheduled_price_that_was_taken_back_never_comes(keeper):
    services.price_set(**pair("13000", "12800"), by=keeper)
    at = now() + HOUR
    wrong = services.price_set(**pair("13900", "13800"), by=keeper, effective_from=at)
    line = services.price_cancel(price_id=wrong.pk, by=keeper, reason="  a  typing error ")
    assert (line.takes_back, line.effective_from, line.reason) == (True, at, "a typing error")
    assert prices_scheduled() == []
    # What is set meanwhile stays in force: the line brings back no older pair.
    newer = services.price_set(**pair("13200", "13000"), by=keeper)
    passed(2)
    assert current_price() == newer == price_at(now()) == price_before(at)
    assert price_at(at) == newer
    assert [int(price.buy) for price in price_history(1)] == [13000, 13200]
    assert [(row.price.pk, row.word) for row in prices_page()][:2] == [
        (line.pk, "Takes back"),
        (wrong.pk, "Taken back"),
    ]
    entry = AuditEntry.objects.get(action="price_cancel")
    assert (entry.subject, entry.actor, entry.reason) == (f"price:{line.pk}", keeper, "a typing error")
    assert entry.before == {"buy": "13900.00", "sell": "13800.00"}


def test_another_may_be_written_for_a_moment_that_was_taken_back(keeper):
    services.price_set(**pair("13000", "12800"), by=keeper)
    at = now() + HOUR
    wrong = services.price_set(**pair("13900", "13800"), by=keeper, effective_from=at)
    services.price_cancel(price_id=wrong.pk, by=keeper, reason="Wrong")
    right = services.price_set(**pair("13100", "12900"), by=keeper, effective_from=at)
    assert prices_scheduled() == [right]
    assert price_at(at) == right
    words = {row.price.pk: row.word for row in prices_page()}
    assert (words[wrong.pk], words[right.pk]) == ("Taken back", "Scheduled")


def test_only_what_is_scheduled_is_taken_back_and_once(keeper):
    present = services.price_set(**pair("13000", "12800"), by=keeper)
    at = now() + HOUR
    first = services.price_set(**pair("13100", "12900"), by=keeper, effective_from=at)
    second = services.price_set(**pair("13200", "12900"), by=keeper, effective_from=at)
    for price_id in (present.pk, first.pk, 10**9):
        with pytest.raises(Conflict, match="does not wait any more"):
            services.price_cancel(price_id=price_id, by=keeper, reason="Wrong")
    with pytest.raises(Refused, match="Say in a few words why"):
        services.price_cancel(price_id=second.pk, by=keeper, reason="  ")
    line = services.price_cancel(price_id=second.pk, by=keeper, reason="Wrong")
    for price_id in (second.pk, line.pk):
        with pytest.raises(Conflict):
            services.price_cancel(price_id=price_id, by=keeper, reason="Again")
    assert Price.objects.count() == 4
    assert prices_scheduled() == []


def test_the_first_price_of_all_stays_scheduled(keeper):
    """Without a pair before it there is nothing that could stay."""
    only = services.price_set(**pair("13000", "12800"), by=keeper, effective_from=now() + HOUR)
    with pytest.raises(Refused, match="No price is in force before"):
        services.price_cancel(price_id=only.pk, by=keeper, reason="Wrong")
    assert prices_scheduled() == [only]


# --- the list of all, and what a pair would do ----------------------------------------------------


def test_each_line_says_how_far_it_moved_from_the_pair_before_it(keeper):
    past = [
        services.PastPrice(**pair(buy, sell), effective_from=now() - dt.timedelta(hours=hours))
        for buy, sell, hours in (("100", "90", 9), ("110", "99", 8), ("104.50", "99", 7))
    ]
    services.price_history_load(prices=past, by=keeper, reason="Taken over")
    moves = [(row.buy_move, row.sell_move) for row in prices_page()]
    assert moves == [
        (Decimal("-5.00"), Decimal("0.00")),
        (Decimal("10.00"), Decimal("10.00")),
        (None, None),
    ]


def test_the_list_of_prices_asks_three_times_at_most(keeper, django_assert_max_num_queries):
    past = [
        services.PastPrice(**pair("100", "90"), effective_from=now() - dt.timedelta(minutes=minutes))
        for minutes in range(1, 120)
    ]
    services.price_history_load(prices=past, by=keeper, reason="Taken over")
    first = prices_page(limit=50)
    with django_assert_max_num_queries(4):
        assert len(prices_page(before=first[-1].price.pk, limit=50)) == 50


def test_the_effect_is_that_of_the_ledger_and_the_pair_before(world):
    house.paid(house.buy(world.alice, 33_000))
    house.paid(house.sell(world.alice, Decimal("0.25")))
    house.sell(world.alice, Decimal("0.5"))
    effect = price_effect(**pair("16830", "16400"), effective_from=None)
    owed = balance(chart.user_gold(world.alice.pk)) + balance(chart.user_gold_locked(world.alice.pk))
    assert effect.owed == owed == Decimal("1.75")
    assert effect.worth_before == owed * 16000
    assert effect.worth_after == owed * 16400
    assert effect.worth_change == owed * 400
    assert (effect.buy_move, effect.sell_move) == (Decimal("2.00"), Decimal("2.50"))
    assert (effect.spread, effect.spread_percent) == (430, Decimal("2.55"))
    assert effect.breaks == []
    assert abs(effect.until - now() - dt.timedelta(hours=24)) < dt.timedelta(minutes=1)
    far = price_effect(**pair("33000", "16400"), effective_from=None)
    assert [sentence for sentence in far.breaks if "up by 100.0%" in sentence]


def test_a_pair_lasts_until_the_next_scheduled_one(world):
    at = now() + HOUR
    services.price_set(**pair("16600", "16100"), by=world.pricing, effective_from=at)
    assert price_effect(**pair("16700", "16200"), effective_from=None).until == at
    later = price_effect(**pair("16700", "16200"), effective_from=at + HOUR)
    assert later.until == at + HOUR + dt.timedelta(hours=24)
    assert later.before.buy == 16600


def test_what_was_seen_binds_what_is_set(keeper):
    services.price_set(**pair("13000", "12800"), by=keeper)
    seen = price_effect(**pair("13100", "12900"), effective_from=None).seal
    for changed in (pair("13100", "12899"), pair("13101", "12900")):
        with pytest.raises(Conflict, match="Meanwhile the prices have changed"):
            services.price_set(**changed, by=keeper, seen=seen)
    with pytest.raises(Conflict):
        services.price_set(
            **pair("13100", "12900"), by=keeper, seen=seen, effective_from=now() + dt.timedelta(minutes=5)
        )
    # Somebody else schedules one: it is another world by then.
    services.price_set(**pair("13050", "12850"), by=keeper, effective_from=now() + HOUR)
    with pytest.raises(Conflict):
        services.price_set(**pair("13100", "12900"), by=keeper, seen=seen)
    seen = price_effect(**pair("13100", "12900"), effective_from=None).seal
    assert services.price_set(**pair("13100", "12900"), by=keeper, seen=seen) == current_price()
    with pytest.raises(Conflict):  # a second press
        services.price_set(**pair("13100", "12900"), by=keeper, seen=seen)
    assert Price.objects.count() == 3
