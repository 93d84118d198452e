"""Two people at their desks in a real browser: a pause that customers see, and a role that changes hands."""

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from controls.models import Request, RequestState
from controls.selectors import PAUSED, switch
from goldwallet.test.browser import DESK, Visitor
from goldwallet.test.desk import agrees
from goldwallet.test.world import World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def desk_of(visit, world: World, role: Role, name: str) -> Visitor:
    return visit(user=world.staff(role, email=f"{name}@example.com"), size=DESK)


def asks_to_go_on(staff: Visitor, name: str, reason: str) -> None:
    panel = staff.page.locator(f"[data-switch={name}]")
    if not panel.get_by_label("Why? The second person reads this.").is_visible():
        panel.locator("summary").click()
    panel.get_by_label("Why? The second person reads this.").fill(reason)
    panel.get_by_role("button", name="Ask to go on").click()


@pytest.mark.fault("O16")
def test_buying_is_paused_by_one_and_goes_on_by_two(world: World, house, visit) -> None:
    one = desk_of(visit, world, Role.TREASURY, "one")
    two = desk_of(visit, world, Role.TREASURY, "two")
    customer = visit(user=world.alice)
    customer.go("/buy/")
    customer.fill(amount_kes="1650")

    one.go("/desk/steering/")
    panel = one.page.locator("[data-switch=buy]")
    panel.locator("summary").click()
    panel.locator("textarea").fill("Counting the bars.")
    panel.get_by_role("button", name="Pause buying").click()
    one.sees("Buying is paused from now on.", "Staff paused it", "Counting the bars.", "one@example.com")

    # The customer typed before the pause and sends after it.
    customer.send()
    customer.sees(PAUSED["buy"])
    assert "Counting the bars" not in customer.text()

    asks_to_go_on(one, "buy", "ok")
    one.sees("Write why, for the second person.")
    asks_to_go_on(one, "buy", "All the bars are there.")
    one.sees("Asked. A second person decides this now.", "A second person decides this.")
    assert one.page.get_by_role("button", name="Approve").count() == 0
    assert switch("buy").paused

    two.go("/desk/")
    two.sees("Buying paused.", "Requests to decide")
    two.page.get_by_role("link", name="Requests to decide").click()
    two.page.get_by_role("link", name="Switched on again").click()
    two.sees("Buying goes on for everybody.", "All the bars are there.", "Paused: Counting the bars.")
    agrees(two)
    two.sees("Approved and done. Buying is on again.")
    assert not switch("buy").paused

    customer.go("/buy/")
    customer.fill(amount_kes="1650")
    customer.send()
    customer.sees("You pay", "0.100000 g")


def test_a_role_changes_hands(world: World, house, visit) -> None:
    admin = desk_of(visit, world, Role.ADMINISTRATOR, "admin")
    treasury = desk_of(visit, world, Role.TREASURY, "treasury")
    keeper = desk_of(visit, world, Role.PRICING, "pricing")
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
    admin.press("Ask a second person")
    admin.sees("pricing@example.com has the roles auditor instead of pricing.")

    treasury.go("/desk/approvals/")
    treasury.page.get_by_role("link", name="Roles of a person").click()
    treasury.page.get_by_text("Refuse it").click()
    treasury.press("Refuse")
    assert Request.objects.get().state == RequestState.WAITING  # a reason is required
    agrees(treasury)
    treasury.sees("Approved and done.", "What it did")

    keeper.go("/desk/prices/")
    keeper.page.wait_for_url("**/accounts/login/**")
    keeper.sees("Your roles were changed. Please sign in again.")
