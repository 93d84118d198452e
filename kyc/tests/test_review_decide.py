"""A reviewer decides: once, about somebody else, having looked; and one ID is proven for one person."""

import datetime as dt
import uuid
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import KycStatus, PayoutNumber, User
from accounts.services import roles_give
from accounts.tests.people import customer, read_mail, staff
from controls.services import threshold_set
from goldwallet.clock import after
from goldwallet.errors import Conflict, Refused
from goldwallet.history import events_of
from goldwallet.sql import insert
from kyc import services
from kyc.alike import accounts_of, look_alikes, perhaps_accounts_of
from kyc.models import Case, CaseState, Document, Opening, Outcome, Part, Review
from kyc.parts import progress_of
from kyc.services.cases import Facts
from kyc.services.reviews import months_after
from kyc.tests.making import (
    BORN,
    NAME,
    approve,
    decision,
    open_all,
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


@pytest.fixture
def rose() -> User:
    return reviewer(email="rose@example.com")


def decide(case: Case, by: User, **kwargs) -> Case:
    return services.case_decide(case_id=case.pk, by=by, decision=decision(case, **kwargs))


def untouched(case: Case) -> None:
    assert Case.objects.get(pk=case.pk).state == CaseState.SUBMITTED
    assert standing(case.user) == KycStatus.PENDING
    assert not Review.objects.filter(case=case).exists()


def test_an_approval_keeps_who_and_what(rose: User) -> None:
    case = approve(sent(), rose, note="Compared with the register.")
    review = Review.objects.get()
    assert (review.person_id, review.reviewer, review.outcome) == (case.user_id, rose, "approved")
    assert len(review.checklist) == 6
    assert review.note == "Compared with the register."
    assert "register" not in str(Review.objects.values().get())
    events = events_of(case)
    assert [event.state for event in events] == ["draft", "submitted", "approved"]
    assert events[-1].by == rose


def test_every_box_is_ticked_before_an_approval(rose: User) -> None:
    case = sent()
    open_all(case, rose)
    for left_out in ("genuine", "face", "alike"):
        made = decision(case)
        some = replace(made, checklist=[name for name in made.checklist if name != left_out])
        with pytest.raises(Refused, match="Look at this before you approve"):
            services.case_decide(case_id=case.pk, by=rose, decision=some)
    untouched(case)


def test_who_has_not_opened_the_photos_does_not_approve(rose: User) -> None:
    case = sent()
    with pytest.raises(Refused, match="not opened all photos"):
        decide(case, rose)
    # Another reviewer's look does not count, nor one at two photos of three.
    open_all(case, reviewer())
    for document in Document.objects.filter(case=case).exclude(part=Part.SELFIE):
        services.document_open(document_id=document.pk, by=rose, reason=services.REVIEW_REASON)
    with pytest.raises(Refused, match="not opened all photos"):
        decide(case, rose)
    untouched(case)
    open_all(case, rose)
    decide(case, rose)


def test_a_photo_that_did_not_come_was_not_looked_at(rose: User, settings, tmp_path) -> None:
    """Each try is written down, but nobody approves what the store did not give out."""
    case = sent()
    there, settings.DOCUMENT_FOLDER = settings.DOCUMENT_FOLDER, tmp_path / "away"
    for document in Document.objects.filter(case=case):
        with pytest.raises(Refused) as refused:
            services.document_open(document_id=document.pk, by=rose, reason=services.REVIEW_REASON)
        assert refused.value.status == 503
    assert Opening.objects.filter(by=rose, shown_at=None).count() == 3
    with pytest.raises(Refused, match="not opened all photos"):
        decide(case, rose)
    untouched(case)
    settings.DOCUMENT_FOLDER = there
    approve(case, rose)


def test_photos_seen_before_a_case_came_back_are_opened_again(rose: User) -> None:
    case = sent()
    open_all(case, rose)
    send_back(case, rose, birth_date="This is not the date on your ID.")
    services.case_save(user_id=case.user_id, facts=Facts(birth_date=dt.date(1990, 3, 28)))
    again = services.case_submit(user_id=case.user_id)
    with pytest.raises(Refused, match="not opened all photos"):
        decide(again, rose)
    approve(again, rose)


@pytest.mark.parametrize(
    ("outcome", "reasons", "sentence"),
    [
        ("rejected", {}, "at one part at least"),
        ("more", {"selfie": "   "}, "at one part at least"),
        ("rejected", {"selfie": "no"}, "5 to 300 letters"),
        ("rejected", {"selfie": "x" * 301}, "5 to 300 letters"),
        ("rejected", {"passport": "This is not a part."}, "no such part"),
        ("approved", {"selfie": "The face is hidden."}, "Clear it to approve"),
        ("maybe", {"selfie": "The face is hidden."}, "Choose what you decide"),
        ("", {}, "Choose what you decide"),
    ],
)
def test_decisions_that_say_too_little(rose: User, outcome: str, reasons: dict, sentence: str) -> None:
    case = sent()
    with pytest.raises(Refused, match=sentence):
        decide(case, rose, outcome=outcome, **reasons)
    untouched(case)


def test_a_passport_cannot_be_refused_for_its_back(rose: User) -> None:
    case = sent(id_type="passport", number="AK0123456")
    with pytest.raises(Refused, match="no such part"):
        send_back(case, rose, id_back="Turn it round.")


@pytest.mark.parametrize("id_type", ["national_id", "alien_id"])
def test_who_takes_a_passport_after_the_back_of_another_id_can_be_approved(rose: User, id_type: str) -> None:
    """The page shows the photos that the chosen ID takes; so many must be opened, and no other."""
    amina = customer()
    written(amina, id_type=id_type, number="765432" if id_type == "alien_id" else "")
    photographed(amina)
    services.case_save(user_id=amina.pk, facts=Facts(id_type="passport", id_number="AK0123456"))
    photographed(amina, Part.ID_FRONT)
    case = services.case_submit(user_id=amina.pk)
    assert not Document.objects.filter(case=case, part=Part.ID_BACK, replaced_at=None).exists()
    for state in progress_of(case).parts.values():
        if state.document:
            services.document_open(document_id=state.document.pk, by=rose, reason=services.REVIEW_REASON)
    decide(case, rose)
    assert standing(amina) == KycStatus.VERIFIED


def test_a_photo_that_the_chosen_id_does_not_take_holds_no_approval_up(rose: User) -> None:
    """The photo was under way while the person chose a passport, and arrived after that."""
    case = sent(id_type="passport", number="AK0123456")
    front = Document.objects.get(case=case, part=Part.ID_FRONT)
    open_all(case, rose)
    late = Document(case=case, part=Part.ID_BACK, object_key="late", size=1, width=1, height=1)
    late.data_key = front.data_key
    late.save(force_insert=True)
    decide(case, rose)


def test_what_was_decided_is_decided(rose: User) -> None:
    case = approve(sent(), rose)
    with pytest.raises(Conflict, match=r"rose@example\.com has decided this already"):
        decide(case, reviewer(), outcome="rejected", selfie="The face is hidden.")
    assert standing(case.user) == KycStatus.VERIFIED


def test_a_case_that_was_sent_again_is_looked_at_again(rose: User) -> None:
    stale = sent()
    open_all(stale, rose)
    send_back(stale, reviewer(), name="A name is missing.")
    services.case_save(user_id=stale.user_id, facts=Facts(legal_name=f"{NAME} Achieng"))
    services.case_submit(user_id=stale.user_id)
    old = decision(stale)
    with pytest.raises(Conflict, match="sent again since"):
        services.case_decide(case_id=stale.pk, by=rose, decision=old)
    assert Case.objects.get().state == CaseState.SUBMITTED


def test_a_draft_is_not_decided(rose: User) -> None:
    case = written(customer())
    case.submitted_at = case.created_at
    with pytest.raises(Conflict, match="does not wait"):
        decide(case, rose, outcome="rejected", name="A name is missing.")


@pytest.mark.parametrize("roles", [(), ("treasury",), ("administrator",), ("auditor",), ("vault", "pricing")])
def test_only_reviewers_decide(roles: tuple[str, ...]) -> None:
    case = sent()
    with pytest.raises(Refused) as refused:
        decide(case, staff(*roles), outcome="rejected", selfie="The face is hidden.")
    assert refused.value.status == 403
    untouched(case)


def test_a_role_that_was_taken_away_decides_nothing(rose: User) -> None:
    case = sent()
    open_all(case, rose)
    roles_give(person=User.objects.get(pk=rose.pk), roles=[])
    with pytest.raises(Refused, match="Your role"):
        decide(case, rose)


# --- nobody decides about themselves --------------------------------------------------------------


def refused_as_own(case: Case, by: User) -> None:
    for outcome, reasons in (("approved", {}), ("rejected", {"selfie": "The face is hidden."})):
        with pytest.raises(Refused, match="your own case") as refused:
            decide(case, by, outcome=outcome, **reasons)
        assert refused.value.status == 403
    for document in Document.objects.filter(case=case):
        with pytest.raises(Refused, match="your own case"):
            services.document_open(document_id=document.pk, by=by, reason=services.REVIEW_REASON)
    untouched(case)


@pytest.mark.fault("Z07")
def test_nobody_reviews_their_own_case(rose: User) -> None:
    refused_as_own(sent(rose), rose)


@pytest.mark.fault("Z07")
def test_nor_that_of_a_second_account_with_their_phone() -> None:
    rose = reviewer(phone="254711222333")
    refused_as_own(sent(customer(phone="254711222333")), rose)


@pytest.mark.fault("Z07")
def test_nor_that_of_an_account_that_wants_to_be_paid_on_their_phone() -> None:
    rose = reviewer(phone="254711222333")
    other = customer()
    number = PayoutNumber(user=other)
    number.phone = "254711222333"
    insert(number, usable_from=after(48 * 3600))
    refused_as_own(sent(other), rose)


@pytest.mark.fault("Z07")
def test_nor_that_of_an_account_with_their_id(rose: User) -> None:
    written(rose, number="30111222")
    refused_as_own(sent(customer(), number="30 111 222"), rose)


@pytest.mark.fault("Z07")
def test_nor_by_an_account_in_between() -> None:
    """The phone leads to a second account, and that one's ID to a third."""
    rose = reviewer(phone="254711222333")
    second = customer(phone="254711222333")
    sent(second, number="30111222")
    third = sent(customer(), number="30111222")
    assert accounts_of(rose.pk) == {rose.pk, second.pk, third.user_id}
    assert accounts_of(third.user_id) == accounts_of(rose.pk)
    refused_as_own(third, rose)


@pytest.mark.fault("Z07")
def test_what_anybody_can_claim_keeps_no_reviewer_from_other_people_s_cases() -> None:
    """A stranger signs up with the reviewer's phone and then writes other people's numbers down, proving none."""
    rose = reviewer(phone="254711222333")
    stranger = customer(phone="254711222333")
    case = sent(customer(phone="254722333444"), number="30111222")
    written(stranger, number="30111222")
    called_off = PayoutNumber(user=stranger, usable_from=after(60), cancelled_at=after(1))
    called_off.phone = "254722333444"
    called_off.save(force_insert=True)
    assert accounts_of(rose.pk) == accounts_of(stranger.pk) - {case.user_id} == {rose.pk, stranger.pk}
    assert perhaps_accounts_of(rose.pk) == {case.user_id}
    approve(case, rose, note="The face is another one.")


@pytest.mark.fault("Z07")
def test_a_number_that_was_adopted_links_by_several_steps() -> None:
    rose = reviewer(phone="254711222333")
    second = customer(phone="254711222333")
    adopted = PayoutNumber(user=second, usable_from=after(60), adopted_at=after(61))
    adopted.phone = "254722333444"
    adopted.save(force_insert=True)
    refused_as_own(sent(customer(phone="254722333444")), rose)


@pytest.mark.fault("Z07")
def test_nor_that_of_an_account_that_had_their_phone_before() -> None:
    """Whoever changes a number does not become somebody else, neither the one nor the other, nor in between."""
    rose, second = reviewer(phone="254711222333"), customer(phone="254711222333")
    third = sent(customer(phone="254722333444"))
    for person, phone in ((second, "254722333444"), (rose, "254700000001")):
        person.phone = phone
        person.save()
    assert accounts_of(rose.pk) == accounts_of(third.user_id) == {rose.pk, second.pk, third.user_id}
    refused_as_own(third, rose)


def test_two_people_are_two_people(rose: User) -> None:
    """The limit of it: another phone and another ID are another person, until somebody compares the faces."""
    other = sent(customer(), name="Rose Akinyi")
    written(rose, name="Rose Akinyi")
    assert other.user_id not in accounts_of(rose.pk)


def test_the_database_knows_it_too(rose: User) -> None:
    case = sent(rose)
    with pytest.raises(IntegrityError, match="kyc_review_not_of_oneself"), transaction.atomic():
        Review.objects.create(
            case=case, person=rose, reviewer=rose, outcome=Outcome.APPROVED, submitted_at=case.submitted_at
        )


# --- the same person under two accounts -----------------------------------------------------------


@pytest.mark.fault("K11")
def test_one_id_is_proven_for_one_person(rose: User) -> None:
    approve(sent(number="30111222"), rose)
    second = sent(number="30111222")
    open_all(second, rose)
    with pytest.raises(Conflict, match="Somebody else is verified with this ID"):
        decide(second, rose, note="They are twins.")
    untouched(second)
    send_back(second, rose, id_number="This is not the number on your ID.")


@pytest.mark.fault("K11")
def test_the_same_number_of_another_kind_of_id_is_somebody_else(rose: User) -> None:
    approve(sent(number="765432", id_type="alien_id"), rose)
    second = sent(number="765432", name="Peter Kamau", born=dt.date(1980, 1, 1))
    approve(second, rose, note="Another kind of ID, another face.")


@pytest.mark.fault("K11")
def test_the_database_holds_to_one_person_an_id(rose: User) -> None:
    approve(sent(number="30111222"), rose)
    second = sent(number="30111222")
    with pytest.raises(IntegrityError, match="kyc_one_person_an_id"), transaction.atomic():
        Case.objects.filter(pk=second.pk).update(
            state="approved", decided_at=second.submitted_at, valid_until=second.submitted_at
        )


def why(case: Case) -> dict[uuid.UUID, tuple[str, ...]]:
    return {row.case.user_id: row.why for row in look_alikes(case)}


@pytest.mark.fault("K11")
def test_look_alikes_are_found_and_the_others_are_not() -> None:
    mine = sent(customer(phone="254711222333"), number="30111222")
    same_id = written(customer(), number="30111222", name="Peter Kamau", born=dt.date(1980, 1, 1))
    same_phone = written(customer(phone="254711222333"), name="Peter Kamau", born=dt.date(1980, 1, 1))
    same_name = written(customer(), name="OTIENO Amina", born=BORN)
    written(customer(), name="Peter Kamau", born=BORN)
    written(customer(), name=NAME, born=dt.date(1980, 1, 1))
    assert why(mine) == {
        same_id.user_id: ("same ID number",),
        same_phone.user_id: ("same phone",),
        same_name.user_id: ("same birthday and a like name",),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Peter Ng'ang'a", "NGANGA Peter Mwangi"),
        ("Peter Nganga", "Peter Ng’ang’a"),
        ("Ndung'u", "Ndungu"),
        ("Łukasz Sørensen", "Lukasz Sorensen"),
    ],
)
def test_a_name_is_alike_however_its_apostrophes_and_letters_are_written(one: str, other: str) -> None:
    mine, same = sent(name=one), written(customer(), name=other)
    written(customer(), name="Peter Kamau")
    assert why(mine) == {same.user_id: ("same birthday and a like name",)}


