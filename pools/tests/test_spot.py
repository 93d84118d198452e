"""The helper's arithmetic against fractions that are written out anew."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldwallet.errors import Refused
from pools.spot import OUNCE_GRAMS, Spot, spot_prices

CENT = Fraction(1, 100)
usd = st.decimals("0.5", "99999", places=4)
rate = st.decimals("0.5", "9999", places=6)
percent = st.decimals(0, 50, places=4)


def computed(usd: str, rate: str, above: str = "0", below: str = "0") -> Spot:
    return spot_prices(usd=Decimal(usd), rate=Decimal(rate), above=Decimal(above), below=Decimal(below))


def test_an_example_that_was_worked_out_by_hand() -> None:
    """4000 x 129.5 = 518,000 an ounce; / 31.1034768 = 16,654.0836...; 1.5% more is 16,903.8949, less 16,404.2723."""
    spot = computed("4000", "129.5", "1.5", "1.5")
    assert (spot.ounce, spot.gram) == (518_000, Decimal("16654.08"))
    assert (spot.buy, spot.sell) == (Decimal("16903.90"), Decimal("16404.27"))


def test_an_ounce_of_just_so_many_dollars_needs_no_rounding() -> None:
    spot = computed(str(OUNCE_GRAMS), "100")
    assert (spot.gram, spot.buy, spot.sell) == (100, 100, 100)


@given(usd=usd, rate=rate, above=percent, below=percent)
def test_each_price_is_the_nearest_cent_on_the_house_s_side(
    usd: Decimal, rate: Decimal, above: Decimal, below: Decimal
) -> None:
    gram = Fraction(usd) * Fraction(rate) / Fraction("31.1034768")
    exact_buy, exact_sell = gram * (1 + Fraction(above) / 100), gram * (1 - Fraction(below) / 100)
    if exact_sell < CENT:
        with pytest.raises(Refused, match="less than a cent"):
            spot_prices(usd=usd, rate=rate, above=above, below=below)
        return
    spot = spot_prices(usd=usd, rate=rate, above=above, below=below)
    assert exact_buy <= Fraction(spot.buy) < exact_buy + CENT
    assert exact_sell - CENT < Fraction(spot.sell) <= exact_sell
    assert spot.sell <= spot.buy
    assert spot.buy == round(spot.buy, 2) and spot.sell == round(spot.sell, 2)


@given(usd=usd, rate=rate, above=percent, more=percent)
def test_a_wider_spread_never_helps_the_customer(
    usd: Decimal, rate: Decimal, above: Decimal, more: Decimal
) -> None:
    low, high = sorted((above, more))
    try:
        wide = spot_prices(usd=usd, rate=rate, above=high, below=high)
    except Refused:
        return
    narrow = spot_prices(usd=usd, rate=rate, above=low, below=low)
    assert wide.buy >= narrow.buy and wide.sell <= narrow.sell


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity", "-Infinity", "100000"])
@pytest.mark.parametrize("place", ["usd", "rate"])
def test_what_is_no_price_is_refused(bad: str, place: str) -> None:
    good = {"usd": Decimal(4000), "rate": Decimal("129.5"), "above": Decimal(1), "below": Decimal(1)}
    with pytest.raises(Refused, match="more than nothing and less than"):
        spot_prices(**good | {place: Decimal(bad)})


@pytest.mark.parametrize("bad", ["-0.01", "50.01", "NaN", "Infinity"])
@pytest.mark.parametrize("place", ["above", "below"])
def test_what_is_no_spread_is_refused(bad: str, place: str) -> None:
    good = {"usd": Decimal(4000), "rate": Decimal("129.5"), "above": Decimal(1), "below": Decimal(1)}
    with pytest.raises(Refused, match="between 0 and 50%"):
        spot_prices(**good | {place: Decimal(bad)})
