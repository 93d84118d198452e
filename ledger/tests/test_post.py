from decimal import Decimal

import pytest

from ledger import chart, errors, selectors, services
from ledger.services import Transfer, post

pytestmark = pytest.mark.django_db


def test_it_works():
    u = "u1"
    t = post(
        key="k",
        kind="x",
        transfers=[
            Transfer(chart.user_cash(u), chart.house_sales(), Decimal("100")),
            Transfer(chart.mpesa_collections(), chart.user_cash(u), Decimal(100)),
        ],
    )
    assert (
        post(
            key="k",
            kind="x",
            transfers=[
                Transfer(chart.user_cash(u), chart.house_sales(), Decimal("100.00")),
                Transfer(chart.mpesa_collections(), chart.user_cash(u), Decimal(100)),
            ],
        )
        == t
    )
    print(selectors.statement(chart.user_cash(u)), selectors.trial_balance())
    services.reverse(transaction_id=t, key="k2")
    print(selectors.balances([chart.user_cash(u), chart.house_sales(), chart.mpesa_collections()]))


def test_overdraft():
    with pytest.raises(errors.Overdraft) as e:
        post(
            key="k", kind="x", transfers=[Transfer(chart.user_cash("u"), chart.house_sales(), Decimal("100"))]
        )
    assert e.value.code == "user:u:cash"
