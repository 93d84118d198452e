"""What the provider charges us (daraja.md 7). Dated: a new form of the provider's is a new entry here.

Charges are taken from an account of their own, never out of the payment. Whether they hold VAT is not
established. So this is what we expect; a status answer or a statement says what was really taken.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from django.conf import settings

from goldwallet.money import shillings_up

type Kind = Literal["payout", "collection"]


@dataclass(frozen=True, slots=True)
class Tariff:
    """In force from `since` until the next one. `bands`: (highest amount, charge), both whole KES."""

    since: dt.date
    bands: tuple[tuple[int, int], ...]


# B2C to registered users, who pay nothing to receive: the provider's form of August 2023. Its highest band
# ends at 150,000; that it holds up to 250,000 is the central bank's note.
_PAYOUT = (
    Tariff(
        since=dt.date(2023, 8, 1),
        bands=((100, 0), (1_500, 5), (5_000, 9), (20_000, 11), (250_000, 13)),
    ),
)

# The whole fee of a Paybill payment, whoever pays it, as published 2024 to 2026 (medium confidence: one other
# table differs above 5,000).
_COLLECTION = (
    Tariff(
        since=dt.date(2024, 1, 1),
        bands=(
            (100, 0),
            (500, 5),
            (1_000, 10),
            (1_500, 15),
            (2_500, 20),
            (3_500, 25),
            (5_000, 34),
            (7_500, 42),
            (10_000, 48),
            (15_000, 57),
            (20_000, 62),
            (25_000, 67),
            (30_000, 72),
            (35_000, 83),
            (40_000, 99),
            (45_000, 103),
            (250_000, 108),
        ),
    ),
)


def charge_of(kind: Kind, *, amount: Decimal, on: dt.date) -> Decimal:
    """Whole KES that we pay for moving `amount` KES on this day (Nairobi's).

    Raises ValueError for an amount that the provider does not move, or a day before the first known tariff.
    """
    whole = _whole(_PAYOUT if kind == "payout" else _COLLECTION, amount=amount, on=on)
    if kind == "payout":
        return whole
    share = settings.DARAJA["collection_tariff"]
    if share == "business":
        return whole
    # How a shared fee is cut is not published: half, rounded up, is assumed.
    return shillings_up(whole / 2) if share == "shared" else Decimal(0)


def _whole(tariffs: tuple[Tariff, ...], *, amount: Decimal, on: dt.date) -> Decimal:
    tariff = max(
        (known for known in tariffs if known.since <= on), key=lambda known: known.since, default=None
    )
    if tariff is None:
        raise ValueError("no tariff is known for this day")
    if not amount.is_finite() or amount <= 0:
        raise ValueError("a charge is asked for an amount of more than nothing")
    for highest, charge in tariff.bands:
        if amount <= highest:
            return Decimal(charge)
    raise ValueError("M-Pesa does not move so much at once")
