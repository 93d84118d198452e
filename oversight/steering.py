"""What staff steer: three switches and the thresholds. Pausing takes one person, everything else here takes two."""

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import may_act, may_see, staff_page
from accounts.roles import Role
from controls import services
from controls.models import Cause, Request, Switch, SwitchName, Threshold
from controls.selectors import requests_waiting, switches, thresholds
from controls.thresholds import DEFINITIONS, YES_NO, Definition
from goldwallet.errors import Refused
from goldwallet.history import events_of, with_authors
from goldwallet.paging import page_of
from pools.selectors import current_price
from trading.selectors import price_is_old

_READERS = (Role.TREASURY, Role.PRICING, Role.ADMINISTRATOR)
_HISTORY = 50
#: Who may pause what. Payouts are none of pricing's business.
_PAUSERS = {
    SwitchName.BUY: (Role.TREASURY, Role.PRICING, Role.ADMINISTRATOR),
    SwitchName.SELL: (Role.TREASURY, Role.PRICING, Role.ADMINISTRATOR),
    SwitchName.PAYOUTS: (Role.TREASURY, Role.ADMINISTRATOR),
}
_MEANS = {
    SwitchName.BUY: "Nobody gets a quote for a buy or confirms one. What has begun goes on.",
    SwitchName.SELL: "Nobody gets a quote for a sale or confirms one. What has begun goes on.",
    SwitchName.PAYOUTS: "No payout goes to M-Pesa. Those that went are still asked about; the others wait.",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a refused form held, to be shown in it again: `form` is say `pause-buy`."""

    form: str
    sentence: str
    code: str
    status: int
    reason: str


class SwitchRow(NamedTuple):
    """A switch as the page shows it. `closed`: trade of this side stands still for want of a price."""

    switch: Switch
    label: str
    means: str
    closed: bool
    pauses: bool
    open_request: Request | None


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


def _requests() -> dict[str, Request]:
    """The open requests about switches and thresholds, by what they are about."""
    waiting = requests_waiting().filter(kind__in=["switch_resume", "threshold_set"])
    return {found.subject: found for found in waiting}


@require_GET
@staff_page(*_READERS)
def steering(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, typed: Typed | None = None) -> HttpResponse:
    me, waiting, price = _me(request), _requests(), current_price()
    closed = price is None or price_is_old(price)
    context = {
        "switches": [_switch_row(row, me, waiting, closed=closed) for row in switches()],
        "thresholds": _threshold_rows(waiting),
        "may_resume": may_ask(me, "switch_resume"),
        "may_ask": may_ask(me, "threshold_set"),
        "sees_prices": may_see(me, Role.PRICING),
        "typed": typed,
    } | _switch_history(request.GET.get("history", ""))
    return render(request, "oversight/steering.html", context, status=typed.status if typed else 200)


def _switch_row(row: Switch, me: User, waiting: dict[str, Request], *, closed: bool) -> SwitchRow:
    name = SwitchName(row.name)
    return SwitchRow(
        switch=row,
        label=name.label,
        means=_MEANS[name],
        closed=closed and name != SwitchName.PAYOUTS,
        pauses=may_act(me, *_PAUSERS[name]),
        open_request=waiting.get(f"switch:{name}"),
    )


def _switch_history(after: str) -> dict[str, object]:
    """What was paused and went on, newest first: a page of it, and how many lines there are in all."""
    events: Any = Switch.pgh_event_model  # type: ignore[attr-defined]
    page = page_of(
        events.objects.select_related("pgh_context"), by="pgh_created_at", after=after, limit=_HISTORY
    )
    lines = [
        (event.pgh_created_at, event.by.email if event.by else "the house itself", _said(event))
        for event in with_authors(page.rows)
    ]
    return {"history": lines, "history_total": events.objects.count(), "history_older": page.older}


def _said(event: Switch) -> str:
    label = SwitchName(event.name).label
    return f"{label} paused. {event.note}" if event.paused else f"{label} on again."


# --- switches -------------------------------------------------------------------------------------


def _name(text: str) -> SwitchName:
    if text not in SwitchName.values:
        raise Http404
    return SwitchName(text)


def _typed(request: HttpRequest, form: str, refused: Refused) -> Typed:
    return Typed(form, refused.sentence, refused.code, refused.status, request.POST.get("reason", ""))


@require_POST
@staff_page(*_READERS)
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Pause at once. It was paused already: the first cause stays, and the page says so."""
    switch, me = _name(name), _me(request)
    if not may_act(me, *_PAUSERS[switch]):
        raise PermissionDenied("Your role does not pause this.")
    try:
        note = request.POST.get("reason", "")
        changed = services.switch_pause(name=switch, cause=Cause.STAFF, note=note, by=me)
    except Refused as refused:
        return _page(request, _typed(request, f"pause-{switch}", refused))
    said = f"{switch.label} is paused from now on." if changed else f"{switch.label} was paused already."
    messages.success(request, said)
    return redirect("desk_steering")


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR)
def resume_ask(request: HttpRequest, name: str) -> HttpResponse:
    switch = _name(name)
    return ask(
        request,
        kind="switch_resume",
        payload={"name": switch},
        subject=f"switch:{switch}",
        again=lambda refused: _page(request, _typed(request, f"resume-{switch}", refused)),
    )


# --- thresholds -----------------------------------------------------------------------------------


class ThresholdRow(NamedTuple):
    """A threshold as the pages show it: `value`, `default` and bounds in words."""

    name: str
    label: str
    value: str
    default: str
    bounds: str
    moved: Threshold | None
    open_request: Request | None


def _threshold_rows(waiting: dict[str, Request], *names: str) -> list[ThresholdRow]:
    values = thresholds()
    moved = Threshold.objects.select_related("changed_by").in_bulk()
    return [
        ThresholdRow(
            name=found.name,
            label=found.label,
            value=found.show(values[found.name]),
            default=found.show(found.default),
            bounds=found.bounds,
            moved=moved.get(found.name),
            open_request=waiting.get(f"threshold:{found.name}"),
        )
        for found in DEFINITIONS.values()
        if not names or found.name in names
    ]


@require_http_methods(["GET", "POST"])
@staff_page(Role.TREASURY, Role.ADMINISTRATOR)
def threshold_ask(request: HttpRequest, name: str) -> HttpResponse:
    """One threshold: its value, who moved it when, and the form that asks for another value."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise Http404
    if request.method == "GET":
        return _threshold_page(request, definition)
    return ask(
        request,
        kind="threshold_set",
        payload={"name": name, "value": request.POST.get("value", "")},
        subject=f"threshold:{name}",
        again=lambda refused: _threshold_page(request, definition, _typed(request, "", refused)),
    )


def _threshold_page(request: HttpRequest, definition: Definition, typed: Typed | None = None) -> HttpResponse:
    (row,) = _threshold_rows(_requests(), definition.name)
    moves = [] if row.moved is None else events_of(row.moved)
    context = {
        "row": row,
        "unit": definition.unit,
        "yes_no": definition.unit == YES_NO,
        "history": [
            (event.pgh_created_at, event.by.email if event.by else "", definition.show(event.value))
            for event in reversed(moves)
        ],
        "may_ask": may_ask(_me(request), "threshold_set"),
        "value": request.POST.get("value", ""),
        "typed": typed,
    }
    return render(request, "oversight/threshold.html", context, status=typed.status if typed else 200)
