"""The audit trail in a real browser: filters answer at once, before and after fold out, and it works without script."""

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from accounts.services import person_freeze
from controls.audit import acting, record
from goldwallet.test.browser import TABLET, Visitor
from goldwallet.test.look import look
from goldwallet.test.world import World
from pools.services import pool_update

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def test_the_trail_is_narrowed_and_read(world: World, house, visit) -> None:
    tina = world.staff(Role.TREASURY)
    with acting(actor_id=tina.pk, address="41.90.4.7", page="desk_hold"):
        person_freeze(user_id=world.alice.pk, reason="She called: her phone was stolen.", by=tina.pk)
        record("read", subject=f"order:{world.alice.pk}", person_id=world.alice.pk)
    staff: Visitor = visit(user=tina, size=TABLET)
    staff.go("/desk/audit/")
    rows = staff.page.locator("#rows table.trail > tbody > tr")
    staff.page.select_option("select[name=action]", "hold")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("She called: her phone was stolen.")
    assert "action=hold" in staff.page.url
    rows.locator("summary").click()
    expect(rows.locator(".trail-diff")).to_contain_text("on hold")
    look(staff, "audit", rows.locator("summary"))


def test_in_place_acts_stand_there_and_looks_fold_out(world: World, house, visit) -> None:
    tina, alice = world.staff(Role.TREASURY), world.alice
    with acting(actor_id=tina.pk, address="41.90.4.7", page="desk_hold"):
        person_freeze(user_id=alice.pk, reason="She called: her phone was stolen.", by=tina.pk)
    with acting(actor_id=tina.pk, address="41.90.4.7", page="desk_person"):
        for _ in range(11):
            record("read", subject=f"person:{alice.pk}", person_id=alice.pk)
    staff: Visitor = visit(user=tina, size=TABLET)
    staff.go(f"/desk/people/{alice.pk}/")
    trail = staff.page.locator("section:has(#trail)")
    hold = trail.locator("tr", has=staff.page.get_by_text("Put a person on hold"))
    expect(hold).to_contain_text("41.90.4.7")
    hold.locator("summary").click()
    expect(hold.locator(".trail-diff")).to_contain_text("on hold")
    looked = trail.get_by_role("group", name="Who looked")
    expect(looked).to_be_hidden()
    trail.get_by_text("Looked at 11 times").click()
    expect(looked.locator("tbody > tr")).to_have_count(10)
    look(staff, "trail-person", trail.get_by_role("link", name="All looks"))
    trail.get_by_role("link", name="All of it").click()
    expect(staff.page.locator("#rows table.trail > tbody > tr")).to_have_count(13)


def test_a_long_history_of_a_pool_goes_back_to_its_beginning(world: World, house, visit) -> None:
    keeper, pool = world.staff(Role.ADMINISTRATOR), world.pool
    for number in range(52):
        pool_update(pool_id=pool.pk, name=pool.name, note=f"Shelf {number}", by=keeper)
    staff: Visitor = visit(user=keeper, size=TABLET)
    staff.go(f"/desk/pools/{pool.pk}/")
    history = staff.page.locator("section:has(#history)")
    expect(history).to_contain_text("in all, the newest first")
    look(staff, "trail-pool", history.get_by_role("link", name="Older"))
    history.get_by_role("link", name="Older").click()
    expect(history).to_contain_text("The pool was made, with a purity of")
    look(staff, "trail-pool-older", history.get_by_role("link", name="To the newest"))
