"""Raw SQL against the book, as the owner of its tables. (test_grants.py: as the application's role.)"""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import chart
from ledger.models import Account, Entry
from ledger.selectors import balances
from ledger.services import Transfer, post, verify

pytestmark = pytest.mark.django_db

CASH, SALES, COLLECTIONS = chart.user_cash("alice"), chart.house_sales(), chart.mpesa_collections()


@pytest.fixture
def book():
    """Alice has 100, all of it from the collections; and a transaction row that waits for entries."""
    posted = post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(100))])
    post(key="k2", kind="out", transfers=[Transfer(CASH, SALES, Decimal(40))])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo)"
            " VALUES ('raw', sha256('x'), 'raw', '', '') RETURNING id"
        )
        fresh = cursor.fetchone()[0]
    ids = dict(Account.objects.values_list("code", "id"))
    return {"posted": posted, "fresh": fresh, "cash": ids[CASH.code], "sales": ids[SALES.code],
            "collections": ids[COLLECTIONS.code]}  # fmt: skip


def refused(statement: str, parameters: dict[str, object], *, state: str) -> None:
    before, entries = balances([CASH, SALES, COLLECTIONS]), Entry.objects.count()
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL goldwallet.allow_truncate = off")
        cursor.execute(statement, parameters)
    assert caught.value.__cause__.sqlstate == state
    assert (balances([CASH, SALES, COLLECTIONS]), Entry.objects.count()) == (before, entries)


ENTRIES = "INSERT INTO ledger_entry (account_id, seq, transaction_id, leg, amount, balance) VALUES "


@pytest.mark.fault("L01", "L04")
@pytest.mark.parametrize(
    ("values", "state"),
    [
        # one side only; two sides that differ; NaN; nothing
        ("(%(cash)s, 3, %(fresh)s, 1, 5, 65)", "LD101"),
        ("(%(cash)s, 3, %(fresh)s, 1, 5, 65), (%(sales)s, 2, %(fresh)s, 1, -4, 36)", "LD101"),
        ("(%(cash)s, 3, %(fresh)s, 1, 'NaN', 65), (%(sales)s, 2, %(fresh)s, 1, 'NaN', 36)", "23514"),
        ("(%(cash)s, 3, %(fresh)s, 1, 0, 60), (%(sales)s, 2, %(fresh)s, 1, 0, 40)", "23514"),
        # finer than a cent
        ("(%(cash)s, 3, %(fresh)s, 1, 0.001, 60.001), (%(sales)s, 2, %(fresh)s, 1, -0.001, 39.999)", "LD101"),
        # balanced over two transactions, not within each
        ("(%(cash)s, 3, %(fresh)s, 1, 5, 65), (%(sales)s, 2, %(posted)s, 1, -5, 35)", "LD101"),
        # balanced, but it extends a posted transaction
        ("(%(cash)s, 3, %(posted)s, 2, 5, 65), (%(sales)s, 2, %(posted)s, 2, -5, 35)", "LD102"),
        # a seq that was used; a gap; a forged running balance
        ("(%(cash)s, 2, %(fresh)s, 1, 5, 65), (%(sales)s, 2, %(fresh)s, 1, -5, 35)", "23505"),
        ("(%(cash)s, 9, %(fresh)s, 1, 5, 65), (%(sales)s, 2, %(fresh)s, 1, -5, 35)", "LD103"),
        ("(%(cash)s, 3, %(fresh)s, 1, 5, 1000), (%(sales)s, 2, %(fresh)s, 1, -5, 35)", "LD103"),
        # below zero
        ("(%(cash)s, 3, %(fresh)s, 1, -61, -1), (%(sales)s, 2, %(fresh)s, 1, 61, 101)", "23514"),
        # an account, a transaction that does not exist
        ("(%(cash)s, 3, %(fresh)s, 1, 5, 65), (-1, 1, %(fresh)s, 1, -5, -5)", "23503"),
        ("(%(cash)s, 3, -1, 1, 5, 65), (%(sales)s, 2, -1, 1, -5, 35)", "23503"),
    ],
)
def test_entries_that_are_refused(book, values, state):
    refused(ENTRIES + values, book, state=state)


def test_entries_written_past_the_function_move_the_balances_all_the_same(book):
    with connection.cursor() as cursor:
        cursor.execute(
            ENTRIES + "(%(cash)s, 3, %(fresh)s, 1, 5, 65), (%(sales)s, 2, %(fresh)s, 1, -5, 35)", book
        )
    assert balances([CASH, SALES]) == {CASH.code: Decimal(65), SALES.code: Decimal(35)}
    assert verify() == []


