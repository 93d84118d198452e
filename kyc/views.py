"""A customer shows who they are: one thing on each page, saved as they go, and sent at the end."""

import datetime as dt
import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import KycStatus, User
from accounts.permissions import customer_page
from goldwallet.errors import Refused
from kyc import services
from kyc.documents import document_read
from kyc.forms import AboutForm, IdForm
from kyc.models import Case, CaseState, Document, Outcome, Part
from kyc.parts import IMAGE_PARTS, Progress, progress_of
from kyc.photos import photo_response
from kyc.selectors import approved_case, case_of, may_renew, reviews_of
from kyc.services.cases import Facts, today
from kyc.steps import next_url, place_of, steps_of, to_do

_WRITABLE = (CaseState.DRAFT, CaseState.REJECTED)


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_GET
@customer_page
def overview(request: HttpRequest) -> HttpResponse:
    """How far it is, in words, and the one next thing to do."""
    user = _me(request)
    case = case_of(user)
    proven = approved_case(user.pk)
    begins = case is None or case.state == CaseState.EXPIRED
    progress = progress_of(Case(user=user) if case is None or begins else case)
    context = {
        "case": case,
        "proven": proven,
        "renews": proven is not None and case == proven and may_renew(proven),
        # Verified by the house itself, without a case.
        "verified": user.kyc_status == KycStatus.VERIFIED,
        "steps": to_do(progress) if begins or (case and case.state in _WRITABLE) else [],
        "done": sum(step.done for step in steps_of(progress)),
        "complete": progress.complete,
        "next_url": next_url(progress),
        "more": _asked_for_more(case),
    }
    return render(request, "kyc/overview.html", context)


def _asked_for_more(case: Case | None) -> bool:
    """Whether the last reviewer asked for more, and did not reject what came."""
    if case is None or case.state != CaseState.REJECTED:
        return False
    return reviews_of(case)[0].outcome == Outcome.MORE


def _begun(request: HttpRequest) -> Progress:
    """The person's own case as far as it is; an empty one before the first step. Raises Refused when none may begin."""
    user = _me(request)
    case = case_of(user)
    if case is not None and case.state == CaseState.APPROVED and not may_renew(case):
        raise Refused("You have shown us who you are already. There is nothing to do.", code="verified")
    if case is None or case.state not in (*_WRITABLE, CaseState.SUBMITTED):
        case = Case(user=user)
    return progress_of(case)


def _closed(request: HttpRequest, progress: Progress, *parts: Part) -> HttpResponse | None:
    """Where a page is not for now: back to the overview, which says why."""
    if any(part in progress.parts and progress.parts[part].open for part in parts):
        return None
    if request.method == "POST":
        raise Refused("This cannot be changed now. Your identity page says why.", code="closed", status=409)
    return redirect("kyc")


