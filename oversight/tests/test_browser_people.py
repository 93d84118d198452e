"""A day's work with people in a real browser: from an M-Pesa SMS to the person, a note with a flag, a hold, a mail, and
the hold lifted by two.
"""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from accounts.roles import Role
from goldwallet.test.browser import DESK, Visitor
from goldwallet.test.desk import agrees
from goldwallet.test.world import World, buy, paid
from notifications.models import Message

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

TABLET = {"width": 820, "height": 1100}
SMS = "TKL7X2M9QA Confirmed. Ksh33,000.00 sent to GOLD WALLET for account GW on 21/11/26 at 2:05 PM."


def unfold(staff: Visitor, summary: str) -> None:
    staff.page.locator("summary", has_text=summary).click()


def held(person: User) -> str:
    return User.objects.get(pk=person.pk).frozen_reason


def test_from_an_sms_to_a_hold_and_back(world: World, house, visit) -> None:
    alice = world.alice
    order = paid(buy(alice, 33_000), receipt="TKL7X2M9QA")
    one = visit(user=world.staff(Role.TREASURY, email="one@example.com"), size=DESK)
    two = visit(user=world.staff(Role.TREASURY, email="two@example.com"), size=TABLET)

    one.go("/desk/")
    one.page.keyboard.press("/")
    one.page.keyboard.type("TKL7X2M9QX")
    one.page.keyboard.press("Enter")
    one.sees("We have never seen this code.")
    one.fill(q=SMS)
    one.press("Find")
    one.sees("alice@example.com paid us KES 33,000", order.reference, "In the ledger it is transaction #")
    one.page.get_by_role("link", name="See the person").click()
    expect(one.page.locator("h1")).to_have_text("alice@example.com")
    one.sees("Gold", "0712 345 678", "Account made")

    unfold(one, "Write a note")
    one.page.fill("#note-text", "Two SIM cards in one week.")
    one.page.select_option("#note-flag", "fraud")
    one.press("Write the note")
    one.sees("Flag raised.", "Suspected fraud.", "Two SIM cards in one week.")

    unfold(one, "Put on hold")
    one.page.fill("#reason-hold", "a")
    one.page.get_by_role("button", name="Put on hold").click()
    one.sees("Write why. The person's history keeps it.")
    assert held(alice) == ""
    one.page.fill("#reason-hold", "Two SIM cards in one week.")
    one.page.get_by_role("button", name="Put on hold").click()
    one.sees("is on hold: neither buys, nor sells, nor is paid.", "On hold")
    assert held(alice) == "Two SIM cards in one week."

    unfold(one, "Write a mail")
    one.sees("It goes to alice@example.com", "We never ask for your PIN")
    one.fill(subject="Please call us")
    one.page.fill("#id_text", "We saw two new SIM cards.")
    one.page.fill("#id_reason", "To ask her about the cards.")
    one.press("Send the mail")
    one.sees("Written. The mail goes to alice@example.com.", "We wrote: Please call us")
    assert Message.objects.get(kind="staff-message").user == alice

    unfold(one, "Lift the hold")
    one.page.fill("#reason-lift", "She came with both cards and her ID.")
    one.press("Ask a second person")
    one.sees("Asked. A second person decides this now.")
    assert held(alice)

    two.go("/desk/people/?q=alice")
    two.sees("one@example.com has asked for something about this person.")
    two.page.get_by_role("link", name="See the request").first.click()
    agrees(two)
    two.sees("Approved and done.")
    assert held(alice) == ""

    two.go(f"/desk/people/{alice.pk}/")
    two.sees("Hold lifted", "Put on hold", "Two SIM cards in one week.")
    unfold(two, "Take this flag down")
    two.page.get_by_label("Why can it go?").fill("Both cards are hers.")
    two.press("Take it down")
    two.sees("The flag is down. Its note stays.", "Flag taken down: suspected fraud")


def test_the_list_narrows_and_the_timeline_grows_without_a_new_page(world: World, house, visit) -> None:
    for number in range(20):
        Message.objects.create(user=world.bob, kind="test", key=f"k{number}", subject=f"Letter {number}")
        paid(buy(world.bob, 200), receipt=f"TKL7X2M9{number:02d}")
    staff = visit(user=world.staff(Role.REVIEWER, email="rose@example.com"), size=TABLET)
    staff.go("/desk/people/")
    staff.sees("alice@example.com", "bob@example.com")
    staff.page.select_option("[name=identity]", "verified")
    expect(staff.page.locator("#rows")).not_to_contain_text("bob@example.com")
    staff.sees("alice@example.com")
    staff.go(f"/desk/people/{world.bob.pk}/")
    before = staff.page.url
    while older := staff.page.locator("#older a").all():
        href = older[0].get_attribute("href")
        older[0].click()
        expect(staff.page.locator(f'#older a[href="{href}"]')).to_have_count(0)
    staff.sees("Account made")
    assert staff.page.url == before
