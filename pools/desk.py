"""Pools at the desk: the list and its order, a pool's page, and where each of its grams is."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.asking import may_ask
from accounts.models import User
from accounts.permissions import may_act, may_see, staff_page
from accounts.roles import SEES_PEOPLE
from controls.selectors import request_about
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from ledger import chart
from ledger.selectors import statement
from pools import selectors, services
from pools.bars import BarsPage, bars_page
from pools.book import book_page, book_range
from pools.forms import BarFilters, NewPoolForm, PoolForm, RangeForm, ReasonForm
from pools.history import pool_history
from pools.models import BarStatus, Pool
from pools.requests import bars_subject
from pools.whereabouts import whereabouts

#: Of the ledger, on the pool's own page.
_LINES = 10


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)


def _keeps_vault(request: HttpRequest) -> bool:
    return may_act(_staff(request), "vault")


@require_GET
@staff_page("vault")
def pools(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    rows = selectors.pools_with_figures()
    context = {
        "open": [row for row in rows if row.pool.is_open],
        "closed": [row for row in rows if not row.pool.is_open],
        "total": selectors.total_of(rows),
        "may_act": _keeps_vault(request),
        "refused": refused,
    }
    return render(request, "pools/pools.html", context, status=refused.status if refused else 200)


@require_POST
@staff_page("vault")
def pool_move(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """One place up or down in the order of sale, from the place that the page showed."""
    found = get_object_or_404(Pool, pk=pool_id)
    way, place = request.POST.get("way", ""), request.POST.get("place", "")
    if way not in {"up", "down"} or not (place.isascii() and place.isdigit() and len(place) < 5):
        return _list(request, Refused("Press one of the arrows beside a pool.", code="way"))
    try:
        services.pool_move(pool_id=found.pk, way=way, place=int(place), by=_staff(request))  # type: ignore[arg-type]
    except Refused as refused:
        return _list(request, refused)
    messages.success(request, f"{found.name} is sold one place {'sooner' if way == 'up' else 'later'} now.")
    return redirect("desk_pools")


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def pool_new(request: HttpRequest) -> HttpResponse:
    form = NewPoolForm(request.POST or None)
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and form.is_valid():
        try:
            made = services.pool_create(by=_staff(request), **form.cleaned_data)
        except Refused as refused:
            status = _say(form, refused)
        else:
            messages.success(request, f"The pool {made.name} is made. Add its bars now.")
            return redirect("desk_pool", made.pk)
    context = {"form": form, "pool": None, "may_act": _keeps_vault(request)}
    return render(request, "pools/pool_form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def pool_edit(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    found = get_object_or_404(Pool, pk=pool_id)
    form = PoolForm(request.POST or None, initial={"name": found.name, "note": found.note})
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and form.is_valid():
        try:
            services.pool_update(pool_id=found.pk, by=_staff(request), **form.cleaned_data)
        except Refused as refused:
            status = _say(form, refused)
        else:
            messages.success(request, "The pool is changed.")
            return redirect("desk_pool", found.pk)
    context = {"form": form, "pool": found, "may_act": _keeps_vault(request)}
    return render(request, "pools/pool_form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def pool_turn(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """Close an open pool, or open a closed one. The form says which (`to`), so that sending it twice does it once."""
    found = get_object_or_404(Pool, pk=pool_id)
    to = request.POST.get("to", "")
    closing = to == "closed" if to in {"open", "closed"} else found.is_open
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and to not in {"open", "closed"}:
        form.add_error(None, "Something of this form got lost. Look at it below, then send it.")
    if request.method == "POST" and form.is_valid():
        turn = services.pool_close if closing else services.pool_reopen
        try:
            turn(pool_id=found.pk, reason=form.cleaned_data["reason"], by=_staff(request))
        except Refused as refused:
            status = refused.status
            form.add_error("reason" if refused.code == "reason" else None, refused.sentence)
        else:
            said = (
                "is closed. Nothing more of it is sold."
                if closing
                else "is open again, and sold after the others."
            )
            messages.success(request, f"The pool {found.name} {said}")
            return redirect("desk_pool", found.pk)
    figures = selectors.figures_of(found)
    context = {
        "form": form,
        "pool": found,
        "closing": closing,
        "figures": figures,
        "may_act": _keeps_vault(request),
    }
    return render(request, "pools/pool_turn.html", context, status=status)


@require_GET
@staff_page("vault", reads="pool")
def pool(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """Everything about a pool. It names who owns the most of it, so looking at it is noted."""
    found = get_object_or_404(Pool, pk=pool_id)
    filters = BarFilters(request.GET)
    bars = _bars(found, filters, after=request.GET.get("after", ""))
    waiting = request_about(bars_subject(found.pk))
    me = _staff(request)
    history = pool_history(found, after=request.GET.get("history", ""))
    context: dict[str, Any] = {
        "pool": found,
        "filters": filters,
        "bars": bars.rows,
        "older_url": _older(request, bars.older),
        "open_request": waiting,
        "may_act": _keeps_vault(request),
        "may_ask": waiting is None and may_ask(me, "bars_add"),
        "sees_treasury": may_see(me, "treasury"),
        "sees_people": may_see(me, *SEES_PEOPLE),
        "where": whereabouts(found.pk),
        "orders_url": f"{reverse('desk_orders')}?{urlencode({'side': 'buy', 'status': 'pending'})}",
        "sales_url": f"{reverse('desk_orders')}?{urlencode({'side': 'sell', 'status': 'pending'})}",
        "lines": statement(chart.pool_available(found.pk), limit=_LINES, newest_first=True),
        "history": history.page.rows,
        "history_total": history.total,
        "history_older": history.page.older,
        "subject": f"pool:{found.pk}",
        # What two people did to its bars as well.
        "trail_subject": f"pool:{found.pk} {bars_subject(found.pk)}",
    }
    status = 200 if filters.is_valid() else 400
    return page_or_part(request, "pools/pool.html", context, part="rows", status=status)


def _bars(found: Pool, filters: BarFilters, *, after: str) -> BarsPage:
    """The page of bars that was asked for; none for filters that make no sense."""
    if not filters.is_valid():
        return BarsPage([], "")
    asked = filters.cleaned_data
    return bars_page(
        found.pk,
        words=asked["q"],
        status=asked["status"] or BarStatus.ACTIVE,
        assay=asked["assay"],
        sort=asked["sort"] or "serial",
        after=after,
    )


def _older(request: HttpRequest, after: str) -> str:
    if not after:
        return ""
    query = request.GET.copy()
    query["after"] = after
    return f"{request.path}?{query.urlencode()}"


@require_GET
@staff_page("vault", reads="pool")
def pool_book(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """What moved in one of the two accounts of the pool, line by line with the balance after it."""
    found = get_object_or_404(Pool, pk=pool_id)
    form = RangeForm(request.GET)
    right = form.is_valid()
    vault = form.cleaned_data.get("account") == "vault"
    code = chart.pool_vault(found.pk) if vault else chart.pool_available(found.pk)
    days = {name: form.cleaned_data.get(name) if right else None for name in ("start", "end")}
    span = book_range(code, start=days["start"], end=days["end"])
    page = book_page(code, span, after=request.GET.get("after", ""))
    context = {
        "pool": found,
        "form": form,
        "code": code.code,
        "vault": vault,
        "span": span,
        "lines": page.lines if right else [],
        "older_url": _older(request, page.older) if right else "",
        "extract_query": urlencode({"since": days["start"] or "", "until": days["end"] or ""}),
        "sees_treasury": may_see(_staff(request), "treasury"),
    }
    return page_or_part(request, "pools/pool_book.html", context, part="rows", status=200 if right else 400)


def _say(form: Form, refused: Refused) -> int:
    """Put the refusal on the form; answers the page's HTTP status."""
    form.add_error(refused.code if refused.code in form.fields else None, refused.sentence)
    return refused.status
