"""One request at the desk, whatever its kind (`controls.kinds`): what it would do, and the decision, which is bound to
what was shown (`controls.services.request_approve`).

A look shows what was worked out when it was asked for, and runs nothing. Who decides has it worked out anew first, by
the code that does it: every answer to a form does that, and the form of the page itself does nothing else.

Whoever decides writes why and shows a fresh code of the second factor; whoever approves types a large amount again and
has opened the evidence. The code is asked for last, when nothing else stands in the way; it is used up even if the act
is refused after it.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.devices import known_here
from accounts.models import User
from accounts.permissions import about_person, may_act, may_see, staff_page
from accounts.roles import Role
from accounts.second_factor import code_check
from controls import services
from controls.effects import AccountChange, Amount, Effect, effect_of, effect_shown
from controls.kinds import KINDS
from controls.models import Attachment, Request, RequestState
from controls.selectors import Look, evidence_opened, request_looks
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.papers import as_download
from ledger.models import Account
from oversight.inbox import ROLES, Reader
from oversight.naming import account_names, subject_url

_THEN = "What it would have done when it was asked"


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


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


class Typed(NamedTuple):
    """An amount that is typed again, as a field: its name among the refusals, what was typed, and what is wrong."""

    name: str
    amount: Amount
    value: str = ""
    wrong: str = ""


def _typed(effect: Effect, values: Sequence[str], wrong: dict[str, str]) -> list[Typed]:
    return [
        Typed(name, amount, values[place] if place < len(values) else "", wrong.get(name, ""))
        for place, amount in enumerate(services.retype_needed(effect))
        for name in (f"typed_{place + 1}",)
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


@require_http_methods(["GET", "POST"])
@staff_page(*ROLES, reads="request")
def approval(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """GET is a look; POST is that of somebody who is about to decide."""
    found = _found(request, request_id)
    if request.method == "GET":
        return _page(request, found)
    try:
        services.request_weigh(request_id=request_id, by=_me(request))
    except Refused as refused:
        return _page(request, _found(request, request_id), refused=refused)
    return _page(request, found, weighed=True)


def _found(request: HttpRequest, request_id: uuid.UUID) -> Any:
    """The request, and whether its time is `over` by the house's clock. Raises PermissionDenied for who neither asks
    for this kind nor decides it: a request tells about people and their money.
    """
    rows = Request.objects.select_related("maker", "checker", "person", "attachment")
    over = ExpressionWrapper(Q(expires_at__lte=Now()), output_field=BooleanField())
    found = get_object_or_404(rows.annotate(over=over), pk=request_id)
    if not Reader(_me(request)).sees(found):
        raise PermissionDenied("This request is for other roles.")
    return found


#: What a refusal is about -> the field that it stands beside. Others stand on top of the page.
_FIELDS = {
    "reason": "words",
    "typed_1": "typed_1",
    "typed_2": "typed_2",
    "code": "code",
    "code_used": "code",
    "locked": "code",
}


def _page(
    request: HttpRequest, found: Any, *, weighed: bool = False, refused: Refused | None = None, act: str = ""
) -> HttpResponse:
    """`weighed`: with what it would do now, and the form that approves it. `act`: the form that was refused, so that it
    stands open with what was typed in it, but for the code.
    """
    me = _me(request)
    about_person(request, found.person_id)
    waits = found.state == RequestState.WAITING and not found.over
    preview = _preview(found) if waits and weighed else None
    asked = effect_of(found.effect)
    shown = (
        preview.shown if preview is not None and preview.shown is not None else _shown(effect_shown(found))
    )
    differs = waits and shown.effect.essence() != asked.essence()
    why_not = Reader(me).why_not(found)
    field = _FIELDS.get(refused.code, "") if refused and act else ""
    wrong = {act: {field: refused.sentence}} if refused and field else {}
    decides = waits and not why_not and may_act(me, *ROLES)
    attachment, looks = getattr(found, "attachment", None), request_looks(found.pk)
    context = {
        "found": found,
        "label": KINDS[found.kind].label,
        "subject_url": subject_url(found.subject, me),
        "payload": json.dumps(found.payload, indent=2, ensure_ascii=False),
        "attachment": attachment,
        "unopened": decides and attachment is not None and not _has_opened(me, looks),
        "state": RequestState.EXPIRED if not waits and found.state == RequestState.WAITING else found.state,
        "waits": waits,
        "preview": preview,
        "shown": shown,
        "effect_title": _title(found, preview),
        "then": _shown(asked) if differs else None,
        "then_title": _THEN,
        "own": found.maker_id == me.pk,
        "same_browser": _same_browser(request, found) if decides else "",
        "why_not": why_not,
        "decides": decides,
        "retype": _typed(shown.effect, _typed_values(request), wrong.get("approve", {})),
        "sees_ledger": may_see(me, Role.TREASURY),
        "looks": looks,
        "sentence": refused.sentence if refused and not field else "",
        "wrong": wrong,
        "typed": {act: {"words": request.POST.get("words", "")}} if act else {},
    }
    return render(request, "oversight/approval.html", context, status=refused.status if refused else 200)


def _has_opened(me: User, looks: Iterable[Look]) -> bool:
    """Whether the reader has opened the evidence, told from who has. What binds is `_evidence_opened`."""
    return any(look.opened for look in looks if look.email == me.email)


def _same_browser(request: HttpRequest, found: Request) -> str:
    """Who of the others has signed in with the reader's browser: one person with two accounts, or a shared computer."""
    others = {"who asked": found.maker_id, "whom it is about": found.person_id}
    here = known_here(request=request, people=filter(None, others.values()))
    known = " and ".join(who for who, person in others.items() if person in here)
    return f"as {known}" if known else ""


