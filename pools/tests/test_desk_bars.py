"""Bars at the desk: found, sorted and paged; gross and fine apart; a pool's ledger; and what a page costs."""

import datetime as dt
import re
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.tests.people import customer, signed_in, staff
from controls.audit import entries_about
from controls.models import Request
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.two import approve
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance, balances
from pools import services
from pools.bars import PAGE, bars_page
from pools.book import book_page, book_range
from pools.models import Allocation, Bar, Pool
from pools.services.bars import fine_grams
from pools.tests.test_desk_pools import bars, text

pytestmark = pytest.mark.django_db

MOST_QUERIES = 25
PDF = b"%PDF-1.7 certificate"


@pytest.fixture
def keeper():
    return staff("vault")


@pytest.fixture
def desk(keeper):
    return signed_in(keeper)


@pytest.fixture
def pool(keeper) -> Pool:
    return services.pool_create(name="Mombasa", purity=Decimal("916.6"), by=keeper)


def add(pool: Pool, keeper, *rows: tuple[str, str, str, str]) -> list[Bar]:
    new = [
        services.NewBar(
            serial=serial, gross_grams=Decimal(gross), fineness=Decimal(fineness), refiner=refiner
        )
        for serial, gross, fineness, refiner in rows
    ]
    return services.bar_add(pool_id=pool.pk, bars=new, key=uuid4().hex, by=keeper)


def many(pool: Pool, keeper, count: int) -> None:
    for start in range(0, count, 50):
        rows = [
            (f"N{number:04}", str(1 + number % 7), "916.6", f"Refiner {number % 3}")
            for number in range(start, min(start + 50, count))
        ]
        add(pool, keeper, *rows)


def serials(pool: Pool, **asked) -> list[str]:
    """Every serial number of the list, over all its pages."""
    found, after = [], ""
    while True:
        page = bars_page(pool.pk, **{"sort": "serial", **asked}, after=after)
        found += [row.bar.serial for row in page.rows]
        if not page.older:
            return found
        after = page.older


class TestFinding:
    @pytest.fixture
    def some(self, pool, keeper) -> list[Bar]:
        made = add(
            pool,
            keeper,
            ("B2", "5", "999.9", "Rift"),
            ("A1", "50", "916.6", "Coast Assay"),
            ("C3", "10", "916.6", ""),
        )
        services.assay_add(bar_id=made[0].pk, name="b2.pdf", content=PDF, by=keeper)
        services.bar_withdraw(pool_id=pool.pk, bar_ids=[made[2].pk], key="w", by=keeper)
        return made

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({}, ["A1", "B2"]),
            ({"status": "withdrawn"}, ["C3"]),
            ({"status": "all"}, ["A1", "B2", "C3"]),
            ({"q": "b 2"}, ["B2"]),
            ({"q": "coast"}, ["A1"]),
            ({"q": "nothing"}, []),
            ({"assay": "with"}, ["B2"]),
            ({"assay": "without"}, ["A1"]),
            ({"sort": "refiner"}, ["A1", "B2"]),
            ({"sort": "heaviest", "status": "all"}, ["A1", "C3", "B2"]),
            ({"sort": "newest"}, ["A1", "B2"]),
            ({"after": "nonsense"}, ["A1", "B2"]),
            ({"after": str(uuid4())}, ["A1", "B2"]),
        ],
    )
    def test_by_serial_number_refiner_state_and_assay(self, desk, pool, some, asked, expected):
        answer = desk.get(reverse("desk_pool", args=[pool.pk]), asked)
        assert answer.status_code == 200
        assert [row.bar.serial for row in answer.context["bars"]] == expected

    @pytest.mark.parametrize("asked", [{"status": "melted"}, {"assay": "x"}, {"sort": "x"}, {"q": "a\x00"}])
    def test_a_filter_that_makes_no_sense_is_said(self, desk, pool, some, asked):
        answer = desk.get(reverse("desk_pool", args=[pool.pk]), asked)
        assert answer.status_code == 400 and b"errorlist" in answer.content

    def test_htmx_gets_the_list_alone(self, desk, pool, some):
        headers = {"HX-Request": "true", "HX-Target": "rows"}
        answer = desk.get(reverse("desk_pool", args=[pool.pk]), {"q": "A1"}, headers=headers)
        page = answer.content.decode().strip()
        assert page.startswith('<div id="rows"') and "A1" in page and "<html" not in page

    @pytest.mark.parametrize("sort", ["serial", "refiner", "heaviest", "newest"])
    def test_no_bar_is_missed_or_shown_twice_over_many_pages(self, pool, keeper, sort):
        many(pool, keeper, 2 * PAGE + 7)
        found = serials(pool, sort=sort)
        assert len(found) == len(set(found)) == 2 * PAGE + 7
        by = {"serial": "serial", "refiner": "refiner", "heaviest": "-fine_grams", "newest": "-created_at"}[
            sort
        ]
        assert found == list(Bar.objects.order_by(by, "serial").values_list("serial", flat=True))

    def test_the_next_page_keeps_the_filter(self, desk, pool, keeper):
        many(pool, keeper, PAGE + 1)
        page = desk.get(reverse("desk_pool", args=[pool.pk]), {"q": "N0", "sort": "newest"})
        older = page.context["older_url"]
        assert "q=N0" in older and "sort=newest" in older
        assert len(desk.get(older).context["bars"]) == 1

    def test_how_it_came_and_whether_it_has_an_assay(self, desk, keeper, pool):
        desk.post(reverse("desk_bars_add", args=[pool.pk]), bars(("Z9", "10", "916.6")))
        request = Request.objects.get()
        checker = staff("treasury")
        approve(request, checker)
        page = desk.get(reverse("desk_pool", args=[pool.pk])).content.decode()
        assert "no assay" in page and checker.email in page
        assert reverse("desk_approval", args=[request.pk]) in page
        bar = Bar.objects.get()
        page = desk.get(reverse("desk_bar", args=[pool.pk, bar.pk])).content.decode()
        assert reverse("desk_approval", args=[request.pk]) in page and "This bar has no assay" in page


