"""The reconciliation at the desk: statements, runs, and the differences that are open."""

import datetime as dt
import uuid
from typing import Any, cast

import pghistory
from django.contrib import messages
from django.db import transaction
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.own import OWN, is_own
from accounts.permissions import about_person, may_act, staff_page
from accounts.roles import Role
from controls.audit import record
from controls.selectors import request_about, switch
from goldwallet import wording
from goldwallet.clock import day_of_text, midnight
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.paging import page_of
from oversight.models import Break, BreakKind, BreakState, News, Run, RunState
from oversight.reconciliation.found import GRACE, ZERO
from oversight.reconciliation.resolving import advice, choices, whose
from oversight.reconciliation.run import run_begin
from oversight.tasks import reconcile_run
from payments.models import Float, StatementFile
from payments.rails.daraja.statement import MOST_BYTES
from payments.statements import statement_import

_PAGE = 50
_RECENT = 15
#: So many differences a report prints; a page of more is read by nobody.
_REPORT = 1000
_GRACE_MINUTES = int(GRACE.total_seconds()) // 60
#: Days that something can have happened on. Others run over the edge of the calendar, in Python or in the database, and
#: a run that was stored with one would close this page.
#: What a refusal is about -> the field that it stands beside, too: the page is long.
_FIELDS = {
    "account": "account",
    "file": "statement",
    "statement": "statement",
    "shortcode": "statement",
    "from": "from",
    "to": "to",
    "span": "to",
}


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_GET
@staff_page(Role.TREASURY, reads="breaks")
def reconciliation(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, refused: Refused | None = None, *, about: str = "") -> HttpResponse:
    """`about`: which form was refused, `upload` or `run`: what was typed stays in it, and the sentence beside it."""
    field = _FIELDS.get(refused.code, "") if refused else ""
    kind = request.GET.get("kind", "")
    kind = kind if kind in BreakKind.values else ""
    opened = Break.objects.filter(state=BreakState.OPEN)
    shown = opened.filter(kind=kind) if kind else opened
    page = page_of(
        shown.select_related("owner"), by="found_at", after=request.GET.get("after", ""), limit=_PAGE
    )
    runs = list(Run.objects.select_related("started_by").order_by("-started_at")[:_RECENT])
    older = urlencode({"kind": kind, "after": page.older})
    context = {
        "run": runs[0] if runs else None,
        "runs": runs,
        "files": StatementFile.objects.select_related("uploaded_by").order_by("-uploaded_at")[:_RECENT],
        "breaks": page.rows,
        "kinds": _kinds(opened, kind),
        "older_url": f"{reverse('desk_reconciliation')}?{older}" if page.older else "",
        "total": opened.aggregate(
            count=Count("pk"), kes=Sum("kes", default=ZERO), grams=Sum("grams", default=ZERO)
        ),
        "paused": switch("payouts").paused,
        "accounts": Float.choices,
        "acts": may_act(_me(request), Role.TREASURY),
        "grace": _GRACE_MINUTES,
        "sentence": refused.sentence if refused else "",
        "wrong": {about: {field: refused.sentence}} if refused and field else {},
        "typed": {about: request.POST} if refused else {},
    }
    return render(
        request, "oversight/reconciliation.html", context, status=refused.status if refused else 200
    )


def _kinds(opened: QuerySet[Break], kind: str) -> list[tuple[str, str, bool]]:
    """The filters, as tabs: all, and each kind of which there is one."""
    page = reverse("desk_reconciliation")
    counted = opened.order_by().values_list("kind").annotate(count=Count("pk"))
    found = dict(counted)
    each = [
        (f"{one.label} ({found[one]})", f"{page}?kind={one}", one == kind)
        for one in BreakKind
        if one in found
    ]
    return [("All", page, not kind), *each] if each else []


# --- statements and runs --------------------------------------------------------------------------


@require_POST
@staff_page(Role.TREASURY, reads="breaks")
def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("statement")
    try:
        if file is None:
            raise Refused("Choose the file that M-Pesa's portal exported.", code="file")
        start, end = _days(request)
        taken = statement_import(
            account=request.POST.get("account", ""),
            name=str(file.name),
            data=file.read(MOST_BYTES + 1),
            by=_me(request),
            starts_at=start,
            ends_at=end,
        )
    except Refused as refused:
        return _page(request, refused, about="upload")
    (messages.success if taken.new else messages.info)(request, taken.sentence)
    return redirect("desk_reconciliation")


def _days(request: HttpRequest) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The first moment of the day `from` and the last of the day `to`, Nairobi's; None for what was left out."""
    start, end = _day(request, "from"), _day(request, "to")
    if start and end and start > end:
        raise Refused("The last day is before the first one.", code="span")
    return start, None if end is None else end + dt.timedelta(days=1) - dt.timedelta(seconds=1)


def _day(request: HttpRequest, name: str) -> dt.datetime | None:
    """The first moment of the day that was typed. Raises Refused with the field's name as its code."""
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    day = day_of_text(text)
    if day is None:
        raise Refused("Write a day like 2026-11-21.", code=name)
    return midnight(day)


