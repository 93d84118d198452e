"""The two forms of `components/notes.html`: write a note, take a flag down. They answer with the page they stand on."""

import uuid
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.own import refuse_own
from accounts.permissions import about_person, staff_page
from controls.models import Flag, Note
from controls.services.notes import MOST_LETTERS, flag_lower, note_add
from goldwallet.errors import Refused
from goldwallet.once import form_key, form_key_read
from oversight.people.about import WRITERS, About, may_write, split


def _typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "")


def _place(about: About, key: uuid.UUID) -> str:
    return reverse(about.page, args=[key]) + "#notes"


def _subject(request: HttpRequest, subject: str) -> tuple[About, uuid.UUID, uuid.UUID | None]:
    """What the note is about, and whose it is. Raises Refused, and PermissionDenied for who does not work there."""
    about, key = split(subject)
    if not may_write(cast(User, request.user), about):
        raise PermissionDenied("Your role does not allow this.")
    person_id = about.person_of(key)
    about_person(request, person_id)
    refuse_own(cast(User, request.user), person_id)
    return about, key, person_id


@require_POST
@staff_page(*WRITERS)
def add(request: HttpRequest) -> HttpResponse:
    subject, text, flag = (_typed(request, name) for name in ("subject", "text", "flag"))
    back = ""
    try:
        about, thing, person_id = _subject(request, subject)
        back = _place(about, thing)
        key = form_key_read(_typed(request, "key"))
        note_add(subject=subject, text=text, flag=flag, by=request.user, person_id=person_id, key=key)
    except Refused as refused:
        context = {
            "subject": subject,
            "text": text,
            "flag": flag,
            # Nothing was written with the old one, or something else was.
            "key": form_key(),
            "flags": Flag.choices,
            "most": MOST_LETTERS,
        }
        return _again(request, refused, back, context)
    messages.success(request, "Flag raised." if flag else "Note written.")
    return redirect(back)


@require_POST
@staff_page(*WRITERS)
def lower(request: HttpRequest) -> HttpResponse:
    note: Note | None = None
    back = ""
    try:
        note = _note(_typed(request, "note"))
        about, key, _ = _subject(request, note.subject)
        back = _place(about, key)
        flag_lower(note_id=note.pk, by=request.user, reason=_typed(request, "reason"))
    except Refused as refused:
        return _again(request, refused, back, {"note": note, "reason": _typed(request, "reason")})
    messages.success(request, "The flag is down. Its note stays.")
    return redirect(back)


def _note(text: str) -> Note:
    try:
        found = Note.objects.filter(pk=uuid.UUID(text)).exclude(flag="").first()
    except ValueError:
        found = None
    if found is None:
        raise Refused("There is no such flag.", code="flag", status=404)
    return found


def _again(request: HttpRequest, refused: Refused, back: str, context: dict[str, object]) -> HttpResponse:
    """The form once more with what was typed. Without `back` there is nothing that the form could be about."""
    context |= {"sentence": refused.sentence, "back_url": back, "code": refused.code}
    return render(request, "oversight/note.html", context, status=refused.status)
