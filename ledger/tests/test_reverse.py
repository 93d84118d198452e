from decimal import Decimal

import pytest
from django.db import transaction

from ledger import chart
from ledger.errors import KeyReused, Overdraft, WrongReversal
from ledger.models import Entry, Transaction
from ledger.selectors import balances, legs
from ledger.services import Transfer, post, reverse, verify

pytestmark = pytest.mark.django_db

CASH, SALES, COLLECTIONS = chart.user_cash("alice"), chart.house_sales(), chart.mpesa_collections()
ALL = [CASH, SALES, COLLECTIONS]
BUY = [Transfer(COLLECTIONS, CASH, Decimal(70)), Transfer(COLLECTIONS, CASH, Decimal(30)),
       Transfer(CASH, SALES, Decimal(100))]  # fmt: skip


def test_it_works():
    made = post(key="k", kind="buy", transfers=BUY)
    back = reverse(transaction_id=made, key="k:back", actor="treasury", memo="wrong person")
    assert set(balances(ALL).values()) == {Decimal(0)}
    row = Transaction.objects.get(pk=back)
    assert (row.reverses_id, row.kind, row.actor, row.memo) == (made, "reversal", "treasury", "wrong person")
    assert [(leg.source, leg.destination, leg.amount) for leg in legs(back)] == [
        (t.destination, t.source, t.amount) for t in BUY
    ]
    assert verify() == []


def test_once():
    made = post(key="k", kind="buy", transfers=BUY)
    back = reverse(transaction_id=made, key="k:back")
    assert reverse(transaction_id=made, key="k:back") == back
    with pytest.raises(WrongReversal), transaction.atomic():
        reverse(transaction_id=made, key="k:another")
    assert set(balances(ALL).values()) == {Decimal(0)}


def test_key_of_something_else():
    made = post(key="k", kind="buy", transfers=BUY)
    with pytest.raises(KeyReused), transaction.atomic():
        reverse(transaction_id=made, key="k")


def test_nothing_to_reverse():
    with pytest.raises(WrongReversal):
        reverse(transaction_id=999_999, key="k")


def test_value_that_has_moved_on():
    made = post(key="k1", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(100))])
    post(key="k2", kind="out", transfers=[Transfer(CASH, SALES, Decimal(1))])
    with pytest.raises(Overdraft), transaction.atomic():
        reverse(transaction_id=made, key="k1:back")
    assert balances([CASH]) == {CASH.code: Decimal(99)}


def test_a_reversal_may_be_reversed():
    made = post(key="k", kind="buy", transfers=BUY)
    before = balances(ALL)
    back = reverse(transaction_id=made, key="back")
    reverse(transaction_id=back, key="forth")
    assert balances(ALL) == before
    assert verify() == []


@pytest.mark.parametrize(
    "transfers",
    [
        [Transfer(SALES, CASH, Decimal(99))],
        [Transfer(SALES, CASH, Decimal(100))],
        [Transfer(t.source, t.destination, t.amount) for t in BUY],
    ],
)
def test_only_the_exact_mirror_is_a_reversal(transfers):
    made = post(key="k", kind="buy", transfers=BUY)
    with pytest.raises(WrongReversal), transaction.atomic():
        post(key="k:back", kind="reversal", transfers=transfers, reverses=made)
    assert Entry.objects.exclude(transaction_id=made).count() == 0
