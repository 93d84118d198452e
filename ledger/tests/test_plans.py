"""A session's plans are made once, perhaps on tiny tables. They must suit the tables that these become."""

from decimal import Decimal

import pytest
from django.db import connection

from ledger import chart
from ledger.services import Transfer, post

pytestmark = pytest.mark.django_db

TABLES = "('ledger_account', 'ledger_entry', 'ledger_transaction')"


def rows_read_from_end_to_end() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_stat_get_xact_numscans(c.oid)), 0) FROM pg_class c"
            f" WHERE c.relname IN {TABLES}"
        )
        return int(cursor.fetchone()[0])


def some_posts(name: str) -> None:
    for number in range(12):  # more than the five plans that a session makes before it settles on one
        post(
            key=f"{name}:{number}",
            kind="buy",
            transfers=[Transfer(chart.mpesa_collections(), chart.user_cash("alice"), Decimal(1))],
        )
    post(key=f"{name}:again:0", kind="buy", transfers=[Transfer(*accounts(), Decimal(1))])


def accounts() -> tuple[chart.Code, chart.Code]:
    return chart.pool_vault("p"), chart.pool_available("p")


@pytest.mark.parametrize("analysed", [False, True])
def test_no_table_of_the_book_is_read_from_end_to_end(analysed):
    """Tiny tables, where the planner likes to; the same session goes on with a large one, never analysed."""
    if analysed:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE ledger_account, ledger_entry, ledger_transaction")
    before = rows_read_from_end_to_end()
    some_posts("tiny")
    assert rows_read_from_end_to_end() == before
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)"
            " SELECT 'user:u' || n || ':cash', 'KES', 0, 0, false, false FROM generate_series(1, 20000) n"
        )
    before = rows_read_from_end_to_end()
    some_posts("grown")
    assert rows_read_from_end_to_end() == before


def test_the_measure_sees_a_table_that_is_read_from_end_to_end():
    before = rows_read_from_end_to_end()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_account WHERE balance > 0")
    assert rows_read_from_end_to_end() > before
