"""Identity in a real browser: from sign-up at a phone's width to a larger buy, and back and forth with a reviewer."""

import os
import re
from decimal import Decimal
from io import BytesIO

import pytest
from django.db import connection
from django_otp.oath import totp
from PIL import Image
from playwright.sync_api import expect

from accounts.models import KycStatus, User
from accounts.roles import Role
from goldwallet.demo import papers
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.look import look
from goldwallet.test.race import patiently
from goldwallet.test.world import PASSWORD, TOTP_KEY, World
from kyc.models import Case, CaseState, Document, Opening, Part
from kyc.services import REVIEW_REASON
from kyc.tests.making import sent
from ledger import chart
from ledger.selectors import balance

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

PHONE, EMAIL, NAME = "254733123456", "wanjiru@example.com", "Wanjiru Njeri Mwangi"
PHOTOS = {
    "id_front": papers.id_front(NAME, "30111222", "27.03.1990"),
    "id_back": papers.id_back("30111222"),
    "selfie": papers.selfie(NAME),
}


def signs_up(person: Visitor, house) -> None:
    person.go("/accounts/signup/")
    secret = "copper-lake-seven-9"
    person.fill(email=EMAIL, username="wanjiru", phone="0733 123 456", password1=secret, password2=secret)
    person.send()
    person.sees(EMAIL)
    found: list[str] = []

    def came() -> bool:
        mails = [one["text"] for one in house.simulator.phone(PHONE)["messages"] if one["kind"] == "mail"]
        found[:] = [code for text in mails for code in re.findall(r"^([0-9]{6})$", text, re.MULTILINE)]
        return bool(found)

    patiently(came, what="a mail with a code")
    person.fill(code=found[-1])
    person.send()
    person.page.wait_for_selector("[data-grams]")


def tells_who_they_are(person: Visitor) -> None:
    person.page.get_by_role("link", name="Begin").click()
    person.fill(legal_name=NAME, birth_day="27", birth_year="1990")
    person.page.get_by_label("Month").select_option("March")
    person.press("Save and go on")
    person.page.get_by_label("National ID").check()
    person.fill(id_number="30 111 222")
    person.press("Save and go on")


def takes(person: Visitor, part: str, *, javascript: bool = True) -> None:
    """Choose the photo's file, as the camera hands it over, and see it."""
    person.page.wait_for_url(f"**/kyc/photo/{part}/")
    file = {"name": f"{part}.jpg", "mimeType": "image/jpeg", "buffer": PHOTOS[part]}
    person.page.locator("input[name=photo]").set_input_files(file)
    if not javascript:
        person.press("Send this photo")
    person.page.get_by_role("link", name="Yes, go on").wait_for()
    assert person.page.locator(".kyc-shot img").evaluate(
        "image => image.decode().then(() => image.naturalWidth)"
    )


def test_from_sign_up_to_a_larger_buy(world: World, house, visit) -> None:
    person = visit()
    signs_up(person, house)
    person.go("/buy/")
    person.fill(amount_kes="33000")
    person.send()
    person.sees("at most KES 20,000 at once", "shown us who you are")

    person.go("/wallet/")
    person.sees("Not verified")
    person.page.get_by_role("link", name="Verify your identity").click()
    tells_who_they_are(person)
    for part in PHOTOS:
        takes(person, part)
        person.page.get_by_role("link", name="Yes, go on").click()
    person.sees("Look at it once more", NAME, "27 March 1990", "30111222")
    person.press("Send")
    person.sees("We are looking at what you sent")

    world.staff(Role.REVIEWER)
    desk = visit(size=DESK)
    desk.sign_in("reviewer@example.com", PASSWORD, totp_key=TOTP_KEY)
    desk.go("/desk/kyc/")
    following = desk.page.get_by_role("link", name="Review the next case")
    look(desk, "kyc-queue", following)
    following.click()
    desk.sees(NAME, "30111222", "Front of the ID", "Back of the ID", "Selfie")
    patiently(lambda: Opening.objects.count() >= 3, what="three photos were opened")
    approves_by_keys(desk)
    desk.sees("Approved. wanjiru@example.com is verified now.", "Nothing waits any more.")

    person.go("/wallet/")
    person.sees("Verified", "KES 250,000")
    person.go("/buy/")
    person.fill(amount_kes="33000")
    person.send()
    person.sees("KES 33,000", "2.000000 g")
    person.send()
    person.waits_for_order("pending")
    house.simulator.answer(PHONE, "accept", patience=30)
    person.waits_for_order("completed")
    user = User.objects.get(email=EMAIL)
    assert balance(chart.user_gold(user.pk)) == Decimal(2)
    assert_books()