@pytest.mark.parametrize("count", [1, 300])
def test_no_page_costs_more_with_many_bars(world: World, keeper, desk, count):
    pool = services.pool_create(name="Many", purity=Decimal("900"), by=keeper)
    services.pool_move(pool_id=pool.pk, way="up", place=2, by=keeper)
    many(pool, keeper, count)
    for number, bar in enumerate(Bar.objects.filter(pool=pool)[:30]):
        services.assay_add(bar_id=bar.pk, name="a.pdf", content=PDF + str(number).encode(), by=keeper)
    for _ in range(12 if count > 1 else 1):
        paid(buy(customer(kyc_status="verified"), 1650))
    one = Bar.objects.filter(pool=pool).order_by("serial").first()
    # The dearest case: two people agreed some movement, and another request waits.
    for serial in ("Y1", "Y2"):
        desk.post(reverse("desk_bars_add", args=[pool.pk]), bars((serial, "1", "916.6")))
        if serial == "Y1":
            approve(Request.objects.get(), staff("treasury"))
    reader = signed_in(staff("administrator"))
    urls = [
        reverse("desk_pools"),
        *(reverse(name, args=[pool.pk]) for name in ("desk_pool", "desk_pool_book", "desk_bars_add")),
        reverse("desk_bar", args=[pool.pk, one.pk]),
        reverse("desk_pool", args=[pool.pk]) + f"?status=all&sort=newest&after={one.pk}",
    ]
    for url in urls:
        for browser in (desk, reader):
            with CaptureQueriesContext(connection) as asked:
                assert browser.get(url).status_code == 200
            assert len(asked) <= MOST_QUERIES, (url, len(asked))


