"""No gram without a bar: the database refuses it, whoever asks and however."""

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from pools import services
from pools.models import Bar, Pool
from pools.tests.conftest import person

MICROGRAM = Decimal("0.000001")
RULE = "pools_no_gram_without_a_bar|bars hold"


def issue(pool_id, grams: Decimal) -> None:
    with transaction.atomic():
        post(
            key=uuid4().hex,
            kind="test",
            transfers=[Transfer(chart.pool_vault(pool_id), chart.pool_available(pool_id), grams)],
        )


def raw(sql: str, *parameters) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def empty_pool_with_a_bar(keeper, grams: str = "1000") -> Pool:
    """A bar in the vault whose grams the book has not issued yet."""
    pool = services.pool_create(name=uuid4().hex, purity=Decimal("999.9"), by=keeper)
    weight = Decimal(grams)
    Bar.objects.create(
        pool=pool,
        serial=uuid4().hex.upper(),
        gross_grams=weight,
        fineness=Decimal(1000),
        fine_grams=weight,
        created_by=keeper,
    )
    return pool


@pytest.mark.django_db
class TestIssuing:
    @pytest.mark.fault("L11")
    @pytest.mark.parametrize("grams", [Decimal(1000) + MICROGRAM, Decimal(1000) * 10**6])
    def test_one_microgram_more_than_the_bars_is_refused_and_so_is_a_million_times(self, keeper, grams):
        pool = empty_pool_with_a_bar(keeper)
        with pytest.raises(IntegrityError, match=RULE):
            issue(pool.pk, grams)
        assert balance(chart.pool_available(pool.pk)) == 0
        issue(pool.pk, Decimal(1000))
        assert balance(chart.pool_available(pool.pk)) == 1000
        with pytest.raises(IntegrityError, match=RULE):
            issue(pool.pk, MICROGRAM)

    def test_bars_of_another_pool_do_not_count(self, keeper):
        empty_pool_with_a_bar(keeper)
        empty = services.pool_create(name="Empty", purity=Decimal("999.9"), by=keeper)
        with pytest.raises(IntegrityError, match=RULE):
            issue(empty.pk, MICROGRAM)

    def test_another_spelling_of_the_pool_opens_no_second_vault(self, keeper):
        pool = empty_pool_with_a_bar(keeper)
        issue(pool.pk, Decimal(1000))
        for spelling in (str(pool.pk).upper(), pool.pk.hex, "nairobi", str(uuid4())):
            with pytest.raises(IntegrityError, match="comes out of the vault of a pool"):
                issue(spelling, MICROGRAM)

    def test_gold_comes_out_of_nothing_else(self, customer):
        nowhere = chart.Code("house:gold", chart.GOLD, may_go_negative=True)
        with pytest.raises(IntegrityError, match="comes out of the vault"), transaction.atomic():
            post(key="k", kind="t", transfers=[Transfer(nowhere, chart.user_gold(customer.pk), MICROGRAM)])

    @pytest.mark.fault("L11")
    def test_raw_sql_on_the_account_is_refused(self, make_pool):
        pool = make_pool(grams="1000")
        code = chart.pool_vault(pool.pk).code
        with pytest.raises(DatabaseError, match="entries alone"):
            raw("UPDATE ledger_account SET balance = balance - 0.000001 WHERE code = %s", code)
        assert balance(code) == -1000