def _title(found: Request, preview: Preview | None) -> str:
    if preview is not None and preview.shown is not None:
        return "What it would do now"
    if found.state == RequestState.WAITING and preview is None:
        return "What it would do"
    return "What it did" if found.done is not None else _THEN


@require_GET
@staff_page(*ROLES)
def approval_file(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """The evidence as a download, never as a page of ours: somebody else has made it. Who opens it is noted."""
    found = _found(request, request_id)
    try:
        attachment, content = services.evidence_open(request=found, by=_me(request))
    except Attachment.DoesNotExist:
        raise Http404 from None
    return as_download(content, name=attachment.name, type=attachment.type)


# --- deciding -------------------------------------------------------------------------------------


def _decide(
    request: HttpRequest,
    request_id: uuid.UUID,
    act: Callable[[], Request],
    said: Callable[[Request], str],
    *,
    name: str = "",
) -> HttpResponse:
    """Carry out a decision and show the request; a refusal is a sentence on its page, and nothing has changed."""
    _found(request, request_id)
    try:
        done = act()
    except Refused as refused:
        found = _found(request, request_id)
        return _page(request, found, weighed=bool(name), refused=refused, act=name)
    messages.success(request, said(done))
    return redirect("desk_approval", request_id)


def _field(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", " ")


def _typed_values(request: HttpRequest) -> tuple[str, ...]:
    """The amounts in the order of their fields, which have one name."""
    return tuple(value.replace("\x00", " ") for value in request.POST.getlist("typed"))


def _evidence_opened(request: HttpRequest, request_id: uuid.UUID) -> None:
    """Raises Conflict for who would agree to what somebody has attached without having opened it."""
    attached = Attachment.objects.filter(request_id=request_id).exists()
    if attached and not evidence_opened(request_id, by=_me(request).pk):
        raise Conflict("Open the evidence first.", code="evidence_unopened")


def _code_shown(request: HttpRequest) -> None:
    """Raises Refused for a code that is missing, wrong or used. A missing one is not counted as a try."""
    code = _field(request, "code")
    if not code.strip():
        raise Refused("Write the code that your authenticator app shows now.", code="code")
    code_check(user=_me(request), code=code)


@require_POST
@staff_page(*ROLES, reads="request")
def approval_approve(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    form: dict[str, Any] = {name: _field(request, name) for name in ("seen", "words")}
    form["typed"] = _typed_values(request)

    def act() -> Request:
        services.approval_check(request_id=request_id, by=_me(request), **form)
        _evidence_opened(request, request_id)
        _code_shown(request)
        shared = _same_browser(request, _found(request, request_id))
        return services.request_approve(request_id=request_id, by=_me(request), **form, same_browser=shared)

    return _decide(request, request_id, act, lambda done: f"Approved and done. {done.result}", name="approve")


@require_POST
@staff_page(*ROLES, reads="request")
def approval_refuse(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    words = _field(request, "words")

    def act() -> Request:
        services.refusal_check(request_id=request_id, by=_me(request), words=words)
        _code_shown(request)
        return services.request_refuse(request_id=request_id, by=_me(request), words=words)

    return _decide(request, request_id, act, lambda done: "Refused. Nothing was done.", name="refuse")


@require_POST
@staff_page(*ROLES, reads="request")
def approval_withdraw(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    """It gives nothing away, so it takes no code."""
    return _decide(
        request,
        request_id,
        lambda: services.request_withdraw(request_id=request_id, by=_me(request)),
        lambda done: "Taken back. Nothing was done.",
    )
