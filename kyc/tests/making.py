"""Cases for tests: written, photographed, sent and decided by the services that people use."""

import datetime as dt
import itertools
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from PIL import Image, ImageDraw

from accounts.models import User
from accounts.tests.people import customer, staff
from kyc import services
from kyc.images import image_clean
from kyc.models import Case, Document, Outcome, Part
from kyc.parts import progress_of
from kyc.reasons import reason_sealed
from kyc.review_words import CHECKLIST
from kyc.services import REVIEW_REASON, Decision
from kyc.services.cases import Facts

NAME, BORN = "Amina Wanjiru Otieno", dt.date(1990, 3, 27)
_numbers = itertools.count(20_000_001)


#: Cleaning starts a process; the same photo is cleaned once, and then remembered.
cleaned_once = cache(image_clean)


@pytest.fixture
def photos_once(monkeypatch, settings, tmp_path) -> None:
    """The same photo is cleaned once for all tests; it is stored each time."""
    settings.DOCUMENT_FOLDER = tmp_path / "documents"
    monkeypatch.setattr("kyc.documents.image_clean", cleaned_once)


@cache
def photo(part: str = Part.SELFIE, *, width: int = 640, height: int = 400) -> bytes:
    """A picture that can be told from those of other parts."""
    colour = {Part.ID_FRONT: "#7a8f6a", Part.ID_BACK: "#6a7a8f", Part.SELFIE: "#8f6a7a"}[Part(part)]
    image = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(image).rectangle((40, 40, width - 40, height - 40), outline="white", width=6)
    file = BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def id_number() -> str:
    return str(next(_numbers))


def written(
    user: User,
    *,
    name: str = NAME,
    born: dt.date = BORN,
    id_type: str = "national_id",
    number: str = "",
) -> Case:
    services.case_save(user_id=user.pk, facts=Facts(legal_name=name, birth_date=born))
    facts = Facts(id_type=id_type, id_number=number or id_number())
    return services.case_save(user_id=user.pk, facts=facts)


def photographed(user: User, *parts: str) -> None:
    for part in parts or (Part.ID_FRONT, Part.ID_BACK, Part.SELFIE):
        services.photo_save(user_id=user.pk, part=part, raw=photo(part), name=f"{part}.jpg")


def sent(user: User | None = None, **facts) -> Case:
    """A case that waits for a reviewer."""
    user = user or customer()
    case = written(user, **facts)
    photographed(
        user, *(part for part in progress_of(case).parts if part in {"id_front", "id_back", "selfie"})
    )
    return services.case_submit(user_id=user.pk)


def reviewer(**changes) -> User:
    return staff("reviewer", **changes)


def open_all(case: Case, by: User, *, reason: str = REVIEW_REASON) -> None:
    for document in Document.objects.filter(case=case, replaced_at=None):
        services.document_open(document_id=document.pk, by=by, reason=reason)


def photos_shown(desk: Client, case: Case, reason: str = REVIEW_REASON) -> Any:
    """The page of a case after its reader has said why, with the photos if that will do."""
    return desk.post(f"/desk/kyc/{case.pk}/open/", {"reason": reason}, follow=True)


def said_why(desk: Client, case: Case, reason: str = REVIEW_REASON) -> str:
    """What the addresses of a case's photos end with in this session."""
    why = reason_sealed(reason, session=str(desk.session.session_key), case_id=case.pk)
    return f"?{urlencode({'why': why})}"


def decision(case: Case, outcome: str = Outcome.APPROVED, *, note: str = "", **reasons: str) -> Decision:
    ticked = list(CHECKLIST) if outcome == Outcome.APPROVED else []
    assert case.submitted_at is not None
    return Decision(
        outcome=outcome, submitted_at=case.submitted_at, reasons=reasons, checklist=ticked, note=note
    )


def approve(case: Case, by: User, *, note: str = "") -> Case:
    open_all(case, by)
    return services.case_decide(case_id=case.pk, by=by, decision=decision(case, note=note))


def send_back(case: Case, by: User, outcome: str = Outcome.REJECTED, **reasons: str) -> Case:
    return services.case_decide(case_id=case.pk, by=by, decision=decision(case, outcome, **reasons))


def standing(user: User) -> str:
    return User.objects.get(pk=user.pk).kyc_status