class TestPurity:
    """Gross weight is what the scales say; everything that is owned, sold and counted is fine gold."""

    @given(
        gross=st.decimals("0.001", "15000", places=6),
        fineness=st.decimals("1.001", "1000", places=3),
    )
    def test_fine_gold_is_never_rounded_up(self, gross, fineness):
        fine, exact = fine_grams(gross, fineness), gross * fineness / 1000
        assert fine <= exact < fine + Decimal("0.000001")
        assert fine <= gross
        assert fine == fine.quantize(Decimal("0.000001"))

    @pytest.mark.parametrize(
        ("gross", "fineness", "fine"),
        [
            ("100", "916.6", "91.66"),
            ("100", "916.667", "91.6667"),
            ("1.000001", "916.667", "0.916667"),  # 0.916667916667
            ("33.333333", "585.5", "19.516666"),  # 19.5166664715
            ("0.001", "999.9", "0.000999"),  # 0.0009999
        ],
    )
    def test_odd_bars_are_counted_by_database_and_book_alike(self, keeper, gross, fineness, fine):
        pool = services.pool_create(name="Odd", purity=Decimal("500"), by=keeper)
        (bar,) = add(pool, keeper, ("X1", gross, fineness, ""))
        bar.refresh_from_db()
        assert bar.fine_grams == Decimal(fine) == balance(chart.pool_available(pool.pk))
        assert_books()

    def test_grams_of_22_karat_are_bought_and_sold_as_fine_gold(self, world: World, keeper):
        services.pool_close(pool_id=world.pool.pk, reason="22 karat alone is sold.", by=keeper)
        pool = services.pool_create(name="Odd", purity=Decimal("916.6"), by=keeper)
        add(pool, keeper, ("X1", "3", "916.667", ""))  # 2.750001 fine
        order = paid(buy(world.alice, 33_000))
        assert order.grams == 2 == balance(chart.user_gold(world.alice.pk))
        paid(sell(world.alice, Decimal("0.25")))
        shares = [(row.grams, row.returned) for row in Allocation.objects.filter(pool=pool)]
        assert shares == [(2, Decimal("0.25"))]
        book = balances([chart.pool_vault(pool.pk), chart.pool_available(pool.pk)])
        assert list(book.values()) == [Decimal("-2.750001"), Decimal("1.000001")]
        assert_books()

    def test_the_pages_say_gross_and_fine_apart(self, desk, keeper, pool):
        (bar,) = add(pool, keeper, ("X1", "100", "916.667", ""))
        listed = text(desk.get(reverse("desk_pools")))
        assert "916.6, 22 karat" in listed and "100.000 000 g 91.666 700 g" in listed
        page = text(desk.get(reverse("desk_pool", args=[pool.pk])))
        assert (
            "100.000 000 g gross, 91.666 700 g fine" in page and "100.000 000 g 916.667 91.666 700 g" in page
        )
        page = text(desk.get(reverse("desk_bar", args=[pool.pk, bar.pk])))
        assert "100.000 000 g" in page and "91.666 700 g" in page
        withdraw = desk.get(reverse("desk_bars_withdraw", args=[pool.pk]), {"bar": [str(bar.pk)]})
        assert "Leaves the vault 100.000 000 g 91.666 700 g" in text(withdraw)

    def test_what_is_typed_is_worked_out_and_nothing_is_asked(self, desk, pool):
        url = reverse("desk_bars_add", args=[pool.pk])
        typed = bars(("x1", "100", "916.667"), ("", "", ""), ("x2", "abc", "999"), ("", "1", "1000"))
        page = text(desk.get(url, typed))
        assert "Together 101.000 000 g 92.666 700 g" in page
        part = desk.get(url, typed, headers={"HX-Request": "true", "HX-Target": "fine"}).content.decode()
        assert part.strip().startswith('<div id="fine"') and "csrf" not in part
        for odd in ({"bars-TOTAL_FORMS": "x"}, bars(("a\x00", "1", "1\x00")), bars(("a", "9" * 24, "0"))):
            assert desk.get(url, odd).status_code == 200
        assert not Request.objects.exists() and not Bar.objects.exists()
        # After a mistake in one bar the others stand worked out beside it.
        refused = desk.post(url, typed)
        assert refused.status_code == 400 and "Together 101.000 000 g 92.666 700 g" in text(refused)


