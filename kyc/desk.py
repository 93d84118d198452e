"""Identity at the desk: the queue, one case with its photos, and a person's tier."""

import datetime as dt
import uuid
from typing import NamedTuple, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.own import OWN, is_own
from accounts.permissions import about_person, may_act, staff_page
from accounts.roles import Role
from accounts.searching import search_counted
from accounts.selectors import person_by_email
from controls.audit import record
from controls.selectors import request_about
from goldwallet.clock import NAIROBI
from goldwallet.errors import Conflict, Refused
from goldwallet.knocks import address_of
from kyc import selectors, services
from kyc.alike import accounts_of, look_alikes, perhaps_accounts_of
from kyc.facts import age
from kyc.models import Case, CaseState, Document, Opening, Outcome, Part, Review
from kyc.parts import PartState, parts_of, progress_of
from kyc.photos import photo_response
from kyc.reasons import reason_said, reason_sealed
from kyc.review_words import CHECKLIST, READY
from kyc.services import REVIEW_REASON, Decision
from kyc.services.cases import today
from kyc.services.openings import may_open, opening_reason

_LOOKING_MINUTES = 10
#: Degrees by which a photo is turned.
_TURNS = (0, 90, 180, 270)
_DONE = {
    Outcome.APPROVED: "Approved. {} is verified now.",
    Outcome.MORE: "Asked {} for more.",
    Outcome.REJECTED: "Sent back to {}, with your reasons.",
}


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()


# --- the queue ------------------------------------------------------------------------------------


@require_GET
@staff_page("reviewer", reads="identities")
def cases(request: HttpRequest) -> HttpResponse:
    """What waits, first what should come first; and what was decided lately."""
    if email := _asked(request, "email"):
        search_counted(request)
        found = person_by_email(email)
        record("search", subject="identities", person_id=found.pk if found else None)
        if found is not None:
            return redirect("desk_kyc_person", found.pk)
        messages.error(request, "Nobody has this e-mail address.")
    rows = selectors.queue()
    mine = accounts_of(_me(request).pk)
    others = [row.case for row in rows if row.case.user_id not in mine]
    context = {
        "rows": [(row, row.case.user_id in mine) for row in rows],
        "length": selectors.queue_length(),
        "first_url": _with_reason(request, others[0], REVIEW_REASON) if others else "",
        "decided": selectors.decided_lately(),
        "may_act": may_act(_me(request), Role.REVIEWER),
        "email": _asked(request, "email"),
    }
    return render(request, "kyc/desk_queue.html", context)


# --- one case -------------------------------------------------------------------------------------


class Photo(NamedTuple):
    """A photo on the page of its case. `number`: the key that enlarges it. `again`: newer than the last review."""

    number: int
    document: Document
    words: str
    again: bool


class PartRow(NamedTuple):
    """A part in the form that sends a case back. `typed`: what was written before a refusal."""

    part: str
    words: str
    ready: tuple[str, ...]
    typed: str


@require_GET
@staff_page("reviewer", reads="case")
def case(request: HttpRequest, case_id: uuid.UUID) -> HttpResponse:
    """One case. Its photos are there once the reader has said why, by a form of ours (`opened`): `why` holds it."""
    found = get_object_or_404(Case.objects.select_related("user"), pk=case_id)
    return _case_page(request, found, why=_said(request, found.pk))


@require_POST
@staff_page("reviewer", reads="case", copies=True)
def opened(request: HttpRequest, case_id: uuid.UUID) -> HttpResponse:
    """Say why one looks at the photos of a case; then they are there. An auditor says it, too."""
    found = get_object_or_404(Case.objects.select_related("user"), pk=case_id)
    me, words = _me(request), request.POST.get("reason", "")
    if not may_open(me):
        raise PermissionDenied("Photos of identity are for reviewers and auditors.")
    if found.user_id in accounts_of(me.pk):
        raise Refused("This is your own case. Somebody else looks at it.", code="own", status=403)
    try:
        reason = opening_reason(words, by=me, state=found.state)
    except Refused as refused:
        return _case_page(request, found, why=words, status=refused.status)
    record("photo_ask", subject=f"case:{found.pk}", person_id=found.user_id, reason=reason)
    return redirect(_with_reason(request, found, reason))


