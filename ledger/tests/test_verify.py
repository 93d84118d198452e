"""Every check of the audit finds what it is there for. The guards are off: this is what an owner could do."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger import audit, chart
from ledger.services import Transfer, post, reverse, verify

pytestmark = pytest.mark.django_db

CASH, SALES, COLLECTIONS = chart.user_cash("alice"), chart.house_sales(), chart.mpesa_collections()


@pytest.fixture
def book():
    buy = [Transfer(COLLECTIONS, CASH, Decimal(100)), Transfer(CASH, SALES, Decimal(60))]
    made = post(key="k", kind="buy", transfers=buy)
    reverse(transaction_id=made, key="back")
    post(key="k2", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(7))])
    assert verify() == []
    with connection.cursor() as cursor:
        for table in ("ledger_account", "ledger_entry", "ledger_transaction"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_negative")
        yield cursor


def found() -> set[str]:
    """The checks that cry, the one on the disabled guards aside."""
    return {says for name, says, sentences in audit.verify_each() if sentences and name != "guards"}


SUMS, PAIRS, EMPTY, ASSETS, ACCOUNTS, CHAIN, BELOW, WAS_BELOW, SCALE, MIRROR = (c.says for c in audit.CHECKS)
_CASH = "(SELECT id FROM ledger_account WHERE code = 'user:alice:cash')"


@pytest.mark.fault("L04")
@pytest.mark.parametrize(
    ("statement", "due"),
    [
        (f"UPDATE ledger_entry SET amount = 8 WHERE account_id = {_CASH} AND seq = 5",
         {SUMS, PAIRS, ACCOUNTS, CHAIN}),
        (f"UPDATE ledger_account SET balance = 8 WHERE id = {_CASH}", {ASSETS, ACCOUNTS}),
        (f"UPDATE ledger_account SET seq = 6 WHERE id = {_CASH}", {ACCOUNTS}),
        (f"UPDATE ledger_entry SET balance = 41 WHERE account_id = {_CASH} AND seq = 2", {CHAIN}),
        (f"UPDATE ledger_entry SET seq = 9 WHERE account_id = {_CASH} AND seq = 5", {ACCOUNTS}),
        (f"DELETE FROM ledger_entry WHERE account_id = {_CASH} AND seq = 5", {SUMS, PAIRS, ACCOUNTS}),
        ("DELETE FROM ledger_entry WHERE transaction_id ="
         " (SELECT id FROM ledger_transaction WHERE key = 'k2')", {EMPTY, ACCOUNTS}),
        ("UPDATE ledger_entry SET leg = 2 WHERE leg = 1 AND transaction_id ="
         " (SELECT id FROM ledger_transaction WHERE key = 'k')", {PAIRS, MIRROR}),
        ("UPDATE ledger_entry SET amount = amount + 0.001 * sign(amount),"
         " balance = balance + 0.001 * sign(amount)"
         " WHERE transaction_id = (SELECT id FROM ledger_transaction WHERE key = 'k2')", {SCALE, ACCOUNTS}),
        ("UPDATE ledger_account SET may_go_negative = false WHERE code = 'mpesa:collections'",
         {BELOW, WAS_BELOW}),
        ("UPDATE ledger_transaction SET reverses_id = (SELECT id FROM ledger_transaction WHERE key = 'k2')"
         " WHERE key = 'back'", {MIRROR}),
    ],
)  # fmt: skip
def test_it_is_found(book, statement, due):
    book.execute(statement)
    assert found() == due


@pytest.mark.fault("L02")
def test_guards_that_are_switched_off_are_found(book):
    assert [says for name, says, sentences in audit.verify_each() if sentences] == [
        "every guard is there and switched on"
    ]
    assert len(verify()) == 9


def test_the_command():
    post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(100))])
    out = StringIO()
    call_command("ledger_verify", stdout=out)
    assert "KES: 2 accounts, 100.000000 held, difference 0.000000" in out.getvalue()
    assert "The book is whole." in out.getvalue()


def test_the_command_ends_badly_on_a_broken_book(book):
    book.execute("UPDATE ledger_account SET balance = 1000000 WHERE code = 'user:alice:cash'")
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("ledger_verify", stdout=out)
    assert caught.value.returncode == 1
    assert "account user:alice:cash stands at 1000000" in out.getvalue()