def _page(
    request: HttpRequest, template: str, progress: Progress, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    here = request.path
    steps = to_do(progress)
    urls = [step.url for step in steps]
    at = urls.index(here) if here in urls else len(urls)
    whole = {
        "place": place_of(progress, here),
        "back_url": urls[at - 1] if at else reverse("kyc"),
        "again": progress.case.state == CaseState.REJECTED,
        **context,
    }
    return render(request, template, whole, status=status)


def _refused(form: Any, refused: Refused) -> int:
    form.add_error(None, refused.sentence)
    return refused.status


@require_http_methods(["GET", "POST"])
@customer_page
def about(request: HttpRequest) -> HttpResponse:
    progress = _begun(request)
    if answer := _closed(request, progress, Part.NAME, Part.BIRTH_DATE):
        return answer
    parts = {part for part, state in progress.parts.items() if state.open}
    form = AboutForm(request.POST or None, parts=parts, today=today(), initial=_written(progress.case))
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and form.is_valid():
        try:
            data = form.cleaned_data
            return _saved(
                request, Facts(legal_name=data.get("legal_name"), birth_date=data.get("birth_date"))
            )
        except Refused as refused:
            status = _refused(form, refused)
    states = [progress.parts[Part.NAME], progress.parts[Part.BIRTH_DATE]]
    return _page(request, "kyc/about.html", progress, {"form": form, "states": states}, status)


def _written(case: Case) -> dict[str, Any]:
    born = dt.date.fromisoformat(case.birth_date) if case.birth_date else None
    date = {"birth_day": born.day, "birth_month": born.month, "birth_year": born.year} if born else {}
    return {"legal_name": case.legal_name, **date}


@require_http_methods(["GET", "POST"])
@customer_page
def id_number(request: HttpRequest) -> HttpResponse:
    progress = _begun(request)
    if answer := _closed(request, progress, Part.ID_NUMBER):
        return answer
    case = progress.case
    form = IdForm(request.POST or None, initial={"id_type": case.id_type, "id_number": case.id_number})
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and form.is_valid():
        try:
            data = form.cleaned_data
            return _saved(request, Facts(id_type=data["id_type"], id_number=data["id_number"]))
        except Refused as refused:
            status = _refused(form, refused)
    states = [progress.parts[Part.ID_NUMBER]]
    return _page(request, "kyc/id.html", progress, {"form": form, "states": states}, status)


def _saved(request: HttpRequest, facts: Facts) -> HttpResponse:
    case = services.case_save(user_id=_me(request).pk, facts=facts)
    return redirect(next_url(progress_of(case)))


@require_http_methods(["GET", "POST"])
@customer_page
def photo(request: HttpRequest, part: str) -> HttpResponse:
    """One photo, sent by itself: a dropped line costs one photo and not three."""
    progress = _begun(request)
    if part not in IMAGE_PARTS:
        raise Http404("no such photo")
    if part not in progress.parts or not progress.case.id_type:
        return redirect(next_url(progress))
    if answer := _closed(request, progress, Part(part)):
        return answer
    sentence, status = "", 200
    if request.method == "POST":
        try:
            return _sent(request, part)
        except Refused as refused:
            sentence, status = refused.sentence, refused.status
    state = progress.parts[Part(part)]
    context = {"state": state, "sentence": sentence, "next_url": next_url(progress)}
    return _page(request, "kyc/photo.html", progress, context, status)


def _sent(request: HttpRequest, part: str) -> HttpResponse:
    file = request.FILES.get("photo")
    if file is None:
        raise Refused("Take a photo first, or choose one that you have.", code="empty")
    user = _me(request)
    services.photo_save(user_id=user.pk, part=part, raw=file.read(), name=str(file.name))
    return redirect("kyc_photo", part)


@require_http_methods(["GET", "POST"])
@customer_page
def check(request: HttpRequest) -> HttpResponse:
    """Everything once more, and the button that sends it."""
    progress = _begun(request)
    if progress.case.state not in _WRITABLE:
        return redirect("kyc")
    sentence, status = "", 200
    if request.method == "POST":
        try:
            services.case_submit(user_id=_me(request).pk)
        except Refused as refused:
            sentence, status = refused.sentence, refused.status
        else:
            messages.success(request, "Sent. We write to you as soon as we have looked at it.")
            return redirect("kyc")
    context = {
        "case": progress.case,
        "steps": steps_of(progress),
        "photos": [state for state in progress.parts.values() if state.document],
        "born": dt.date.fromisoformat(progress.case.birth_date) if progress.case.birth_date else None,
        "missing": progress.missing,
        "next_url": next_url(progress),
        "sentence": sentence,
    }
    return _page(request, "kyc/check.html", progress, context, status)


@require_GET
@customer_page
def image(request: HttpRequest, document_id: uuid.UUID) -> HttpResponse:
    """The person's own photo, as long as the case is under way. Another person's is not there."""
    mine = Document.objects.filter(case__user=_me(request), case__state__in=_WRITABLE, replaced_at=None)
    found = mine.filter(pk=document_id, destroyed_at=None).first()
    if found is None:
        raise Http404("no such photo")
    small = request.GET.get("size") == "small"
    return photo_response(document_read(document_id=found.pk, thumbnail=small))