class TestMoreFields:
    """Who wants fields for more bars has not finished: nothing is asked, nothing is lost, and nothing is wrong yet."""

    def test_what_was_typed_stays_also_what_is_wrong(self, desk, pool):
        url = reverse("desk_bars_add", args=[pool.pk])
        first = desk.get(url).content.decode()
        assert '<button class="button" type="submit" name="rows" value="6">' in first
        typed = bars(("X 1", "100", "916.667"), ("", "1e3", "<b>"), ("X 1", "5", ""), reason="why")
        answer = desk.post(url, typed | {"rows": "8", "bars-0-refiner": "Rand"})
        page = answer.content.decode()
        assert answer.status_code == 200
        assert [f"bars-{number}-serial" in page for number in (7, 8)] == [True, False]
        for value in ("X 1", "100", "916.667", "Rand", "1e3", "&lt;b&gt;"):
            assert f'value="{value}"' in page, value
        assert ">why</textarea>" in page
        assert "errorlist" not in page and "aria-invalid" not in page and "notice-wrong" not in page
        # The cursor is where one goes on, and what could be read is worked out.
        assert re.findall(r'name="([^"]+)"[^>]* autofocus', page) == ["bars-3-serial"]
        assert "Together 100.000 000 g 91.666 700 g" in text(answer)
        assert 'name="rows" value="13"' in page
        assert not Request.objects.exists() and not Bar.objects.exists()
        # Then it is asked for, and what is wrong is said.
        said = desk.post(url, typed)
        assert said.status_code == 400 and "digits only" in text(said)
        assert 'name="rows" value="8"' in said.content.decode()

    @pytest.mark.parametrize(
        ("rows", "fields"),
        [("6", 6), ("1", 2), ("0", 2), ("", 2), ("x", 2), ("-5", 2), ("9999", 50), ("9" * 99, 2)],
    )
    def test_never_fewer_fields_than_there_were_and_never_more_than_one_request_takes(
        self, desk, pool, rows, fields
    ):
        answer = desk.post(
            reverse("desk_bars_add", args=[pool.pk]),
            bars(("A", "1", "1000"), ("B", "1", "1000")) | {"rows": rows},
        )
        page = answer.content.decode()
        assert answer.status_code == 200
        assert len(re.findall(r'name="bars-[0-9]+-serial"', page)) == fields
        assert ('name="rows"' in page) == (fields < 50)
        assert 'value="A"' in page and 'value="B"' in page

    def test_a_form_that_got_lost_is_said_and_a_file_is_asked_for_again(self, desk, pool):
        url = reverse("desk_bars_add", args=[pool.pk])
        broken = desk.post(url, {"rows": "6", "bars-TOTAL_FORMS": "x"})
        assert broken.status_code == 400 and "Open the page again." in text(broken)
        typed = bars(("A", "1", "1000")) | {"rows": "6"}
        again = "Choose the file with the evidence again."
        assert again not in text(desk.post(url, typed))
        assert again in text(desk.post(url, typed | {"evidence": SimpleUploadedFile("a.pdf", b"%PDF-1.7 a")}))

    def test_who_only_reads_gets_none(self, pool):
        url = reverse("desk_bars_add", args=[pool.pk])
        typed = bars(("A", "1", "1000")) | {"rows": "6"}
        assert signed_in(staff("auditor")).post(url, typed).status_code == 403


