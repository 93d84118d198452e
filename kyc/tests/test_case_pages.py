"""The customer's pages of identity: a way that is saved as one goes, one's own photos, and nobody else's."""

import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import KycStatus, User
from accounts.tests.people import customer, signed_in
from goldwallet.test.world import World
from kyc.documents import documents_destroy
from kyc.images import clean
from kyc.models import Case, CaseState, Document, Part
from kyc.services.cases import Facts, case_save
from kyc.tests.making import (
    BORN,
    NAME,
    approve,
    photo,
    photographed,
    photos_once,
    reviewer,
    send_back,
    sent,
    standing,
    written,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("photos_once")]
__all__ = ["photos_once"]

ABOUT = {"legal_name": NAME, "birth_day": "27", "birth_month": "3", "birth_year": "1990"}
ID = {"id_type": "national_id", "id_number": "30 111 222"}
STATE_FIELDS = {
    "state": "approved",
    "kyc_status": "verified",
    "kyc_state": "verified",
    "enhanced": "1",
    "is_staff": "1",
    "valid_until": "2040-01-01",
    "decided_at": "2026-01-01",
    "submitted_at": "2026-01-01",
    "user": str(uuid.uuid4()),
    "user_id": str(uuid.uuid4()),
    "id": str(uuid.uuid4()),
    "corrected": '["id_front"]',
    "refusal": "",
    "id_number_lookup": "",
    "birth_date_lookup": "",
    "case": str(uuid.uuid4()),
    "tier": "enhanced",
}


@pytest.fixture
def amina() -> User:
    return customer(email="amina@example.com")


@pytest.fixture
def browser(amina: User) -> Client:
    return signed_in(amina)


def upload(raw: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, raw, content_type="image/jpeg")


def post_photo(browser: Client, part: str, **more):
    return browser.post(f"/kyc/photo/{part}/", {"photo": upload(photo(part)), **more})


