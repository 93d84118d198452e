"""What pages of the desk show beside what their view gives them: names of accounts, and what waits for the reader."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from django import template
from django.template import Context

from accounts.own import is_own
from accounts.permissions import may_see
from controls.kinds import KINDS
from controls.models import Flag, Note, Request
from controls.services.notes import MOST_LETTERS, notes_and_flags
from goldwallet.once import form_key
from ledger.selectors import Leg, Line
from oversight import trail
from oversight.naming import account_names
from oversight.people.about import may_read, may_write, split
from oversight.selectors import to_decide

register = template.Library()

#: Beside the auditor and the administrator: who answers for people and money.
TRAIL_READERS = ("treasury",)


@register.simple_tag
def named_lines(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    """Lines of a statement, each with the name of its other account."""
    names = account_names(line.counterpart for line in lines)
    return [(line, names[line.counterpart]) for line in lines]


@register.simple_tag
def named_legs(legs: Sequence[Leg]) -> list[tuple[Leg, str, str]]:
    """Transfers, each with the names of where it comes from and where it goes."""
    names = account_names(code.code for leg in legs for code in (leg.source, leg.destination))
    return [(leg, names[leg.source.code], names[leg.destination.code]) for leg in legs]


@register.simple_tag(takes_context=True)
def requests_to_decide(context: Context) -> int:
    """How many requests wait for whoever reads this page."""
    return to_decide(context["user"])


@register.simple_tag(takes_context=True)
def trail_of(context: Context, subject: str) -> trail.Trail | None:
    """What was done to a thing and who looked at it; None for a reader to whom the trail is closed. `subject` may be
    several: `oversight.trail.things`.
    """
    reader = context["user"]
    return trail.trail_of(subject, reader) if may_see(reader, *TRAIL_READERS) else None


#: Notes in place, the flags that are up among them however old they are.
_NOTES = 30


class _Notes(NamedTuple):
    """`closed`: to this reader, whom they are about."""

    closed: bool
    rows: list[Note]


def _notes(context: Context, subject: str) -> _Notes | None:
    """Asked once a page: flags stand on top, notes below. None for who does not work on the subject's page."""
    about, key = split(subject)
    if not may_read(context["user"], about):
        return None
    # The outermost layer lasts as long as the page.
    page = cast("dict[str, Any]", context.render_context.dicts[0])
    kept = f"notes:{subject}"
    if kept not in page:
        closed = is_own(context["user"], about.person_of(key))
        page[kept] = _Notes(closed, [] if closed else notes_and_flags(subject, most=_NOTES))
    notes: _Notes = page[kept]
    return notes


@register.simple_tag(takes_context=True)
def notes_of(context: Context, subject: str) -> dict[str, Any] | None:
    """The newest notes about a thing, and whether the reader may write one; None for who does not see its page."""
    notes = _notes(context, subject)
    if notes is None:
        return None
    about, _ = split(subject)
    writes, own = may_write(context["user"], about), context.get("own", "")
    return {
        "closed": notes.closed,
        "notes": sorted(notes.rows, key=lambda note: note.made_at, reverse=True),
        "may_write": writes and not own,
        "own": own if writes else "",
        "flags": Flag.choices,
        "most": MOST_LETTERS,
        "key": form_key(),
    }


@register.simple_tag(takes_context=True)
def flags_of(context: Context, subject: str) -> list[Note]:
    """The flags that are up now, for the top of the page."""
    notes = _notes(context, subject)
    return [note for note in notes.rows if note.flag and note.lowered_at is None] if notes else []


@register.simple_tag(takes_context=True)
def opens_request(context: Context, request: Request) -> bool:
    """Whether the page of a request opens for whoever reads this one."""
    return may_see(context["user"], *KINDS[request.kind].readers)
