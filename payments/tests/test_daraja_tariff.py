"""What the provider charges us (daraja.md 7)."""

import datetime as dt
from decimal import Decimal

import pytest

from payments.rails import rail
from payments.rails.daraja import tariff

DAY = dt.date(2026, 11, 21)

PAYOUTS = [
    (10, 0),
    (100, 0),
    (101, 5),
    (1500, 5),
    (1501, 9),
    (5000, 9),
    (5001, 11),
    (20_000, 11),
    (20_001, 13),
]
COLLECTIONS = """
    1 0 100 0 101 5 500 5 501 10 1000 10 1001 15 1500 15 1501 20 2500 20 2501 25 3500 25 3501 34 5000 34 5001 42
    7500 42 7501 48 10000 48 10001 57 15000 57 15001 62 20000 62 20001 67 25000 67 25001 72 30000 72 30001 83
    35000 83 35001 99 40000 99 40001 103 45000 103 45001 108 250000 108
"""


def pairs(text):
    numbers = [int(word) for word in text.split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@pytest.mark.parametrize(("amount", "charge"), [*PAYOUTS, (150_000, 13), (250_000, 13)])
def test_a_payout(amount, charge):
    assert rail("daraja").charge(direction="out", amount=Decimal(amount), on=DAY) == Decimal(charge)


def test_a_collection_by_who_pays(settings):
    charge = rail("daraja").charge
    for amount, whole in pairs(COLLECTIONS):
        for share, ours in (("customer", 0), ("business", whole), ("shared", -(-whole // 2))):
            settings.DARAJA = {**settings.DARAJA, "collection_tariff": share}
            assert charge(direction="in", amount=Decimal(amount), on=DAY) == Decimal(ours), (amount, share)


def test_who_pays_for_a_collection_does_not_touch_payouts(settings):
    settings.DARAJA = {**settings.DARAJA, "collection_tariff": "business"}
    assert tariff.charge_of("payout", amount=Decimal(1000), on=DAY) == Decimal(5)


def test_cents_belong_to_the_next_band():
    assert tariff.charge_of("payout", amount=Decimal("100.01"), on=DAY) == Decimal(5)


@pytest.mark.fault("O17")
@pytest.mark.parametrize("amount", ["0", "-1", "250000.01", "NaN", "Infinity"])
@pytest.mark.parametrize("kind", ["payout", "collection"])
def test_no_charge_for_what_is_never_moved(kind, amount):
    with pytest.raises(ValueError, match=r"."):
        tariff.charge_of(kind, amount=Decimal(amount), on=DAY)


def test_no_charge_before_the_first_known_tariff():
    with pytest.raises(ValueError, match="no tariff"):
        tariff.charge_of("payout", amount=Decimal(100), on=dt.date(2023, 7, 31))
    assert tariff.charge_of("payout", amount=Decimal(1000), on=dt.date(2023, 8, 1)) == Decimal(5)


def test_a_new_tariff_holds_from_its_day(monkeypatch):
    later = tariff.Tariff(since=dt.date(2027, 1, 1), bands=((250_000, 1),))
    monkeypatch.setattr(tariff, "_PAYOUT", (later, *tariff._PAYOUT))
    assert tariff.charge_of("payout", amount=Decimal(1000), on=dt.date(2026, 12, 31)) == Decimal(5)
    assert tariff.charge_of("payout", amount=Decimal(1000), on=dt.date(2027, 1, 1)) == Decimal(1)
