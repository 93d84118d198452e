"""The overview and prices in a real browser: figures come by themselves, and a pair is looked at before it is set."""

import datetime as dt
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.clock import NAIROBI, now
from goldwallet.test.browser import DESK
from goldwallet.test.house import owns
from goldwallet.test.world import World, buy
from pools.models import Price

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

TABLET = {"width": 820, "height": 1180}


def shot(visitor, name: str) -> None:
    """A picture for people to look at, where SCREENSHOTS names a folder; and nothing wider than the window."""
    wide = visitor.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, name
    if folder := os.environ.get("SCREENSHOTS"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def in_both_schemes(visitor, name: str) -> None:
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        shot(visitor, f"{name}_{scheme}")


def ask_again(visitor) -> None:
    """As after fifteen seconds."""
    with visitor.page.expect_response(lambda answer: "/desk/?poll=1" in answer.url):
        visitor.page.evaluate("htmx.trigger('#live', 'shown')")


@pytest.mark.parametrize("size", [DESK, TABLET], ids=["desk", "tablet"])
def test_the_overview_tells_what_is_new_and_keeps_the_focus(world: World, house, visit, size) -> None:
    owns(house, world.alice, 33_000)
    staff = visit(user=world.staff(Role.TREASURY), size=size)
    staff.go("/desk/")
    expect(staff.page.locator("figure.chart svg")).to_have_count(3)
    staff.page.locator("#live-steering").focus()
    house.pause()
    buy(world.bob, 1000)
    ask_again(staff)
    expect(staff.page.locator("#live")).to_contain_text("0.060606")
    assert staff.page.evaluate("document.activeElement.id") == "live-steering"
    in_both_schemes(staff, f"overview_{size['width']}")


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
    staff = visit(user=world.staff(Role.PRICING), size=DESK if javascript else TABLET, javascript=javascript)
    staff.go("/desk/prices/")
    staff.page.get_by_text("Compute them from the price of an ounce").click()
    staff.fill(spot="4000", rate="127.5", above="1.5", below="1.5")
    staff.press("Compute the prices")
    staff.sees("KES 16,642.84", "KES 16,150.92", "Nothing is set yet.")
    in_both_schemes(staff, f"prices_computed_{javascript}")
    staff.page.locator("main [name=effective_from]:not([type=hidden])").fill(
        f"{(now() + dt.timedelta(hours=30)).astimezone(NAIROBI):%Y-%m-%dT%H:%M}"
    )
    staff.press("Show the effect")
    staff.sees("Inside the band", "What this pair does from", "Difference")
    in_both_schemes(staff, f"prices_effect_{javascript}")
    staff.press("Schedule these prices")
    staff.sees("The prices are scheduled.", "Spot USD 4000 an ounce")
    staff.page.get_by_text("Take it back").first.click()
    staff.page.locator("main td [name=reason]").fill("The fix was another one")
    in_both_schemes(staff, f"prices_scheduled_{javascript}")
    staff.page.get_by_role("button", name="Take it back").click()
    staff.sees("Taken back. At", "Takes back")
    assert Price.objects.latest("id").takes_back
    in_both_schemes(staff, f"prices_back_{javascript}")
