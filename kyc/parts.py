"""How far a case is: which of its parts are there, which are refused, and which the person may write now."""

from collections.abc import Mapping
from dataclasses import dataclass

from kyc.models import Case, CaseState, Document, IdType, Part, Review

#: In the order in which they are asked for.
ORDER = (Part.NAME, Part.BIRTH_DATE, Part.ID_NUMBER, Part.ID_FRONT, Part.ID_BACK, Part.SELFIE)
IMAGE_PARTS = frozenset({Part.ID_FRONT, Part.ID_BACK, Part.SELFIE})
_WORDS = {
    IdType.PASSPORT: {Part.ID_FRONT: "Passport, the page with your photo"},
}


def part_words(part: str, id_type: str) -> str:
    """What a part is called, for the ID that was chosen."""
    found = _WORDS.get(IdType(id_type), {}) if id_type else {}
    return found.get(Part(part), str(Part(part).label))


def parts_of(id_type: str) -> tuple[Part, ...]:
    """The parts that a case takes: a passport has no back."""
    return tuple(part for part in ORDER if part != Part.ID_BACK or id_type != IdType.PASSPORT)


@dataclass(frozen=True, slots=True)
class PartState:
    """One part. `refusal`: why it must come again. `open`: the person may write it now."""

    part: Part
    words: str
    given: bool
    refusal: str
    open: bool
    document: Document | None = None

    @property
    def done(self) -> bool:
        return self.given and not self.refusal


@dataclass(frozen=True, slots=True)
class Progress:
    """A case with all its parts."""

    case: Case
    parts: dict[Part, PartState]
    #: Of the last review, what the person has read about it.
    reasons: dict[str, str]

    @property
    def missing(self) -> list[PartState]:
        return [state for state in self.parts.values() if not state.done]

    @property
    def complete(self) -> bool:
        return not self.missing


def progress_of(case: Case) -> Progress:
    """Two questions to the database; none for a case that was not begun."""
    begun = not case._state.adding
    documents = {document.part: document for document in _current(case)} if begun else {}
    reasons = last_reasons(case) if begun and case.state == CaseState.REJECTED else {}
    states = {
        part: _state(case, part, documents.get(part), reasons.get(part, ""), reasons)
        for part in parts_of(case.id_type)
    }
    return Progress(case, states, reasons)


def last_reasons(case: Case) -> dict[str, str]:
    """What the last reviewer said about each part that must come again."""
    review = Review.objects.filter(case=case).order_by("-decided_at").first()
    return dict(review.reasons) if review else {}


def _current(case: Case) -> list[Document]:
    return list(Document.objects.filter(case=case, replaced_at=None, destroyed_at=None))


def _state(
    case: Case, part: Part, document: Document | None, reason: str, reasons: Mapping[str, str]
) -> PartState:
    if part in IMAGE_PARTS:
        given, refusal = document is not None, document.refusal if document else ""
    else:
        given, refusal = _written(case, part), "" if part in case.corrected else reason
    draft = case.state == CaseState.DRAFT
    again = case.state == CaseState.REJECTED and (part in reasons or bool(refusal) or not given)
    return PartState(part, part_words(part, case.id_type), given, refusal, draft or again, document)


def _written(case: Case, part: Part) -> bool:
    return {
        Part.NAME: bool(case.legal_name_sealed),
        Part.BIRTH_DATE: bool(case.birth_date_sealed),
        Part.ID_NUMBER: bool(case.id_number_sealed and case.id_type),
    }[part]
