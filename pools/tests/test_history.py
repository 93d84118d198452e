"""What became of a pool: nothing is left out, however much happened, and the page says how much."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from goldwallet.paging import page_of_several
from goldwallet.test.books import assert_books
from pools import services
from pools.history import Change, pool_history
from pools.models import Pool
from pools.services import NewBar

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(keeper: User) -> Pool:
    return services.pool_create(name="Nairobi", purity=Decimal("999.9"), by=keeper)


def pages(pool: Pool, limit: int) -> list[Change]:
    """All pages, one behind the other."""
    page = pool_history(pool, limit=limit).page
    found = list(page.rows)
    while page.older:
        page = pool_history(pool, after=page.older, limit=limit).page
        assert page.rows
        found += page.rows
    return found


def test_the_page_says_how_much_there_is_and_goes_back_to_the_making_of_the_pool(
    pool: Pool, keeper: User
) -> None:
    for number in range(60):
        services.pool_update(pool_id=pool.pk, name=pool.name, note=f"Shelf {number}", by=keeper)
    browser, url = signed_in(staff("vault")), reverse("desk_pool", args=[pool.pk])
    first = browser.get(url).content.decode()
    assert "61 in all" in first and "Shelf 58 → Shelf 59" in first
    assert "The pool was made" not in first and "Shelf 8 → Shelf 9<" not in first
    older = re.search(r'href="(\?history=[^"]*)#history"', first)
    assert older is not None
    second = browser.get(url + older[1]).content.decode()
    assert "61 in all" in second and "The pool was made, with a purity of 999.9." in second
    assert "Shelf 8 → Shelf 9<" in second and "Shelf 9 → Shelf 10<" not in second
    assert '#history">Older' not in second and "To the newest" in second


def test_no_line_is_lost_or_told_twice_where_many_happened_at_one_moment(pool: Pool, keeper: User) -> None:
    for batch in range(3):
        bars = [
            NewBar(serial=f"A{batch}-{n}", gross_grams=Decimal(10), fineness=Decimal(1000)) for n in range(12)
        ]
        made = services.bar_add(pool_id=pool.pk, bars=bars, key=f"in:{batch}", by=keeper)
        services.assay_add(bar_id=made[0].pk, name="a.pdf", content=b"%PDF-1.4 an assay", by=keeper)
        services.pool_update(pool_id=pool.pk, name=pool.name, note=f"Shelf {batch}", by=keeper)
    whole = pool_history(pool, limit=1000)
    assert (len(whole.page.rows), whole.page.older, whole.total) == (3 * 14 + 1, "", 3 * 14 + 1)
    for limit in (1, 5, 7, 42, 43):
        assert pages(pool, limit) == whole.page.rows, limit
    assert_books()


@pytest.mark.parametrize(
    "after", ["nonsense", "-", "12", "1x-2", "1-x", "-1-1", "9" * 40 + "-1", "1-99999", "²-1", "\x00-1"]
)
def test_nonsense_is_the_first_page(pool: Pool, after: str) -> None:
    assert pool_history(pool, after=after).page.rows == pool_history(pool).page.rows != []


def test_what_happened_at_one_moment_keeps_its_place_over_many_pages() -> None:
    start = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    tables = [
        [(start + dt.timedelta(minutes=n // 6), f"{table}{n}") for n in range(23)][::-1] for table in "ab"
    ]

    def read(until: dt.datetime | None, most: int) -> list[tuple[dt.datetime, str]]:
        return [row for rows in tables for row in [r for r in rows if until is None or r[0] <= until][:most]]

    for limit in range(1, 48):
        found, after = [], ""
        while True:
            page = page_of_several(read, by=lambda row: row[0], after=after, limit=limit)
            found += page.rows
            if not (after := page.older):
                break
        assert sorted(found) == sorted(tables[0] + tables[1]), limit
        assert [row[0] for row in found] == sorted((row[0] for row in found), reverse=True)
