"""What people do to a form that has been sent, in a real browser, with script and without: two clicks, and Back."""

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from controls.models import Note
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.look import look
from goldwallet.test.world import World
from notifications.models import Message

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_form_is_sent_once(world: World, house, visit, javascript: bool) -> None:
    staff: Visitor = visit(user=world.staff(Role.TREASURY), size=DESK, javascript=javascript)
    page, bob = staff.page, f"/desk/people/{world.bob.pk}/"
    staff.go(bob)
    page.locator("summary", has_text="Write a note").click()
    page.fill("#note-text", "She called.")
    page.get_by_role("button", name="Write the note").dblclick()
    staff.sees("Note written.", "She called.")
    again(staff, "Write a note", "Write the note")
    assert Note.objects.count() == 1

    staff.go(bob)
    page.locator("summary", has_text="Write a mail").click()
    page.fill("#id_subject", "About your call")
    page.fill("#id_text", "We looked at it.")
    page.fill("#id_reason", "She asked us to.")
    page.get_by_role("button", name="Send the mail").dblclick()
    staff.sees("Written. The mail goes to bob@example.com.")
    again(staff, "Write a mail", "Send the mail")
    assert Message.objects.filter(user=world.bob, kind="staff-message").count() == 1


def again(staff: Visitor, summary: str, button: str) -> None:
    """Back to the form, and its button pressed once more: whatever stands there, it is not sent a second time."""
    staff.page.go_back()
    press = staff.page.get_by_role("button", name=button)
    if not press.is_visible():
        staff.page.locator("summary", has_text=summary).click()
    press.click()
    expect(staff.page.locator("h1")).to_have_text("bob@example.com")
    staff.page.wait_for_load_state()


def test_a_form_that_comes_again_with_other_words_is_asked_about(world: World, house, visit) -> None:
    staff: Visitor = visit(user=world.staff(Role.VAULT), size=TABLET)
    page, pool = staff.page, f"/desk/pools/{world.pool.pk}/"
    staff.go(pool)
    key = page.locator("form:has(#note-text) input[name=key]").input_value()
    for words in ("The door sticks.", "The window sticks."):
        staff.go(pool)
        page.locator("summary", has_text="Write a note").click()
        page.fill("#note-text", words)
        page.evaluate(
            "key => { document.querySelector('form:has(#note-text) input[name=key]').value = key }", key
        )
        staff.press("Write the note")
    staff.sees("This form has written a note already.")
    expect(page.locator("#note-text")).to_have_value("The window sticks.")
    look(staff, "note-again", page.get_by_role("button", name="Write the note"))
    staff.press("Write the note")
    staff.sees("Note written.", "The window sticks.", "The door sticks.")
    assert Note.objects.count() == 2
