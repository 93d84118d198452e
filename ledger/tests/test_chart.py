import uuid

import pytest

from ledger import chart

USER = uuid.UUID("11111111-2222-3333-4444-555555555555")

EVERY = {
    "pool:P:available": chart.pool_available("P"),
    "pool:P:vault": chart.pool_vault("P"),
    f"user:{USER}:gold": chart.user_gold(USER),
    f"user:{USER}:gold:incoming": chart.user_gold_incoming(USER),
    f"user:{USER}:gold:locked": chart.user_gold_locked(USER),
    f"user:{USER}:cash": chart.user_cash(USER),
    f"user:{USER}:receivable": chart.user_receivable(USER),
    "payouts:clearing": chart.payouts_clearing(),
    "suspense:mpesa": chart.suspense_mpesa(),
    "mpesa:collections": chart.mpesa_collections(),
    "mpesa:payouts": chart.mpesa_payouts(),
    "house:sales": chart.house_sales(),
    "house:purchases": chart.house_purchases(),
    "house:charges": chart.house_charges(),
    "house:capital": chart.house_capital(),
    "house:adjustments": chart.house_adjustments(),
}


def test_codes():
    assert {code.code: text for text, code in EVERY.items()} == {text: text for text in EVERY}


def test_assets():
    for text, code in EVERY.items():
        assert code.asset == chart.asset_of(text) == ("GOLD" if "gold" in text or "pool" in text else "KES")


def test_only_the_outside_and_the_house_may_go_negative():
    assert {text for text, code in EVERY.items() if code.may_go_negative} == {
        "pool:P:vault", f"user:{USER}:receivable", "mpesa:collections", "mpesa:payouts", "house:sales",
        "house:purchases", "house:charges", "house:capital", "house:adjustments",
    }  # fmt: skip


def test_what_many_touch_is_shared():
    assert {text for text, code in EVERY.items() if not code.shared} == {t for t in EVERY if "user" in t}


def test_owner():
    assert chart.owner_of(f"user:{USER}:gold:locked") == chart.Owner("user", str(USER), "gold:locked")
    assert chart.owner_of("pool:P:vault") == chart.Owner("pool", "P", "vault")
    assert chart.owner_of("house:sales") == chart.Owner("house", "", "house:sales")


@pytest.mark.parametrize("code", ["user:", "user:x", "pool::available", "user::cash"])
def test_no_code(code):
    with pytest.raises(ValueError, match="no account"):
        chart.owner_of(code)


@pytest.mark.parametrize("user_id", ["", "a:gold", " a"])
def test_no_id(user_id):
    with pytest.raises(ValueError, match="cannot be part"):
        chart.user_cash(user_id)
