"""The daily close at the desk: the list of days, one day to print, and the same as PDF."""

import datetime as dt
from decimal import Decimal
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.exporting import paper
from accounts.models import User
from accounts.permissions import staff_page
from accounts.roles import Role
from goldwallet.clock import day_of_text, now
from oversight.close.making import day_of, first_day, first_day_and_now
from oversight.close.printed import printed
from oversight.close.shown import Close, close_of, warnings
from oversight.models import DailyClose

_PAGE = 31


@require_GET
@staff_page(Role.TREASURY)
def closes(request: HttpRequest) -> HttpResponse:
    """The closed days, newest first."""
    rows = DailyClose.objects.order_by("-day")
    before = day_of_text(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(day__lt=before)
    found = list(rows[: _PAGE + 1])
    current = day_of(now())
    context = {
        "days": [_line(one) for one in found[:_PAGE]],
        "today": current,
        "yesterday": _unclosed(current, found) if before is None else None,
        "older_url": f"{reverse('desk_close')}?before={found[_PAGE - 1].day}" if len(found) > _PAGE else "",
    }
    return render(request, "oversight/closes.html", context)


def _unclosed(current: dt.date, found: list[DailyClose]) -> dt.date | None:
    """Yesterday, while the job has not closed it."""
    yesterday, began = current - dt.timedelta(days=1), first_day()
    closed = bool(found) and found[0].day == yesterday
    return None if closed or began is None or yesterday < began else yesterday


def _line(close: DailyClose) -> dict[str, Any]:
    figures = close.figures
    accounts = {one["code"]: Decimal(one["closing"]) for one in figures["cash"]["accounts"]}
    return {
        "day": close.day,
        "vault": Decimal(figures["gold"]["closing"]),
        "owed": Decimal(figures["gold"]["owed"]),
        "collections": accounts.get("mpesa:collections", Decimal(0)),
        "payouts": accounts.get("mpesa:payouts", Decimal(0)),
        "bought": Decimal(figures["trade"]["buys"]["kes"]),
        "sold": Decimal(figures["trade"]["sales"]["kes"]),
        "warnings": len(warnings(figures)),
    }


@require_GET
@staff_page(Role.TREASURY, reads="close")
def close(request: HttpRequest, day: str) -> HttpResponse:
    """One day: as it was stored, or counted now. `?recount=1` counts a stored one again."""
    found, began, moment = _close(request, day)
    context = {
        "close": found,
        "now": moment,
        "before": found.day - dt.timedelta(days=1) if found.day > began else None,
        "after": None if found.today else found.day + dt.timedelta(days=1),
    }
    return render(request, "oversight/close.html", context)


@require_GET
@staff_page(Role.TREASURY, reads="close", copies=True)
def close_pdf(request: HttpRequest, day: str) -> HttpResponse:
    me = cast(User, request.user)
    with paper(me):
        found, _, moment = _close(request, day)
        data = printed(found, made_by=me.email, made_at=moment)
    name = f"gold-wallet-close-{found.day}.pdf"
    return HttpResponse(
        data,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _close(request: HttpRequest, text: str) -> tuple[Close, dt.date, dt.datetime]:
    """A day that has begun, the first day there is, and the time. Raises Http404, also for days before anything was
    posted.
    """
    first, moment = first_day_and_now()
    day, today = day_of_text(text), day_of(moment)
    began = first or today
    if day is None or not began <= day <= today:
        raise Http404
    return close_of(day, today=today, recount=request.GET.get("recount") == "1"), began, moment