@pytest.mark.fault("L02")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET amount = 1000 WHERE account_id = %(cash)s",
        "UPDATE ledger_entry SET seq = seq + 10 WHERE account_id = %(cash)s",
        "DELETE FROM ledger_entry WHERE account_id = %(cash)s",
        "TRUNCATE ledger_entry",
        "UPDATE ledger_transaction SET kind = 'other' WHERE id = %(posted)s",
        "DELETE FROM ledger_transaction WHERE id = %(fresh)s",
        "TRUNCATE ledger_transaction CASCADE",
        "UPDATE ledger_account SET balance = 1000000 WHERE id = %(cash)s",
        "UPDATE ledger_account SET may_go_negative = true WHERE id = %(cash)s",
        "UPDATE ledger_account SET seq = 0 WHERE id = %(cash)s",
        "UPDATE ledger_account SET code = 'user:mallory:cash' WHERE id = %(cash)s",
        "DELETE FROM ledger_account WHERE id = %(cash)s",
        "TRUNCATE ledger_account CASCADE",
        "INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)"
        " VALUES ('user:mallory:cash', 'KES', 5, 0, false, false)",
        "INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)"
        " VALUES ('user:mallory:cash', 'KES', 0, 7, false, false)",
    ],
)
def test_what_stands_in_the_book_stays(book, statement):
    refused(statement, book, state="LD100")


@pytest.mark.fault("L02")
@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET amount = 1000", "DELETE FROM ledger_entry"])
def test_no_session_setting_opens_the_guards(book, statement):
    names = [trigger.get_pgid(Entry) for trigger in Entry._meta.triggers]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", ["{" + ",".join(names) + "}"])
        refused(statement, {}, state="LD100")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"code": ""}, "LD005"),
        ({"p_amounts": "ARRAY[0]"}, "LD004"),
        ({"p_amounts": "ARRAY[-5]"}, "LD004"),
        ({"p_amounts": "ARRAY['NaN'::numeric]"}, "LD004"),
        ({"p_amounts": "ARRAY['Infinity'::numeric]"}, "LD004"),
        ({"p_amounts": "ARRAY[NULL::numeric]"}, "LD004"),
        ({"p_amounts": "ARRAY[0.001]"}, "LD004"),
        ({"p_amounts": "ARRAY[1e14]"}, "LD004"),
        ({"p_amounts": "'{}'::numeric[]"}, "LD005"),
        ({"p_amounts": "NULL"}, "LD005"),
        ({"p_amounts": "ARRAY[1, 2]"}, "LD005"),
        ({"p_from": "ARRAY[2]"}, "LD005"),
        ({"p_from": "ARRAY[3]"}, "LD005"),
        ({"p_from": "ARRAY[NULL::integer]"}, "LD005"),
        ({"p_codes": "ARRAY['mpesa:collections', 'mpesa:collections']"}, "LD005"),
        ({"p_assets": "ARRAY['KES', 'GOLD']"}, "LD003"),
        ({"p_assets": "ARRAY['GOLD', 'GOLD']"}, "LD003"),
        ({"p_assets": "ARRAY['SILVER', 'SILVER']"}, "LD004"),
        ({"p_may_go_negative": "ARRAY[true, true]"}, "LD003"),
        ({"p_key": "''"}, "LD005"),
        ({"p_key": "NULL"}, "LD005"),
        ({"p_hash": "'x'"}, "LD005"),
        ({"p_reverses": "-1"}, "23503"),
        ({"p_codes": "ARRAY['user:alice:cash', 'mpesa:collections']",
          "p_may_go_negative": "ARRAY[false, true]", "p_shared": "ARRAY[false, true]",
          "p_amounts": "ARRAY[1000]"}, "LD002"),
    ],
)  # fmt: skip
def test_the_function_refuses_by_itself(book, change, state):
    arguments = {
        "p_key": "'raw2'", "p_hash": "sha256('y')", "p_kind": "'raw'", "p_actor": "''", "p_memo": "''",
        "p_reverses": "NULL", "p_codes": "ARRAY['mpesa:collections', 'user:alice:cash']",
        "p_assets": "ARRAY['KES', 'KES']", "p_may_go_negative": "ARRAY[true, false]",
        "p_shared": "ARRAY[true, false]", "p_from": "ARRAY[1]", "p_to": "ARRAY[2]", "p_amounts": "ARRAY[5]",
    }  # fmt: skip
    if change == {"code": ""}:
        change = {"p_codes": "ARRAY['mpesa:collections']"}
    call = ", ".join(f"{name} => {value}" for name, value in {**arguments, **change}.items())
    refused(f"SELECT ledger_post({call})", {}, state=state)


def test_scale_in_the_database_is_the_chart_s():
    with connection.cursor() as cursor:
        cursor.execute("SELECT a, ledger_scale(a) FROM unnest(%s::text[]) AS a", [[*chart.SCALES, "SILVER"]])
        assert dict(cursor.fetchall()) == {**chart.SCALES, "SILVER": None}
