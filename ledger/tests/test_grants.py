"""The application's role may read and post, and nothing else: `manage.py ledger_grants`."""

from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post, verify

pytestmark = pytest.mark.django_db

ROLE = "gw_test_ledger_app"
CASH, COLLECTIONS = chart.user_cash("alice"), chart.mpesa_collections()


@pytest.fixture
def role():
    """A role of the cluster, made and rolled back with the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE}")
        cursor.execute(f"GRANT ALL ON ledger_account, ledger_entry, ledger_transaction TO {ROLE}")
    call_command("ledger_grants", ROLE, verbosity=0)
    return ROLE


@contextmanager
def acting_as(role):
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        yield cursor
        cursor.execute("RESET ROLE")


def test_it_posts_and_reads(role):
    with acting_as(role):
        post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
        assert post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
        assert balance(CASH) == 5
        assert verify() == []


@pytest.mark.fault("L02")
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo)"
        " VALUES ('raw', sha256('x'), 'raw', '', '')",
        "INSERT INTO ledger_entry (account_id, seq, transaction_id, leg, amount, balance)"
        " VALUES (1, 2, 1, 1, 5, 5)",
        "INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)"
        " VALUES ('user:mallory:cash', 'KES', 0, 0, true, false)",
        "UPDATE ledger_entry SET amount = 1000",
        "UPDATE ledger_transaction SET kind = 'other'",
        "UPDATE ledger_account SET balance = 1000",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_transaction",
        "DELETE FROM ledger_account",
        "TRUNCATE ledger_account, ledger_entry, ledger_transaction CASCADE",
        "ALTER TABLE ledger_entry DISABLE TRIGGER USER",
        "DROP TRIGGER pgtrigger_balances_c3fe3 ON ledger_entry",
        "CREATE OR REPLACE FUNCTION ledger_scale(asset text) RETURNS integer LANGUAGE sql AS 'SELECT 9'",
        "SELECT * FROM ledger_account FOR UPDATE",
        "SET LOCAL session_replication_role = replica",
    ],
)
def test_it_does_nothing_else(role, statement):
    post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), acting_as(role) as cursor:
        cursor.execute("SET LOCAL goldwallet.allow_truncate = on")
        cursor.execute(statement)
    assert caught.value.__cause__.sqlstate == "42501"
    assert balance(CASH) == 5


@pytest.mark.fault("L02")
def test_a_trigger_on_a_table_of_its_own_is_no_way_in(role):
    """The balance's guard lets other triggers pass; who lacks the grant gains nothing by it."""
    post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), acting_as(role) as cursor:
        cursor.execute(
            "CREATE TEMP TABLE lever (n integer);"
            " CREATE FUNCTION pg_temp.pull() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN UPDATE ledger_account SET balance = 1000; RETURN NULL; END';"
            " CREATE TRIGGER pull AFTER INSERT ON lever EXECUTE FUNCTION pg_temp.pull();"
            " INSERT INTO lever VALUES (1)"
        )
    assert caught.value.__cause__.sqlstate == "42501"
    assert balance(CASH) == 5


@pytest.mark.fault("L02")
def test_a_function_in_a_schema_of_its_own_is_no_way_in(role):
    """The search path is the function's own, not the caller's."""
    with acting_as(role) as cursor:
        cursor.execute("CREATE TEMP TABLE ledger_account (LIKE public.ledger_account)")
        cursor.execute("SET LOCAL search_path = pg_temp, public")
        post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
        cursor.execute("SELECT count(*) FROM pg_temp.ledger_account")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT balance FROM public.ledger_account WHERE code = %s", [CASH.code])
        assert cursor.fetchone() == (5,)


def test_other_roles_may_not_post():
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {ROLE}")
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), acting_as(ROLE):
        post(key="k", kind="in", transfers=[Transfer(COLLECTIONS, CASH, Decimal(5))])
    assert caught.value.__cause__.sqlstate == "42501"


def test_it_refuses_roles_that_no_grant_can_bind():
    with pytest.raises(CommandError, match="no role"):
        call_command("ledger_grants", "nobody_of_that_name")
    with pytest.raises(CommandError, match="owns the book"):
        call_command("ledger_grants", connection.settings_dict["USER"] or "goldwallet")
