"""The demo's identities: one proven by a real review, one that waits with photos that open."""

import pytest

from accounts.models import KycStatus, User
from accounts.tests.people import signed_in
from goldwallet.demo import data
from kyc.models import Case, CaseState, Document, Opening, Review
from kyc.selectors import queue
from kyc.tests.making import said_why

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_is_proven_and_one_waits(settings, tmp_path) -> None:
    settings.DOCUMENT_FOLDER = tmp_path
    data.demo_load()
    alice = User.objects.get(email=data.ALICE)
    assert alice.kyc_status == KycStatus.VERIFIED
    assert Case.objects.get(user=alice).state == CaseState.APPROVED
    assert Review.objects.get().reviewer.email == data.REVIEWER
    assert Opening.objects.count() == 3
    (waiting,) = queue()
    assert waiting.case.user.email == data.DINA
    desk = signed_in(User.objects.get(email=data.REVIEWER))
    for document in Document.objects.filter(case=waiting.case):
        answer = desk.get(f"/desk/kyc/image/{document.pk}/{said_why(desk, waiting.case)}")
        assert answer.content.startswith(b"\xff\xd8\xff")
    data.demo_load()
    assert Case.objects.count() == 2, "a second start makes no more"
