"""People at the desk: find anybody and anything, the list of people, one person's page, and the forms on it."""

import uuid
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask
from accounts.models import User
from accounts.own import own_accounts, refuse_own
from accounts.permissions import about_person, staff_page
from accounts.roles import Role
from accounts.searching import search_counted
from controls.audit import record
from controls.services.notes import flags_up
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from goldwallet.once import form_key, form_key_read
from goldwallet.paging import Page, page_of
from oversight.people import actions
from oversight.people.codes import stories
from oversight.people.forms import FindForm, MessageForm, PeopleFilters
from oversight.people.page import CLOSE, FACTOR, HOLDERS, LIFT, WRITERS, person_page, person_read
from oversight.people.search import (
    MOST,
    Found,
    Hit,
    clean,
    codes_in,
    find,
    not_erased,
    people_found,
    person_url,
)
from oversight.people.timeline import timeline

_PAGE = 50
_LESS = "Write more of what you look for, or choose less."
_FOUND_BY = {
    "id": "id",
    "email": "e-mail address",
    "username": "username",
    "phone": "phone",
    "id_number": "ID number",
    "name": "legal name",
}


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


def _noted(found: Found, *, number: int) -> None:
    """What was typed is not written down, only as what it was understood."""
    record("search", after={"by": ",".join(found.by) or "nothing", "found": number})


# --- anything -------------------------------------------------------------------------------------


@require_GET
@staff_page(Role.REVIEWER, Role.TREASURY, reads="find")
def find_page(request: HttpRequest) -> HttpResponse:
    """One field for everything. What is the only hit opens at once; an M-Pesa code is told in sentences."""
    typed = request.GET.get("q", "").replace("\x00", " ")
    form, text = FindForm({"q": typed} if "q" in request.GET else None), clean(typed)
    if not form.is_bound or not form.is_valid() or not text:
        return render(request, "oversight/find.html", {"form": form}, status=400 if form.errors else 200)
    search_counted(request)
    try:
        with in_time(less=_LESS):
            found = find(text, reader=_me(request))
            codes = [*found.codes, *found.perhaps]
            told = stories(codes, reader=_me(request)) if codes else []
    except Refused as refused:
        form.add_error("q", refused.sentence)
        return render(request, "oversight/find.html", {"form": form}, status=refused.status)
    hits = [*found.hits, *(_person_hit(person, found) for person in _rows(found))]
    # Names, usernames and references are as long as some codes: that we never saw it is told of a true code.
    told = [
        story
        for story in told
        if story.seen or story.code in found.codes or not (hits or story.code.isalpha())
    ]
    _noted(found, number=len(hits) + sum(story.seen for story in told))
    if len(hits) == 1 and not told and not found.namesakes and hits[0].url:
        return redirect(hits[0].url)
    if len(told) == 1:
        about_person(request, told[0].person_id)
    context = {
        "form": form,
        "hits": hits,
        "stories": told,
        "namesakes": found.namesakes,
        "asked": True,
        "many": len(hits) >= MOST,
    }
    return render(request, "oversight/find.html", context)


def _rows(found: Found) -> list[User]:
    return sorted(found.people.values(), key=lambda person: person.email)


def _person_hit(person: User, found: Found) -> Hit:
    by = " and ".join(_FOUND_BY[way] for way in found.ways[person.pk])
    return Hit("Person", person.email, f"{_standing(person)}; found by {by}", person_url(person.pk))


def _standing(person: User) -> str:
    words = [f"identity {person.get_kyc_status_display().lower()}"]
    words += ["on hold"] if person.frozen_reason else []
    words += ["closed"] if not person.is_active else []
    words += ["staff"] if person.is_staff else []
    return ", ".join(words)


# --- people ---------------------------------------------------------------------------------------


