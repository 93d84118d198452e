"""The ledger at the desk in a real browser: lists that answer while one types, days of an account, the extract."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET
from goldwallet.test.look import look
from goldwallet.test.pdf import texts
from goldwallet.test.world import World, buy, paid

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_treasury_looks_for_a_transaction_and_takes_an_extract(world: World, visit) -> None:
    for person in (world.alice, world.bob):
        for _ in range(3):
            paid(buy(person, 1000))
    treasury = visit(user=world.staff(Role.TREASURY), size=TABLET)
    page = treasury.page
    treasury.go("/desk/ledger/")
    treasury.sees("Trial balance")
    transactions = page.get_by_role("link", name="Transactions")
    look(treasury, "ledger", transactions)
    transactions.click()
    treasury.sees("alice@example.com: gold reserved for a buy", "bob@example.com: gold reserved for a buy")
    look(treasury, "transactions", page.locator("#rows tbody th a").first)
    # The list answers without another page.
    page.get_by_label("Person or account").fill("alice@example.com")
    page.get_by_label("Kind", exact=True).select_option("buy_paid")
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    expect(page.locator("#rows")).not_to_contain_text("bob@example.com")
    assert "kind=buy_paid" in page.url
    page.get_by_label("Amount from").fill("1")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#rows")).to_contain_text("Choose shillings or gold")
    look(treasury, "transactions-refused", page.get_by_label("Moves"))
    page.get_by_label("Moves").select_option("KES")
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    page.locator("#rows tbody th a").first.click()
    treasury.sees("Transfers", "About", "Order ", "Audit trail")
    account = page.get_by_role("link", name="At M-Pesa, collections").first
    look(treasury, "transaction", account)
    account.click()
    treasury.sees("Balance", "Entries")
    page.get_by_label("From day").fill("2026-01-01")
    treasury.sees("Opening balance", "Closing balance")
    extract = page.get_by_role("link", name="Extract as PDF")
    look(treasury, "account", extract)
    with page.expect_download() as download:
        extract.click()
    content = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "ledger-mpesa-collections.pdf"
    assert "From 1 Jan 2026 on" in texts(content)
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
