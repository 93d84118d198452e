"""Adjustments at the desk: asking for a correction in grams or in shillings, for the end of a debt, for cash to be paid
out, and for a transaction to be taken back.
"""

from decimal import Decimal
from typing import NamedTuple, cast
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import staff_page
from accounts.roles import Role
from accounts.selectors import person_by_login
from controls.effects import effect_shown
from controls.models import Request, RequestState
from controls.selectors import requests_waiting
from goldwallet import money
from goldwallet.errors import Refused
from goldwallet.paging import page_of
from goldwallet.typed import read
from ledger.models import Transaction
from oversight.book.pages import transaction_page
from oversight.reversing import reversal_subject
from pools.models import Pool
from trading.cash import debtors, holders
from trading.requests import adjustment_subject, debt_subject, payout_subject

_PAGE = 25
#: The parts of the page that hold a form under another name.
_PLACES = {"debt": "debtors", "payout": "holders"}
_KINDS = ("adjust_gold", "adjust_cash", "debt_settle", "cash_payout")
_WAYS = (("credit", "The person gets it"), ("debit", "The person gives it back"))


_HOWS = (("cash", "Their cash with us covers it"), ("write_off", "We give it up"))


class PersonForm(forms.Form):
    """Whose it is."""

    person = forms.CharField(
        label="E-mail address or username",
        max_length=254,
        error_messages={"required": "Write whose it is."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def clean_person(self) -> User:
        found = person_by_login(self.cleaned_data["person"].replace("\x00", ""))
        if found is None:
            raise forms.ValidationError("Nobody has this e-mail address or username.")
        return found


class _Form(PersonForm):
    """What both kinds of corrections ask for."""

    way = forms.ChoiceField(
        label="Which way",
        choices=_WAYS,
        error_messages={"required": "Choose whether the person gets it or gives it back."},
    )
    words = forms.CharField(
        label="What the customer reads",
        max_length=200,
        help_text="In a mail, and beside the correction in the wallet.",
        error_messages={"required": "Write what the customer reads."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _amount(label: str, missing: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(label=label, max_length=24, error_messages={"required": missing}, widget=widget)


class GoldForm(_Form):
    grams = _amount("Grams", "Write how many grams.")
    pool = forms.ModelChoiceField(
        queryset=Pool.objects.order_by("priority", "created_at"),
        empty_label=None,
        help_text="The grams come from this pool, or go back to it.",
        error_messages={"invalid_choice": "Choose a pool.", "required": "Choose a pool."},
    )
    field_order = ["person", "way", "grams", "pool", "words"]

    def clean_grams(self) -> Decimal:
        return read(money.parse_grams, self.cleaned_data["grams"])


class _ShillingsForm(forms.Form):
    kes = _amount("Shillings", "Write how many shillings.")

    def clean_kes(self) -> Decimal:
        return read(money.parse_shillings, self.cleaned_data["kes"])


class CashForm(_ShillingsForm, _Form):
    field_order = ["person", "way", "kes", "words"]


class DebtForm(_ShillingsForm, PersonForm):
    how = forms.ChoiceField(
        label="How", choices=_HOWS, error_messages={"required": "Choose how it is settled."}
    )
    field_order = ["person", "kes", "how"]


class PayoutForm(_ShillingsForm, PersonForm):
    field_order = ["person", "kes"]


class Row(NamedTuple):
    """A correction in the list."""

    request: Request
    summary: str
    state: str


def _row(request: Request, waiting: set[UUID]) -> Row:
    """`waiting`: whose time is not over. What nobody decided in time reads as expired before it is tidied."""
    over = request.state == RequestState.WAITING and request.pk not in waiting
    state = RequestState.EXPIRED if over else request.state
    return Row(request, effect_shown(request).summary, state)


# --- the page -------------------------------------------------------------------------------------


@require_GET
@staff_page(Role.TREASURY, reads="adjustments")
def adjustments(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(
    request: HttpRequest,
    *,
    gold: GoldForm | None = None,
    cash: CashForm | None = None,
    debt: DebtForm | None = None,
    payout: PayoutForm | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    """The forms, who they may be about and what was asked before; after a refusal its sentence on the form sent."""
    rows = Request.objects.filter(kind__in=_KINDS).exclude(state=RequestState.WITHDRAWN)
    page = page_of(
        rows.select_related("maker", "checker"),
        by="created_at",
        after=request.GET.get("after", ""),
        limit=_PAGE,
    )
    waiting = set(requests_waiting().filter(kind__in=_KINDS).values_list("pk", flat=True))
    sent = {"gold": gold, "cash": cash, "debt": debt, "payout": payout}
    name, form = next(((name, form) for name, form in sent.items() if form is not None), ("", None))
    owing = debtors(after=request.GET.get("debtors", ""))
    holding = holders(after=request.GET.get("holders", ""))
    if refused is not None and refused.sentence and form is not None:
        form.add_error(_field_of(form, refused), refused.sentence)
    # Who came too late meets no form any more: then the sentence stands on top.
    gone = (name == "debt" and not owing.rows) or (name == "payout" and not holding.rows)
    context = {
        "sentence": refused.sentence if refused and gone else "",
        "below": "" if gone else _PLACES.get(name, name),
        "wrong": {name: refused},
        "gold": gold or GoldForm(auto_id="gold_%s"),
        "cash": cash or CashForm(auto_id="cash_%s"),
        "debt": debt or DebtForm(auto_id="debt_%s"),
        "payout": payout or PayoutForm(auto_id="payout_%s"),
        "reasons": {name: request.POST.get("reason", "")},
        "debtors": owing,
        "holders": holding,
        "further": {name for name in ("debtors", "holders") if request.GET.get(name)},
        "rows": [_row(found, waiting) for found in page.rows],
        "older_url": f"{reverse('desk_adjustments')}?after={page.older}" if page.older else "",
        "may_ask": may_ask(cast(User, request.user), "adjust_cash"),
    }
    return render(request, "oversight/adjustments.html", context, status=refused.status if refused else 200)


def _field_of(form: forms.Form, refused: Refused) -> str | None:
    """The field that a refusal of the service is about; None: the form as a whole."""
    amount = "grams" if "grams" in form.fields else "kes"
    fields = {"number": amount, "too_much": amount, "bounds": amount, "words": "words", "own": "person"}
    return fields.get(refused.code)


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="adjustments")
def adjust_gold(request: HttpRequest) -> HttpResponse:
    form = GoldForm(request.POST, auto_id="gold_%s")
    if not form.is_valid():
        return _page(request, gold=form, refused=Refused(""))
    data = form.cleaned_data
    more = {"grams": f"{data['grams']:f}", "pool": str(data["pool"].pk)}
    return ask(
        request,
        kind="adjust_gold",
        payload=_payload(form) | more,
        subject=adjustment_subject(user_id=data["person"].pk, gold=True),
        again=lambda refused: _page(request, gold=form, refused=refused),
    )


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="adjustments")
def adjust_cash(request: HttpRequest) -> HttpResponse:
    form = CashForm(request.POST, auto_id="cash_%s")
    if not form.is_valid():
        return _page(request, cash=form, refused=Refused(""))
    data = form.cleaned_data
    return ask(
        request,
        kind="adjust_cash",
        payload=_payload(form) | {"kes": f"{data['kes']:f}"},
        subject=adjustment_subject(user_id=data["person"].pk, gold=False),
        again=lambda refused: _page(request, cash=form, refused=refused),
    )


def _payload(form: _Form) -> dict[str, str]:
    data = form.cleaned_data
    return {"person": str(data["person"].pk), "way": data["way"], "words": data["words"]}


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="adjustments")
def debt_settle(request: HttpRequest) -> HttpResponse:
    form = DebtForm(request.POST, auto_id="debt_%s")
    if not form.is_valid():
        return _page(request, debt=form, refused=Refused(""))
    data = form.cleaned_data
    return ask(
        request,
        kind="debt_settle",
        payload={"person": str(data["person"].pk), "kes": f"{data['kes']:f}", "how": data["how"]},
        subject=debt_subject(data["person"].pk),
        again=lambda refused: _page(request, debt=form, refused=refused),
    )


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="adjustments")
def cash_payout(request: HttpRequest) -> HttpResponse:
    form = PayoutForm(request.POST, auto_id="payout_%s")
    if not form.is_valid():
        return _page(request, payout=form, refused=Refused(""))
    data = form.cleaned_data
    return ask(
        request,
        kind="cash_payout",
        payload={"person": str(data["person"].pk), "kes": f"{data['kes']:f}"},
        subject=payout_subject(data["person"].pk),
        again=lambda refused: _page(request, payout=form, refused=refused),
    )


# --- a transaction --------------------------------------------------------------------------------


@require_POST
@staff_page(Role.TREASURY, Role.ADMINISTRATOR, reads="transaction")
def transaction_reverse(request: HttpRequest, transaction_id: int) -> HttpResponse:
    found = get_object_or_404(Transaction, pk=transaction_id)
    return ask(
        request,
        kind="ledger_reverse",
        payload={"transaction": found.pk},
        subject=reversal_subject(found.pk),
        again=lambda refused: transaction_page(request, found.pk, refused),
    )
