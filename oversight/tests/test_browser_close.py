"""Treasury closes its books in a real browser: a day so far, the day closed, paper, and lists as files."""

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from accounts.tests.people import staff
from controls.models import AuditEntry
from goldwallet.clock import NAIROBI, now
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, PHONE, TABLET, Visitor
from goldwallet.test.clock import clock_shift
from goldwallet.test.look import look
from goldwallet.test.pdf import texts
from goldwallet.test.world import World, buy, paid
from oversight.close.making import closes_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: One more than is written while somebody waits (`accounts.exporting`).
LONG = 10_001


def downloaded(person: Visitor, link: Any) -> tuple[str, bytes]:
    with person.page.expect_download() as download:
        link.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(content.decode("utf-8-sig").splitlines()))


@pytest.fixture
def next_night(world: World) -> Any:
    """The house lives at half past midnight in Nairobi; what was bought was bought the day before."""
    paid(buy(world.alice, 16_500))
    yesterday = now().astimezone(NAIROBI).date()
    night = dt.datetime.combine(yesterday + dt.timedelta(days=1), dt.time(0, 30), NAIROBI)
    clock_shift(night - now())
    yield yesterday
    clock_shift(dt.timedelta())


def test_treasury_prints_the_day_that_the_house_has_closed(
    world: World, house, visit, next_night: dt.date
) -> None:
    yesterday = f"{next_night:%a} {next_night.day} {next_night:%b %Y}"
    treasury = visit(user=world.staff(Role.TREASURY), size=DESK)
    page = treasury.page
    treasury.go("/desk/close/")
    treasury.sees("Yesterday, not closed yet")
    page.get_by_role("link", name="Today so far").click()
    treasury.sees("These are the figures so far.", "Everything adds up.")
    page.get_by_role("link", name="All days").click()
    closes_make()
    page.reload()
    day = page.get_by_role("link", name=yesterday)
    look(treasury, "closes", day)
    day.click()
    treasury.sees("Closed", "Bought by people", "KES 16,500")
    page.get_by_role("link", name="Count it again").click()
    treasury.sees("Counted again now The same", "Everything adds up.")
    look(treasury, "close", page.get_by_role("link", name="PDF"))
    name, content = downloaded(treasury, page.get_by_role("link", name="PDF"))
    assert name == f"gold-wallet-close-{next_night}.pdf"
    assert "The same" in texts(content)
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation").first).to_be_hidden()
    expect(page.get_by_role("link", name="PDF")).to_be_hidden()
    treasury.sees("Gold, fine grams", "SHA-256 of these figures")
    look(treasury, "close-on-paper")
    assert_books()


def test_treasury_takes_lists_out_short_and_long(world: World, house, visit) -> None:
    paid(buy(world.alice, 1000))
    AuditEntry.objects.bulk_create([AuditEntry(action="read", subject="orders") for _ in range(LONG)])
    # The trail is the administrator's, whom a small house lets do this as well.
    treasury = visit(user=staff(Role.TREASURY, Role.ADMINISTRATOR), size=TABLET)
    page = treasury.page
    treasury.go("/desk/ledger/transactions/")
    name, content = downloaded(treasury, page.get_by_role("link", name="CSV"))
    assert name.endswith(".csv")
    assert any("buy_paid" in cell or "Buy paid" in cell for line in rows(content) for cell in line)
    # The worker writes it; the page tells when it is there.
    treasury.go("/desk/exports/audit/take/?format=csv")
    treasury.sees("more than 10,000 rows")
    look(treasury, "export-long", page.get_by_role("button", name="Have it written"))
    treasury.press("Have it written")
    ready = page.get_by_role("link", name="Download Audit trail")
    expect(ready).to_be_visible()
    look(treasury, "exports", ready)
    name, content = downloaded(treasury, ready)
    assert name.endswith(".csv")
    assert len(rows(content)) > LONG


def test_a_day_with_a_long_warning_fits_a_phone(world: World, house, visit) -> None:
    said = "M-Pesa's last word about collections differs from the book of that moment by KES 1,234,567.89."
    treasury = visit(user=world.staff(Role.TREASURY), size=PHONE)
    treasury.go(f"/desk/close/{now().astimezone(NAIROBI):%Y-%m-%d}/")
    treasury.page.get_by_text("Everything adds up.").evaluate("(one, said) => { one.append(said) }", said)
    treasury.sees(said)
    assert treasury.page.evaluate("document.scrollingElement.scrollWidth") == PHONE["width"]