@require_POST
@staff_page(Role.TREASURY, reads="breaks")
def run_now(request: HttpRequest) -> HttpResponse:
    try:
        start, end = _days(request)
        with transaction.atomic():
            begun = run_begin(by=_me(request), starts_at=start, ends_at=end)
            reconcile_run.defer(run_id=str(begun.pk))
    except Refused as refused:
        return _page(request, refused, about="run")
    messages.success(request, "The comparison has begun. This page shows how far it is.")
    return redirect("desk_reconciliation")


@require_GET
@staff_page(Role.TREASURY)
def progress(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """The part of the page that asks again while a run works; when it has ended the whole page is loaded anew."""
    found = get_object_or_404(Run, pk=run_id)
    answer = render(request, "oversight/reconciliation_progress.html", {"run": found})
    if found.state != RunState.RUNNING:
        answer.headers["HX-Refresh"] = "true"
    return answer


@require_GET
@staff_page(Role.TREASURY, reads="run")
def run(request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """A run as a report that can be printed. It tells what the run found then, whatever became of it since."""
    found = get_object_or_404(Run.objects.select_related("started_by"), pk=run_id)
    counted = dict(found.findings.order_by().values_list("news").annotate(count=Count("pk")))
    context = {
        "run": found,
        "grace": _GRACE_MINUTES,
        "new": counted.get(News.NEW, 0),
        "gone": counted.get(News.GONE, 0),
        "seconds": sum(float(step["seconds"]) for step in found.report),
        "findings": found.findings.order_by("-news", "kind", "-kes", "pk")[:_REPORT],
        "listed": min(sum(counted.values()), _REPORT),
        "total": sum(counted.values()),
        # Runs of the first version did not keep their list.
        "unlisted": found.state == RunState.DONE and found.found and not counted,
    }
    return render(request, "oversight/reconciliation_run.html", context)


# --- one difference -------------------------------------------------------------------------------


@require_GET
@staff_page(Role.TREASURY, reads="break")
def difference(request: HttpRequest, break_id: uuid.UUID) -> HttpResponse:
    return _break_page(request, break_id)


def _break_page(request: HttpRequest, break_id: uuid.UUID, refused: Refused | None = None) -> HttpResponse:
    rows = Break.objects.select_related(
        "payment", "arrival", "line__file", "owner", "first_run", "last_run", "request"
    )
    found = get_object_or_404(rows, pk=break_id)
    about_person(request, found.payment.user_id if found.payment else None)
    opened = found.state == BreakState.OPEN
    me = _me(request)
    waiting = request_about(_subject(found.pk)) if opened else None
    context = {
        "found": found,
        # A float is what stands on an account; everything else is what moved.
        "moved": "Balance" if found.kind == BreakKind.FLOAT_DIFFERS else "Moved",
        "choices": choices(found) if opened else [],
        "advice": advice(found) if opened else "",
        "details": found.line.details if found.line else "",
        "waiting": waiting,
        "asks": opened and waiting is None and may_ask(me, "break_resolve"),
        "own": OWN if opened and may_ask(me, "break_resolve") and is_own(me, whose(found)) else "",
        "acts": opened and may_act(me, Role.TREASURY),
        "mine": found.owner_id == me.pk,
        "history": _history(found),
        "refused": refused,
        "typed": request.POST if refused else {},
    }
    return render(
        request, "oversight/reconciliation_break.html", context, status=refused.status if refused else 200
    )


def _history(found: Break) -> list[tuple[Any, str, str]]:
    first = (found.found_at, "", "Found")
    return [
        first,
        *(
            (event.pgh_created_at, event.by.email if event.by else "", _said(event))
            for event in events_of(found)
        ),
    ]


def _said(event: Any) -> str:
    if event.state == BreakState.OPEN:
        return "Took it on" if event.owner_id else "Gave up looking after it"
    return wording.state(event.state, "break")[0]


def _subject(break_id: uuid.UUID) -> str:
    return f"break:{break_id}"


@require_POST
@staff_page(Role.TREASURY, reads="break")
def own(request: HttpRequest, break_id: uuid.UUID) -> HttpResponse:
    """Take the difference on, whoever had it before, or let it go."""
    found = get_object_or_404(Break, pk=break_id)
    me = _me(request)
    owner = None if request.POST.get("let_go") else me
    with pghistory.context(user=str(me.pk), action="break_own"), transaction.atomic():
        former = Break.objects.select_for_update().values_list("owner_id", flat=True).get(pk=found.pk)
        changed = Break.objects.filter(pk=found.pk, state=BreakState.OPEN).update(owner=owner)
        if changed:
            record(
                "break_own",
                subject=_subject(found.pk),
                before={"owner": str(former) if former else ""},
                after={"owner": str(me.pk) if owner else ""},
            )
    if not changed:
        return _break_page(request, break_id, Refused("This difference is not open any more.", status=409))
    messages.success(request, "It is yours now." if owner else "Nobody has it now.")
    return redirect("desk_break", break_id)


@require_POST
@staff_page(Role.TREASURY, reads="break")
def resolve(request: HttpRequest, break_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Break, pk=break_id)
    return ask(
        request,
        kind="break_resolve",
        payload={"break": str(break_id), "how": request.POST.get("how", "")},
        subject=_subject(break_id),
        again=lambda refused: _break_page(request, break_id, refused),
    )