def said(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_the_way_from_name_to_sent(amina: User, browser: Client) -> None:
    assert "Show us who you are" in said(browser.get("/kyc/"))
    assert browser.post("/kyc/about/", ABOUT)["Location"] == "/kyc/id/"
    assert browser.post("/kyc/id/", ID)["Location"] == "/kyc/photo/id_front/"
    for part in ("id_front", "id_back", "selfie"):
        answer = post_photo(browser, part)
        assert (answer.status_code, answer["Location"]) == (302, f"/kyc/photo/{part}/")
        page = browser.get(answer["Location"])
        assert f"/kyc/image/{Document.objects.get(part=part).pk}/" in page.content.decode()
    page = browser.get("/kyc/check/")
    for words in (NAME, "27 March 1990", "National ID", "30111222", "Selfie"):
        assert words in said(page)
    answer = browser.post("/kyc/check/", follow=True)
    assert "We are looking at what you sent" in said(answer)
    assert standing(amina) == KycStatus.PENDING
    assert "We are looking at your ID" in said(browser.get("/wallet/"))


def test_progress_is_saved_and_found_again(amina: User, browser: Client) -> None:
    browser.post("/kyc/about/", ABOUT)
    page = signed_in(amina).get("/kyc/")
    assert "What you have written so far is saved" in said(page)
    assert 'href="/kyc/id/"' in page.content.decode()
    fields = signed_in(amina).get("/kyc/about/").content.decode()
    assert f'value="{NAME}"' in fields
    assert '<option value="3" selected>March</option>' in fields


@pytest.mark.parametrize(
    ("path", "data", "sentence"),
    [
        ("/kyc/about/", {**ABOUT, "legal_name": ""}, "Please fill this in."),
        ("/kyc/about/", {**ABOUT, "legal_name": "R2 D2"}, "with letters only"),
        ("/kyc/about/", {**ABOUT, "birth_month": "13"}, "Choose the month."),
        ("/kyc/about/", {**ABOUT, "birth_day": "31", "birth_month": "2"}, "There is no such day."),
        ("/kyc/about/", {**ABOUT, "birth_year": "2015"}, "from 18 years on"),
        ("/kyc/id/", {**ID, "id_number": "12"}, "6 to 9 digits"),
        ("/kyc/id/", {"id_number": "12345678"}, "Choose one of them."),
        ("/kyc/id/", {**ID, "id_type": "driver"}, "Choose one of them."),
    ],
)
def test_what_is_wrong_stands_beside_what_was_typed(
    browser: Client, path: str, data: dict, sentence: str
) -> None:
    answer = browser.post(path, data)
    assert answer.status_code == 400
    assert sentence in said(answer)
    assert not Case.objects.exists()


def test_the_wallet_says_how_far_the_identity_is(world: World) -> None:
    """In a word beside the limits, and in a sentence where there is something to do or to wait for."""
    bob, browser = world.bob, signed_in(world.bob)
    for status, words, sentence in (
        (KycStatus.UNVERIFIED, "Not verified", "Verify your identity"),
        (KycStatus.PENDING, "In review", "We are looking at your ID"),
        (KycStatus.REJECTED, "Something is missing", "something has to be sent again"),
        (KycStatus.EXPIRED, "Expired", "Show us again who you are"),
        (KycStatus.VERIFIED, "Your identity: Verified", "Do you need more?"),
    ):
        User.objects.filter(pk=bob.pk).update(kyc_status=status)
        text = said(browser.get("/wallet/"))
        assert words in text
        assert sentence in text


def test_looking_begins_nothing(browser: Client) -> None:
    for path in ("/kyc/", "/kyc/about/", "/kyc/id/", "/kyc/check/", "/kyc/photo/selfie/"):
        assert browser.get(path).status_code in {200, 302}
    assert not Case.objects.exists()


@pytest.mark.fault("Z09")
def test_no_form_takes_more_than_its_fields(amina: User, browser: Client) -> None:
    browser.post("/kyc/about/", {**ABOUT, **STATE_FIELDS})
    browser.post("/kyc/id/", {**ID, **STATE_FIELDS})
    for part in ("id_front", "id_back"):
        post_photo(browser, part, **STATE_FIELDS)
    case = Case.objects.get()
    assert (case.state, case.user, case.submitted_at, case.valid_until) == (
        CaseState.DRAFT,
        amina,
        None,
        None,
    )
    assert case.corrected == []
    assert case.id_number_lookup != ""
    amina.refresh_from_db()
    assert (amina.kyc_status, amina.enhanced, amina.is_staff) == (KycStatus.UNVERIFIED, False, False)
    post_photo(browser, "selfie")
    browser.post("/kyc/check/", STATE_FIELDS)
    amina.refresh_from_db()
    assert (Case.objects.get().state, amina.kyc_status) == (CaseState.SUBMITTED, KycStatus.PENDING)


# --- photos ---------------------------------------------------------------------------------------


@pytest.fixture
def begun(amina: User) -> Case:
    return written(amina)


def test_a_photo_of_ten_megabytes_is_looked_at(browser: Client, begun: Case) -> None:
    """So large it may be, and it is no photo; larger ones are refused by their size."""
    answer = browser.post(
        "/kyc/photo/selfie/", {"photo": upload(b"\xff\xd8\xff" + bytes(clean.MOST_BYTES - 3))}
    )
    assert answer.status_code == 400
    assert "may be damaged" in said(answer)


@pytest.mark.parametrize("size", [clean.MOST_BYTES + 1, 50_000_000])
def test_a_photo_that_is_too_large_gets_a_sentence(browser: Client, begun: Case, size: int) -> None:
    answer = browser.post("/kyc/photo/selfie/", {"photo": upload(b"\xff\xd8\xff" + bytes(size - 3))})
    assert answer.status_code == 413
    assert "larger than 10 MB" in said(answer)
    assert not Document.objects.exists()


def test_no_upload_touches_the_disk(browser: Client, begun: Case, tmp_path, settings, monkeypatch) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    monkeypatch.setattr(
        "kyc.views.services.photo_save", lambda **kwargs: seen.append(list(tmp_path.iterdir()))
    )
    seen: list[list] = []
    browser.post("/kyc/photo/selfie/", {"photo": upload(bytes(9_000_000))})
    assert seen == [[]]


def test_a_form_without_a_photo_says_so(browser: Client, begun: Case) -> None:
    for data in ({}, {"photo": "not a file"}, {"photo": upload(b"")}):
        answer = browser.post("/kyc/photo/selfie/", data)
        assert answer.status_code == 400
        assert "Take a photo first" in said(answer) or "This file is empty" in said(answer)


def test_what_is_no_photo_says_so(browser: Client, begun: Case) -> None:
    answer = browser.post("/kyc/photo/selfie/", {"photo": upload(b"<svg onload=alert(1)>")})
    assert answer.status_code == 400
    assert "This is not a photo that we can read." in said(answer)


def test_the_store_is_away(browser: Client, begun: Case, settings, tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    settings.DOCUMENT_FOLDER = blocked / "documents"
    answer = post_photo(browser, "selfie")
    assert answer.status_code == 503
    assert "We cannot store your photo right now." in said(answer)
    assert not Document.objects.exists()


def test_the_own_photo_and_how_it_is_served(browser: Client, begun: Case) -> None:
    post_photo(browser, "selfie")
    path = f"/kyc/image/{Document.objects.get().pk}/"
    for address in (path, f"{path}?size=small"):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert answer.content.startswith(b"\xff\xd8\xff")
        assert answer["Content-Type"] == "image/jpeg"
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]


def test_nobody_else_has_it(browser: Client, begun: Case) -> None:
    post_photo(browser, "selfie")
    path = f"/kyc/image/{Document.objects.get().pk}/"
    assert signed_in(customer()).get(path).status_code == 404
    assert signed_in(reviewer()).get(path).status_code == 404
    assert Client().get(path).status_code == 302
    assert browser.get(f"/kyc/image/{uuid.uuid4()}/").status_code == 404


def test_a_photo_that_was_replaced_destroyed_or_sent_is_not_shown(browser: Client, begun: Case) -> None:
    post_photo(browser, "selfie")
    former = Document.objects.get()
    post_photo(browser, "selfie")
    present = Document.objects.get(replaced_at=None)
    assert browser.get(f"/kyc/image/{former.pk}/").status_code == 404
    assert browser.get(f"/kyc/image/{present.pk}/").status_code == 200
    documents_destroy(Document.objects.filter(pk=present.pk))
    assert browser.get(f"/kyc/image/{present.pk}/").status_code == 404
    photographed(begun.user, Part.ID_FRONT, Part.ID_BACK, Part.SELFIE)
    browser.post("/kyc/check/")
    front = Document.objects.get(part=Part.ID_FRONT)
    assert browser.get(f"/kyc/image/{front.pk}/").status_code == 404


def test_parts_that_are_none(browser: Client, begun: Case) -> None:
    for part in ("name", "nonsense", "id_number"):
        assert browser.get(f"/kyc/photo/{part}/").status_code == 404
        assert browser.post(f"/kyc/photo/{part}/", {"photo": upload(photo())}).status_code == 404


def test_steps_out_of_order_lead_to_the_next_one(browser: Client) -> None:
    browser.post("/kyc/about/", ABOUT)
    assert browser.get("/kyc/photo/selfie/")["Location"] == "/kyc/id/"
    assert "Something is missing still" in said(browser.get("/kyc/check/"))
    answer = browser.post("/kyc/check/")
    assert answer.status_code == 409
    assert "Something is missing still: ID type and number" in said(answer)


# --- after an answer ------------------------------------------------------------------------------


def test_a_rejection_asks_for_what_was_refused_only(amina: User, browser: Client) -> None:
    case = sent(amina)
    send_back(case, reviewer(), selfie="Your face is hard to see.", name="A name is missing.")
    page = browser.get("/kyc/")
    text = said(page)
    assert "Something has to be sent again" in text
    assert "Your face is hard to see." in text
    assert "A name is missing." in text
    for gone in ("/kyc/id/", "/kyc/photo/id_front/"):
        assert gone not in page.content.decode()
        assert browser.get(gone)["Location"] == "/kyc/"
    assert "something has to be sent again" in said(browser.get("/wallet/"))
    about = browser.get("/kyc/about/").content.decode()
    assert 'name="legal_name"' in about
    assert "birth_day" not in about
    assert browser.post("/kyc/id/", ID).status_code == 409
    assert post_photo(browser, "id_front").status_code == 409
    assert browser.post("/kyc/about/", {"legal_name": f"{NAME} Achieng"})["Location"] == "/kyc/photo/selfie/"
    post_photo(browser, "selfie")
    browser.post("/kyc/check/")
    assert Case.objects.get().state == CaseState.SUBMITTED


def test_asking_for_more_reads_otherwise(amina: User, browser: Client) -> None:
    send_back(sent(amina), reviewer(), "more", id_back="Turn it round, please.")
    text = said(browser.get("/kyc/"))
    assert "We need a little more from you" in text
    assert "Turn it round, please." in text


def test_an_approved_case_shows_until_when_and_begins_no_other(amina: User, browser: Client) -> None:
    case = approve(sent(amina), reviewer())
    case.refresh_from_db()
    text = said(browser.get("/kyc/"))
    assert "Your identity is verified" in text
    assert f"{case.valid_until:%Y}" in text
    for path in ("/kyc/about/", "/kyc/id/", "/kyc/check/"):
        assert browser.get(path).status_code == 400
        assert browser.post(path, ABOUT).status_code == 400
    assert Case.objects.count() == 1


def test_while_it_is_looked_at_every_step_leads_back(amina: User, browser: Client) -> None:
    sent(amina)
    for path in ("/kyc/about/", "/kyc/id/", "/kyc/photo/selfie/", "/kyc/check/"):
        assert browser.get(path)["Location"] == "/kyc/"
    assert browser.post("/kyc/about/", ABOUT).status_code == 409
    assert post_photo(browser, "selfie").status_code == 409
    assert browser.post("/kyc/check/")["Location"] == "/kyc/"


def test_what_people_typed_is_escaped(amina: User, browser: Client) -> None:
    case_save(user_id=amina.pk, facts=Facts(legal_name="O'Neil", birth_date=BORN))
    assert "O&#x27;Neil" in browser.get("/kyc/check/").content.decode()


def test_strangers_sign_in_first(begun: Case) -> None:
    for path in ("/kyc/", "/kyc/about/", "/kyc/id/", "/kyc/photo/selfie/", "/kyc/check/"):
        for answer in (Client().get(path), Client().post(path, ABOUT)):
            assert answer.status_code == 302 or answer.status_code == 405
            if answer.status_code == 302:
                assert answer["Location"].startswith("/accounts/login/")
