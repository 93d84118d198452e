"""The desk of identity: the queue, a case, its photos with a reason for each look, and the tier of a person."""

import datetime as dt
import re
import uuid
from decimal import Decimal
from urllib.parse import quote, urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client

from accounts.models import KycStatus, Tier, User
from accounts.tests.people import customer, read_mail, signed_in, staff
from controls.models import AuditEntry, Request, RequestState
from controls.services import request_approve, request_effect, request_seal, threshold_set
from goldwallet.clock import Now
from goldwallet.errors import Refused
from goldwallet.test.two import YES
from kyc import services
from kyc.documents import documents_destroy
from kyc.models import Case, CaseState, Document, Opening, Part
from kyc.review_words import CHECKLIST
from kyc.services import REVIEW_REASON
from kyc.services.cases import Facts
from kyc.tests.making import (
    NAME,
    approve,
    decision,
    open_all,
    photo,
    photos_once,
    photos_shown,
    reviewer,
    said_why,
    send_back,
    sent,
    standing,
    written,
)
from ledger import chart
from ledger.services import Transfer, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("photos_once")]
__all__ = ["photos_once"]


@pytest.fixture
def rose() -> User:
    return reviewer(email="rose@example.com")


@pytest.fixture
def desk(rose: User) -> Client:
    return signed_in(rose)


