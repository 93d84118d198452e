"""A day's work with people in a real browser: from an M-Pesa SMS to the person, a note with a flag, a hold, a mail, and
the hold lifted by two; and somebody who has lost their codes.
"""

import pytest
from playwright.sync_api import expect

from accounts import second_factor
from accounts.models import FactorReset, User
from accounts.roles import Role
from accounts.tests.people import customer
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import agrees
from goldwallet.test.look import look
from goldwallet.test.world import World, buy, paid
from notifications.models import Message

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

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
    person = one.page.get_by_role("link", name="See the person")
    look(one, "find-a-code", person)
    person.click()
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
    look(one, "hold-refused", one.page.get_by_role("button", name="Put on hold"))
    one.page.fill("#reason-hold", "Two SIM cards in one week.")
    one.page.get_by_role("button", name="Put on hold").click()
    one.sees("is on hold: neither buys, nor sells, nor is paid.", "On hold")
    assert held(alice) == "Two SIM cards in one week."

    unfold(one, "Write a mail")
    one.sees("It goes to alice@example.com", "We never ask for your PIN")
    one.fill(subject="Please call us")
    one.page.fill("#id_text", "We saw two new SIM cards.")
    one.page.fill("#id_reason", "To ask her about the cards.")
    look(one, "mail", one.page.get_by_role("button", name="Send the mail"))
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
    look(two, "approval-lift", two.page.get_by_role("button", name="Decide"))
    agrees(two)
    two.sees("Approved and done.")
    assert held(alice) == ""

    two.go(f"/desk/people/{alice.pk}/")
    two.sees("Hold lifted", "Put on hold", "Two SIM cards in one week.")
    unfold(two, "Take this flag down")
    two.page.get_by_label("Why can it go?").fill("Both cards are hers.")
    look(two, "flag-down", two.page.get_by_role("button", name="Take it down"))
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
    look(staff, "people", staff.page.locator("#rows a").first)
    staff.go(f"/desk/people/{world.bob.pk}/")
    look(staff, "person", staff.page.locator("#older a"))
    before = staff.page.url
    while older := staff.page.locator("#older a").all():
        href = older[0].get_attribute("href")
        older[0].click()
        expect(staff.page.locator(f'#older a[href="{href}"]')).to_have_count(0)
    staff.sees("Account made")
    assert staff.page.url == before


def test_who_calls_themselves_like_a_code_stands_below_its_story(world: World, house, visit) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    customer(email="shadow@example.com", username="TKL7X2M9QA")
    one = visit(user=world.staff(Role.TREASURY, email="one@example.com"), size=DESK)
    one.go("/desk/people/?q=tkl7x2m9qa")
    one.sees("shadow@example.com", "This looks like an M-Pesa code.")
    story = one.page.get_by_role("link", name="See what happened to it")
    look(one, "people-by-a-code", story)
    story.click()
    one.sees("alice@example.com paid us KES 33,000", "found by username", "Anybody can choose a username")
    told = one.page.get_by_role("link", name="See the person")
    below = one.page.get_by_role("link", name="shadow@example.com")
    look(one, "find-a-code-and-its-namesake", told)
    places = [link.bounding_box() for link in (told, below)]
    assert all(places) and places[0]["y"] < places[1]["y"]


def test_a_reviewer_asks_for_somebody_who_has_lost_their_codes(world: World, house, visit) -> None:
    second_factor.authenticator_give(user=world.alice, key=second_factor.new_key())
    reviewer = visit(user=world.staff(Role.REVIEWER, email="rose@example.com"), size=TABLET)
    treasury = visit(user=world.staff(Role.TREASURY, email="two@example.com"), size=DESK)
    reviewer.go("/desk/find/")
    reviewer.fill(q="0712 345 678")
    reviewer.press("Find")
    expect(reviewer.page.locator("h1")).to_have_text("alice@example.com")
    reviewer.page.get_by_role("navigation", name="Desk").get_by_role("link", name="Lost codes").click()
    ask = reviewer.page.get_by_role("button", name="Ask a second person")
    for who, sentence in (("nobody@example.com", "Nobody"), ("alice@example.com", "Asked.")):
        reviewer.fill(person=who, reason="She stands here with her ID.")
        look(reviewer, "lost-codes", ask)
        ask.click()
        reviewer.sees(sentence)
    assert not FactorReset.objects.exists()

    treasury.go("/desk/approvals/")
    treasury.page.get_by_role("link", name="Lost second factor removed").click()
    treasury.sees("She stands here with her ID.", "rose@example.com")
    look(treasury, "approval-lost-codes", treasury.page.get_by_role("button", name="Decide"))
    agrees(treasury)
    treasury.sees("Approved and done.")
    assert FactorReset.objects.get().user == world.alice
    reviewer.go("/desk/factor/")
    expect(reviewer.page.get_by_role("row").filter(has_text="alice@example.com")).to_contain_text(
        "two@example.com"
    )