class TestBook:
    def test_each_line_with_its_balance_and_a_page_at_a_time(self, world: World, desk):
        for _ in range(3):
            paid(buy(world.alice, 1650))
        code = chart.pool_available(world.pool.pk)
        url = reverse("desk_pool_book", args=[world.pool.pk])
        lines = desk.get(url).context["lines"]
        assert len(lines) == 4 and lines[0].balance == balance(code)
        for newer, older in pairwise(lines):
            assert newer.balance == older.balance + newer.amount
        vault = desk.get(url, {"account": "vault"}).context
        assert [line.balance for line in vault["lines"]] == [-1000] and vault["span"].closing == -1000

    def test_pages_hold_every_line_once(self, keeper, desk):
        pool = services.pool_create(name="Long", purity=Decimal("900"), by=keeper)
        for number in range(55):
            add(pool, keeper, (f"L{number}", "1", "1000", ""))
        first = desk.get(reverse("desk_pool_book", args=[pool.pk]))
        second = desk.get(first.context["older_url"])
        numbers = [line.seq for page in (first, second) for line in page.context["lines"]]
        assert numbers == list(range(55, 0, -1)) and not second.context["older_url"]

    def test_a_range_of_days_has_its_opening_and_closing_balance(self, world: World, desk):
        paid(buy(world.alice, 1650))
        code = chart.pool_available(world.pool.pk)
        today = now().astimezone(NAIROBI).date()
        day = dt.timedelta(days=1)
        span = book_range(code, start=today, end=today)
        assert (span.opening, span.closing) == (0, balance(code))
        assert len(book_page(code, span, after="").lines) == 2
        for start, end in ((today + day, None), (None, today - day)):
            span = book_range(code, start=start, end=end)
            assert book_page(code, span, after="").lines == []
            assert span.opening == span.closing == (balance(code) if start else 0)

    @pytest.mark.fault("X10")
    def test_days_are_found_without_a_walk_through_the_account(self, pool, monkeypatch):
        """An account of six thousand lines, a minute apart; the lines around a moment are looked at one by one."""
        monkeypatch.setattr("ledger.listing._NEAR", 20)
        code, first = chart.pool_available(pool.pk), dt.datetime(2026, 1, 1, tzinfo=NAIROBI)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in ("account", "transaction", "entry"):
                cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
            cursor.execute(
                "INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)"
                " VALUES (%s, 'GOLD', 6000, 6000, false, false)",
                [code.code],
            )
            cursor.execute(
                "INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, created_at)"
                " SELECT 'many:' || n, sha256('x'), 'test', '', '', %s + (n - 1) * interval '1 minute'"
                " FROM generate_series(1, 6000) n",
                [first],
            )
            cursor.execute(
                "INSERT INTO ledger_entry (account_id, seq, transaction_id, leg, amount, balance)"
                " SELECT a.id, n, t.id, 1, 1, n FROM generate_series(1, 6000) n"
                " JOIN ledger_transaction t ON t.key = 'many:' || n, ledger_account a WHERE a.code = %s",
                [code.code],
            )
            for table in ("account", "transaction", "entry"):
                cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER USER")
            cursor.execute("ANALYZE ledger_account, ledger_transaction, ledger_entry")
            read = (
                "SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))"
                " FROM pg_class c WHERE relname = 'ledger_entry'"
            )
            cursor.execute(read)
            (before,) = cursor.fetchone()
            span = book_range(code, start=dt.date(2026, 1, 2), end=dt.date(2026, 1, 2))
            cursor.execute(read)
            (now_read,) = cursor.fetchone()
        # A day's minutes: the first line is that of midnight.
        assert (span.first, span.last, span.opening, span.closing) == (1440, 2880, 1440, 2880)
        assert now_read - before < 500

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({"start": "2026-11-02", "end": "2026-11-01"}, 400),
            ({"start": "yesterday"}, 400),
            ({"account": "moon"}, 400),
            ({"start": "2026-\x00"}, 400),
            ({"end": "9999-12-31"}, 200),
            ({"start": "0001-01-01"}, 200),
            ({"after": "9" * 30}, 200),
            ({"after": "-1"}, 200),
        ],
    )
    def test_odd_input_is_said_or_passed_over(self, desk, pool, asked, status):
        assert desk.get(reverse("desk_pool_book", args=[pool.pk]), asked).status_code == status

    def test_who_sees_the_ledger_gets_links_into_it(self, world: World, desk):
        url = reverse("desk_pool_book", args=[world.pool.pk])
        account = reverse("desk_account", args=[chart.pool_available(world.pool.pk).code])
        assert account not in desk.get(url).content.decode()
        assert account in signed_in(staff("auditor")).get(url).content.decode()
        assert signed_in(staff("treasury")).get(url).status_code == 403


def test_looking_at_a_pool_is_noted_because_it_names_people(world: World, desk, keeper):
    desk.get(reverse("desk_pool", args=[world.pool.pk]))
    line = entries_about(f"pool:{world.pool.pk}").filter(action="read").get()
    assert line.actor == keeper