@pytest.mark.fault("K11")
def test_an_approval_next_to_a_look_alike_says_why(rose: User) -> None:
    written(customer())
    case = sent()
    open_all(case, rose)
    with pytest.raises(Refused, match="Write in the note"):
        decide(case, rose)
    decide(case, rose, note="Other parents on the birth certificates.")


# --- how long it holds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "months", "ends"),
    [
        ((2026, 11, 21), 24, (2028, 11, 21)),
        ((2028, 2, 29), 12, (2029, 2, 28)),
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2026, 12, 31), 2, (2027, 2, 28)),
        ((2026, 10, 31), 1, (2026, 11, 30)),
        ((2026, 11, 30), 1, (2026, 12, 30)),
    ],
)
def test_months_later(day: tuple, months: int, ends: tuple) -> None:
    found = months_after(dt.datetime(*day, 9, tzinfo=dt.UTC), months)
    assert (found.year, found.month, found.day, found.hour) == (*ends, 23)


def test_how_long_it_holds_is_a_threshold(rose: User) -> None:
    threshold_set(name="kyc_valid_months", value=Decimal(6), by=rose)
    case = approve(sent(), rose)
    case.refresh_from_db()
    assert case.valid_until and case.decided_at
    assert 180 <= (case.valid_until - case.decided_at).days <= 185


def test_the_letter_says_what_and_not_who_one_is(rose: User) -> None:
    amina = customer(email="amina@example.com")
    case = sent(amina, number="30111222")
    send_back(case, rose, id_front="A part of the ID is cut off.")
    letter = read_mail(amina.email)
    text = f"{letter.subject}\n{letter.body}"
    assert "A part of the ID is cut off." in text
    for secret in (NAME, "30111222", "1990", rose.email):
        assert secret not in text
