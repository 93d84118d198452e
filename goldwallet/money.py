"""The one place that parses, rounds and prints amounts.

Units: grams of fine gold with six places, Kenyan shillings (KES) with two; M-Pesa moves whole shillings only.
One rounding rule, design section 3: down, for the house, both ways.
"""

import re
from decimal import ROUND_DOWN, Decimal

from goldwallet.errors import Refused

GRAM = Decimal("0.000001")
CENT = Decimal("0.01")
SHILLING = Decimal(1)

# ASCII digits only ("\d" would take Arabic ones); no sign, no separator, no exponent, no leading zero before a digit.
_TOO_LARGE = re.compile(r"[1-9][0-9]{12,}(?:\.[0-9]*)?")
_PLAIN = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.([0-9]{1,9}))?")


def _parse(text: str, *, places: int, unit: str) -> Decimal:
    found = _PLAIN.fullmatch(text.strip(" "))
    if _TOO_LARGE.fullmatch(text.strip(" ")):
        raise Refused("This number is too large.", code="number")
    if found is None:
        raise Refused(
            f"Write the amount in {unit} with digits only, for example {_example(places)}.", code="number"
        )
    if len(found.group(1) or "") > places:
        if places == 0:
            raise Refused("M-Pesa moves whole shillings. Leave out the cents.", code="number")
        raise Refused(f"Use at most {places} digits after the point.", code="number")
    return Decimal(text.strip(" "))


def _example(places: int) -> str:
    return {0: "1500", 2: "13250.50"}.get(places, "0.25")


def parse_shillings(text: str) -> Decimal:
    """Whole shillings from what a person typed. Refuses "1,000", "1e3", "-0", " 1 000", Arabic digits and NaN."""
    return _parse(text, places=0, unit="shillings")


def parse_price(text: str) -> Decimal:
    """KES per gram with at most two places."""
    return _parse(text, places=2, unit="shillings")


def parse_grams(text: str) -> Decimal:
    """Grams with at most six places."""
    return _parse(text, places=6, unit="grams")


def grams_down(value: Decimal) -> Decimal:
    """Grams, cut to six places."""
    return value.quantize(GRAM, rounding=ROUND_DOWN)


def shillings_down(value: Decimal) -> Decimal:
    """Whole shillings, cut."""
    return value.quantize(SHILLING, rounding=ROUND_DOWN)


def cents_down(value: Decimal) -> Decimal:
    """KES with two places, cut. For values that are shown and not moved."""
    return value.quantize(CENT, rounding=ROUND_DOWN)


def shillings_up(value: Decimal) -> Decimal:
    """The next whole shilling: what a buyer of grams pays, since M-Pesa takes no cents (design section 3)."""
    down = shillings_down(value)
    return down if down == value else down + 1


def show_kes(value: Decimal) -> str:
    """`1234567` -> `KES 1,234,567`; cents only where there are any."""
    sign = "-" if value < 0 else ""
    whole = abs(value)
    digits = f"{whole:,.0f}" if whole == whole.to_integral_value() else f"{whole:,.2f}"
    return f"{sign}KES {digits}"


def show_grams(value: Decimal) -> str:
    """Six places always, with separators: `1,000.500000 g`."""
    return f"{value:,.6f} g"
