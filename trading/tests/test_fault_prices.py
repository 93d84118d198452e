"""Prices and amounts under attack: glitches, options for nothing, split orders, numbers of two meanings."""

import random
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controls.services import threshold_set
from goldwallet.errors import Refused
from goldwallet.money import GRAM, parse_grams, parse_price, parse_shillings
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import BUY, SELL, World
from ledger import chart
from ledger.selectors import balance
from pools.models import Price
from pools.services import price_set
from trading import services, terms
from trading.services.quotes import QUOTE_SECONDS
from trading.tests.pages import PHONE, nothing_changes

# --- a price that cannot be right (Q05) -----------------------------------------------------------

GLITCHES = {
    "ten times": (BUY * 10, SELL * 10),
    "a tenth": (BUY / 10, SELL / 10),
    "an ounce": (round(BUY * Decimal("31.1035"), 2), round(SELL * Decimal("31.1035"), 2)),
    "a gram of an ounce": (round(BUY / Decimal("31.1035"), 2), round(SELL / Decimal("31.1035"), 2)),
    "dollars": (round(BUY / 129, 2), round(SELL / 129, 2)),
    "cents": (BUY * 100, SELL * 100),
    "zero": (Decimal(0), Decimal(0)),
    "sell zero": (BUY, Decimal(0)),
    "negative": (-BUY, -SELL),
    "crossed": (SELL, BUY),
    "crossed by a cent": (BUY, BUY + Decimal("0.01")),
    "no number": (Decimal("NaN"), SELL),
    "no end": (Decimal("Infinity"), SELL),
    "finer than a cent": (BUY + Decimal("0.001"), SELL),
    "one side alone": (BUY * 2, SELL),
}


@pytest.mark.fault("Q05")
@pytest.mark.django_db
@pytest.mark.parametrize("glitch", GLITCHES)
def test_a_price_that_cannot_be_right_is_refused(world: World, glitch: str) -> None:
    buys, sells = GLITCHES[glitch]
    with pytest.raises(Refused):
        price_set(buy=buys, sell=sells, by=world.pricing, reason="feed")
    assert Price.objects.count() == 1
    assert services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000)).price_per_gram == BUY


@pytest.mark.fault("Q05")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("buys", "sells"),
    [("100.00", "100.01"), ("0", "0"), ("-1", "-2"), ("NaN", "1"), ("1", "NaN"), ("100", "0")],
)
def test_the_database_itself_refuses_such_a_pair(world: World, buys: str, sells: str) -> None:
    with (
        pytest.raises(Exception, match=r"violates check constraint|numeric field overflow"),
        connection.cursor() as raw,
    ):
        raw.execute(
            "INSERT INTO pools_price (buy, sell, effective_from, reason, created_by_id, created_at)"
            " SELECT %s::numeric, %s::numeric, wallet_now(), '', created_by_id, wallet_now() FROM pools_price LIMIT 1",
            [buys, sells],
        )


# --- options for nothing (Q06) --------------------------------------------------------------------

#: Gold moves about 20% in a year: 0.028% in a minute. Ten times that is a market in panic.
PER_MINUTE = 0.2 / (365 * 24 * 60) ** 0.5


def option_hunter(
    *, spread: Decimal, volatility: float, seed: int, minutes: int = 4000
) -> tuple[int, Decimal]:
    """Every minute somebody asks for a price to buy and one to sell, waits for as long as they live, and uses whichever
    has become a gain against the new price. Answers how often that was, and what it brought over all trades, in KES.
    """
    chance, middle = random.Random(seed), Decimal(16_250)
    used, gain = 0, Decimal(0)
    half = spread / 2
    life = QUOTE_SECONDS + 60  # a prompt lives a minute more
    for _ in range(minutes):
        ask, bid = middle + half, middle - half
        middle *= Decimal(1 + chance.gauss(0, volatility) * (life / 60) ** 0.5)
        later_ask, later_bid = middle + half, middle - half
        bought = terms.buy_for_kes(Decimal(250_000), price=ask)
        closed = terms.sell_grams(bought.grams, price=later_bid).kes - bought.kes
        sold = terms.sell_grams(Decimal(15), price=bid)
        cost = terms.buy_grams(Decimal(15), price=later_ask, stock=Decimal(10**6)).kes
        best = max(closed, sold.kes - cost)
        if best > 0:
            used += 1
            gain += best
    return used, gain


