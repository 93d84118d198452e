"""The two prices from the world's price of gold: arithmetic alone, exact to the last digit.

Gold is quoted in US dollars for a troy ounce of fine gold, and a troy ounce is 31.1034768 g by definition. One rounding
rule, for the house (design section 3): people buy at the next whole cent above, and sell at the last one below. Only
these two results are rounded; in between there are fractions.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from goldwallet.errors import Refused
from goldwallet.money import cents_down

OUNCE_GRAMS = Decimal("31.1034768")
#: Beyond these it is a typing mistake: no ounce costs that, and no house lives on such a spread.
HIGHEST_SPOT, HIGHEST_RATE, HIGHEST_SPREAD = Decimal(100_000), Decimal(10_000), Decimal(50)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """`usd` for an ounce, `rate` KES for a dollar; percent `above` for who buys, `below` for who sells.

    `ounce` and `gram` are that price in KES, cut to cents: they are shown and not used.
    """

    usd: Decimal
    rate: Decimal
    above: Decimal
    below: Decimal
    ounce: Decimal
    gram: Decimal
    buy: Decimal
    sell: Decimal


def spot_prices(*, usd: Decimal, rate: Decimal, above: Decimal, below: Decimal) -> Spot:
    """The pair for a spot price. Raises Refused for what is no price."""
    for value, highest, name in ((usd, HIGHEST_SPOT, "spot price"), (rate, HIGHEST_RATE, "exchange rate")):
        if not value.is_finite() or not 0 < value < highest:
            raise Refused(f"The {name} is more than nothing and less than {highest:,f}.", code="range")
    for value in (above, below):
        if not value.is_finite() or not 0 <= value <= HIGHEST_SPREAD:
            raise Refused(f"A spread is between 0 and {HIGHEST_SPREAD}%.", code="range")
    ounce = Fraction(usd) * Fraction(rate)
    gram = ounce / Fraction(OUNCE_GRAMS)
    buy = Decimal(math.ceil(gram * (100 + Fraction(above)))) / 100
    sell = Decimal(math.floor(gram * (100 - Fraction(below)))) / 100
    if sell <= 0:
        raise Refused("This makes less than a cent for a gram. Look at the numbers again.", code="range")
    return Spot(
        usd=usd,
        rate=rate,
        above=above,
        below=below,
        ounce=cents_down(usd * rate),
        gram=Decimal(math.floor(gram * 100)) / 100,
        buy=buy,
        sell=sell,
    )
