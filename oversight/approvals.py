"""Approvals at the desk: what waits for a second person, and what became of it.

Every kind of request is decided here, by the page of `controls.kinds`: it shows what the request would do now, computed
by the code that would do it, and the approval is bound to what was shown (`controls.services.request_approve`).
"""

import json
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import may_decide
from accounts.models import User
from accounts.permissions import may_see, staff_page
from accounts.roles import Role
from controls import services
from controls.effects import AccountChange, Effect, effect_of
from controls.kinds import KINDS
from controls.models import Attachment, Request, RequestState
from controls.selectors import requests_waiting
from goldwallet import wording
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.paging import page_of
from ledger.models import Account
from oversight.naming import account_names, subject_url

#: Whoever asks for something or decides it (`controls.kinds`). The auditor reads.
ROLES = (Role.PRICING, Role.VAULT, Role.TREASURY, Role.REVIEWER, Role.ADMINISTRATOR)
_PAGE = 50
_THEN = "What it would have done when it was asked"


class Row(NamedTuple):
    """A request in a list."""

    request: Request
    label: str
    summary: str
    leaving: Decimal


def _row(request: Request) -> Row:
    effect = effect_of(request.effect)
    return Row(request, KINDS[request.kind].label, effect.summary, Decimal(effect.leaving_kes))


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_GET
@staff_page(*ROLES)
def approvals(request: HttpRequest) -> HttpResponse:
    """The inbox: what this person may decide, what they asked for, what waits for others, and what is decided."""
    me = _me(request)
    waiting = list(requests_waiting())
    decided = Request.objects.exclude(decided_at=None).select_related("maker", "checker")
    page = page_of(decided, by="decided_at", after=request.GET.get("after", ""), limit=_PAGE)
    mine = [found for found in waiting if found.maker_id == me.pk]
    others = [found for found in waiting if found.maker_id != me.pk]
    context = {
        "first_page": not request.GET.get("after"),
        "for_me": [_row(found) for found in others if may_decide(me, found.kind)],
        "mine": [_row(found) for found in mine],
        "for_others": [_row(found) for found in others if not may_decide(me, found.kind)],
        "decided": [_row(found) for found in page.rows],
        "older_url": f"{reverse('desk_approvals')}?after={page.older}" if page.older else "",
    }
    return render(request, "oversight/approvals.html", context)


# --- one request ----------------------------------------------------------------------------------


class Moved(NamedTuple):
    """One account before and after, in its asset's unit."""

    code: str
    name: str
    asset: str
    before: Decimal
    moved: Decimal
    after: Decimal
    #: False: this request would open it.
    exists: bool


class Shown(NamedTuple):
    """An effect as a page prints it."""

    effect: Effect
    leaving: Decimal
    accounts: list[Moved]


def _shown(effect: Effect) -> Shown:
    return Shown(effect, Decimal(effect.leaving_kes), _moved(effect.accounts))


def _moved(changes: Sequence[AccountChange]) -> list[Moved]:
    codes = [change.code for change in changes]
    names = account_names(codes)
    known = set(Account.objects.filter(code__in=codes).values_list("code", flat=True))
    return [
        Moved(
            change.code,
            names[change.code],
            change.asset,
            Decimal(change.before),
            change.moved,
            Decimal(change.after),
            change.code in known,
        )
        for change in changes
    ]


class Preview(NamedTuple):
    """What approving would do at this moment, or the sentence that says why it cannot be done any more."""

    shown: Shown | None
    seal: str
    impossible: str


def _preview(found: Request) -> Preview:
    try:
        effect = services.request_effect(found)
    except Refused as refused:
        return Preview(None, "", refused.sentence)
    return Preview(_shown(effect), services.request_seal(found, effect), "")


