"""Notes that staff write for one another, and flags: a note that stands on top until somebody takes it down.

Whom a note is about is kept beside it, so that it can be blanked with the person (`notes_blank`). Who may write about
what is decided by the pages (`oversight.people.actions`); the database keeps a flag from being lowered twice.
"""

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Q, QuerySet, When

from controls.audit import done_before, record
from controls.models import Flag, Note
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.typed import one_line

MOST_LETTERS = 2000
_LEAST_REASON = 5


def note_add(
    *,
    subject: str,
    text: str,
    by: Any,
    flag: str = "",
    person_id: uuid.UUID | None = None,
    key: uuid.UUID | None = None,
) -> Note:
    """Write a note about `subject` (`person:<id>`, `pool:<id>`, `order:<id>`), with a flag if `flag` names one.

    `key` is the form's: sent twice it is one note, and the second time answers the first one's. Raises Refused without
    a text, with one that is too long, and for a flag that does not exist; Conflict for a key that has another note.
    """
    said = "\n".join(" ".join(line.split()) for line in text.replace("\x00", " ").strip().splitlines())
    if not said:
        raise Refused("Write what others should know.", code="text")
    if len(said) > MOST_LETTERS:
        raise Refused(f"Keep a note under {MOST_LETTERS} letters.", code="text")
    if flag and flag not in Flag.values:
        raise Refused("There is no such flag.", code="flag")
    note = Note(subject=subject[:120], person_id=person_id, author_id=by.pk, flag=flag, key=key)
    note.text = said
    try:
        # Of two that come at once the second waits here until the first is there.
        with transaction.atomic():
            note.save(force_insert=True)
            record(
                "flag" if flag else "note",
                subject=subject,
                person_id=person_id,
                after={"note": str(note.pk), **({"flag": flag} if flag else {})},
                by=by.pk,
            )
    except IntegrityError:
        stored = Note.objects.filter(key=key).first() if key else None
        if stored is None:
            raise
        return _the_same(stored, note)
    return note


def _the_same(stored: Note, note: Note) -> Note:
    def says(one: Note) -> tuple[Any, ...]:
        return one.subject, one.author_id, one.flag, one.text

    if says(stored) != says(note):
        raise Conflict(
            "This form has written a note already. The new one below is not written yet.", code="sent"
        )
    done_before()
    return stored


def flag_lower(*, note_id: uuid.UUID, by: Any, reason: str) -> Note:
    """Take a flag down; its note stays. Raises Refused without a reason, and when there is no flag (any more)."""
    said = one_line(reason)[:500]
    if len(said) < _LEAST_REASON:
        raise Refused("Write why the flag can go.", code="reason")
    with transaction.atomic():
        note = Note.objects.select_for_update().filter(pk=note_id).exclude(flag="").first()
        if note is None:
            raise Refused("There is no such flag.", code="flag", status=404)
        if note.lowered_at is not None:
            raise Conflict("Somebody has taken this flag down already.", code="lowered")
        Note.objects.filter(pk=note.pk).update(lowered_at=Now(), lowered_by_id=by.pk)
        record(
            "flag_lower",
            subject=note.subject,
            person_id=note.person_id,
            before={"note": str(note.pk), "flag": note.flag},
            reason=said,
            by=by.pk,
        )
    return note


def notes_of(subject: str) -> QuerySet[Note]:
    """The notes about a thing, newest first."""
    rows = Note.objects.filter(subject=subject).select_related("author", "lowered_by")
    return rows.order_by("-made_at", "-pk")


def notes_and_flags(subject: str, *, most: int) -> list[Note]:
    """The flags that are up, however old, and then the newest notes: at most so many, by one question."""
    up = Case(When(Q(lowered_at=None) & ~Q(flag=""), then=0), default=1)
    return list(notes_of(subject).order_by(up, "-made_at", "-pk")[:most])


def flags_up() -> QuerySet[Note]:
    """The flags that nobody has taken down."""
    return Note.objects.filter(lowered_at=None).exclude(flag="")


def notes_blank(*, person_id: uuid.UUID) -> int:
    """Take the words out of every note about somebody who is erased; answers of how many. That there were some, and
    whose, stays.
    """
    return Note.objects.filter(person_id=person_id).exclude(text_sealed="").update(text_sealed="")
