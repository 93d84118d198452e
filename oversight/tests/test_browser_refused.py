"""A form far down a long page that is refused: its sender meets the sentence, with script and without."""

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from controls.models import Request
from goldwallet.test.browser import PHONE, Visitor
from goldwallet.test.look import look
from goldwallet.test.world import World

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("javascript", [True, False])
def test_what_is_wrong_is_met(world: World, house, visit, javascript: bool) -> None:
    staff: Visitor = visit(user=world.staff(Role.TREASURY), size=PHONE, javascript=javascript)
    page = staff.page
    staff.go("/desk/adjustments/")
    page.fill("#cash_person", world.bob.email)
    page.fill("#cash_kes", "12 000")
    page.fill("#cash_words", "We kept you waiting.")
    page.fill("#reason-cash", "She waited for an hour.")
    staff.press("Ask to correct the cash")
    wrong = page.locator("#cash_kes")
    expect(wrong).to_have_value("12 000")
    if javascript:
        expect(wrong).to_be_focused()
        look(staff, "refused-below", wrong)
    else:
        expect(page.get_by_text("Nothing was asked for.")).to_be_in_viewport()
        page.get_by_role("link", name="See below what is wrong").click()
    expect(page.locator("section", has=page.locator("#cash")).locator(".errorlist")).to_have_text(
        "Write the amount in shillings with digits only, for example 1500."
    )
    expect(page.locator("#reason-cash")).to_have_value("She waited for an hour.")
    assert staff.complaints == []
    assert not Request.objects.exists()
