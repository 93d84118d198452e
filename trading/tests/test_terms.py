"""The arithmetic of quotes: down both ways, and no way of trading that gains at a fixed price (faults.md Q07)."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from goldwallet.money import GRAM
from trading.selectors import average_cost
from trading.terms import buy_for_kes, buy_grams, sell_grams

#: From KES 10 to KES 99,999.99 a gram: gold stands at about 16,000.
prices = st.integers(1_000, 9_999_999).map(lambda cents: Decimal(cents).scaleb(-2))
shillings = st.integers(1, 250_000).map(Decimal)
grams = st.integers(1, 30_000_000).map(lambda micro: Decimal(micro).scaleb(-6))
PLENTY = Decimal(10) ** 9


@given(shillings, prices)
@example(Decimal(1000), Decimal("16500.00"))
def test_a_buy_gives_the_most_grams_that_the_money_pays_for(kes: Decimal, price: Decimal) -> None:
    deal = buy_for_kes(kes, price=price)
    assert deal.kes == kes
    assert deal.grams * price <= kes
    assert (deal.grams + GRAM) * price > kes
    assert deal.grams.as_tuple().exponent == -6


@given(grams, prices)
def test_a_sale_pays_the_most_shillings_that_the_grams_are_worth(amount: Decimal, price: Decimal) -> None:
    deal = sell_grams(amount, price=price)
    assert deal.grams == amount
    assert deal.kes == int(deal.kes)
    assert deal.kes <= amount * price < deal.kes + 1


@given(grams, prices)
def test_a_buy_in_grams_gives_at_least_what_was_asked_for_the_next_shilling(
    amount: Decimal, price: Decimal
) -> None:
    deal = buy_grams(amount, price=price, stock=PLENTY)
    assert deal.kes == int(deal.kes)
    assert deal.kes - 1 < amount * price <= deal.kes
    assert deal.grams >= amount
    assert deal.grams * price <= deal.kes


@given(grams, prices)
def test_a_buy_of_all_that_there_is_rounds_down_and_stays_within_it(amount: Decimal, price: Decimal) -> None:
    deal = buy_grams(amount, price=price, stock=amount)
    assert deal.grams <= amount
    assert deal.grams * price <= deal.kes
    assert deal.kes - 1 < amount * price < deal.kes + 1


@pytest.mark.fault("Q07")
@given(st.lists(shillings, min_size=2, max_size=5), prices)
def test_buying_in_parts_never_gives_more(parts: list[Decimal], price: Decimal) -> None:
    in_parts = sum(buy_for_kes(part, price=price).grams for part in parts)
    assert in_parts <= buy_for_kes(sum(parts, Decimal(0)), price=price).grams


@pytest.mark.fault("Q07")
@given(st.lists(grams, min_size=2, max_size=5), prices)
def test_selling_in_parts_never_pays_more(parts: list[Decimal], price: Decimal) -> None:
    in_parts = sum(sell_grams(part, price=price).kes for part in parts)
    assert in_parts <= sell_grams(sum(parts, Decimal(0)), price=price).kes


@pytest.mark.fault("Q07")
@given(shillings, prices, st.integers(0, 1_000))
def test_a_round_trip_never_gains_even_without_a_spread(kes: Decimal, price: Decimal, spread: int) -> None:
    sell = max(Decimal("0.01"), price - Decimal(spread).scaleb(-2))
    for _ in range(3):
        bought = buy_for_kes(kes, price=price)
        back = sell_grams(bought.grams, price=sell).kes
        assert back <= kes
        kes = back
        if kes == 0:
            break


@pytest.mark.fault("Q07")
@given(grams, prices)
def test_gold_to_money_to_gold_never_gains(amount: Decimal, price: Decimal) -> None:
    money = sell_grams(amount, price=price).kes
    assert buy_for_kes(money, price=price).grams <= amount


@pytest.mark.fault("Q07")
@given(shillings, prices)
def test_the_rounding_costs_less_than_a_microgram_and_a_shilling(kes: Decimal, price: Decimal) -> None:
    """What Q07 promises the customer: at most a microgram on a buy, less than a shilling on a sale."""
    assert kes / price - buy_for_kes(kes, price=price).grams < GRAM
    worth = buy_for_kes(kes, price=price).grams * price
    assert worth - sell_grams(buy_for_kes(kes, price=price).grams, price=price).kes < 1


@pytest.mark.fault("Q07")
@pytest.mark.parametrize("price", ["16500.00", "16499.99", "3.33", "7.00", "0.07", "999.99"])
def test_every_small_amount_without_leaving_one_out(price: str) -> None:
    """All shillings to 3,000 and all micrograms to 3,000, against whole-number arithmetic of its own."""
    cost = Decimal(price)
    cents = int(cost * 100)
    bought = [buy_for_kes(Decimal(kes), price=cost).grams for kes in range(3001)]
    assert bought == [Decimal(kes * 100 * 10**6 // cents).scaleb(-6) for kes in range(3001)]
    sold = [sell_grams(Decimal(micro).scaleb(-6), price=cost).kes for micro in range(3001)]
    assert sold == [micro * cents // 10**8 for micro in range(3001)]
    assert all(less <= more for less, more in pairwise(bought))
    assert all(less <= more for less, more in pairwise(sold))
    # Splitting in two, every way there is.
    assert all(bought[a] + bought[b] <= bought[a + b] for a in range(0, 1500, 7) for b in range(0, 1500, 11))
    assert all(sold[a] + sold[b] <= sold[a + b] for a in range(0, 1500, 7) for b in range(0, 1500, 11))


# --- cost -----------------------------------------------------------------------------------------

BUY, SELL = "buy", "sell"


def cost(*orders: tuple[str, str, str]) -> Decimal:
    return average_cost([(side, Decimal(moved), Decimal(kes)) for side, moved, kes in orders])


def test_cost_is_what_was_paid_for_what_is_still_there() -> None:
    assert cost() == 0
    assert cost((BUY, "1", "16500")) == 16500
    assert cost((BUY, "1", "16000"), (BUY, "1", "17000")) == 33000
    assert cost((BUY, "1", "16000"), (BUY, "1", "17000"), (SELL, "1", "99999")) == 16500
    assert cost((BUY, "3", "10000"), (SELL, "1", "1")) == Decimal("6666.66")
    assert cost((BUY, "1", "16000"), (SELL, "1", "16000")) == 0
    assert cost((BUY, "1", "16000"), (SELL, "1", "16000"), (BUY, "2", "34000")) == 34000


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**6), st.integers(1, 250_000)), max_size=12))
def test_cost_is_never_negative_nor_more_than_was_paid(orders: list[tuple[bool, int, int]]) -> None:
    told = [(BUY if buys else SELL, Decimal(micro).scaleb(-6), Decimal(kes)) for buys, micro, kes in orders]
    spent = sum(kes for side, _, kes in told if side == BUY)
    assert 0 <= average_cost(told) <= spent
