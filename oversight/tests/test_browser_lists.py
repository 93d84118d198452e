"""A list in a real browser whose filter cannot be read: the sentence comes into the place of the rows."""

import pytest
from playwright.sync_api import Locator, expect

from accounts.roles import Role
from goldwallet.test.browser import DESK
from goldwallet.test.look import look
from goldwallet.test.world import World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

#: A list of the desk and one of its filters that is chosen from a few.
LISTS = [("/desk/people/", "standing"), ("/desk/approvals/", "kind"), ("/desk/audit/", "action")]


def test_what_cannot_be_read_is_said_where_the_rows_were(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.ADMINISTRATOR), size=DESK)
    # And a pool's bars, whose list stands among other things.
    for path, name in (*LISTS, (f"/desk/pools/{world.pool.pk}/", "status")):
        staff.go(path)
        # As after a choice that is not there any more, in a page that has stood open.
        choice = staff.page.locator(f"form.filters select[name={name}]")
        choice.evaluate("field => field.add(new Option('Gone', 'gone'))")
        choice.select_option("gone")
        rows = staff.page.locator("#rows")
        expect(rows).to_contain_text("There is no such choice here.")
        assert rows.locator("tbody").count() == 0
        look(
            staff,
            f"unreadable-{path.strip('/').split('/')[1]}",
            staff.page.get_by_role("button", name="Show").first,
        )
        choice.select_option("")
        expect(rows).not_to_contain_text("There is no such choice here.")


def _place(thing: Locator) -> list[float]:
    """Where it stands on the page, however far that is scrolled."""
    place: list[float] = thing.evaluate(
        "it => { const box = it.getBoundingClientRect(); return [box.x + scrollX, box.y + scrollY] }"
    )
    return place


def test_who_has_filtered_a_list_finds_the_way_back_to_all_of_it(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.ADMINISTRATOR), size=DESK)
    for path, name in (*LISTS, ("/desk/orders/", "side"), (f"/desk/pools/{world.pool.pk}/", "status")):
        staff.go(path)
        back = staff.page.get_by_role("link", name="Show all", exact=True)
        expect(back).to_have_count(0)
        button = staff.page.locator("form.filters").get_by_role("button", name="Show", exact=True)
        place = _place(button)
        look(staff, f"all-{path.strip('/').split('/')[1]}", button)
        choice = staff.page.locator(f"form.filters select[name={name}]")
        choice.select_option(index=1)
        expect(back).to_be_visible()
        assert _place(button) == place, "nothing jumps"
        look(staff, f"filtered-{path.strip('/').split('/')[1]}", back)
        choice.select_option("")
        expect(back).to_have_count(0)
        choice.select_option(index=1)
        back.click()
        expect(back).to_have_count(0)
        staff.page.wait_for_url(f"**{path}")
        expect(choice).to_have_value("")
