"""A person's case from the first word to the answer: what may be written when, and what status follows."""

import datetime as dt
import uuid

import pytest

from accounts.models import KycStatus, User
from accounts.tests.people import customer, read_mail
from goldwallet.errors import Conflict, Refused, TooOften
from goldwallet.sealing import fingerprint
from goldwallet.test.clock import shift_clock
from kyc import services
from kyc.documents import document_read
from kyc.models import Case, CaseState, Document, Outcome, Part
from kyc.parts import progress_of
from kyc.selectors import case_of
from kyc.services.cases import Facts
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


@pytest.fixture
def amina() -> User:
    return customer(email="amina@example.com")


def missing(user: User) -> list[str]:
    case = case_of(user)
    assert case
    return [state.part for state in progress_of(case).missing]


def test_each_part_is_kept_as_it_comes(amina: User) -> None:
    services.case_save(user_id=amina.pk, facts=Facts(legal_name=f"  {NAME} "))
    assert missing(amina) == ["birth_date", "id_number", "id_front", "id_back", "selfie"]
    services.case_save(user_id=amina.pk, facts=Facts(birth_date=BORN))
    services.case_save(user_id=amina.pk, facts=Facts(id_type="national_id", id_number="12 345 678"))
    photographed(amina, Part.ID_FRONT)
    assert missing(amina) == ["id_back", "selfie"]
    case = Case.objects.get(user=amina)
    assert (case.legal_name, case.birth_date, case.id_number) == (NAME, "1990-03-27", "12345678")
    assert case.state == CaseState.DRAFT
    assert standing(amina) == KycStatus.UNVERIFIED


def test_what_was_written_is_sealed_and_found_by_keyed_hashes(amina: User) -> None:
    case = written(amina, number="12345678")
    row = Case.objects.filter(pk=case.pk).values().get()
    assert NAME not in str(row)
    assert "1990" not in str(row)
    assert "12345678" not in str(row)
    assert row["id_number_lookup"] == fingerprint("12345678", kind="id_number")
    assert row["birth_date_lookup"] == fingerprint("1990-03-27", kind="birth_date")


def test_a_passport_has_no_back(amina: User) -> None:
    written(amina, id_type="passport", number="AK0123456")
    photographed(amina, Part.ID_FRONT, Part.SELFIE)
    with pytest.raises(Conflict, match="fine as it is"):
        photographed(amina, Part.ID_BACK)
    assert services.case_submit(user_id=amina.pk).state == CaseState.SUBMITTED


def test_another_kind_of_id_needs_new_photos_of_it(amina: User) -> None:
    written(amina)
    photographed(amina)
    services.case_save(user_id=amina.pk, facts=Facts(id_type="alien_id", id_number="765432"))
    assert missing(amina) == ["id_front", "id_back"]
    with pytest.raises(Refused, match="Front of the ID, Back of the ID"):
        services.case_submit(user_id=amina.pk)
    photographed(amina, Part.ID_FRONT, Part.ID_BACK)
    services.case_submit(user_id=amina.pk)


def test_a_photo_before_the_kind_of_id_is_not_asked_for(amina: User) -> None:
    services.case_save(user_id=amina.pk, facts=Facts(legal_name=NAME))
    with pytest.raises(Conflict, match="First tell us which ID"):
        photographed(amina, Part.SELFIE)
    with pytest.raises(Refused, match="no such photo"):
        services.photo_save(user_id=amina.pk, part="name", raw=photo(), name="x.jpg")
    assert not Document.objects.exists()


@pytest.mark.parametrize(
    "facts",
    [
        Facts(legal_name="R2D2"),
        Facts(birth_date=dt.date(2020, 1, 1)),
        Facts(id_type="national_id", id_number="1"),
        Facts(id_type="", id_number="12345678"),
        Facts(id_number="12345678"),
    ],
)
def test_what_makes_no_sense_changes_nothing(amina: User, facts: Facts) -> None:
    with pytest.raises(Refused):
        services.case_save(user_id=amina.pk, facts=facts)
    assert not Case.objects.exists()


def test_an_incomplete_case_is_not_sent(amina: User) -> None:
    with pytest.raises(Conflict, match="nothing to send"):
        services.case_submit(user_id=amina.pk)
    written(amina)
    with pytest.raises(Refused, match="Front of the ID, Back of the ID, Selfie"):
        services.case_submit(user_id=amina.pk)
    assert standing(amina) == KycStatus.UNVERIFIED