def said(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def page_of(case: Case) -> str:
    return f"/desk/kyc/{case.pk}/"


def images(page) -> list[str]:
    return re.findall(r'src="(/desk/kyc/image/[^"]+)"', page.content.decode())


def choice(page, outcome: str = "approved", **more) -> dict:
    text = page.content.decode()
    moment = re.search(r'name="submitted" value="([^"]+)"', text)
    assert moment
    ticked = list(CHECKLIST) if outcome == "approved" else []
    return {"submitted": moment[1], "outcome": outcome, "check": ticked, **more}


# --- the queue ------------------------------------------------------------------------------------


def names(page) -> list[str]:
    return re.findall(r'href="/desk/kyc/[0-9a-f-]{36}/">([^<]+)</a><br>', page.content.decode())


def test_the_oldest_comes_first_but_for_whose_money_waits(desk: Client) -> None:
    for name in ("First Person", "Second Person", "Third Person"):
        sent(name=name)
    owner = Case.objects.order_by("submitted_at").last()
    assert owner
    money = Transfer(chart.mpesa_collections(), chart.user_cash(owner.user_id), Decimal(500))
    post(key="test:late", kind="buy_late", transfers=[money])
    page = desk.get("/desk/kyc/")
    assert names(page) == ["Third Person", "First Person", "Second Person"]
    assert "3 cases" in said(page)
    assert "Money of theirs waits" in said(page)


def test_an_empty_queue_says_so(desk: Client) -> None:
    assert "Nobody waits" in said(desk.get("/desk/kyc/"))


@pytest.mark.fault("K11")
def test_the_queue_marks_ids_that_others_gave(desk: Client) -> None:
    written(customer(), number="30111222", name="Peter Kamau")
    sent(number="30111222")
    assert "Same ID as others" in said(desk.get("/desk/kyc/"))


def test_a_person_is_found_by_address(desk: Client) -> None:
    amina = customer(email="amina@example.com")
    assert desk.get("/desk/kyc/?email=Amina@Example.com")["Location"] == f"/desk/kyc/people/{amina.pk}/"
    assert "Nobody has this e-mail address." in said(desk.get("/desk/kyc/?email=x'--"))


# --- one case -------------------------------------------------------------------------------------


def test_a_case_is_reviewed_and_the_next_one_comes_at_once(rose: User, desk: Client) -> None:
    first, second = sent(name="First Person"), sent(name="Second Person")
    page = photos_shown(desk, first)
    assert len(images(page)) == 3
    for path in images(page):
        assert desk.get(path.replace("&amp;", "&")).status_code == 200
    answer = desk.post(f"{page_of(first)}decide/", choice(page, why=REVIEW_REASON))
    assert answer["Location"].startswith(f"{page_of(second)}?why=")
    assert standing(first.user) == KycStatus.VERIFIED
    following = desk.get(answer["Location"])
    assert "Approved." in said(following)
    assert len(images(following)) == 3
    assert "Second Person" in said(following)
    again = desk.post(
        f"{page_of(second)}decide/",
        choice(following, "rejected", reason_selfie="Your face is hard to see."),
        follow=True,
    )
    assert "Nothing waits any more." in said(again)
    assert Case.objects.get(pk=second.pk).state == CaseState.REJECTED


def test_a_refused_decision_keeps_what_was_typed(desk: Client) -> None:
    case = sent()
    page = photos_shown(desk, case)
    data = choice(page, "approved", reason_selfie="Your face is hard to see.", note="Look again")
    answer = desk.post(f"{page_of(case)}decide/", {**data, "why": REVIEW_REASON})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "Clear it to approve" in text
    assert 'value="Your face is hard to see."' in text
    assert 'value="Look again"' in text
    assert text.count(" checked>") >= len(CHECKLIST)
    assert len(images(answer)) == 3


def test_the_second_of_two_reviewers_is_told(desk: Client) -> None:
    case = sent()
    page = photos_shown(desk, case)
    other = reviewer(email="zack@example.com")
    approve(case, other)
    answer = desk.post(f"{page_of(case)}decide/", choice(page, "rejected", reason_selfie="Hard to see."))
    assert answer.status_code == 409
    assert "zack@example.com has decided this already" in said(answer)
    assert standing(case.user) == KycStatus.VERIFIED


def test_who_is_at_a_case_is_seen_by_the_others(rose: User, desk: Client) -> None:
    first, second, third = sent(name="First Person"), sent(name="Second Person"), sent(name="Third Person")
    zack = reviewer(email="zack@example.com")
    open_all(second, zack)
    page = photos_shown(desk, second)
    assert "zack@example.com has opened these photos" in said(page)
    page = photos_shown(desk, first)
    open_all(first, rose)
    answer = desk.post(f"{page_of(first)}decide/", choice(page))
    assert answer["Location"].startswith(page_of(third))


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-11-21T10:00:00", "9999"])
def test_a_decision_says_what_it_has_seen(desk: Client, moment: str) -> None:
    case = sent()
    data = {"submitted": moment, "outcome": "rejected", "reason_selfie": "Hard to see."}
    assert desk.post(f"{page_of(case)}decide/", data).status_code == 409
    assert Case.objects.get().state == CaseState.SUBMITTED


@pytest.mark.fault("Z07")
def test_the_own_case_has_neither_photos_nor_buttons(rose: User, desk: Client) -> None:
    case = sent(rose)
    page = photos_shown(desk, case)
    assert "This is your own case" in said(page)
    assert images(page) == []
    assert "data-decide" not in page.content.decode()
    assert "Your own: somebody else decides" in said(desk.get("/desk/kyc/"))
    moment = case.submitted_at.isoformat()
    data = {"submitted": moment, "outcome": "approved", "check": list(CHECKLIST)}
    assert desk.post(f"{page_of(case)}decide/", data).status_code == 403
    for document in Document.objects.all():
        assert desk.get(f"/desk/kyc/image/{document.pk}/{said_why(desk, case)}").status_code == 403
    assert photos_shown(desk, case).status_code == 403
    assert standing(rose) == KycStatus.PENDING


@pytest.mark.fault("Z07")
def test_of_the_own_case_nobody_reads_what_others_wrote_and_did(rose: User, desk: Client) -> None:
    case = sent(rose)
    written(customer(email="twin@example.com"))
    zack = reviewer(email="zack@example.com")
    open_all(case, zack, reason="I know her from school.")
    there = ("zack@example.com", "school", "twin@example.com", "Between us", "Who opened", "Earlier cases")
    page = photos_shown(desk, case)
    assert not [words for words in there if words in said(page)]
    made = decision(case, "rejected", note="Between us: look twice.", name="A name is missing.")
    services.case_decide(case_id=case.pk, by=zack, decision=made)
    page = desk.get(page_of(case))
    assert not [words for words in there if words in said(page)]
    # To others it stands there.
    text = said(signed_in(reviewer()).get(page_of(case)))
    assert [words for words in there if words not in text] == ["Earlier cases"]


@pytest.mark.fault("Z07")
def test_a_link_that_anybody_can_claim_is_a_hint_and_no_bar() -> None:
    desk = signed_in(reviewer(phone="254711222333"))
    case = sent(number="30111222")
    hint = "This may be an account of your own"
    assert hint not in said(desk.get(page_of(case)))
    written(customer(phone="254711222333"), number="30111222")
    page = photos_shown(desk, case)
    assert hint in said(page)
    assert "This is your own case" not in said(page)
    assert len(images(page)) == 3
    assert "data-decide" in page.content.decode()


@pytest.mark.fault("K11")
def test_look_alikes_stand_on_the_page(desk: Client) -> None:
    approve(sent(customer(email="twin@example.com"), number="30111222"), reviewer())
    case = sent(number="30111222")
    text = said(desk.get(page_of(case)))
    assert "Looks like somebody else here" in text
    assert "twin@example.com" in text
    assert "Same ID number, same birthday and a like name" in text
    assert "It cannot be approved twice." in text


def test_what_came_anew_is_marked(rose: User, desk: Client) -> None:
    case = sent()
    send_back(case, rose, selfie="Your face is hard to see.", name="A name is missing.")
    services.case_save(user_id=case.user_id, facts=Facts(legal_name=f"{NAME} Achieng"))
    services.photo_save(user_id=case.user_id, part=Part.SELFIE, raw=photo(), name="me.jpg")
    services.case_submit(user_id=case.user_id)
    text = said(photos_shown(desk, case))
    assert "Selfie Sent again" in text
    assert f"{NAME} Achieng Written anew" in text
    assert "Front of the ID Sent again" not in text
    assert "Your face is hard to see." in text


# --- looking at photos ----------------------------------------------------------------------------


@pytest.mark.fault("Z10")
def test_every_look_is_written_down_before_it_is_had(rose: User, desk: Client, monkeypatch) -> None:
    case = sent()
    document = Document.objects.get(part=Part.SELFIE)
    answer = desk.get(f"/desk/kyc/image/{document.pk}/{said_why(desk, case)}", REMOTE_ADDR="203.0.113.7")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert "no-store" in answer["Cache-Control"]
    opening = Opening.objects.get()
    assert (opening.by, opening.document, opening.reason) == (rose, document, REVIEW_REASON)
    assert opening.from_address == "203.0.113.7"

    def written_first(**kwargs):
        assert Opening.objects.count() == 2
        raise Refused("away", status=503)

    monkeypatch.setattr("kyc.services.openings.document_read", written_first)
    assert desk.get(f"/desk/kyc/image/{document.pk}/{said_why(desk, case)}").status_code == 503
    assert Opening.objects.count() == 2
    assert "203.0.113.7" in said(desk.get(page_of(case)))
    # Of the two, one was shown.
    assert [one.shown_at is None for one in Opening.objects.order_by("pk")] == [False, True]


@pytest.mark.fault("Z10")
def test_no_reason_no_photo(desk: Client) -> None:
    case = sent()
    document = Document.objects.filter(case=case)[0]
    for query in ("", "?why=", "?why=short", "?why=%00%00%00%00%00%00%00%00%00%00%00", "?why=other"):
        answer = desk.get(f"/desk/kyc/image/{document.pk}/{query}")
        assert answer.status_code == 400
        assert not answer.content.startswith(b"\xff\xd8")
    page = desk.get(page_of(case))
    assert images(page) == []
    assert "Show the photos, to review this case" in said(page)
    assert not Opening.objects.exists()


STRANGER = "Words of a stranger"


@pytest.mark.fault("Z10")
@pytest.mark.parametrize("words", [REVIEW_REASON, STRANGER])
def test_a_link_of_somebody_elses_says_no_reason_for_the_reader(rose: User, words: str) -> None:
    """What the link says would stand in the trail as the reviewer's own words. One that is followed after signing in
    comes from our own page, so it does not matter where a browser says that it comes from.
    """
    case, other = sent(customer()), sent(customer())
    photo_path = f"/desk/kyc/image/{Document.objects.filter(case=case)[0].pk}/"
    zack = signed_in(reviewer(email="zack@example.com"))
    before = signed_in(rose)
    forged = [
        f"?{urlencode({'why': words})}",
        f"?{urlencode({'why': 'other', 'words': words})}",
        f"?{urlencode({'reason': words})}",
        said_why(zack, case, words),  # a colleague's, who works here as well
        said_why(before, case, words),  # their own, of another session
    ]
    desk = signed_in(rose)
    assert before.session.session_key != desk.session.session_key
    for link in [*forged, said_why(desk, other, words)]:  # the last one: said, about another case
        for from_where in ("same-origin", "cross-site", "none"):
            headers = {"Sec-Fetch-Site": from_where}
            page = desk.get(page_of(case) + link, headers=headers)
            assert (page.status_code, images(page)) == (200, [])
            assert STRANGER not in said(page)
            assert desk.get(photo_path + link, headers=headers).status_code == 400
    assert not Opening.objects.exists()
    assert not AuditEntry.objects.filter(reason=words).exists()
    # By the way that a link from outside takes to who is not signed in.
    stranger = Client()
    link = f"{page_of(case)}{forged[0]}"
    answer = stranger.get(link)
    assert answer.status_code == 302 and quote(link, safe="/") in answer["Location"]
    # Their own form says it, and what they said shows the photos as long as they are signed in.
    page = photos_shown(desk, case, words)
    assert len(images(page)) == 3
    again = desk.get(page.redirect_chain[-1][0])
    assert len(images(again)) == 3
    assert desk.get(images(again)[0].replace("&amp;", "&")).status_code == 200
    assert Opening.objects.get().reason == words


def test_a_reason_comes_by_the_readers_own_form(rose: User) -> None:
    case = sent(customer())
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(rose)
    careful.cookies = signed_in(rose).cookies
    assert careful.post(f"{page_of(case)}open/", {"reason": REVIEW_REASON}).status_code == 403
    desk = signed_in(rose)
    assert desk.get(f"{page_of(case)}open/", {"reason": REVIEW_REASON}).status_code == 405
    page = photos_shown(desk, case, "Asked by <her> bank, case 7")
    (line,) = AuditEntry.objects.filter(action="photo_ask")
    assert (line.actor, line.reason) == (rose, "Asked by <her> bank, case 7")
    assert (line.subject, line.person_id) == (f"case:{case.pk}", case.user_id)
    # The words stand in no address: it is kept by browsers and by proxies.
    ((address, _),) = page.redirect_chain
    assert "bank" not in address and "bank" not in " ".join(images(page))


@pytest.mark.fault("Z10")
def test_outside_of_a_review_the_reason_is_written_in_words(rose: User, desk: Client) -> None:
    case = approve(sent(), reviewer())
    before = Opening.objects.count()
    page = photos_shown(desk, case)
    assert images(page) == []
    assert "This case is not under review." in said(page)
    page = photos_shown(desk, case, "short")
    assert page.status_code == 400
    assert "At least 10 letters" in said(page)
    assert 'value="short"' in page.content.decode(), "what was typed stays"
    page = photos_shown(desk, case, "The customer asks for a copy")
    assert len(images(page)) == 3
    assert Opening.objects.count() == before
    assert desk.get(images(page)[0].replace("&amp;", "&")).status_code == 200
    assert Opening.objects.latest("pk").reason == "The customer asks for a copy"


@pytest.mark.fault("Z10")
def test_looks_are_counted_and_limited(rose: User, desk: Client) -> None:
    case = sent()
    threshold_set(name="kyc_openings_hour", value=Decimal(10), by=rose)
    path = f"/desk/kyc/image/{Document.objects.filter(case=case)[0].pk}/"
    answers = [desk.get(path + said_why(desk, case)).status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert Opening.objects.count() == 10
    other = signed_in(reviewer())
    assert other.get(path + said_why(other, case)).status_code == 200


@pytest.mark.fault("Z10")
def test_an_opening_is_never_changed_or_removed(rose: User) -> None:
    open_all(sent(), rose)
    for change in (
        lambda rows: rows.update(reason="Nothing at all."),
        lambda rows: rows.update(opened_at=Now()),
        lambda rows: rows.update(shown_at=None),
        lambda rows: rows.update(shown_at=Now()),
        lambda rows: rows.delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(Opening.objects.all())
    assert Opening.objects.filter(reason=REVIEW_REASON).count() == 3


@pytest.mark.fault("Z10")
def test_the_auditor_reads_with_a_reason_and_sees_who_looked(rose: User) -> None:
    case = sent()
    open_all(case, rose)
    auditor = staff("auditor", email="audit@example.com")
    desk = signed_in(auditor)
    page = photos_shown(desk, case)
    assert images(page) == []
    assert "rose@example.com" in said(page)
    page = photos_shown(desk, case, "Audit of November")
    assert len(images(page)) == 3
    assert desk.get(images(page)[0].replace("&amp;", "&")).status_code == 200
    assert Opening.objects.latest("pk").by == auditor
    data = {"submitted": case.submitted_at.isoformat(), "outcome": "approved", "check": list(CHECKLIST)}
    assert desk.post(f"{page_of(case)}decide/", data).status_code == 403


@pytest.mark.parametrize("role", ["pricing", "vault", "treasury", "administrator"])
def test_nobody_else_of_the_staff_opens_a_photo(role: str) -> None:
    case = sent()
    document = Document.objects.filter(case=case)[0]
    desk = signed_in(staff(role))
    for query in (said_why(desk, case), said_why(desk, case, "I should like to see it")):
        assert desk.get(f"/desk/kyc/image/{document.pk}/{query}").status_code == 403
    assert photos_shown(desk, case, "I should like to").status_code == 403
    page = desk.get(page_of(case) + said_why(desk, case, "I should like to"))
    assert page.status_code == (200 if role == "administrator" else 403)
    assert images(page) == []
    assert not Opening.objects.exists()


def test_without_the_second_factor_nothing_opens(rose: User) -> None:
    case = sent()
    half = signed_in(rose, verified=False)
    document = Document.objects.filter(case=case)[0]
    for path in (page_of(case), "/desk/kyc/", f"/desk/kyc/image/{document.pk}/{said_why(half, case)}"):
        assert half.get(path)["Location"].startswith("/accounts/code/")
    assert half.post(f"{page_of(case)}open/", {"reason": REVIEW_REASON})["Location"].startswith(
        "/accounts/code/"
    )
    theirs = signed_in(case.user)
    assert theirs.get(f"/desk/kyc/image/{document.pk}/{said_why(theirs, case)}").status_code == 403
    assert not Opening.objects.exists()


def test_what_is_gone_says_so(desk: Client) -> None:
    case = sent()
    document = Document.objects.filter(case=case)[0]
    documents_destroy(Document.objects.filter(pk=document.pk))
    assert desk.get(f"/desk/kyc/image/{document.pk}/{said_why(desk, case)}").status_code == 410
    assert desk.get(f"/desk/kyc/image/{uuid.uuid4()}/{said_why(desk, case)}").status_code == 404
    assert desk.get(f"/desk/kyc/{uuid.uuid4()}/").status_code == 404
    assert desk.get(f"/desk/kyc/people/{uuid.uuid4()}/").status_code == 404


# --- the tier -------------------------------------------------------------------------------------


def evidence() -> SimpleUploadedFile:
    return SimpleUploadedFile("payslip.pdf", b"%PDF-1.7 payslip", content_type="application/pdf")


def ask_tier(desk: Client, person: User, *, enhanced: bool = True, file: bool = True):
    data = {"enhanced": "1" if enhanced else "0", "reason": "Payslips of a year, and a farm in Nakuru."}
    if file:
        data["evidence"] = evidence()
    return desk.post(f"/desk/kyc/people/{person.pk}/tier/", data)


def agree(by: User, request: Request) -> Request:
    return request_approve(
        request_id=request.pk, by=by, seen=request_seal(request, request_effect(request)), words=YES
    )


def test_two_people_let_a_verified_person_trade_more(rose: User, desk: Client) -> None:
    amina = customer(email="amina@example.com", kyc_status=KycStatus.VERIFIED)
    assert "Verified" in said(desk.get(f"/desk/kyc/people/{amina.pk}/"))
    answer = ask_tier(desk, amina, file=False)
    assert answer.status_code == 400
    assert "Attach what shows it" in said(answer)
    assert ask_tier(desk, amina).status_code == 302
    request = Request.objects.get()
    assert "rose@example.com has asked for another tier" in said(desk.get(f"/desk/kyc/people/{amina.pk}/"))
    with pytest.raises(Refused, match="second person"):
        agree(rose, request)
    agree(staff("administrator"), request)
    assert User.objects.get(pk=amina.pk).tier == Tier.ENHANCED
    assert "trade more" in read_mail(amina.email).subject
    ask_tier(desk, amina, enhanced=False)
    agree(staff("treasury"), Request.objects.get(state=RequestState.WAITING))
    assert User.objects.get(pk=amina.pk).tier == Tier.VERIFIED


def test_the_tier_is_for_the_verified(desk: Client) -> None:
    bob = customer(email="bob@example.com")
    page = desk.get(f"/desk/kyc/people/{bob.pk}/")
    assert "Ask a second person" not in said(page)
    answer = ask_tier(desk, bob)
    assert "is not verified. That comes first." in said(answer)
    assert not Request.objects.exists()


@pytest.mark.fault("Z07")
def test_nobody_raises_their_own_limits_by_any_account(rose: User) -> None:
    """Neither who asks nor who agrees is the person, nor has the person's phone."""
    amina = customer(kyc_status=KycStatus.VERIFIED, phone="254711222333")
    twin = staff("treasury", phone="254711222333")
    assert ask_tier(signed_in(twin), amina).status_code == 403
    ask_tier(signed_in(rose), amina)
    with pytest.raises(Refused, match="about yourself"):
        agree(twin, Request.objects.get())
    assert not User.objects.get(pk=amina.pk).enhanced


def test_who_loses_the_identity_loses_the_tier(rose: User, desk: Client) -> None:
    case = approve(sent(), rose)
    ask_tier(desk, case.user)
    agree(staff("treasury"), Request.objects.get())
    Case.objects.filter(pk=case.pk).update(valid_until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    services.cases_expire()
    person = User.objects.get(pk=case.user_id)
    assert (person.kyc_status, person.enhanced, person.tier) == (KycStatus.EXPIRED, False, Tier.UNVERIFIED)


@pytest.mark.parametrize(
    ("role", "status"), [("reviewer", 200), ("treasury", 200), ("auditor", 200), ("vault", 403)]
)
def test_who_reads_a_person(role: str, status: int) -> None:
    case = sent(number="30111222")
    answer = signed_in(staff(role)).get(f"/desk/kyc/people/{case.user_id}/")
    assert answer.status_code == status
    assert "30111222" not in answer.content.decode()
    assert NAME not in answer.content.decode()
