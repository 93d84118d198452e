"""Staff open a photo: with a reason, written down before anything is shown (faults.md Z10)."""

import uuid

from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from accounts.selectors import roles_of
from controls.audit import record
from controls.counting import hit
from controls.selectors import threshold
from goldwallet.clock import Now
from goldwallet.errors import Refused
from goldwallet.knocks import ip_of
from goldwallet.typed import one_line
from kyc.alike import same_person
from kyc.documents import document_read
from kyc.models import CaseState, Document, Opening

#: What a reviewer opens the photos of a waiting case for. Anything else is written in words.
REVIEW_REASON = "Review of this case"
_LEAST, _LONGEST = 10, 200
_HOUR = 3600
#: Who may open a photo at all. An administrator sees the pages of the desk, and no photo.
OPENERS = frozenset({Role.REVIEWER, Role.AUDITOR})


def may_open(user: User) -> bool:
    return bool(roles_of(user) & OPENERS) and user.is_active


def opening_reason(text: str, *, by: User, state: str) -> str:
    """The reason as it is written down. Raises Refused for one that says nothing."""
    words = one_line(text)
    reviews = Role.REVIEWER in roles_of(by) and state == CaseState.SUBMITTED
    if words == REVIEW_REASON:
        if reviews:
            return words
        raise Refused("This case is not under review. Write why you look at its photos.", code="reason")
    if len(words) < _LEAST:
        raise Refused(f"Write why you look at these photos. At least {_LEAST} letters.", code="reason")
    return words[:_LONGEST]


def document_open(
    *, document_id: uuid.UUID, by: User, reason: str, address: str = "", thumbnail: bool = False
) -> bytes:
    """The photo (JPEG), for one of the staff who says why. Not within a transaction.

    Raises Refused: 403 for whom it is not for, 400 without a reason, 429 after too many in an hour, 404 and 410 for
    what is not there (any more), 503 while the store is away.
    """
    if not may_open(by):
        raise Refused("Photos of identity are for reviewers and auditors.", code="role", status=403)
    document = Document.objects.select_related("case").filter(pk=document_id).first()
    if document is None:
        raise Refused("There is no such photo.", code="document", status=404)
    if same_person(by.pk, document.case.user_id):
        raise Refused("This is your own case. Somebody else looks at it.", code="own", status=403)
    said = opening_reason(reason, by=by, state=document.case.state)
    hit("kyc_open", str(by.pk), most=int(threshold("kyc_openings_hour")), seconds=_HOUR)
    with transaction.atomic():
        opening = Opening.objects.create(document=document, by=by, reason=said, from_address=ip_of(address))
        record(
            "photo_open",
            subject=f"case:{document.case_id}",
            person_id=document.case.user_id,
            after={"part": document.part},
            reason=said,
            by=by.pk,
        )
    jpeg = document_read(document_id=document.pk, thumbnail=thumbnail)
    # Only what could be had counts as looked at when it comes to an approval.
    Opening.objects.filter(pk=opening.pk).update(shown_at=Now())
    return jpeg