def _session(request: HttpRequest) -> str:
    return str(request.session.session_key)


def _said(request: HttpRequest, case_id: uuid.UUID) -> str:
    """What this reader gave as the reason, in this session and for this case; nothing when it is somebody else's."""
    return reason_said(_asked(request, "why"), session=_session(request), case_id=case_id)


def _with_reason(request: HttpRequest, found: Case, reason: str) -> str:
    """The page of a case with its photos."""
    why = reason_sealed(reason, session=_session(request), case_id=found.pk)
    return f"{reverse('desk_kyc_case', args=[found.pk])}?{urlencode({'why': why})}"


def _neighbour(request: HttpRequest, found: Case | None, *, reviewing: bool) -> str:
    """The page of a case beside this one; who is reviewing this one goes on to the other's photos."""
    if found is None:
        return ""
    if reviewing:
        return _with_reason(request, found, REVIEW_REASON)
    return reverse("desk_kyc_case", args=[found.pk])


def _case_page(
    request: HttpRequest, found: Case, *, why: str, refused: Refused | None = None, status: int = 200
) -> HttpResponse:
    """`why`: in the reader's own words. `status`: of a page whose form was refused beside its field."""
    me = _me(request)
    about_person(request, found.user_id)
    own = found.user_id in accounts_of(me.pk)
    reason, reason_refused = _reason(me, found, why, own=own)
    # Who looks at the own case reads nothing of what others wrote down, found or did about it.
    reviews = [] if own else selectors.reviews_of(found)
    before, after = selectors.neighbours(selectors.queue(), found)
    waits = found.state == CaseState.SUBMITTED
    reviewing = waits and may_act(me, Role.REVIEWER)
    context = {
        "case": found,
        "person": found.user,
        "age": age(dt.date.fromisoformat(found.birth_date), today=today()) if found.birth_date else None,
        "born": dt.date.fromisoformat(found.birth_date) if found.birth_date else None,
        "own": own,
        "perhaps_own": not own and found.user_id in perhaps_accounts_of(me.pk),
        "may_open": _opens(me, own=own),
        "may_decide": waits and not own and may_act(me, Role.REVIEWER),
        "reason": reason,
        "why": reason_sealed(reason, session=_session(request), case_id=found.pk),
        "reason_refused": reason_refused,
        "reviewing": reviewing,
        "review_reason": REVIEW_REASON,
        "photos": _photos(found, reviews, reason),
        "turns": _TURNS,
        "alike": [] if own else look_alikes(found),
        "reviews": reviews,
        "again": reviews[0].reasons if reviews and waits else {},
        "earlier": [] if own else selectors.earlier_cases(found),
        "openings": [] if own else selectors.openings_of(found),
        "looking": _looking(found, me) if waits and not own else [],
        "checklist": [
            (name, words, name in request.POST.getlist("check")) for name, words in CHECKLIST.items()
        ],
        "parts": _part_rows(found, request),
        "typed": request.POST,
        "before_url": _neighbour(request, before, reviewing=reviewing),
        "after_url": _neighbour(request, after, reviewing=reviewing),
        "submitted": found.submitted_at.isoformat() if found.submitted_at else "",
        "refused": refused,
    }
    return render(request, "kyc/desk_case.html", context, status=refused.status if refused else status)


def _looking(found: Case, me: User) -> list[str]:
    return selectors.openings_by_others(found, by=me, minutes=_LOOKING_MINUTES)


def _opens(me: User, *, own: bool) -> bool:
    """Whether the page shows this reader the photos, or asks why: to none who is on hold, whatever they said before."""
    return may_open(me) and not own and not me.frozen_reason


def _reason(me: User, found: Case, why: str, *, own: bool) -> tuple[str, str]:
    """The reason as it will be written down, or what is wrong with it."""
    if not why or not _opens(me, own=own):
        return "", ""
    try:
        return opening_reason(why, by=me, state=found.state), ""
    except Refused as refused:
        return "", refused.sentence


def _photos(found: Case, reviews: list[Review], reason: str) -> list[Photo]:
    if not reason:
        return []
    since = reviews[0].decided_at if reviews else None
    shown: list[PartState] = [state for state in progress_of(found).parts.values() if state.document]
    return [
        Photo(number, state.document, state.words, since is not None and state.document.stored_at > since)
        for number, state in enumerate(shown, 1)
        if state.document is not None
    ]