@require_GET
@staff_page(Role.REVIEWER, Role.TREASURY, reads="people")
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, the newest first; with words typed those whom they may mean."""
    # NUL never reaches the database.
    query = {name: str(value).replace("\x00", "") for name, value in request.GET.items()}
    filters = PeopleFilters(query or None)
    asked = filters.cleaned_data if filters.is_bound and filters.is_valid() else {}
    # What cannot be read asks for nobody, not for everybody.
    rows = _filtered(not_erased(), asked, reader=_me(request)) if not filters.errors else User.objects.none()
    text, refused = clean(asked.get("q", "")), None
    if text:
        try:
            search_counted(request)
            with in_time(less=_LESS):
                found = people_found(text)
        except Refused as error:
            found, refused = Found(), error
        _noted(found, number=len(found.people))
        chosen = set(found.people)
        alone = not asked.get("identity") and not asked.get("standing")
        if len(chosen) == 1 and alone and not found.namesakes and not request.headers.get("HX-Request"):
            return redirect(person_url(chosen.pop()))
        rows = rows.filter(pk__in=chosen)
    page: Page[User] = Page([], "")
    if refused is None:
        try:
            with in_time(less=_LESS):
                page = page_of(rows, by="created_at", after=query.get("after", ""), limit=_PAGE)
        except Refused as error:
            refused = error
    older = {name: value for name, value in query.items() if name != "after" and value} | {
        "after": page.older
    }
    context = {
        "filters": filters,
        "refused": refused,
        "people": page.rows,
        "flagged": _flagged(page.rows, reader=_me(request)),
        "older_url": f"{reverse('desk_people')}?{urlencode(older)}" if page.older else "",
        "text": text,
        "code": bool(codes_in(text)),
    }
    late = refused.status if refused else 200
    status = 400 if filters.is_bound and filters.errors else late
    return page_or_part(request, "oversight/people.html", context, part="rows", status=status)


def _filtered(rows: QuerySet[User], asked: dict[str, Any], *, reader: User) -> QuerySet[User]:
    if asked.get("identity"):
        rows = rows.filter(kyc_status=asked["identity"])
    standing = asked.get("standing")
    if standing == "hold":
        rows = rows.exclude(frozen_reason="")
    elif standing == "staff":
        rows = rows.filter(is_staff=True)
    elif standing == "closed":
        rows = rows.filter(is_active=False)
    elif standing == "flagged":
        about = Concat(Value("person:"), Cast(OuterRef("pk"), CharField()))
        rows = rows.filter(Exists(flags_up().filter(subject=about))).exclude(pk__in=own_accounts(reader))
    return rows


def _flagged(rows: list[User], *, reader: User) -> set[uuid.UUID]:
    subjects = {f"person:{person.pk}": person.pk for person in rows}
    flags = flags_up().filter(subject__in=subjects).values_list("subject", flat=True)
    found = {subjects[subject] for subject in flags}
    return found - own_accounts(reader) if found else found


# --- one person -----------------------------------------------------------------------------------


@require_GET
@staff_page(Role.REVIEWER, Role.TREASURY, reads="person")
def person(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    about_person(request, person_id)
    return _page(request, person_read(person_id))


def _page(
    request: HttpRequest,
    found: User,
    *,
    form: MessageForm | None = None,
    refused: Refused | None = None,
    about: str = "",
    status: int = 200,
) -> HttpResponse:
    """`about`: which form was refused, so that it stands open with what was typed and the sentence."""
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    me, after = _me(request), request.GET.get("after", "").replace("\x00", "")
    stretch = timeline(found, reader=me, after=after)
    context: dict[str, Any] = {
        "person": found,
        "stretch": stretch,
        "older_url": f"{reverse('desk_person', args=[found.pk])}?{urlencode({'after': stretch.older})}"
        if stretch.older
        else "",
        "later": bool(after),
    }
    if not (htmx and htmx.target == "older"):
        page = person_page(found, reader=me)
        # Who came too late meets no form any more: then the sentence stands on top.
        there = about and getattr(page.may, "write" if about == "message" else about)
        context |= {
            "page": page,
            "own": page.may.why_not,
            "subject": f"person:{found.pk}",
            "message_form": form or MessageForm(),
            "refused": refused,
            "about": about if there else "",
            "frame": actions.letter(found, "…"),
            "typed": request.POST,
        }
    return page_or_part(
        request, "oversight/person.html", context, part="older", status=refused.status if refused else status
    )


# --- what staff do there --------------------------------------------------------------------------


def _act(
    request: HttpRequest, person_id: uuid.UUID, about: str, act: Callable[[User], HttpResponse]
) -> HttpResponse:
    found = person_read(person_id)
    about_person(request, found.pk)
    try:
        refuse_own(_me(request), found.pk)
        return act(found)
    except Refused as refused:
        return _page(request, found, refused=refused, about=about)


def _back(found: User) -> HttpResponse:
    return redirect("desk_person", found.pk)


@require_POST
@staff_page(*HOLDERS, reads="person")
def hold(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    """Put on hold, at once."""

    def act(found: User) -> HttpResponse:
        actions.hold(person=found, reason=request.POST.get("reason", ""), by=_me(request))
        messages.success(request, f"{found.email} is on hold: neither buys, nor sells, nor is paid.")
        return _back(found)

    return _act(request, person_id, "hold", act)


def _ask(request: HttpRequest, person_id: uuid.UUID, *, kind: str, subject: str, about: str) -> HttpResponse:
    return _act(
        request,
        person_id,
        about,
        lambda found: ask(
            request,
            kind=kind,
            payload={"person": str(found.pk)},
            subject=f"{subject}:{found.pk}",
            again=lambda refused: _page(request, found, refused=refused, about=about),
        ),
    )


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="person")
def lift(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    return _ask(request, person_id, kind=LIFT, subject="person", about="lift")


@require_POST
@staff_page(Role.REVIEWER, Role.TREASURY, Role.ADMINISTRATOR, reads="person")
def factor(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    return _ask(request, person_id, kind=FACTOR, subject="factor", about="factor")


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="person")
def close(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    return _ask(request, person_id, kind=CLOSE, subject="closing", about="close")


@require_POST
@staff_page(*WRITERS, reads="person")
def message(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    """Write a mail. The form says who gets it and what stands around the words."""

    def act(found: User) -> HttpResponse:
        form = MessageForm(request.POST)
        if not form.is_valid():
            return _page(request, found, form=form, about="message", status=400)
        written = form.cleaned_data
        try:
            actions.write(person=found, by=_me(request), **written | {"key": form_key_read(written["key"])})
        except Refused as refused:
            # What was typed stays, with a key that has sent nothing.
            again = request.POST.copy()
            again["key"] = form_key()
            return _page(request, found, form=MessageForm(again), refused=refused, about="message")
        messages.success(request, f"Written. The mail goes to {found.email}.")
        return _back(found)

    return _act(request, person_id, "message", act)
