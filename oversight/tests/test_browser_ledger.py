"""The ledger at the desk in a real browser: lists that answer while one types, days of an account, the extract."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, Visitor
from goldwallet.test.pdf import texts
from goldwallet.test.world import World, buy, paid

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TABLET = {"width": 820, "height": 1180}
LOOKS = os.environ.get("LEDGER_LOOKS", "")


def look(person: Visitor, name: str) -> None:
    """Keep pictures where somebody wants to look at them."""
    if LOOKS:
        for scheme in ("light", "dark"):
            person.page.emulate_media(color_scheme=scheme)
            person.page.screenshot(path=Path(LOOKS) / f"{name}-{scheme}.png", full_page=True)
        person.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("size", [DESK, TABLET], ids=["desktop", "tablet"])
def test_treasury_looks_for_a_transaction_and_takes_an_extract(world: World, visit, size) -> None:
    for person in (world.alice, world.bob):
        for _ in range(3):
            paid(buy(person, 1000))
    treasury = visit(user=world.staff(Role.TREASURY), size=size)
    page, wide = treasury.page, size["width"]
    treasury.go("/desk/ledger/")
    treasury.sees("Trial balance")
    look(treasury, f"accounts-{wide}")
    page.get_by_role("link", name="Transactions").click()
    treasury.sees("alice@example.com: gold reserved for a buy", "bob@example.com: gold reserved for a buy")
    look(treasury, f"transactions-{wide}")
    # The list answers without another page.
    page.get_by_label("Person or account").fill("alice@example.com")
    page.get_by_label("Kind", exact=True).select_option("buy_paid")
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    expect(page.locator("#rows")).not_to_contain_text("bob@example.com")
    assert "kind=buy_paid" in page.url
    page.get_by_label("Amount from").fill("1")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#rows")).to_contain_text("Choose shillings or gold")
    look(treasury, f"refused-{wide}")
    page.get_by_label("Moves").select_option("KES")
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    page.locator("#rows tbody th a").first.click()
    treasury.sees("Transfers", "About", "Order ", "Audit trail")
    look(treasury, f"transaction-{wide}")
    page.get_by_role("link", name="At M-Pesa, collections").first.click()
    treasury.sees("Balance", "Entries")
    page.get_by_label("From day").fill("2026-01-01")
    treasury.sees("Opening balance", "Closing balance")
    look(treasury, f"account-{wide}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Extract as PDF").click()
    content = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "ledger-mpesa-collections.pdf"
    assert "From 1 Jan 2026 on" in texts(content)
    if LOOKS:
        (Path(LOOKS) / "extract.pdf").write_bytes(content)
    assert_books()


def test_the_lists_work_without_script(world: World, visit) -> None:
    paid(buy(world.alice, 1000))
    treasury = visit(user=world.staff(Role.TREASURY), size=DESK, javascript=False)
    treasury.go("/desk/ledger/transactions/")
    treasury.fill(account="alice@example.com", number="x")
    treasury.press("Show")
    treasury.sees("Write the number with digits only.")
    treasury.fill(number="")
    treasury.press("Show")
    expect(treasury.page.locator("#rows tbody tr")).to_have_count(2)
