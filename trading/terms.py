"""What a person gets for what they ask: arithmetic over Decimals, rounded down for the house (design section 3)."""

from dataclasses import dataclass
from decimal import Decimal

from goldwallet.money import GRAM, shillings_down, shillings_up


@dataclass(frozen=True, slots=True)
class Deal:
    """Grams with six places for whole shillings."""

    grams: Decimal
    kes: Decimal


@dataclass(frozen=True, slots=True)
class Undoing:
    """What becomes of a purchase whose payment M-Pesa took back. `sales`, `cash` and `owed` are KES and add up to the
    payment: for the grams that come back, out of the person's cash, and what the person owes us.
    """

    grams: Decimal
    sales: Decimal
    cash: Decimal
    owed: Decimal


def buy_for_kes(kes: Decimal, *, price: Decimal) -> Deal:
    """floor(KES / price) grams. Whole-number division of micrograms: a quotient of Decimals could round up."""
    return Deal(grams=(kes.scaleb(6) // price).scaleb(-6).quantize(GRAM), kes=kes)


def buy_grams(grams: Decimal, *, price: Decimal, stock: Decimal) -> Deal:
    """The KES rounded up to a whole shilling, and the grams that this buys; rounded down when that is over the stock.

    `stock` is at least `grams`: who asks for more than there is was told so before.
    """
    deal = buy_for_kes(shillings_up(grams * price), price=price)
    if deal.grams <= stock:
        return deal
    return buy_for_kes(shillings_down(grams * price), price=price)


def undo(*, paid: Decimal, grams: Decimal, price: Decimal, free: Decimal, cash: Decimal) -> Undoing:
    """Take back `grams` bought at `price` for `paid` shillings, as far as the person has them free (faults.md P19).

    What is missing costs its price, rounded up to a whole shilling for the house, and never more than was paid. An
    order that delivered nothing has zero grams: then all of it is missing.
    """
    back = min(grams, free)
    missing = paid if back == 0 else min(paid, shillings_up((grams - back) * price))
    from_cash = min(missing, cash)
    return Undoing(grams=back, sales=paid - missing, cash=from_cash, owed=missing - from_cash)


def sell_grams(grams: Decimal, *, price: Decimal) -> Deal:
    """floor(grams x price) shillings."""
    return Deal(grams=grams, kes=shillings_down(grams * price))
