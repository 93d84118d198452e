"""The customer's way through a case: a few steps, one thing on each page."""

from dataclasses import dataclass

from django.urls import reverse

from kyc.models import CaseState, Part
from kyc.parts import PartState, Progress

#: Parts of one page, in order, and what the page is called.
_PAGES = (
    ("kyc_about", (), (Part.NAME, Part.BIRTH_DATE), "About you"),
    ("kyc_id", (), (Part.ID_NUMBER,), "Your ID"),
    ("kyc_photo", (Part.ID_FRONT,), (Part.ID_FRONT,), ""),
    ("kyc_photo", (Part.ID_BACK,), (Part.ID_BACK,), ""),
    ("kyc_photo", (Part.SELFIE,), (Part.SELFIE,), ""),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One page of the way. `refusals`: why it has to be done again."""

    url: str
    words: str
    parts: tuple[PartState, ...]

    @property
    def done(self) -> bool:
        return all(part.done for part in self.parts)

    @property
    def open(self) -> bool:
        return any(part.open for part in self.parts)

    @property
    def refusals(self) -> list[str]:
        return [part.refusal for part in self.parts if part.refusal]

    @property
    def document(self) -> object:
        return self.parts[0].document


def steps_of(progress: Progress) -> list[Step]:
    """The pages of this case; a passport has no page for a back."""
    steps = []
    for name, args, parts, words in _PAGES:
        states = tuple(progress.parts[part] for part in parts if part in progress.parts)
        if states:
            url = reverse(name, args=[str(arg.value) for arg in args])
            steps.append(Step(url, words or states[0].words, states))
    return steps


def to_do(progress: Progress) -> list[Step]:
    """The pages that are asked for: all of a new case; of one that was sent back only what was refused."""
    steps = steps_of(progress)
    if progress.case.state == CaseState.REJECTED:
        return [step for step in steps if step.open]
    return steps


def next_url(progress: Progress) -> str:
    """Where to go on: the first page that is not done, else the page where it is sent."""
    todo = [step for step in to_do(progress) if not step.done]
    return todo[0].url if todo else reverse("kyc_check")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands on the way: "2 of 6". The last place is the page where all is sent."""

    number: int
    count: int


def place_of(progress: Progress, url: str) -> Place:
    urls = [step.url for step in to_do(progress)]
    return Place(urls.index(url) + 1 if url in urls else len(urls) + 1, len(urls) + 1)