def approves_by_keys(desk: Visitor) -> None:
    """Larger, turned, small again, six ticks, approve: nothing but keys."""
    keyboard = desk.page.keyboard
    keyboard.press("1")
    large = desk.page.locator("[data-zoom]:checked")
    expect(large).to_have_count(1)
    keyboard.press("r")
    expect(desk.page.locator("[data-exhibit]").first.locator("[data-turn]:checked")).to_have_value("90")
    keyboard.press("1")
    expect(large).to_have_count(0)
    keyboard.press("a")
    desk.sees("Look at this before you approve")
    patiently(lambda: Opening.objects.count() >= 6, what="the page was built again, with its photos")
    for _ in range(6):
        keyboard.press("t")
    expect(desk.page.locator("[name=check]:checked")).to_have_count(6)
    look(desk, "kyc-case", desk.page.get_by_role("button", name="Approve"))
    keyboard.press("a")


def test_a_rejection_and_what_was_asked_for_without_javascript(world: World, house, visit) -> None:
    """Both without a script: the customer's photos, and the reviewer's decision."""
    person = visit(user=world.bob, javascript=False)
    person.go("/kyc/")
    tells_who_they_are(person)
    for part in PHOTOS:
        takes(person, part, javascript=False)
        person.page.get_by_role("link", name="Yes, go on").click()
    person.press("Send")

    desk = visit(user=world.staff(Role.REVIEWER), size=TABLET, javascript=False)
    desk.go("/desk/kyc/")
    desk.page.get_by_role("link", name=NAME).click()
    desk.press("Show the photos, to review this case")
    selfie = desk.page.locator("[data-exhibit]").nth(2)
    small = selfie.locator("img").bounding_box()
    selfie.get_by_text("Larger").click()
    large = selfie.locator("img").bounding_box()
    assert small and large
    assert large["width"] > 2 * small["width"]
    selfie.get_by_text("Turn").locator("visible=true").click()
    expect(selfie.locator("img")).to_have_css("rotate", "90deg")
    desk.page.get_by_label("Selfie", exact=True).fill("Your face is hard to see.")
    look(desk, "kyc-sent-back", desk.page.get_by_role("button", name="Reject"))
    desk.press("Reject")
    desk.sees("Sent back to bob@example.com, with your reasons.")

    person.go("/wallet/")
    person.page.get_by_role("link", name="See what it is").click()
    person.sees("Something has to be sent again", "Your face is hard to see.")
    assert person.page.get_by_text("Front of the ID").count() == 0
    person.page.get_by_role("link", name="Send it again").click()
    person.sees("Your face is hard to see.")
    takes(person, "selfie", javascript=False)
    person.page.get_by_role("link", name="Yes, go on").click()
    person.press("Send it again")
    person.sees("We are looking at what you sent")
    case = Case.objects.get()
    assert case.state == CaseState.SUBMITTED
    assert Document.objects.filter(case=case).count() == 4
    world.bob.refresh_from_db()
    assert world.bob.kyc_status == KycStatus.PENDING


def test_a_large_photo_is_made_smaller_on_the_phone_and_what_is_none_gets_a_sentence(
    world: World, house, visit
) -> None:
    person = visit(user=world.bob)
    person.go("/kyc/")
    tells_who_they_are(person)
    person.page.wait_for_url("**/kyc/photo/id_front/")
    field = person.page.locator("input[name=photo]")
    field.set_input_files({"name": "paper.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 nothing"})
    person.sees("This is not a photo that we can read.")
    field.set_input_files({"name": "huge.jpg", "mimeType": "image/jpeg", "buffer": bytes(11_000_000)})
    person.sees("larger than 10 MB")
    expect(person.page.locator(".kyc-guide")).to_be_visible()
    # 27 million pixels are more than the house reads; the phone sends fewer.
    field.set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": wide_photo(6000, 4500)})
    person.page.get_by_role("link", name="Yes, go on").wait_for()
    document = Document.objects.get(part=Part.ID_FRONT)
    assert (document.width, document.height) == (2400, 1800)


def wide_photo(width: int, height: int) -> bytes:
    """Noise in blocks."""
    noise = Image.frombytes("RGB", (600, 450), os.urandom(600 * 450 * 3)).resize((width, height), 0)
    file = BytesIO()
    noise.save(file, "PNG", compress_level=1)
    return file.getvalue()


