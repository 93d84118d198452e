"""Two at once: reviewers at one case, one ID for two people, a photo against sending, two first steps."""

import uuid
from collections import Counter

import pytest
from django.db import IntegrityError

from accounts.models import KycStatus
from accounts.tests.people import customer
from goldwallet.errors import Conflict, Refused
from goldwallet.test.race import Meeting, errors, rows_unlocked, schema_kept, together
from kyc import services
from kyc.models import Case, CaseState, Document, Part, Review
from kyc.services import reviews
from kyc.services.cases import Facts
from kyc.tests.making import (
    NAME,
    decision,
    open_all,
    photo,
    photographed,
    photos_once,
    reviewer,
    sent,
    standing,
    written,
)
from notifications.models import Message

pytestmark = [
    pytest.mark.race,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("photos_once"),
]
__all__ = ["photos_once"]


def kinds(results: list[object]) -> Counter[str]:
    return Counter(type(result).__name__ for result in results)


def two_decide(case: Case) -> list[object]:
    one, other = reviewer(), reviewer()
    open_all(case, one)
    yes, no = decision(case), decision(case, "rejected", selfie="Your face is hard to see.")
    made = [(one, yes), (other, no)]
    return together(2, lambda at: services.case_decide(case_id=case.pk, by=made[at][0], decision=made[at][1]))


def test_of_two_reviewers_the_first_decides() -> None:
    case = sent()
    results = two_decide(case)
    assert kinds(results) == {"Case": 1, "Conflict": 1}, errors(results)
    assert "has decided this already" in str(errors(results)[0])
    review = Review.objects.get()
    state = Case.objects.get().state
    assert (review.outcome, state) in {("approved", "approved"), ("rejected", "rejected")}
    assert standing(case.user) == (KycStatus.VERIFIED if state == "approved" else KycStatus.REJECTED)
    assert Message.objects.filter(kind="kyc-decided").count() == 1


def test_without_locks_the_database_still_holds(monkeypatch) -> None:
    """Both have read that the case waits; the second review of one submission is refused by its table."""
    case = sent()
    meeting = Meeting(2)
    waits = reviews._check_waits

    def both_have_looked(case: Case, made: services.Decision) -> None:
        waits(case, made)
        meeting.wait()

    with schema_kept(), monkeypatch.context() as patch:
        rows_unlocked(patch)
        patch.setattr(reviews, "_check_waits", both_have_looked)
        results = two_decide(case)
    assert kinds(results) == {"Case": 1, "IntegrityError": 1}, errors(results)
    assert isinstance(errors(results)[0], IntegrityError)
    assert Review.objects.count() == 1


@pytest.mark.fault("K11")
def test_one_id_is_approved_for_one_of_two() -> None:
    cases = [sent(number="30111222"), sent(number="30111222")]
    people = [reviewer(), reviewer()]
    for case, by in zip(cases, people, strict=True):
        open_all(case, by)
    made = [decision(case, note="Looked at both.") for case in cases]
    results = together(
        2, lambda at: services.case_decide(case_id=cases[at].pk, by=people[at], decision=made[at])
    )
    assert kinds(results) == {"Case": 1, "Conflict": 1}, errors(results)
    assert "verified with this ID" in str(errors(results)[0])
    assert Case.objects.filter(state=CaseState.APPROVED).count() == 1


@pytest.mark.fault("K11")
def test_one_id_is_approved_for_one_of_two_who_did_not_see_each_other(monkeypatch) -> None:
    """Both have looked before either has written: the index decides, and the second is told in words."""
    meeting = Meeting(2)
    look = reviews.id_taken

    def both_have_looked(case: Case) -> bool:
        taken = look(case)
        meeting.wait()
        return taken

    monkeypatch.setattr(reviews, "id_taken", both_have_looked)
    test_one_id_is_approved_for_one_of_two()


def test_a_photo_and_sending_at_once() -> None:
    """Either the photo came first and is what the reviewer sees, or it is refused and the case is as it was sent."""
    user = customer()
    written(user)
    photographed(user)
    before = Document.objects.get(part=Part.SELFIE)

    def act(at: int) -> object:
        if at:
            return services.case_submit(user_id=user.pk)
        return services.photo_save(user_id=user.pk, part=Part.SELFIE, raw=photo(), name="me.jpg")

    results = together(2, act)
    case = Case.objects.get()
    assert case.state == CaseState.SUBMITTED
    current = Document.objects.get(part=Part.SELFIE, replaced_at=None)
    if isinstance(results[0], Conflict):
        assert current.pk == before.pk
    else:
        assert isinstance(results[0], Document), errors(results)
        assert current.pk == results[0].pk
        assert case.submitted_at
        assert current.stored_at <= case.submitted_at


def test_sending_twice_at_once_sends_once() -> None:
    user = customer()
    written(user)
    photographed(user)
    results = together(4, lambda at: services.case_submit(user_id=user.pk))
    assert kinds(results) == {"Case": 1, "Conflict": 3}, errors(results)
    assert Message.objects.filter(kind="kyc-submitted").count() == 1


def test_two_first_steps_begin_one_case() -> None:
    user = customer()
    results = together(4, lambda at: services.case_save(user_id=user.pk, facts=Facts(legal_name=NAME)))
    assert kinds(results) == {"Case": 4}, errors(results)
    assert Case.objects.count() == 1


def test_the_end_and_a_renewal_meet() -> None:
    """However the two fall, the person is verified in the end."""
    user = customer()
    by = reviewer()
    case = sent(user)
    open_all(case, by)
    services.case_decide(case_id=case.pk, by=by, decision=decision(case))
    case.refresh_from_db()
    Case.objects.filter(pk=case.pk).update(valid_until=case.decided_at)
    renewal = sent(user)
    open_all(renewal, by)
    made = decision(renewal)

    def act(at: int) -> object:
        if at:
            return services.cases_expire()
        return services.case_decide(case_id=renewal.pk, by=by, decision=made)

    results = together(2, act)
    assert not errors(results), errors(results)
    assert standing(user) == KycStatus.VERIFIED
    assert Case.objects.get(pk=case.pk).state == CaseState.EXPIRED


def test_nobody_decides_about_a_case_that_is_not() -> None:
    case = sent()
    with pytest.raises((Case.DoesNotExist, Refused)):
        services.case_decide(case_id=uuid.uuid4(), by=reviewer(), decision=decision(case))