@pytest.mark.django_db
class TestBars:
    @pytest.mark.fault("L11")
    @pytest.mark.parametrize(
        "change",
        [
            "status = 'withdrawn'",
            "gross_grams = 999.999999, fine_grams = 999.999999",
            "fineness = 999.9, fine_grams = 999.9",
            "pool_id = (SELECT id FROM pools_pool WHERE name = 'Other')",
        ],
    )
    def test_raw_sql_cannot_take_bars_from_under_issued_grams(self, make_pool, change):
        make_pool("Other")
        pool = make_pool(grams="1000")
        with pytest.raises(IntegrityError, match=RULE):
            raw(f"UPDATE pools_bar SET {change} WHERE pool_id = %s", pool.pk)

    @pytest.mark.parametrize(
        "change", ["fine_grams = 1000.000001", "fine_grams = 1000000000", "gross_grams = 1000000000"]
    )
    def test_raw_sql_cannot_make_a_bar_heavier_than_it_is(self, make_pool, change):
        pool = make_pool(grams="1000")
        with pytest.raises(IntegrityError, match=r"bar_fine_grams|bar_weight"):
            raw(f"UPDATE pools_bar SET {change} WHERE pool_id = %s", pool.pk)

    def test_bars_are_not_deleted_or_truncated(self, make_pool):
        make_pool(grams="1000")
        with pytest.raises(DatabaseError, match="the rows of pools_bar stay"):
            raw("DELETE FROM pools_bar")
        raw("SET CONSTRAINTS ALL IMMEDIATE")  # else TRUNCATE fails for another reason
        raw("SET goldwallet.allow_truncate = off")
        for table in ("pools_bar", "pools_pool", "pools_price", "pools_movement"):
            with pytest.raises(DatabaseError, match="stay"):
                raw(f"TRUNCATE {table} CASCADE")
        raw("SET goldwallet.allow_truncate = on")

    def test_a_bar_that_is_not_issued_may_go(self, keeper):
        pool = empty_pool_with_a_bar(keeper)
        raw("UPDATE pools_bar SET status = 'withdrawn' WHERE pool_id = %s", pool.pk)
        with pytest.raises(IntegrityError, match=RULE):
            issue(pool.pk, MICROGRAM)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.fault("L11")
    def test_a_bar_leaves_while_its_grams_are_issued(self):
        """The two sides are in different tables: they meet in the pool's row."""
        for _ in range(5):
            pool = empty_pool_with_a_bar(person(uuid4().hex))
            outcomes = self.race(
                lambda pool=pool: issue(pool.pk, Decimal(1000)),
                lambda pool=pool: raw(
                    "UPDATE pools_bar SET status = 'withdrawn' WHERE pool_id = %s", pool.pk
                ),
            )
            fine = sum(bar.fine_grams for bar in Bar.objects.filter(pool=pool, status="active"))
            assert -balance(chart.pool_vault(pool.pk)) <= fine
            assert sorted(outcomes) == ["done", "refused"]

    def test_without_the_common_row_both_would_pass(self):
        """Shows that the race is real: the check without its lock lets a gram stand without a bar."""
        pool = empty_pool_with_a_bar(person("solo"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_functiondef('pools_supply_check'::regproc)")
            check = cursor.fetchone()[0]
            cursor.execute("SELECT pg_get_functiondef('pools_supply_of_bar'::regproc)")
            of_bar = cursor.fetchone()[0]
            lock = "UPDATE pools_pool SET priority = priority"
            assert lock in check and lock in of_bar
            cursor.execute(check.replace(lock + " WHERE id = p_pool;", ""))
            cursor.execute(of_bar.replace(lock + " WHERE id = OLD.pool_id;", ""))
        try:
            self.interleave(pool)
            assert -balance(chart.pool_vault(pool.pk)) == 1000
            assert not Bar.objects.filter(pool=pool, status="active").exists()
        finally:
            with connection.cursor() as cursor:
                cursor.execute(check)
                cursor.execute(of_bar)

    def test_a_snapshot_of_before_does_not_pass(self):
        """REPEATABLE READ counts old bars; writing the pool's row makes it fail instead."""
        pool = empty_pool_with_a_bar(person("snapshot"))
        with pytest.raises(Exception, match="could not serialize"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT count(*) FROM pools_bar")
            self.race(lambda: raw("UPDATE pools_bar SET status = 'withdrawn' WHERE pool_id = %s", pool.pk))
            issue(pool.pk, Decimal(1000))
        assert balance(chart.pool_vault(pool.pk)) == 0

    @staticmethod
    def race(*jobs) -> list[str]:
        start, outcomes = threading.Barrier(len(jobs)), []

        def run(job) -> None:
            try:
                start.wait(10)
                job()
                outcomes.append("done")
            except IntegrityError:
                outcomes.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return outcomes

    def interleave(self, pool) -> None:
        """Issue in this transaction, withdraw in another one, commit both."""
        with transaction.atomic():
            issue(pool.pk, Decimal(1000))
            done = self.race(
                lambda: raw("UPDATE pools_bar SET status = 'withdrawn' WHERE pool_id = %s", pool.pk)
            )
            assert done == ["done"]
