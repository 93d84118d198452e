"""Lists of the book stay as quick as their index, however long the book is (faults.md X10)."""

import datetime as dt

import pytest
from django.db import connection

from goldwallet.paging import page_of
from ledger import listing
from ledger.listing import Wanted, kinds, legs_of, transactions_page
from ledger.models import Transaction

pytestmark = pytest.mark.django_db
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MANY = 20_000


@pytest.fixture
def many(db: None) -> None:
    """A transaction a minute; each thousandth is of a rare kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, created_at)"
            " SELECT 'many:' || n, sha256('x'), CASE WHEN n %% 1000 = 0 THEN 'rare' ELSE 'usual' END, '', '',"
            " %s + n * interval '1 minute' FROM generate_series(1, %s) n",
            [START, MANY],
        )
        cursor.execute("ANALYZE ledger_transaction")


def rows_read(wanted: Wanted, *, after: str = "") -> int:
    """How many transactions the database looks at for a page of fifty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_returned('ledger_transaction'::regclass)")
        (whole,) = cursor.fetchone()
        cursor.execute("SELECT pg_stat_get_xact_tuples_fetched('ledger_transaction'::regclass)")
        (fetched,) = cursor.fetchone()
        transactions_page(wanted, after=after, limit=50)
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_returned('ledger_transaction'::regclass),"
            " pg_stat_get_xact_tuples_fetched('ledger_transaction'::regclass)"
        )
        now_whole, now_fetched = cursor.fetchone()
    return int(now_whole - whole + now_fetched - fetched)


def at(minute: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minute)


@pytest.mark.fault("X10")
@pytest.mark.parametrize(
    ("wanted", "after"),
    [
        (Wanted(), ""),
        (Wanted(), f"{int(at(10_000).timestamp() * 1_000_000)}-999999999"),
        (Wanted(since=at(300), until=at(400)), ""),
        (Wanted(until=at(1000)), ""),
        (Wanted(kind="rare"), ""),
        (Wanted(kind="usual", until=at(1000)), ""),
        (Wanted(keys=("many:77",)), ""),
    ],
    ids=["first", "far back", "old days", "until", "rare kind", "kind and days", "key"],
)
def test_a_page_reads_little_more_than_it_shows(many: None, wanted: Wanted, after: str) -> None:
    assert rows_read(wanted, after=after) < 400


def test_the_measure_sees_a_page_that_reads_its_way_there(many: None) -> None:
    assert rows_read(Wanted(actor="nobody")) >= MANY


def test_pages_by_number_and_by_nonsense(many: None) -> None:
    rows = Transaction.objects.filter(kind="usual")
    first = page_of(rows, by="created_at", after="", limit=3)
    second = page_of(rows, by="created_at", after=first.older, limit=3)
    assert [row.key for row in first.rows + second.rows] == [f"many:{n}" for n in range(19_999, 19_993, -1)]
    turned = page_of(rows, by="created_at", after="", limit=3, oldest_first=True)
    onward = page_of(rows, by="created_at", after=turned.older, limit=3, oldest_first=True)
    by_age = rows.order_by("created_at", "pk")[:6]
    assert [row.key for row in turned.rows + onward.rows] == [row.key for row in by_age]
    for nonsense in ("x", "1-", "-1", "²-1", "1-²", f"{'9' * 18}-1", f"1-{'9' * 19}", "\x00"):
        assert page_of(rows, by="created_at", after=nonsense, limit=3).rows == first.rows, nonsense


def test_kinds_and_transfers_of_nothing(many: None) -> None:
    assert kinds() == ["rare", "usual"]
    assert legs_of([]) == {}
    assert legs_of([5]) == {5: []}
    assert listing.accounts_named("user") == ()


def test_an_empty_book_has_no_kinds(db: None) -> None:
    assert kinds() == []
    assert transactions_page(Wanted()).rows == []
