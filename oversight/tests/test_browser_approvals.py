"""Two people at their desks in a real browser: a pause that customers see, a role that changes hands, and an
administrator's day.
"""

import pytest
from playwright.sync_api import Locator, expect

from accounts.models import User
from accounts.roles import Role
from controls.models import Request, RequestState
from controls.selectors import PAUSED, switch
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import agrees
from goldwallet.test.look import look
from goldwallet.test.world import World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def desk_of(visit, world: World, role: Role, name: str, size: dict[str, int]) -> Visitor:
    return visit(user=world.staff(role, email=f"{name}@example.com"), size=size)


def asks_to_go_on(staff: Visitor, name: str, reason: str) -> None:
    panel = staff.page.locator(f"[data-switch={name}]")
    if not panel.get_by_label("Why? The second person reads this.").is_visible():
        panel.locator("summary").click()
    panel.get_by_label("Why? The second person reads this.").fill(reason)
    panel.get_by_role("button", name="Ask to go on").click()


@pytest.mark.fault("O16")
def test_buying_is_paused_by_one_and_goes_on_by_two(world: World, house, visit) -> None:
    one = desk_of(visit, world, Role.TREASURY, "one", DESK)
    two = desk_of(visit, world, Role.TREASURY, "two", TABLET)
    customer = visit(user=world.alice)
    customer.go("/buy/")
    customer.fill(amount_kes="1650")

    one.go("/desk/steering/")
    panel = one.page.locator("[data-switch=buy]")
    panel.locator("summary").click()
    panel.locator("textarea").fill("Counting the bars.")
    pause = panel.get_by_role("button", name="Pause buying")
    look(one, "steering", pause)
    pause.click()
    one.sees("Buying is paused from now on.", "Staff paused it", "Counting the bars.", "one@example.com")

    # The customer typed before the pause and sends after it.
    customer.send()
    customer.sees(PAUSED["buy"])
    assert "Counting the bars" not in customer.text()

    asks_to_go_on(one, "buy", "ok")
    one.sees("Write why, for the second person.")
    asks_to_go_on(one, "buy", "All the bars are there.")
    one.sees("Asked. A second person decides this now.", "A second person decides this.")
    assert one.page.get_by_role("button", name="Decide").count() == 0
    assert switch("buy").paused

    two.go("/desk/")
    two.sees("Buying paused.", "Requests to decide")
    two.page.get_by_role("link", name="Requests to decide").click()
    two.page.get_by_role("link", name="Switched on again").click()
    two.sees("Buying goes on for everybody.", "All the bars are there.", "Paused: Counting the bars.")
    look(two, "approval-go-on", two.page.get_by_role("button", name="Decide"))
    agrees(two)
    two.sees("Approved and done. Buying is on again.")
    assert not switch("buy").paused

    customer.go("/buy/")
    customer.fill(amount_kes="1650")
    customer.send()
    customer.sees("You pay", "0.100000 g")


def test_a_role_changes_hands(world: World, house, visit) -> None:
    admin = desk_of(visit, world, Role.ADMINISTRATOR, "admin", TABLET)
    treasury = desk_of(visit, world, Role.TREASURY, "treasury", DESK)
    keeper = desk_of(visit, world, Role.PRICING, "pricing", DESK)
    keeper.go("/desk/prices/")
    keeper.sees("Set the prices")

    admin.go("/desk/roles/")
    admin.page.get_by_role("link", name="pricing@example.com").first.click()
    admin.page.get_by_label("Auditor").check()
    admin.fill(reason="Moves to the auditors on Monday.")
    admin.press("Ask a second person")
    admin.sees("An auditor only reads, so an auditor has no other role.")
    expect(admin.page.get_by_label("Why? The second person reads this.")).to_have_value(
        "Moves to the auditors on Monday."
    )
    admin.page.get_by_label("Pricing").uncheck()
    ask = admin.page.get_by_role("button", name="Ask a second person")
    look(admin, "roles-of-a-person", ask)
    ask.click()
    admin.sees("pricing@example.com has the roles auditor instead of pricing.")

    treasury.go("/desk/approvals/")
    treasury.page.get_by_role("link", name="Roles of a person").click()
    treasury.page.get_by_text("Refuse it").click()
    treasury.press("Refuse")
    assert Request.objects.get().state == RequestState.WAITING  # a reason is required
    agrees(treasury)
    treasury.sees("Approved and done.", "What it did")
    look(treasury, "approval-done")

    keeper.go("/desk/prices/")
    keeper.page.wait_for_url("**/accounts/login/**")
    keeper.sees("Your roles were changed. Please sign in again.")


def test_an_administrator_holds_a_person_stops_payouts_and_finds_both_in_the_trail(
    world: World, house, visit
) -> None:
    admin = desk_of(visit, world, Role.ADMINISTRATOR, "admin", TABLET)
    admin.go("/desk/")
    place(admin, "Roles").click()
    admin.page.get_by_text("Put somebody on hold").click()
    admin.page.get_by_label("E-mail address of the person").fill("bob@example.com")
    admin.page.get_by_label("Why? Staff read this.").fill("His brother says the phone is stolen.")
    hold = admin.page.get_by_role("button", name="Put on hold")
    look(admin, "roles", hold)
    hold.click()
    admin.sees("bob@example.com", "His brother says the phone is stolen.")
    assert User.objects.get(pk=world.bob.pk).frozen_reason == "His brother says the phone is stolen."

    place(admin, "Steering").click()
    panel = admin.page.locator("[data-switch=payouts]")
    panel.locator("summary").click()
    panel.locator("textarea").fill("Until we know more.")
    panel.get_by_role("button", name="Pause payouts").click()
    admin.sees("Staff paused it", "Until we know more.")
    assert switch("payouts").paused

    place(admin, "Audit").click()
    rows = admin.page.locator("#rows table.trail > tbody > tr")
    for action, why in (
        ("hold", "His brother says the phone is stolen."),
        ("switch_pause", "Until we know more."),
    ):
        admin.page.select_option("select[name=action]", action)
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text(why)
        expect(rows).to_contain_text("admin@example.com")
    place(admin, "Erasures").click()
    admin.sees("Nothing has been erased yet")
    look(admin, "erasures", place(admin, "Erasures"))


def place(staff: Visitor, label: str) -> Locator:
    """A place of the desk's navigation."""
    places = staff.page.get_by_role("navigation", name="Desk")
    return places.get_by_role("link", name=label, exact=True)
