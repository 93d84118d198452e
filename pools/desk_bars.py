"""Bars at the desk: one person asks, a second one decides (`pools.requests`); and each bar's certificates."""

from decimal import Decimal
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import may_act, may_see, staff_page
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from goldwallet.papers import as_download
from pools import selectors, services
from pools.bars import arrivals_of, assays_of, bars_chosen, movements_of
from pools.forms import AssayForm, BarForms, bar_forms
from pools.models import Assay, Bar, Pool
from pools.requests import bars_subject
from pools.services.assays import MOST_BYTES
from pools.services.bars import MOST_BARS_AT_ONCE, fine_grams


def _staff(request: HttpRequest) -> User:
    return cast(User, request.user)


# --- into the vault, out of it, and back ----------------------------------------------------------

_CHOOSE = "Choose the bars that leave the vault, then press the button below them."


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_add(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """POST asks, or with `rows` answers with fields for so many bars and with what was typed. GET with bars in the
    address works out their fine gold (`#fine`) and asks for nothing.
    """
    found = get_object_or_404(Pool, pk=pool_id)
    posted = request.method == "POST"
    typed = request.POST if posted else request.GET
    more = posted and "rows" in typed
    bars = bar_forms(
        typed if "bars-TOTAL_FORMS" in typed or posted else None,
        rows=_rows(typed),
        more=more,
        pool=found if posted and not more else None,
    )

    def page(refused: Refused | None = None) -> HttpResponse:
        lines = _fine(bars)
        if more:
            bars.say_nothing()
        context = {
            "pool": found,
            "bars": bars,
            "lines": lines,
            "gross": sum((line.gross for line in lines), Decimal(0)),
            "fine": sum((line.fine for line in lines), Decimal(0)),
            "more": min(len(bars.forms) + 5, MOST_BARS_AT_ONCE),
            "file_again": more and bool(request.FILES),
            "may_act": may_ask(_staff(request), "bars_add"),
        }
        return _asking_page(request, "pools/bars_add.html", context, refused)

    if not posted or (more and bars.management_form.is_valid()):
        return page()
    if more or not bars.is_valid():
        return page(Refused(""))
    return ask(
        request,
        kind="bars_add",
        payload={"pool": str(found.pk), "bars": bars.bars()},
        subject=bars_subject(found.pk),
        again=page,
    )


class Fine(NamedTuple):
    """What a bar that is being typed holds."""

    serial: str
    gross: Decimal
    fineness: Decimal
    fine: Decimal


def _fine(bars: BarForms) -> list[Fine]:
    """The bars whose weight and fineness can be read so far."""
    if not bars.is_bound:
        return []
    bars.is_valid()
    found = []
    for number, form in enumerate(bars.forms, start=1):
        typed = getattr(form, "cleaned_data", {})
        gross, fineness = typed.get("gross_grams"), typed.get("fineness")
        if gross and fineness and fineness <= 1000:
            serial = typed.get("serial") or f"Bar {number}"
            found.append(Fine(serial, gross, fineness, fine_grams(gross, fineness)))
    return found


@require_http_methods(["GET", "POST"])
@staff_page("vault")
def bars_withdraw(request: HttpRequest, pool_id: UUID) -> HttpResponse:
    """GET shows the chosen bars and what is free; POST asks that they leave."""
    found = get_object_or_404(Pool, pk=pool_id)
    asked = request.POST if request.method == "POST" else request.GET
    bars = bars_chosen(found.pk, asked.getlist("bar"))

    def page(refused: Refused | None = None) -> HttpResponse:
        return _bars_page(request, found, bars, leaving=True, refused=refused)

    if request.method == "GET":
        if not bars:
            messages.error(request, _CHOOSE)
            return redirect("desk_pool", found.pk)
        return page()
    if not bars:
        return page(Refused(_CHOOSE, code="no_bar"))
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
        "gross": sum(bar.gross_grams for bar in bars),
        "fine": sum(bar.fine_grams for bar in bars),
        "figures": selectors.figures_of(found),
        "may_act": may_ask(_staff(request), "bars_withdraw"),
    }
    return _asking_page(request, "pools/bars_move.html", context, refused)


def _asking_page(
    request: HttpRequest, template: str, context: dict[str, Any], refused: Refused | None
) -> HttpResponse:
    """A page with a form that asks; after a refusal with its sentence, and with what was typed."""
    more = {"refused": refused, "reason": request.POST.get("reason", "")}
    status = refused.status if refused else 200
    return page_or_part(request, template, context | more, part="fine", status=status)


def _rows(typed: QueryDict) -> int:
    """How many bars the form offers fields for: `rows=5`."""
    asked = typed.get("rows", "")
    return min(max(int(asked), 1), MOST_BARS_AT_ONCE) if _is_small_number(asked) else 1


def _is_small_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


# --- one bar, and its certificates ----------------------------------------------------------------


@require_GET
@staff_page("vault")
def bar(request: HttpRequest, pool_id: UUID, bar_id: UUID) -> HttpResponse:
    return _bar_page(request, _bar(pool_id, bar_id), AssayForm())


def _bar(pool_id: UUID, bar_id: UUID) -> Bar:
    return get_object_or_404(Bar.objects.select_related("pool", "created_by"), pk=bar_id, pool=pool_id)


def _bar_page(request: HttpRequest, found: Bar, form: AssayForm, *, status: int = 200) -> HttpResponse:
    me = _staff(request)
    context = {
        "bar": found,
        "pool": found.pool,
        "form": form,
        "arrival": arrivals_of([found.pk]).get(found.pk),
        "movements": movements_of(found),
        "assays": assays_of(found),
        "may_act": may_act(me, "vault"),
        "sees_treasury": may_see(me, "treasury"),
        "subject": f"bar:{found.pk}",
    }
    return render(request, "pools/bar.html", context, status=status)


@require_POST
@staff_page("vault")
def assay_add(request: HttpRequest, pool_id: UUID, bar_id: UUID) -> HttpResponse:
    found = _bar(pool_id, bar_id)
    form = AssayForm(request.POST, request.FILES)
    if not form.is_valid():
        return _bar_page(request, found, form, status=400)
    file = form.cleaned_data["file"]
    try:
        # Of a file that is too large only so much is read as shows that it is.
        content = file.read(MOST_BYTES + 1)
        services.assay_add(bar_id=found.pk, name=str(file.name), content=content, by=_staff(request))
    except Refused as refused:
        form.add_error("file", refused.sentence)
        return _bar_page(request, found, form, status=refused.status)
    messages.success(request, f"The assay of bar {found.serial} is kept.")
    return redirect("desk_bar", pool_id, bar_id)


@require_GET
@staff_page("vault")
def assay(request: HttpRequest, assay_id: UUID) -> HttpResponse:
    """A certificate. Who opens it is noted."""
    try:
        found, content = services.assay_open(assay_id=assay_id, by=_staff(request))
    except Assay.DoesNotExist:
        raise Http404 from None
    return as_download(content, name=found.name, type=found.type)