def _part_rows(found: Case, request: HttpRequest) -> list[PartRow]:
    states = progress_of(found).parts
    return [
        PartRow(part, states[part].words, READY[part], request.POST.get(f"reason_{part}", ""))
        for part in parts_of(found.id_type)
    ]


@require_POST
@staff_page("reviewer", reads="case")
def decide(request: HttpRequest, case_id: uuid.UUID) -> HttpResponse:
    """Approve, reject or ask for more; then the next case at once."""
    found = get_object_or_404(Case.objects.select_related("user"), pk=case_id)
    outcome = request.POST.get("outcome", "")
    try:
        decision = Decision(
            outcome=outcome,
            submitted_at=_moment(request.POST.get("submitted", "")),
            reasons={part: request.POST.get(f"reason_{part}", "") for part in Part.values},
            checklist=request.POST.getlist("check"),
            note=request.POST.get("note", ""),
        )
        services.case_decide(case_id=found.pk, by=_me(request), decision=decision)
    except Refused as refused:
        found.refresh_from_db()
        return _case_page(request, found, why=request.POST.get("why", ""), refused=refused)
    messages.success(request, _DONE[Outcome(outcome)].format(found.user.email))
    return _next(request)


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Conflict("Open this case again before you decide.", code="moved")
    return moment.astimezone(NAIROBI)


def _next(request: HttpRequest) -> HttpResponse:
    """The case that should come next, but not one that somebody else has open, if there is another one."""
    me = _me(request)
    mine = accounts_of(me.pk)
    waiting = [row.case for row in selectors.queue() if row.case.user_id not in mine]
    if not waiting:
        messages.info(request, "Nothing waits any more.")
        return redirect("desk_kyc")
    free = (found for found in waiting if not _looking(found, me))
    following = next(free, waiting[0])
    return redirect(_with_reason(request, following, REVIEW_REASON))


@require_GET
@staff_page("reviewer", copies=True)
def image(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """A photo on the page of its case, whose reason `why` holds; it is written down before the photo is shown."""
    case_id = Document.objects.filter(pk=document_id).values_list("case_id", flat=True).first()
    reason = _said(request, case_id) if case_id else ""
    jpeg = services.document_open(
        document_id=document_id, by=_me(request), reason=reason, address=address_of(request)
    )
    return photo_response(jpeg)


# --- one person -----------------------------------------------------------------------------------


def tier_subject(person_id: uuid.UUID) -> str:
    return f"tier:{person_id}"


@require_GET
@staff_page("reviewer", "treasury", reads="person")
def person(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    return _person_page(request, get_object_or_404(User, pk=person_id))


def _person_page(request: HttpRequest, found: User, refused: Refused | None = None) -> HttpResponse:
    """Standing, tier and cases of one person; no photo and no number of an ID."""
    me = _me(request)
    about_person(request, found.pk)
    context = {
        "person": found,
        "cases": Case.objects.filter(user=found).order_by("-created_at"),
        "openings": Opening.objects.filter(document__case__user=found).count(),
        "open_request": request_about(tier_subject(found.pk)),
        "may_ask": may_ask(me, "tier_set"),
        "own": OWN if is_own(me, found.pk) else "",
        "opens_cases": may_open(me) or may_act(me, Role.ADMINISTRATOR),
        "refused": refused,
        "typed": request.POST,
    }
    return render(request, "kyc/desk_person.html", context, status=refused.status if refused else 200)


@require_POST
@staff_page("reviewer", "treasury", reads="person")
def tier(request: HttpRequest, person_id: uuid.UUID) -> HttpResponse:
    """Ask a second person that somebody may trade more, or no longer."""
    found = get_object_or_404(User, pk=person_id)
    if (enhanced := request.POST.get("enhanced", "")) not in {"0", "1"}:
        lost = Refused("Something of this form got lost. Look at it below, then send it.", code="enhanced")
        return _person_page(request, found, lost)
    return ask(
        request,
        kind="tier_set",
        payload={"person": str(found.pk), "enhanced": enhanced == "1"},
        subject=tier_subject(found.pk),
        again=lambda refused: _person_page(request, found, refused),
    )
