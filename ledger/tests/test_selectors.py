import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection

from ledger import chart
from ledger.models import Transaction
from ledger.selectors import AssetTotal, balance, balance_at, balances, statement, trial_balance
from ledger.services import Transfer, post

pytestmark = pytest.mark.django_db

CASH, SALES, COLLECTIONS = chart.user_cash("alice"), chart.house_sales(), chart.mpesa_collections()


@pytest.fixture
def five():
    return [
        post(
            key=f"k{n}",
            kind=f"kind{n}",
            transfers=[Transfer(COLLECTIONS, CASH, Decimal(n))],
            actor="a",
            memo="m",
        )
        for n in range(1, 6)
    ]


def test_balance_of_what_never_moved_is_zero(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert balances([CASH, SALES]) == {CASH.code: Decimal(0), SALES.code: Decimal(0)}
    assert balance("user:nobody:cash") == 0


def test_statement_pages_forward_and_back(five, django_assert_num_queries):
    with django_assert_num_queries(1):
        first = statement(CASH, limit=2)
    second = statement(CASH, after=first[-1].seq, limit=2)
    third = statement(CASH, after=second[-1].seq, limit=2)
    assert [line.amount for line in first + second + third] == [1, 2, 3, 4, 5]
    assert [line.balance for line in first + second + third] == [1, 3, 6, 10, 15]
    newest = statement(CASH, limit=2, newest_first=True)
    older = statement(CASH, after=newest[-1].seq, limit=2, newest_first=True)
    assert [line.amount for line in newest + older] == [5, 4, 3, 2]
    assert statement(CASH, after=5) == []


def test_a_line_says_what_happened(five):
    line = statement(CASH, limit=1)[0]
    assert (line.transaction_id, line.kind, line.actor, line.memo) == (five[0], "kind1", "a", "m")
    assert line.counterpart == COLLECTIONS.code
    assert line.at == Transaction.objects.get(pk=five[0]).created_at


def test_balance_at_a_moment(five):
    at = dict(Transaction.objects.values_list("pk", "created_at"))
    assert balance_at(CASH, at[five[0]] - dt.timedelta(seconds=1)) == 0
    assert [balance_at(CASH, at[one]) for one in five] == [1, 3, 6, 10, 15]
    assert balance_at(SALES, at[five[4]]) == 0


def test_trial_balance(five):
    two_grams = Transfer(chart.pool_vault("p"), chart.pool_available("p"), Decimal(2))
    post(key="g", kind="g", transfers=[two_grams])
    gold, kes = trial_balance()
    assert gold == AssetTotal("GOLD", 2, Decimal(2), Decimal(-2))
    assert kes == AssetTotal("KES", 2, Decimal(15), Decimal(-15))
    assert kes.difference == 0


def test_the_clock_is_the_database_s():
    made = post(key="k", kind="a", transfers=[Transfer(COLLECTIONS, CASH, Decimal(1))])
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallet_now() - created_at FROM ledger_transaction WHERE id = %s", [made])
        assert dt.timedelta(0) <= cursor.fetchone()[0] < dt.timedelta(seconds=30)
