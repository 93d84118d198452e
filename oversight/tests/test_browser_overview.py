"""The overview and prices in a real browser: figures come by themselves, and a pair is looked at before it is set."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from controls.services import request_make, request_withdraw
from goldwallet.clock import NAIROBI, now
from goldwallet.test.browser import DESK, PHONE, TABLET
from goldwallet.test.house import owns
from goldwallet.test.look import look
from goldwallet.test.world import World, buy, paid
from pools.models import Price

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def ask_again(visitor) -> None:
    """As after fifteen seconds."""
    with visitor.page.expect_response(lambda answer: "/desk/?poll=1" in answer.url):
        visitor.page.evaluate("htmx.trigger('#live', 'shown')")


def test_the_overview_tells_what_is_new_and_keeps_the_focus(world: World, house, visit) -> None:
    owns(house, world.alice, 33_000)
    staff = visit(user=world.staff(Role.TREASURY), size=TABLET)
    staff.go("/desk/")
    expect(staff.page.locator("figure.chart svg")).to_have_count(3)
    staff.page.locator("#live-steering").focus()
    house.pause()
    buy(world.bob, 1000)
    ask_again(staff)
    expect(staff.page.locator("#live")).to_contain_text("0.060606")
    assert staff.page.evaluate("document.activeElement.id") == "live-steering"
    look(staff, "overview", staff.page.locator("#live-steering"))


def test_thirty_days_and_the_count_of_requests_come_by_themselves_too(world: World, house, visit) -> None:
    owns(house, world.alice, 33_000)
    other = world.staff(Role.TREASURY, email="other@example.com")
    staff = visit(user=world.staff(Role.TREASURY), size=DESK)
    staff.go("/desk/")
    month = staff.page.get_by_role("region", name="Thirty days")
    today = staff.page.get_by_role("region", name="Today")
    place = staff.page.get_by_role("link", name="Approvals").first
    expect(month).to_contain_text("KES 33,000")
    expect(staff.page.locator("#to-decide")).to_be_hidden()
    place.focus()
    house.pause()
    paid(buy(world.alice, 3300))
    request = request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason="Small sales cost more than they bring.",
        by=other,
    )
    ask_again(staff)
    expect(today).to_contain_text("KES 36,300")
    expect(month).to_contain_text("KES 36,300")
    expect(staff.page.locator("#to-decide")).to_have_text("1 for you to decide")
    expect(place).to_be_focused()
    look(staff, "overview-to-decide", place)
    request_withdraw(request_id=request.pk, by=other)
    ask_again(staff)
    expect(staff.page.locator("#to-decide")).to_be_hidden()


def test_the_keys_of_the_desk_are_listed_for_who_presses_the_button(world: World, house, visit) -> None:
    owns(house, world.alice, 33_000)
    staff = visit(user=world.staff(Role.TREASURY), size=TABLET)
    staff.go("/desk/orders/")
    button = staff.page.get_by_role("button", name="Keys")
    dialog = staff.page.locator("#desk-keys")
    look(staff, "keys-button", button)
    button.click()
    expect(dialog).to_contain_text("Next row, row before")
    staff.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    staff.page.keyboard.press("j")
    expect(staff.page.locator("tr.is-chosen a:focus")).to_have_count(1)
    staff.page.keyboard.press("g")
    staff.page.keyboard.press("h")
    staff.page.wait_for_url("**/desk/")
    # "g" is forgotten by who does something else instead.
    staff.page.keyboard.press("g")
    staff.page.keyboard.press("Escape")
    staff.page.keyboard.press("/")
    expect(staff.page.locator("#desk-find")).to_be_focused()


def test_without_a_script_there_are_no_keys_and_no_button_for_them(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.TREASURY), size=DESK, javascript=False)
    staff.go("/desk/")
    expect(staff.page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(staff.page.locator("[data-keys]")).to_be_hidden()
    look(staff, "overview-no-script")


def test_who_cannot_be_reached_is_told(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.AUDITOR), size=DESK)
    staff.go("/desk/")
    expect(staff.page.locator("#unreached")).to_be_hidden()
    staff.page.route("**/desk/?poll=1", lambda route: route.abort())
    staff.page.evaluate("htmx.trigger('#live', 'shown')")
    expect(staff.page.locator("#unreached")).to_be_visible()
    staff.page.unroute("**/desk/?poll=1")
    ask_again(staff)
    expect(staff.page.locator("#unreached")).to_be_hidden()
    staff.complaints.clear()  # of the connection that this test has cut


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_pair_is_computed_looked_at_scheduled_and_taken_back(
    world: World, house, visit, javascript: bool
) -> None:
    staff = visit(user=world.staff(Role.PRICING), size=TABLET if javascript else DESK, javascript=javascript)
    staff.go("/desk/prices/")
    staff.page.get_by_text("Compute them from the price of an ounce").click()
    staff.fill(spot="4000", rate="127.5", above="1.5", below="1.5")
    staff.press("Compute the prices")
    staff.sees("KES 16,642.84", "KES 16,150.92", "Nothing is set yet.")
    look(staff, "prices-computed", staff.page.get_by_role("button", name="Show the effect"))
    staff.page.locator("main [name=effective_from]:not([type=hidden])").fill(
        f"{(now() + dt.timedelta(hours=30)).astimezone(NAIROBI):%Y-%m-%dT%H:%M}"
    )
    staff.press("Show the effect")
    staff.sees("Inside the band", "What this pair does from", "Difference")
    look(staff, "prices-to-schedule", staff.page.get_by_role("button", name="Schedule these prices"))
    staff.press("Schedule these prices")
    staff.sees("The prices are scheduled.", "Spot USD 4000 an ounce")
    take_back = staff.page.get_by_text("Take it back").first
    # The act of a row stays at the edge of a phone, where the rest of the row has to be scrolled for.
    look(staff, "prices-to-take-back", take_back, sizes=(DESK, TABLET, PHONE))
    take_back.click()
    staff.page.locator("main td [name=reason]").fill("The fix was another one")
    back = staff.page.get_by_role("button", name="Take it back")
    look(staff, "prices-scheduled", back)
    back.click()
    staff.sees("Taken back. At", "Takes back")
    assert Price.objects.latest("id").takes_back
    look(staff, "prices-taken-back")
