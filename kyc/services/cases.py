"""What a person does about their identity: write it down part by part, send photos, send it all.

Lock order: the person, then the case. Photos are cleaned and stored outside of any transaction (`kyc.documents`).
"""

import datetime as dt
import uuid
from dataclasses import dataclass

import pghistory
from django.db import transaction

from accounts.models import User
from accounts.services import person_lock
from controls.counting import hit
from goldwallet import clock
from goldwallet.clock import NAIROBI, Now
from goldwallet.errors import Conflict, Refused
from goldwallet.states import move
from kyc import mails
from kyc.documents import document_store
from kyc.facts import birth_date_check, id_number_parse, name_parse
from kyc.models import CASE_MOVES, OPEN_CASES, Case, CaseState, Document, Part
from kyc.names import name_words_note
from kyc.parts import IMAGE_PARTS, Progress, parts_of, progress_of
from kyc.selectors import approved_case, may_renew
from kyc.services.standing import standing_set

#: How often a person may send a case in a day: each time somebody has to look.
_SENDS, _DAY = 5, 24 * 3600
_OTHER_ID = "You chose another ID, so we need this photo of it."


def today() -> dt.date:
    """The day in Nairobi."""
    return clock.now().astimezone(NAIROBI).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What of these was written; None: not asked for."""

    legal_name: str | None = None
    birth_date: dt.date | None = None
    id_type: str | None = None
    id_number: str | None = None

    def parts(self) -> set[Part]:
        given = {
            Part.NAME: self.legal_name is not None,
            Part.BIRTH_DATE: self.birth_date is not None,
            Part.ID_NUMBER: self.id_type is not None or self.id_number is not None,
        }
        return {part for part, there in given.items() if there}


def case_begin(*, user_id: uuid.UUID) -> Case:
    """The person's open case under its lock, a new one when there is none; within a transaction.

    Raises Refused for who has proven an identity that holds for a good while.
    """
    person = person_lock(user_id)
    if not person.is_active:
        raise Refused("This account is closed.", code="closed", status=403)
    found = Case.objects.select_for_update().filter(user_id=user_id, state__in=OPEN_CASES).first()
    if found is not None:
        return found
    proven = approved_case(user_id)
    if proven is not None and not may_renew(proven):
        raise Conflict("You have shown us who you are already. There is nothing to do.", code="verified")
    return Case.objects.create(user_id=user_id)


def _writable(case: Case, parts: set[Part]) -> Progress:
    """How far the case is. Raises Refused when these parts are not for the person to write now."""
    if case.state == CaseState.SUBMITTED:
        raise Conflict(
            "We are looking at what you sent. You can change it when we have answered.", code="sent"
        )
    progress = progress_of(case)
    closed = [part for part in parts if part not in progress.parts or not progress.parts[part].open]
    if closed:
        raise Conflict("This part is fine as it is. Send only what we asked for again.", code="accepted")
    return progress


def case_save(*, user_id: uuid.UUID, facts: Facts) -> Case:
    """Write down what a person has told; the case begins with it. Raises Refused; then nothing has changed."""
    with pghistory.context(user=str(user_id), action="case_save"), transaction.atomic():
        case = case_begin(user_id=user_id)
        _writable(case, facts.parts())
        if facts.legal_name is not None:
            case.legal_name = name_parse(facts.legal_name)
        if facts.birth_date is not None:
            birth_date_check(facts.birth_date, today=today())
            case.birth_date = facts.birth_date.isoformat()
        if Part.ID_NUMBER in facts.parts():
            _id_written(case, facts.id_type or "", facts.id_number or "")
        if case.state == CaseState.REJECTED:
            case.corrected = sorted({*case.corrected, *facts.parts()})
        case.updated_at = Now()
        case.save()
        if facts.legal_name is not None:
            name_words_note(case)
    return case


def _id_written(case: Case, id_type: str, number: str) -> None:
    case.id_number = id_number_parse(id_type, number)
    if case.id_type and case.id_type != id_type:
        photos = Document.objects.filter(case=case, replaced_at=None, destroyed_at=None)
        photos.filter(part__in=[Part.ID_FRONT, Part.ID_BACK]).update(refusal=_OTHER_ID)
        # A passport has no back: the photo of another ID's back belongs to the case no more.
        photos.exclude(part__in=parts_of(id_type)).update(replaced_at=Now())
    case.id_type = id_type


def photo_save(*, user_id: uuid.UUID, part: str, raw: bytes, name: str) -> Document:
    """Take a photo in. Raises Refused, also when it is none that we can read, and when it cannot be stored now."""
    if part not in IMAGE_PARTS:
        raise Refused("There is no such photo.", code="part", status=404)
    with pghistory.context(user=str(user_id), action="photo_save"):
        with transaction.atomic():
            case = case_begin(user_id=user_id)
            if not case.id_type:
                raise Conflict("First tell us which ID you show us.", code="order")
            _writable(case, {Part(part)})
        return document_store(case_id=case.pk, part=part, raw=raw, name=name)


def case_submit(*, user_id: uuid.UUID) -> Case:
    """Send the case to the reviewers. Raises Refused while a part of it is missing, and after many times in a day."""
    hit("kyc_submit", str(user_id), most=_SENDS, seconds=_DAY)
    with pghistory.context(user=str(user_id), action="case_submit"), transaction.atomic():
        person_lock(user_id)
        case = Case.objects.select_for_update().filter(user_id=user_id, state__in=OPEN_CASES).first()
        if case is None:
            raise Conflict("There is nothing to send. Begin with your name.", code="nothing")
        if case.state == CaseState.SUBMITTED:
            raise Conflict("You have sent this already. We are looking at it.", code="sent")
        _refuse_incomplete(progress_of(case))
        birth_date_check(dt.date.fromisoformat(case.birth_date), today=today())
        _submit(case)
        standing_set(user_id=user_id)
        mails.submitted(case, User.objects.get(pk=user_id))
    return case


def _submit(case: Case) -> None:
    if not move(
        case, CaseState.SUBMITTED, moves=CASE_MOVES, submitted_at=Now(), decided_at=None, corrected=[]
    ):
        raise Conflict("You have sent this already. We are looking at it.", code="sent")
    case.refresh_from_db(fields=["submitted_at"])


def _refuse_incomplete(progress: Progress) -> None:
    missing = progress.missing
    if missing:
        names = ", ".join(state.words for state in missing)
        raise Refused(f"Something is missing still: {names}.", code="incomplete", status=409)