def test_sent_it_waits_and_cannot_be_changed(amina: User) -> None:
    case = sent(amina)
    assert (case.state, standing(amina)) == (CaseState.SUBMITTED, KycStatus.PENDING)
    assert case.submitted_at
    assert "looks at it" in str(read_mail(amina.email).body)
    for change in (
        lambda: services.case_save(user_id=amina.pk, facts=Facts(legal_name="Somebody Else")),
        lambda: photographed(amina, Part.SELFIE),
        lambda: services.case_submit(user_id=amina.pk),
    ):
        with pytest.raises(Conflict):
            change()
    assert Case.objects.get().legal_name == NAME


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.MORE])
def test_only_what_was_refused_is_asked_for_again(amina: User, outcome: str) -> None:
    case = sent(amina)
    send_back(case, reviewer(), outcome, selfie="Your face is hard to see.", name="A name is missing.")
    assert standing(amina) == KycStatus.REJECTED
    progress = progress_of(Case.objects.get(pk=case.pk))
    assert [(state.part, state.refusal) for state in progress.missing] == [
        ("name", "A name is missing."),
        ("selfie", "Your face is hard to see."),
    ]
    letter = str(read_mail(amina.email).body)
    assert "Selfie: Your face is hard to see." in letter
    assert "/kyc/" in letter
    for change in (
        lambda: services.case_save(user_id=amina.pk, facts=Facts(birth_date=BORN)),
        lambda: services.case_save(
            user_id=amina.pk, facts=Facts(id_type="national_id", id_number="87654321")
        ),
        lambda: photographed(amina, Part.ID_FRONT),
    ):
        with pytest.raises(Conflict, match="fine as it is"):
            change()
    with pytest.raises(Refused, match="Legal name, Selfie"):
        services.case_submit(user_id=amina.pk)
    services.case_save(user_id=amina.pk, facts=Facts(legal_name="Amina Wanjiru Otieno Achieng"))
    # What was corrected may be corrected once more, until it is sent.
    services.case_save(user_id=amina.pk, facts=Facts(legal_name=NAME))
    photographed(amina, Part.SELFIE)
    photographed(amina, Part.SELFIE)
    again = services.case_submit(user_id=amina.pk)
    assert again.pk == case.pk
    assert again.submitted_at
    assert case.submitted_at
    assert again.submitted_at > case.submitted_at
    assert standing(amina) == KycStatus.PENDING


def test_an_approved_identity_holds_for_two_years(amina: User) -> None:
    case = approve(sent(amina), reviewer())
    case.refresh_from_db()
    assert (case.state, standing(amina)) == (CaseState.APPROVED, KycStatus.VERIFIED)
    assert case.valid_until
    assert case.decided_at
    assert 729 <= (case.valid_until - case.decided_at).days <= 732
    assert "Your identity is verified" in read_mail(amina.email).subject
    with pytest.raises(Conflict, match="already"):
        services.case_save(user_id=amina.pk, facts=Facts(legal_name=NAME))


@pytest.mark.fault("K11")
def test_sending_again_and_again_is_limited(amina: User) -> None:
    who = reviewer()
    sent(amina)
    for _ in range(4):
        send_back(Case.objects.get(), who, selfie="Your face is hard to see.")
        photographed(amina, Part.SELFIE)
        services.case_submit(user_id=amina.pk)
    send_back(Case.objects.get(), who, selfie="Your face is hard to see.")
    photographed(amina, Part.SELFIE)
    with pytest.raises(TooOften):
        services.case_submit(user_id=amina.pk)
    assert Case.objects.get().state == CaseState.REJECTED
    with shift_clock(days=1, minutes=1):
        services.case_submit(user_id=amina.pk)


def test_who_turns_eighteen_is_judged_on_the_day_of_sending(amina: User, monkeypatch) -> None:
    """A draft that was begun with a wrong clock, or by another rule, is not sent."""
    case = written(amina)
    photographed(amina)
    case.birth_date = "2015-01-01"
    case.save()
    with pytest.raises(Refused, match="18 years"):
        services.case_submit(user_id=amina.pk)


def test_the_photo_that_is_kept_is_the_newest(amina: User) -> None:
    written(amina)
    photographed(amina, Part.SELFIE)
    first = Document.objects.get()
    photographed(amina, Part.SELFIE)
    second = Document.objects.get(replaced_at=None)
    assert second.pk != first.pk
    assert document_read(document_id=second.pk).startswith(b"\xff\xd8\xff")


def test_a_closed_account_shows_nothing(amina: User) -> None:
    User.objects.filter(pk=amina.pk).update(is_active=False)
    with pytest.raises(Refused, match="closed"):
        services.case_save(user_id=amina.pk, facts=Facts(legal_name=NAME))


def test_nobody_is_nobody() -> None:
    with pytest.raises(User.DoesNotExist):
        services.case_save(user_id=uuid.uuid4(), facts=Facts(legal_name=NAME))
