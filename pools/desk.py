"""Pools and bars at the desk."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from accounts.permissions import may_act, may_see, staff_page
from goldwallet.errors import Refused
from ledger import chart
from ledger.selectors import statement
from pools import selectors, services
from pools.forms import MoveForm, NewPoolForm, PoolForm, bar_forms
from pools.models import Bar, BarStatus, Pool
from pools.services.bars import MOST_BARS_AT_ONCE

_LINES = 25


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)


def _keeps_vault(request: HttpRequest) -> bool:
    return may_act(_staff(request), "vault")


@require_GET
@staff_page("vault")
def pools(request: HttpRequest) -> HttpResponse:
    rows = selectors.pools_with_figures()
    context = {"rows": rows, "total": selectors.total_of(rows), "may_act": _keeps_vault(request)}
    return render(request, "pools/pools.html", context)


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
    initial = {name: getattr(found, name) for name in ("name", "priority", "status", "note")}
    form = PoolForm(request.POST or None, initial=initial)
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


@require_GET
@staff_page("vault")
def pool(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    found = get_object_or_404(Pool, pk=pool_id)
    available, vault = chart.pool_available(found.pk), chart.pool_vault(found.pk)
    context = {
        "pool": found,
        "figures": selectors.pools_with_figures(found.pk)[0],
        "bars": selectors.bars_of(found.pk, BarStatus.ACTIVE),
        "withdrawn": selectors.bars_of(found.pk, BarStatus.WITHDRAWN),
        "lines": statement(available, limit=_LINES, newest_first=True),
        "available": available,
        "vault": vault,
        "history": selectors.pool_history(found.pk),
        "move": MoveForm(),
        "may_act": _keeps_vault(request),
        "sees_treasury": may_see(_staff(request), "treasury"),
    }
    return render(request, "pools/pool.html", context)


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_add(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    found = get_object_or_404(Pool, pk=pool_id)
    move, bars = MoveForm(request.POST or None), bar_forms(request.POST or None, rows=_rows(request))
    status = 200 if request.method == "GET" else 400
    # Both are asked, so that every mistake shows at once.
    if request.method == "POST" and all([move.is_valid(), bars.is_valid()]):
        data = move.cleaned_data
        try:
            added = services.bar_add(
                pool_id=found.pk, bars=bars.bars(), key=data["key"].hex, note=data["note"], by=_staff(request)
            )
        except Refused as refused:
            status = _say(move, refused)
        else:
            messages.success(request, f"{_bars(len(added))} added to {found.name}.")
            return redirect("desk_pool", found.pk)
    context = {
        "pool": found,
        "form": move,
        "bars": bars,
        "more": min(len(bars.forms) + 5, MOST_BARS_AT_ONCE),
        "may_act": _keeps_vault(request),
    }
    return render(request, "pools/bars_add.html", context, status=status)


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_withdraw(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """GET shows the chosen bars and what is free; POST withdraws them."""
    found = get_object_or_404(Pool, pk=pool_id)
    asked = request.POST if request.method == "POST" else request.GET
    bars = _chosen(found, asked.getlist("bar"))
    if not bars:
        messages.error(request, "Choose the bars that leave the vault, then press the button below them.")
        return redirect("desk_pool", found.pk)
    form = MoveForm(request.POST or None)
    status = 200 if request.method == "GET" else 400
    if request.method == "POST" and form.is_valid():
        data, ids = form.cleaned_data, [bar.pk for bar in bars]
        try:
            services.bar_withdraw(
                pool_id=found.pk, bar_ids=ids, key=data["key"].hex, note=data["note"], by=_staff(request)
            )
        except Refused as refused:
            status = _say(form, refused)
        else:
            messages.success(request, f"{_bars(len(bars))} withdrawn from {found.name}.")
            return redirect("desk_pool", found.pk)
    context = {
        "pool": found,
        "form": form,
        "bars": bars,
        "fine": sum(bar.fine_grams for bar in bars),
        "figures": selectors.pools_with_figures(found.pk)[0],
        "may_act": _keeps_vault(request),
    }
    return render(request, "pools/bars_withdraw.html", context, status=status)


@require_http_methods(["POST"])
@staff_page("vault")
def bar_restore(request: HttpRequest, pool_id: UUID, bar_id: UUID) -> HttpResponse:
    bar = get_object_or_404(Bar, pk=bar_id, pool=pool_id)
    form = MoveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Something of this form got lost. Try again.")
        return redirect("desk_pool", pool_id)
    data = form.cleaned_data
    try:
        services.bar_restore(
            pool_id=pool_id, bar_id=bar.pk, key=data["key"].hex, note=data["note"], by=_staff(request)
        )
    except Refused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"Bar {bar.serial} is in the vault again.")
    return redirect("desk_pool", pool_id)


def _say(form: Form, refused: Refused) -> int:
    """Put the refusal on the form; answers the page's HTTP status."""
    form.add_error(None, refused.sentence)
    return refused.status


def _rows(request: HttpRequest) -> int:
    """How many bars the form offers fields for: `?rows=5`."""
    asked = request.GET.get("rows", "")
    return min(max(int(asked), 1), MOST_BARS_AT_ONCE) if asked.isascii() and asked.isdigit() else 1


def _chosen(found: Pool, ids: list[str]) -> list[Bar]:
    wanted = set(ids)
    return [bar for bar in selectors.bars_of(found.pk) if str(bar.pk) in wanted]


def _bars(number: int) -> str:
    return "1 bar" if number == 1 else f"{number} bars"
