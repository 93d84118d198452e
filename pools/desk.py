"""Pools and bars at the desk."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import may_act, may_see, staff_page
from controls.selectors import request_about
from goldwallet.errors import Refused
from ledger import chart
from ledger.selectors import statement
from pools import selectors, services
from pools.forms import NewPoolForm, PoolForm, bar_forms
from pools.models import Bar, BarStatus, Pool
from pools.requests import bars_subject
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
    waiting = request_about(bars_subject(found.pk))
    context = {
        "pool": found,
        "figures": selectors.pools_with_figures(found.pk)[0],
        "bars": selectors.bars_of(found.pk, BarStatus.ACTIVE),
        "withdrawn": selectors.bars_of(found.pk, BarStatus.WITHDRAWN),
        "lines": statement(available, limit=_LINES, newest_first=True),
        "available": available,
        "vault": vault,
        "history": selectors.pool_history(found.pk),
        "open_request": waiting,
        "may_act": _keeps_vault(request),
        "may_ask": waiting is None and may_ask(_staff(request), "bars_add"),
        "sees_treasury": may_see(_staff(request), "treasury"),
    }
    return render(request, "pools/pool.html", context)


# --- bars: one person asks, a second one decides (pools.requests) ---------------------------------


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_add(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    found = get_object_or_404(Pool, pk=pool_id)
    bars = bar_forms(request.POST or None, rows=_rows(request))

    def page(refused: Refused | None = None) -> HttpResponse:
        context = {
            "pool": found,
            "bars": bars,
            "more": min(len(bars.forms) + 5, MOST_BARS_AT_ONCE),
            "may_act": may_ask(_staff(request), "bars_add"),
        }
        return _asking_page(request, "pools/bars_add.html", context, refused)

    if request.method == "GET":
        return page()
    if not bars.is_valid():
        return page(Refused(""))
    return ask(
        request,
        kind="bars_add",
        payload={"pool": str(found.pk), "bars": bars.bars()},
        subject=bars_subject(found.pk),
        again=page,
    )


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_withdraw(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """GET shows the chosen bars and what is free; POST asks that they leave."""
    found = get_object_or_404(Pool, pk=pool_id)
    asked = request.POST if request.method == "POST" else request.GET
    bars = _chosen(found, asked.getlist("bar"))
    if not bars:
        messages.error(request, "Choose the bars that leave the vault, then press the button below them.")
        return redirect("desk_pool", found.pk)

    def page(refused: Refused | None = None) -> HttpResponse:
        return _bars_page(request, found, bars, leaving=True, refused=refused)

    if request.method == "GET":
        return page()
    return ask(
        request,
        kind="bars_withdraw",
        payload={"pool": str(found.pk), "bars": [str(bar.pk) for bar in bars]},
        subject=bars_subject(found.pk),
        again=page,
    )


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bar_restore(request: HttpRequest, pool_id: UUID, bar_id: UUID) -> HttpResponse:
    found = get_object_or_404(Pool, pk=pool_id)
    bar = get_object_or_404(Bar, pk=bar_id, pool=found)

    def page(refused: Refused | None = None) -> HttpResponse:
        return _bars_page(request, found, [bar], leaving=False, refused=refused)

    if request.method == "GET":
        return page()
    return ask(
        request,
        kind="bar_restore",
        payload={"pool": str(found.pk), "bar": str(bar.pk)},
        subject=bars_subject(found.pk),
        again=page,
    )


def _bars_page(
    request: HttpRequest, found: Pool, bars: list[Bar], *, leaving: bool, refused: Refused | None
) -> HttpResponse:
    """Bars of a pool that are there and leave, or that left and come back."""
    context = {
        "pool": found,
        "bars": bars,
        "leaving": leaving,
        "fine": sum(bar.fine_grams for bar in bars),
        "figures": selectors.pools_with_figures(found.pk)[0],
        "may_act": may_ask(_staff(request), "bars_withdraw"),
    }
    return _asking_page(request, "pools/bars_move.html", context, refused)


def _asking_page(
    request: HttpRequest, template: str, context: dict[str, Any], refused: Refused | None
) -> HttpResponse:
    """A page with a form that asks; after a refusal with its sentence, and with what was typed."""
    more = {"refused": refused, "reason": request.POST.get("reason", "")}
    return render(request, template, context | more, status=refused.status if refused else 200)


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