@require_GET
@staff_page(*ROLES)
def approval(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    return _page(request, _found(request_id))


def _found(request_id: uuid.UUID) -> Request:
    return get_object_or_404(Request.objects.select_related("maker", "checker", "attachment"), pk=request_id)


def _page(
    request: HttpRequest, found: Request, *, refused: Refused | None = None, typed: str = ""
) -> HttpResponse:
    me = _me(request)
    waits = requests_waiting().filter(pk=found.pk).exists()
    preview = _preview(found) if waits else None
    asked = _shown(effect_of(found.effect))
    shown = preview.shown if preview is not None and preview.shown is not None else asked
    differs = preview is not None and preview.shown is not None
    differs = differs and shown.effect.essence() != asked.effect.essence()
    own = found.maker_id == me.pk
    context = {
        "found": found,
        "label": KINDS[found.kind].label,
        "subject_url": subject_url(found.subject, me),
        "payload": json.dumps(found.payload, indent=2, ensure_ascii=False),
        "attachment": getattr(found, "attachment", None),
        "state": RequestState.EXPIRED if not waits and found.state == RequestState.WAITING else found.state,
        "waits": waits,
        "preview": preview,
        "shown": shown,
        "effect_title": _title(found, preview),
        "then": asked if differs else None,
        "then_title": _THEN,
        "own": own,
        "decides": waits and not own and may_decide(me, found.kind),
        "sees_ledger": may_see(me, Role.TREASURY),
        "history": _history(found),
        "sentence": refused.sentence if refused else "",
        "typed": typed,
    }
    return render(request, "oversight/approval.html", context, status=refused.status if refused else 200)


def _title(found: Request, preview: Preview | None) -> str:
    if preview is not None and preview.shown is not None:
        return "What it would do now"
    return "What it did" if found.state == RequestState.EXECUTED else _THEN


def _history(found: Request) -> list[tuple[Any, str, str]]:
    words = {"insert": "Asked", "evidence_open": "Opened the evidence"}
    return [
        (
            event.pgh_created_at,
            event.by.email if event.by else "",
            words.get(event.pgh_label) or wording.state(event.state, "request")[0],
        )
        for event in events_of(found)
    ]


@require_GET
@staff_page(*ROLES)
def approval_file(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """The evidence as a download, never as a page of ours: somebody else has made it. Who opens it is noted."""
    found = get_object_or_404(Request, pk=request_id)
    try:
        attachment, content = services.evidence_open(request=found, by=_me(request))
    except Attachment.DoesNotExist:
        raise Http404 from None
    return HttpResponse(
        content,
        content_type=attachment.type,
        headers={
            "Content-Disposition": content_disposition_header(True, attachment.name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


# --- deciding -------------------------------------------------------------------------------------


def _decide(
    request: HttpRequest, request_id: uuid.UUID, act: Callable[[], Request], said: Callable[[Request], str]
) -> HttpResponse:
    """Carry out a decision and show the request; a refusal is a sentence on its page, and nothing has changed."""
    get_object_or_404(Request, pk=request_id)
    try:
        done = act()
    except Refused as refused:
        return _page(request, _found(request_id), refused=refused, typed=request.POST.get("words", ""))
    messages.success(request, said(done))
    return redirect("desk_approval", request_id)


@require_POST
@staff_page(*ROLES)
def approval_approve(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    return _decide(
        request,
        request_id,
        lambda: services.request_approve(
            request_id=request_id,
            by=_me(request),
            seen=request.POST.get("seen", ""),
            words=request.POST.get("words", ""),
        ),
        lambda done: f"Approved and done. {done.result}",
    )


@require_POST
@staff_page(*ROLES)
def approval_refuse(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    return _decide(
        request,
        request_id,
        lambda: services.request_refuse(
            request_id=request_id, by=_me(request), words=request.POST.get("words", "")
        ),
        lambda done: "Refused. Nothing was done.",
    )


@require_POST
@staff_page(*ROLES)
def approval_withdraw(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    return _decide(
        request,
        request_id,
        lambda: services.request_withdraw(request_id=request_id, by=_me(request)),
        lambda done: "Taken back. Nothing was done.",
    )