@pytest.mark.fault("Q06")
@pytest.mark.parametrize("panic", [1, 10])
def test_keeping_prices_and_using_the_winners_does_not_pay(panic: int) -> None:
    """With the spread of 3% that the house opens with, not even in a panic."""
    for seed in range(3):
        assert option_hunter(spread=BUY - SELL, volatility=PER_MINUTE * panic, seed=seed) == (0, 0)


def test_without_a_spread_it_would() -> None:
    """The control: the hunter knows the trade."""
    used, gain = option_hunter(spread=Decimal(0), volatility=PER_MINUTE, seed=1)
    assert used > 1000 and gain > 10_000


@pytest.mark.fault("Q06")
@pytest.mark.django_db
def test_prices_are_few_short_and_reserve_nothing(world: World) -> None:
    threshold_set(name="quote_open_max", value=Decimal(5), by=world.pricing)
    kept = [services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000)) for _ in range(5)]
    with nothing_changes(), pytest.raises(Refused) as refusal:
        services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000))
    assert refusal.value.status in {409, 429}
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    with shift_clock(seconds=QUOTE_SECONDS + 1):
        for quote in kept:
            with pytest.raises(Refused):
                services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk)
        services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000))


# --- micrograms (Q07) -----------------------------------------------------------------------------


@pytest.mark.fault("Q07")
def test_a_hundred_thousand_ways_to_split_and_to_turn_round() -> None:
    """In parts never more than in one; there and back never more than before; each rounding below its bound."""
    chance = random.Random(7)
    for _ in range(100_000):
        price = Decimal(
            chance.choice([chance.randint(1_000, 9_999_999), chance.randint(1_600_000, 1_700_000)])
        ).scaleb(-2)
        one, two = Decimal(chance.randint(1, 250_000)), Decimal(chance.randint(1, 2_000))
        first, second = terms.buy_for_kes(one, price=price), terms.buy_for_kes(two, price=price)
        assert first.grams + second.grams <= terms.buy_for_kes(one + two, price=price).grams
        assert 0 <= one - first.grams * price < GRAM * price, "less than a microgram"
        back = terms.sell_grams(first.grams, price=price)
        assert back.kes <= one and 0 <= first.grams * price - back.kes < 1, "less than a shilling"
        parts = terms.sell_grams(second.grams, price=price)
        assert parts.kes + back.kes <= terms.sell_grams(first.grams + second.grams, price=price).kes


# --- numbers (Q12) --------------------------------------------------------------------------------

# fmt: off
AMBIGUOUS = [
    "1,000", "1.000,5", "1'000", "1_000", "1e3", "1E3", "1e-3", "0x10", "٣", "۳", "\uff13", "१", "-0",
    "-1", "+1", "0-1", "1-", ".", ".5", "5.", "00", "01", "007", "0.0.1", "1..2", "NaN", "nan",
    "Infinity", "inf", "-inf", "½", "²", "1½", "1%", "$1", "KES1", "1g", "1/2", "1:2", "∞", "ⅷ",
    "\u4e00", "1\u200b", "1\xa0000", "\u202e1", "1\x00", "1\n2", "", " ", "1 000", "1\t", "\t1", "1\n",
    "1 .5", "1. 5", "- 1", "9" * 13, "9" * 400,
]
# fmt: on


@pytest.mark.fault("Q12")
@pytest.mark.parametrize("read", [parse_shillings, parse_grams, parse_price])
@pytest.mark.parametrize("typed", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused(read, typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(typed)
    assert refusal.value.sentence.endswith(".")


@pytest.mark.fault("Q12", "L12")
@settings(max_examples=600, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.text("0123456789.,eE+- _٣", max_size=20),
        st.from_regex(r"[0-9]{1,14}\.?[0-9]{0,10}"),
    )
)
@example("0.1")
@example("1.0000000")
def test_whatever_is_read_is_exactly_what_is_written(typed: str) -> None:
    """For any text: refused, or plain ASCII digits with the value that they spell, in range and in scale."""
    for read, places in ((parse_shillings, 0), (parse_grams, 6), (parse_price, 2)):
        try:
            value = read(typed)
        except Refused:
            continue
        plain = typed.strip(" ")
        whole, _, fraction = plain.partition(".")
        assert plain.isascii() and (whole + fraction).isdigit()
        assert value == Decimal(int(whole + fraction)).scaleb(-len(fraction)) and 0 <= value < 10**12
        assert len(fraction) <= places and value == round(value, places)
