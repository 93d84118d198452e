"""Money that comes by itself at the desk: what waits in suspense, one arrival, and the floats at M-Pesa."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST
from procrastinate.exceptions import AlreadyEnqueued

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.own import OWN, is_own
from accounts.permissions import about_person, may_act
from accounts.permissions import staff_page as page_of_staff
from accounts.selectors import person_by_email, person_by_phone
from controls.audit import record
from controls.selectors import request_about, threshold
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.paging import page_of
from payments import tasks
from payments.floats import floats
from payments.models import Arrival, ArrivalState, Callback, Exchange, Pull
from payments.requests_money import FLOAT_MOVES
from payments.selectors_money import arrivals_all, arrivals_open, candidates, cash_resting
from payments.services import said_open
from payments.shown import shown

_PAGE = 50
_ROLES = ("treasury", "administrator")
staff_page = page_of_staff(*_ROLES)
arrival_page = page_of_staff(*_ROLES, reads="arrival")


@require_GET
@page_of_staff(*_ROLES, reads="arrivals")
def money(request: HttpRequest) -> HttpResponse:
    """`show=all`: also what has been settled; `receipt`: one receipt, wherever it stands."""
    receipt = request.GET.get("receipt", "").replace("\x00", "").strip().upper()[:20]
    everything = request.GET.get("show") == "all" or bool(receipt)
    rows = arrivals_all() if everything else arrivals_open()
    if receipt:
        rows = rows.filter(receipt=receipt)
    page = page_of(rows, by="arrived_at", after=request.GET.get("after", ""), limit=_PAGE)
    query = {"show": "all", "after": page.older} if everything else {"after": page.older}
    context = {
        "tabs": _tabs("all" if everything else "open"),
        "arrivals": page.rows,
        "older_url": f"{reverse('desk_money')}?{urlencode(query)}" if page.older else "",
        "receipt": receipt,
        "everything": everything,
        "last_pull": Pull.objects.filter(complete=True).order_by("-ends_at").first(),
        "cash": None if everything else cash_resting(),
    }
    return render(request, "payments/money.html", context)


def _tabs(current: str) -> list[tuple[str, str, bool]]:
    url = reverse("desk_money")
    return [
        ("To decide", url, current == "open"),
        ("All", f"{url}?show=all", current == "all"),
        ("Floats", reverse("desk_floats"), current == "floats"),
    ]


# --- one arrival ----------------------------------------------------------------------------------


@require_GET
@arrival_page
def arrival(request: HttpRequest, arrival_id: uuid.UUID) -> HttpResponse:
    return _arrival_page(request, arrival_id)


@require_POST
@arrival_page
def arrival_said(request: HttpRequest, arrival_id: uuid.UUID, said_id: uuid.UUID) -> HttpResponse:
    """Something that was said about it, as it came: with a reason, and noted."""
    found = get_object_or_404(Arrival.objects.select_related("payment"), pk=arrival_id)
    try:
        said_open(about=found, said_id=said_id, reason=request.POST.get("reason", ""))
    except Refused as refused:
        return _arrival_page(request, arrival_id, refused)
    return _arrival_page(request, arrival_id, opened=said_id)


def _arrival_page(
    request: HttpRequest,
    arrival_id: uuid.UUID,
    refused: Refused | None = None,
    form: str = "",
    opened: uuid.UUID | None = None,
) -> HttpResponse:
    """One arrival. After a refused form: its sentence, and what was typed. `opened`: what is shown as it came."""
    found = get_object_or_404(arrivals_all(), pk=arrival_id)
    about_person(request, found.person_id)
    open_request = request_about(_subject(arrival_id))
    waits = found.state == ArrivalState.SUSPENSE
    may = waits and open_request is None and may_ask(cast(User, request.user), "suspense_assign")
    context = {
        "arrival": found,
        "candidates": candidates(found) if waits else [],
        "request_open": open_request,
        "may_ask": may,
        # Whose payment its reference names.
        "own": OWN if may and is_own(cast(User, request.user), found.person_id) else "",
        "exchanges": shown(Exchange.objects.filter(arrival=found).order_by("created_at"), opened=opened),
        "callbacks": shown(
            Callback.objects.filter(exchange__arrival=found).order_by("received_at"), opened=opened
        ),
        "said_route": "desk_arrival_said" if may_act(cast(User, request.user), *_ROLES) else "",
        "said_of": found.pk,
        "history": events_of(found),
        "refused": refused,
        "form": form,
        "typed": request.POST if refused else {},
    }
    return render(request, "payments/money_one.html", context, status=refused.status if refused else 200)


def _subject(arrival_id: uuid.UUID) -> str:
    return f"arrival:{arrival_id}"


def _person(text: str) -> str:
    """The id of whoever has this e-mail address or this number; nothing when it is nobody's, or several people's."""
    written = text.replace("\x00", "").strip()
    found = person_by_email(written) if "@" in written else person_by_phone(written)
    return str(found.pk) if found else ""


@require_POST
@arrival_page
def arrival_assign(request: HttpRequest, arrival_id: uuid.UUID) -> HttpResponse:
    try:
        person = _person(request.POST.get("person", ""))
    except Refused as refused:
        return _arrival_page(request, arrival_id, refused, "assign")
    return _ask(request, arrival_id, "assign", user=person)


@require_POST
@arrival_page
def arrival_return(request: HttpRequest, arrival_id: uuid.UUID) -> HttpResponse:
    return _ask(request, arrival_id, "return")


def _ask(request: HttpRequest, arrival_id: uuid.UUID, form: str, **payload: Any) -> HttpResponse:
    get_object_or_404(Arrival, pk=arrival_id)
    return ask(
        request,
        kind=f"suspense_{form}",
        payload={"arrival": str(arrival_id), **payload},
        subject=_subject(arrival_id),
        again=lambda refused: _arrival_page(request, arrival_id, refused, form),
    )


# --- floats ---------------------------------------------------------------------------------------


@require_GET
@staff_page
def floats_page(request: HttpRequest) -> HttpResponse:
    return _floats_page(request)


def _floats_page(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    staff = cast(User, request.user)
    context = {
        "tabs": _tabs("floats"),
        "floats": floats(),
        "least": threshold("float_least_kes"),
        "moves": [(name, label) for name, (label, _, _) in FLOAT_MOVES.items()],
        "request_open": request_about(_FLOAT),
        "may_ask": may_ask(staff, "float_move"),
        "may_act": may_act(staff, "treasury", "administrator"),
        "refused": refused,
        "typed": request.POST if refused else {},
    }
    status = refused.status if refused else 200
    return render(request, "payments/money_floats.html", context, status=status)


#: One at a time: the second would be judged against a balance that the first is about to change.
_FLOAT = "float"


@require_POST
@staff_page
def floats_ask(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        record("balance_ask", subject="floats")
        try:
            with transaction.atomic():
                tasks.balances_now.defer()
        except AlreadyEnqueued:
            pass
    messages.success(request, "M-Pesa is being asked. The answer stands here in a few seconds.")
    return redirect("desk_floats")


@require_POST
@staff_page
def float_move(request: HttpRequest) -> HttpResponse:
    payload = {
        name: request.POST.get(name, "").replace("\x00", "") for name in ("move", "amount", "reference")
    }
    return ask(
        request,
        kind="float_move",
        payload=payload,
        subject=_FLOAT,
        again=lambda refused: _floats_page(request, refused),
    )
