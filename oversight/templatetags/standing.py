"""What staff should know of a person wherever they decide about them: whether on hold, and the flags that are up."""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from django import template
from django.template import Context

from accounts.models import User
from accounts.own import is_own
from accounts.permissions import may_see
from accounts.roles import SEES_PEOPLE
from controls.models import Note
from controls.services.notes import flags_up
from oversight.naming import subject_url
from oversight.people.about import may_read, split

register = template.Library()

#: In place of the reason, for whom it is about.
_HOLD = "Why is not shown to you."


class Standing(NamedTuple):
    """`hold`: why, in the words of whoever put them on hold. `flags`: the newest first, each with the page of the
    thing of theirs that it is about; none for one about the person.
    """

    hold: str
    flags: list[tuple[Note, str]]


def _flags(context: Context, people: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Note]]:
    """By person, as far as the reader may read them: nobody reads the flags on themselves. Each person is asked about
    once a page.
    """
    # The outermost layer lasts as long as the page.
    page, reader = cast("dict[str, Any]", context.render_context.dicts[0]), context["user"]
    kept: dict[uuid.UUID, list[Note]] = page.setdefault("flags_about", {})
    if unknown := set(people) - kept.keys():
        kept |= {person: [] for person in unknown}
        up = flags_up().filter(person__in=unknown).select_related("author")
        for note in up.order_by("-made_at", "-pk"):
            person = cast(uuid.UUID, note.person_id)
            if may_read(reader, split(note.subject)[0]) and not is_own(reader, person):
                kept[person].append(note)
    return kept


@register.simple_tag(takes_context=True)
def flags_ahead(context: Context, people: Iterable[uuid.UUID]) -> str:
    """Read the flags of everybody on the page by one question; nothing is shown yet."""
    if may_see(context["user"], *SEES_PEOPLE):
        _flags(context, people)
    return ""


@register.simple_tag(takes_context=True)
def standing_of(context: Context, person: User, but: str = "") -> Standing | None:
    """None for who does not see people. `but`: the thing whose flags stand on this page already."""
    reader = context["user"]
    if not may_see(reader, *SEES_PEOPLE):
        return None
    about = f"person:{person.pk}"
    flags = [
        (note, "" if note.subject == about else subject_url(note.subject, reader))
        for note in _flags(context, [person.pk])[person.pk]
        if note.subject != but
    ]
    hold = person.frozen_reason
    return Standing(_HOLD if hold and is_own(reader, person.pk) else hold, flags)
