"""Who works here with which role, who comes to work here, what each role may do, and people on hold."""

import re
import uuid
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.asking import ask, may_ask
from accounts.hiring import hire_refuse
from accounts.models import User
from accounts.permissions import about_person, may_act, staff_page
from accounts.roles import SEES_ALL, Role
from accounts.searching import search_counted
from accounts.selectors import people_on_hold, person_by_email, roles_of, staff_with_roles
from controls.audit import record
from controls.kinds import KINDS, Kind
from controls.models import Request
from controls.selectors import requests_waiting
from goldwallet.context import desk_nav
from goldwallet.errors import Refused
from oversight.people import actions
from oversight.people.search import not_erased

_READERS = (Role.TREASURY, Role.ADMINISTRATOR)
#: Of people on hold so many stand here; the list of people has all of them.
_ON_HOLD = 50


class Page(NamedTuple):
    """A page of the desk as its own guard has it. No role: everybody who works here reads it."""

    path: str
    roles: list[str]

    @property
    def label(self) -> str:
        return self.path

    @property
    def cells(self) -> list[str]:
        return _cells(self.roles)


class Row(NamedTuple):
    """A row of a matrix: what each role (in the order of `Role`) does there, in a word; empty: nothing."""

    label: str
    cells: list[str]


def _cells(working: Collection[str]) -> list[str]:
    """What each role does on a page whose guard names these."""
    reading = SEES_ALL if working else frozenset(Role)
    return ["works" if role in working else "reads" if role in reading else "" for role in Role]


def _places() -> list[Row]:
    """The places of the navigation. Each page's own guard is asked, not the navigation."""
    everywhere = desk_nav(path="", roles=frozenset({Role.ADMINISTRATOR}))
    guards = [(entry.label, resolve(entry.url).func) for entry in everywhere]
    return [Row(label, _cells(view.staff_roles)) for label, view in guards if hasattr(view, "staff_roles")]


def _of_kind(kind: Kind, role: Role) -> str:
    words = [word for word, roles in (("asks", kind.makers), ("decides", kind.checkers)) if role in roles]
    return ", ".join(words)


class OnHold(NamedTuple):
    """Somebody on hold, and the request to lift it if there is one."""

    person: User
    open_request: Request | None


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


def _requests(kind: str, subjects: Iterable[str]) -> dict[str, Request]:
    waiting = requests_waiting().filter(kind=kind, subject__in=list(subjects))
    return {found.subject: found for found in waiting}


@require_GET
@staff_page(*_READERS, reads="roles")
def roles(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _typed_person(request: HttpRequest) -> User:
    """Whom the form's e-mail address means. Raises Refused."""
    person = person_by_email(request.POST.get("email", "").replace("\x00", ""))
    if person is None:
        raise Refused("Nobody has this e-mail address.", code="person")
    return person


def _page(request: HttpRequest, *, refused: Refused | None = None, about: str = "") -> HttpResponse:
    """`about`: what a refused form was about, so that what was typed stands in it again."""
    me = _me(request)
    staff = staff_with_roles()
    # One more than is shown: then there are others.
    held = people_on_hold(limit=_ON_HOLD + 1)
    shown = held[:_ON_HOLD]
    changes = _requests("roles_set", (f"roles:{person.pk}" for person, _ in staff))
    lifts = _requests("person_unfreeze", (f"person:{person.pk}" for person in shown))
    context = {
        "staff": [(person, roles, changes.get(f"roles:{person.pk}")) for person, roles in staff],
        "on_hold": [OnHold(person, lifts.get(f"person:{person.pk}")) for person in shown],
        "more_on_hold": len(held) > len(shown),
        "me": me,
        "roles": list(Role),
        "places": _places(),
        "kinds": [Row(kind.label, [_of_kind(kind, role) for role in Role]) for kind in KINDS.values()],
        "pages": sorted(_desk_pages(get_resolver().url_patterns)),
        "may_change": may_ask(me, "roles_set"),
        "may_lift": may_ask(me, "person_unfreeze"),
        "may_hold": may_act(me, *_READERS),
        "sentence": refused.sentence if refused else "",
        "refused": refused,
        "about": about,
    }
    return render(request, "oversight/roles.html", context, status=refused.status if refused else 200)


def _desk_pages(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[Page]:
    """Every path of the desk with the roles of its guard (`accounts.permissions.staff_page`)."""
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _desk_pages(pattern.url_patterns, path)
        elif path.startswith("desk/") and hasattr(pattern.callback, "staff_roles"):
            yield Page(re.sub(r"<[^>]*>", "…", f"/{path}"), sorted(pattern.callback.staff_roles))


# --- roles ----------------------------------------------------------------------------------------


@require_POST
@staff_page(Role.ADMINISTRATOR, reads="roles")
def hire(request: HttpRequest) -> HttpResponse:
    """To the page of somebody who comes to work here. What was typed stays out of addresses and logs."""
    try:
        search_counted(request)
        person = _typed_person(request)
    except Refused as refused:
        return _page(request, refused=refused, about="hire")
    record("search", after={"by": "e-mail address", "found": 1})
    return redirect("desk_person_roles", person.pk)


@require_http_methods(["GET", "POST"])
@staff_page(Role.ADMINISTRATOR, reads="roles")
def person_roles(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    """One person's roles, and the form that asks for others, also for who does not work here yet."""
    person = get_object_or_404(not_erased(), pk=person_id)
    about_person(request, person.pk)
    if request.method == "GET":
        return _person_page(request, person)
    return ask(
        request,
        kind="roles_set",
        payload={"person": str(person.pk), "roles": sorted(set(request.POST.getlist("role")))},
        subject=f"roles:{person.pk}",
        again=lambda refused: _person_page(request, person, refused=refused),
    )


def _person_page(request: HttpRequest, person: User, *, refused: Refused | None = None) -> HttpResponse:
    me = _me(request)
    chosen = set(request.POST.getlist("role")) if refused else roles_of(person)
    unfit = "" if person.is_staff else _unfit(person)
    context = {
        "person": person,
        "choices": [(role, role in chosen) for role in Role],
        "open_request": _requests("roles_set", [f"roles:{person.pk}"]).get(f"roles:{person.pk}"),
        "own": person.pk == me.pk,
        "unfit": unfit,
        "may_change": may_ask(me, "roles_set") and not unfit,
        "sentence": refused.sentence if refused else "",
        "refused": refused,
    }
    return render(request, "oversight/person_roles.html", context, status=refused.status if refused else 200)


def _unfit(person: User) -> str:
    """Why this person cannot come to work here, or nothing."""
    try:
        hire_refuse(person)
    except Refused as refused:
        return refused.sentence
    return ""


# --- holds ----------------------------------------------------------------------------------------


@require_POST
@staff_page(*_READERS, reads="roles")
def hold(request: HttpRequest) -> HttpResponse:
    """Put somebody on hold, at once. By the same door as on the person's own page."""
    try:
        person = _typed_person(request)
        about_person(request, person.pk)
        actions.hold(person=person, reason=request.POST.get("reason", ""), by=_me(request))
    except Refused as refused:
        return _page(request, refused=refused, about="hold")
    messages.success(request, f"{person.email} is on hold: neither buys, nor sells, nor is paid.")
    return redirect("desk_roles")


@require_POST
@staff_page(*_READERS, reads="roles")
def hold_lift(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    person = get_object_or_404(User, pk=person_id)
    about_person(request, person.pk)
    return ask(
        request,
        kind="person_unfreeze",
        payload={"person": str(person.pk)},
        subject=f"person:{person.pk}",
        again=lambda refused: _page(request, refused=refused, about=str(person.pk)),
    )
