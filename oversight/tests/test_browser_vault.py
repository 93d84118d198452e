"""The vault in a real browser: a pool, its bars, and the gold that people buy of it."""

from decimal import Decimal

import pytest
from playwright.sync_api import Locator, expect

from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import decides, figure
from goldwallet.test.house import owns
from goldwallet.test.look import look
from goldwallet.test.world import World
from ledger import chart
from ledger.selectors import balance
from pools.models import Bar, Pool

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def test_the_vault_makes_a_pool_and_people_buy_its_gold(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.VAULT), size=TABLET)
    second = visit(user=world.staff(Role.TREASURY), size=DESK)
    mombasa = makes_a_pool(staff)
    asks_for_a_bar(staff, mombasa)
    decides(
        second, "Top-up: bars into a pool", "Bar MB1", "+91.660000 g", "Delivered by courier this morning."
    )
    finds_its_gold(staff, mombasa)
    closes(staff, world.pool)
    bought = owns(house, world.bob, 1650)
    staff.go(f"/desk/orders/{bought.pk}/")
    # The order's pools; below them stands what it moved in the ledger.
    expect(staff.page.get_by_role("row", name="Mombasa Sold")).to_contain_text("0.100000 g")
    cannot_withdraw_what_people_own(staff, mombasa)
    assert balance(chart.pool_vault(mombasa.rstrip("/").rpartition("/")[2])) == Decimal("-91.66")
    assert_books(house.simulator)


def makes_a_pool(staff: Visitor) -> str:
    """Answers the address of its page."""
    staff.go("/desk/pools/")
    make = staff.page.get_by_role("link", name="Make a pool")
    look(staff, "pools", make)
    make.click()
    staff.fill(name="first", purity="999,9")
    staff.send()
    staff.sees("for example 999.9")
    staff.fill(name="Mombasa", purity="900", note="Second vault")
    staff.send()
    staff.sees("The pool Mombasa is made. Add its bars now.", "900 parts per thousand")
    address: str = staff.page.url
    return address


def asks_for_a_bar(staff: Visitor, mombasa: str) -> None:
    """After two mistakes. It counts for nobody before a second person has agreed."""
    staff.page.get_by_role("link", name="Add bars").click()
    bar = {"bars-0-serial": "bar-first", "bars-0-gross_grams": "100", "bars-0-fineness": "916.6"}
    staff.fill(**bar, reason="Delivered by courier this morning.")
    # The enter key in a field asks; it does not press the button for more fields that stands before the other.
    staff.page.press("[name=bars-0-fineness]", "Enter")
    staff.sees("Bar BAR-FIRST is in the pool First already.")
    ask = staff.page.get_by_role("button", name="Ask a second person")
    look(staff, "bars-refused", ask)
    staff.fill(**{**bar, "bars-0-serial": "mb 1", "bars-0-gross_grams": "1e2"})
    staff.press("Fields for 6 bars")
    expect(staff.page.locator("[name=bars-5-serial]")).to_be_visible()
    assert staff.page.input_value("[name=bars-0-gross_grams]") == "1e2"
    assert staff.page.input_value("[name=reason]") == "Delivered by courier this morning."
    expect(staff.page.locator("[name=bars-1-serial]")).to_be_focused()
    expect(staff.page.locator(".errorlist")).to_have_count(0)
    look(staff, "bars-more", ask)
    ask.click()
    staff.sees("with digits only")
    staff.fill(**{**bar, "bars-0-serial": "mb 1"})
    ask.click()
    staff.sees("Asked. A second person decides this now.")
    staff.go(mombasa)
    staff.sees(
        "A change of this pool's bars waits for a second person.", "No bar of this pool lies in the vault"
    )
    assert Bar.objects.count() == 1


def where(staff: Visitor) -> Locator:
    return staff.page.get_by_role("group", name="Where each gram is")


def finds_its_gold(staff: Visitor, mombasa: str) -> None:
    """On the pool's page, in the list of pools, and on the overview."""
    staff.go(mombasa)
    staff.sees("MB1")
    expect(where(staff).get_by_role("row", name="Free to sell")).to_contain_text("91.660000 g")
    expect(where(staff).get_by_role("row", name="Difference")).to_contain_text("0.000000 g")
    look(staff, "pool", staff.page.get_by_role("link", name="Add bars"))
    staff.go("/desk/pools/")
    total = staff.page.get_by_role("row").filter(has_text="All pools")
    expect(total).to_contain_text("1,091.660000 g")
    staff.go("/desk/")
    assert figure(staff, "In the vault") == figure(staff, "Free to sell") == "1,091.660000 g"


def closes(staff: Visitor, pool: Pool) -> None:
    """From here on the next gram comes from the other one."""
    staff.go(f"/desk/pools/{pool.pk}/")
    staff.page.get_by_role("link", name="Close the pool").click()
    staff.fill(reason="Its bars are counted today.")
    look(staff, "pool-closes", staff.page.locator("main form button[type=submit]").first)
    staff.send()
    staff.sees("Nothing more of it is sold.", "Closed")


def cannot_withdraw_what_people_own(staff: Visitor, mombasa: str) -> None:
    staff.go(mombasa)
    expect(where(staff).get_by_role("row", name="Owned by customers").first).to_contain_text("0.100000 g")
    staff.page.get_by_label("Choose bar MB1").check()
    staff.press("Withdraw the chosen bars")
    staff.fill(reason="Sold to a jeweller in town.")
    look(staff, "bars-withdrawn", staff.page.locator("main form button[type=submit]").first)
    staff.send()
    staff.sees("People own or have reserved gold of this pool", "Nothing was withdrawn.")