def test_the_next_case_comes_at_once_and_keys_lead_through_the_queue(
    world: World, house, visit, settings
) -> None:
    # The house's processes name the folder by the database that they were given, which is the test's.
    settings.DOCUMENT_FOLDER = settings.DOCUMENT_FOLDER.with_name(connection.settings_dict["NAME"])
    for person, name in ((world.bob, "Bob Otieno"), (world.charlie, "Charlie Kiprono")):
        sent(person, name=name)
    desk = visit(user=world.staff(Role.REVIEWER), size=DESK)
    desk.go("/desk/kyc/")
    desk.page.get_by_role("link", name="Review the next case").click()
    heading = desk.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Bob Otieno")
    desk.page.keyboard.press("j")
    expect(heading).to_have_text("Charlie Kiprono")
    desk.page.keyboard.press("k")
    expect(heading).to_have_text("Bob Otieno")
    # A key in a field is a letter.
    desk.page.keyboard.press("x")
    field = desk.page.get_by_label("Legal name")
    expect(field).to_be_focused()
    desk.page.keyboard.type("a jaunty name")
    expect(field).to_have_value("a jaunty name")
    desk.page.keyboard.press("Enter")
    expect(heading).to_have_text("Bob Otieno")
    assert Case.objects.filter(state=CaseState.SUBMITTED).count() == 2
    desk.page.keyboard.press("Escape")
    desk.page.keyboard.press("m")
    expect(heading).to_have_text("Charlie Kiprono")
    desk.sees("Asked bob@example.com for more.")


def test_the_desk_s_keys_are_heard_beside_those_of_a_review(world: World, house, visit, settings) -> None:
    """And none of them decides: neither the letter after "g", nor one that is pressed while the keys are listed."""
    settings.DOCUMENT_FOLDER = settings.DOCUMENT_FOLDER.with_name(connection.settings_dict["NAME"])
    case = sent(world.bob)
    desk = visit(user=world.staff(Role.REVIEWER), size=DESK)
    page, keyboard, dialog = desk.page, desk.page.keyboard, desk.page.locator("#desk-keys")

    def ready_to_approve() -> None:
        desk.go("/desk/kyc/")
        page.get_by_role("link", name="Review the next case").click()
        expect(page.locator("[data-exhibit]")).to_have_count(3)
        for _ in range(6):
            keyboard.press("t")
        expect(page.locator("[name=check]:checked")).to_have_count(6)

    ready_to_approve()
    keyboard.press("g")
    keyboard.press("a")
    page.wait_for_url("**/desk/approvals/")
    ready_to_approve()
    # Who has just ticked something by hand has the focus there.
    page.locator("[name=check]").last.focus()
    keyboard.press("g")
    keyboard.press("a")
    page.wait_for_url("**/desk/approvals/")
    ready_to_approve()
    keyboard.press("g")
    page.wait_for_timeout(1700)
    keyboard.press("a")  # too late to go anywhere, and no approval either
    keyboard.press("/")
    expect(page.locator("#desk-find")).to_be_focused()
    keyboard.type("a")
    keyboard.press("Escape")
    keyboard.press("?")
    expect(dialog).to_contain_text("Next case, case before")
    expect(dialog).not_to_contain_text("Next row")
    keyboard.press("a")
    keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    button = page.get_by_role("button", name="Keys")
    look(desk, "kyc-keys", button)
    button.click()
    expect(dialog).to_be_visible()
    look(desk, "kyc-keys-listed", dialog.get_by_role("button", name="Close"))
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    case.refresh_from_db()
    assert case.state == CaseState.SUBMITTED
    # All the while one key would have done it.
    keyboard.press("a")
    desk.sees("Approved. bob@example.com is verified now.")


@pytest.mark.fault("Z10")
def test_who_signs_in_by_a_strangers_link_is_asked_why_all_the_same(
    world: World, house, visit, settings
) -> None:
    settings.DOCUMENT_FOLDER = settings.DOCUMENT_FOLDER.with_name(connection.settings_dict["NAME"])
    case = sent(world.bob)
    world.staff(Role.REVIEWER)
    desk = visit(size=DESK)
    words = "Words+of+a+stranger"
    desk.go(f"/desk/kyc/{case.pk}/?why=other&words={words}&reason={words}")
    desk.page.wait_for_url("**/accounts/login/**")
    desk.fill(login="reviewer@example.com", password=PASSWORD)
    desk.send()
    desk.page.wait_for_url("**/accounts/code/**")
    desk.fill(code=f"{totp(TOTP_KEY):06d}")
    desk.send()
    desk.page.wait_for_url(f"**/desk/kyc/{case.pk}/**")
    button = desk.page.get_by_role("button", name="Show the photos, to review this case")
    look(desk, "kyc-asked-why", button)
    assert desk.page.locator("[data-exhibit]").count() == 0
    assert "stranger" not in desk.text()
    assert not Opening.objects.exists()
    button.click()
    expect(desk.page.locator("[data-exhibit]")).to_have_count(3)
    patiently(lambda: Opening.objects.count() >= 3, what="three photos were opened")
    assert set(Opening.objects.values_list("reason", flat=True)) == {REVIEW_REASON}
    # What was said holds for a reload.
    desk.page.reload()
    expect(desk.page.locator("[data-exhibit]")).to_have_count(3)
