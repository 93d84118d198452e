"""The audit trail in a real browser: filters answer at once, before and after fold out, and it works without script."""

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from accounts.services import person_freeze
from controls.audit import acting, record
from goldwallet.test.browser import TABLET, Visitor
from goldwallet.test.look import look
from goldwallet.test.world import World

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
