"""Identity in the demo: one customer whose case was reviewed, and one who waits for the reviewer."""

import datetime as dt

from accounts.models import User
from goldwallet.demo import papers
from kyc import services
from kyc.models import Case, Document, IdType, Outcome, Part
from kyc.review_words import CHECKLIST
from kyc.services import REVIEW_REASON, Decision
from kyc.services.cases import Facts


def identities_make(*, proven: str, waiting: str, reviewer: str) -> None:
    """Addresses of people who are there. Not within a transaction: photos are stored."""
    _send(proven, name="Alice Wambui Njoroge", born=dt.date(1991, 5, 14), number="31245678")
    _approve(Case.objects.get(user__email=proven), User.objects.get(email=reviewer))
    _send(waiting, name="Dina Achieng Okoth", born=dt.date(1996, 8, 2), number="29876543")


def _send(email: str, *, name: str, born: dt.date, number: str) -> None:
    user = User.objects.get(email=email)
    services.case_save(user_id=user.pk, facts=Facts(legal_name=name, birth_date=born))
    services.case_save(user_id=user.pk, facts=Facts(id_type=IdType.NATIONAL_ID, id_number=number))
    drawn = {
        Part.ID_FRONT: papers.id_front(name, number, f"{born:%d.%m.%Y}"),
        Part.ID_BACK: papers.id_back(number),
        Part.SELFIE: papers.selfie(name),
    }
    for part, raw in drawn.items():
        services.photo_save(user_id=user.pk, part=part, raw=raw, name=f"{part}.jpg")
    services.case_submit(user_id=user.pk)


def _approve(case: Case, by: User) -> None:
    assert case.submitted_at is not None
    for document in Document.objects.filter(case=case):
        services.document_open(document_id=document.pk, by=by, reason=REVIEW_REASON)
    decision = Decision(outcome=Outcome.APPROVED, submitted_at=case.submitted_at, checklist=list(CHECKLIST))
    services.case_decide(case_id=case.pk, by=by, decision=decision)
