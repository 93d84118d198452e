"""The ledger's pages. Everything here only reads (`oversight.adjust` asks)."""

import uuid
from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.asking import may_ask
from accounts.exporting import paper
from accounts.models import User
from accounts.own import OWN, is_own
from accounts.permissions import about_person, staff_page
from accounts.searching import search_refused
from accounts.whose import owner_meant
from controls.selectors import request_about
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from ledger import selectors as ledger
from ledger.listing import period_of, transactions_page
from ledger.models import Account, Transaction
from ledger.selectors import legs, statement
from oversight.book.causes import causes
from oversight.book.extract import extract_made
from oversight.book.forms import AccountFilters, Days, TransactionFilters, code_meant, refusal
from oversight.book.listing import Row, rows_of
from oversight.naming import account_names, actor_name
from oversight.reversing import reversal_subject, whose, why_not

_ACCOUNTS, _PAGE = 100, 50
_LESS = "Write more of the code, or choose whose account it is."
_NO_SUMS = (
    "The sums of the book are left out. The accounts below are whole. Open this page again in some minutes."
)


def _query(form: forms.Form) -> QueryDict:
    """What is filled in, as the address of the next page and of the file has it."""
    asked = QueryDict(mutable=True)
    for name in form.fields:
        value = form.data.get(name, "") if form.is_bound else ""
        if value:
            asked[name] = value
    return asked


def _older(path: str, query: QueryDict, after: object) -> str:
    going_on = query.copy()
    going_on["after"] = str(after)
    return f"{path}?{going_on.urlencode()}"


def _with_code(query: QueryDict, code: str) -> str:
    asked = query.copy()
    asked["code"] = code
    return asked.urlencode()


def _asked(request: HttpRequest, name: str) -> str:
    """What stands in the address, without what the database would not take as text."""
    return request.GET.get(name, "").replace("\x00", "").strip()


def _tabs(current: str) -> list[tuple[str, str, bool]]:
    return [
        (label, reverse(name), name == current)
        for label, name in (("Accounts", "desk_ledger"), ("Transactions", "desk_transactions"))
    ]


def _filters[F: forms.Form](request: HttpRequest, kind: type[F], *people: str) -> tuple[F, Refused | None]:
    """The list's filters, and what is wrong with them. An address in one of `people` looks for somebody, which is
    counted; who has done so too often gets them empty.
    """
    if too_often := search_refused(request, *people, address=True):
        return kind(), too_often
    form = kind(request.GET or None)
    return form, refusal(form) if form.is_bound and not form.is_valid() else None


def _answer(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    refused: Refused | None,
    lacks: Refused | None = None,
) -> HttpResponse:
    """The list, or the sentence in its place. `lacks`: why something beside it is not there, which the status tells."""
    wrong = refused or lacks
    status = wrong.status if wrong else 200
    return page_or_part(request, template, context | {"refused": refused}, part="rows", status=status)


@require_GET
@staff_page("treasury", reads="ledger")
def accounts(request: HttpRequest) -> HttpResponse:
    form, refused = _filters(request, AccountFilters, "code")
    asked = form.cleaned_data if form.is_bound and not refused else {}
    query, found = _query(form), []
    try:
        with in_time(less=_LESS):
            if refused is None:
                written = asked.get("code", "")
                found = ledger.accounts_page(
                    contains=f"{code_meant(written)}:" if code_meant(written) != written else written,
                    asset=asked.get("asset", ""),
                    owner=asked.get("owner", ""),
                    after=_asked(request, "after"),
                    limit=_ACCOUNTS,
                )
    except Refused as error:
        refused = error
    if asked.get("code"):
        about_person(request, owner_meant(*(account.code for account in found)) or owner_meant(asked["code"]))
    names = account_names(account.code for account in found)
    # The sums of the whole book go with the whole list.
    sums, sums_refused = (None, None) if request.GET else _sums()
    context = {
        "tabs": _tabs("desk_ledger"),
        "form": form,
        "accounts": [(account, names[account.code]) for account in found],
        "trial_balance": sums,
        "sums_refused": sums_refused,
        "filtered": bool(query),
        "older_url": _older(request.path, query, found[-1].code) if len(found) == _ACCOUNTS else "",
    }
    return _answer(request, "oversight/ledger.html", context, refused, lacks=sums_refused)


def _sums() -> tuple[list[ledger.AssetTotal] | None, Refused | None]:
    """The trial balance, or why it is not there: the list of accounts stands without it."""
    try:
        with in_time(less=_NO_SUMS):
            return ledger.trial_balance(), None
    except Refused as refused:
        return None, refused


@require_GET
@staff_page("treasury", reads="transactions")
def transactions(request: HttpRequest) -> HttpResponse:
    form, refused = _filters(request, TransactionFilters, "account", "actor")
    rows, older = [], ""
    query = _query(form)
    if refused is None:
        try:
            wanted = form.wanted()
            if wanted is not None:
                with in_time():
                    page = transactions_page(wanted, after=_asked(request, "after"), limit=_PAGE)
                rows = rows_of(page.rows)
                older = _older(request.path, query, page.older) if page.older else ""
        except Refused as error:
            refused = error
    if refused is None and form.is_bound:
        about_person(request, _whose(form.cleaned_data, rows))
    context = {
        "tabs": _tabs("desk_transactions"),
        "form": form,
        "rows": rows,
        "filtered": bool(query),
        "query": query.urlencode(),
        "older_url": older,
    }
    return _answer(request, "oversight/ledger_transactions.html", context, refused)


def _whose(asked: dict[str, Any], rows: Iterable[Row]) -> uuid.UUID | None:
    """Whom the list is about, when it was asked for by what names one person: an account, a thing, who posted it."""
    if asked.get("account") or asked.get("about") or asked.get("number"):
        ends = (
            code.code for row in rows for leg in row.legs for code in (leg.leg.source, leg.leg.destination)
        )
        if found := owner_meant(*ends):
            return found
    return owner_meant(asked.get("account", "")) or owner_meant(asked.get("actor", ""))


def _owner(request: HttpRequest, code: str) -> uuid.UUID | None:
    """Say for the audit trail whose account this is; answer it."""
    known = owner_meant(code)
    about_person(request, known)
    return known


@require_GET
@staff_page("treasury", reads="account")
def account(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Account, code=code.replace("\x00", ""))
    _owner(request, found.code)
    return _account_page(request, found, Days(request.GET or None))


def _account_page(
    request: HttpRequest, found: Account, days: Days, refused: Refused | None = None
) -> HttpResponse:
    """One account in the days that were asked for; after an extract was refused, with the sentence."""
    if days.is_bound and not days.is_valid():
        refused = refusal(days)
    valid = not days.is_bound or not days.errors
    period = period_of(found, since=days.begins, until=days.ends) if valid else None
    after = request.GET.get("after", "")
    seq = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
    lines = []
    if period is not None and period.lines:
        lines = statement(
            found.code, after=seq, limit=_PAGE, newest_first=True, first=period.first + 1, last=period.last
        )
    query = _query(days)
    goes_on = bool(period and len(lines) == _PAGE and lines[-1].seq > period.first + 1)
    older = _older(reverse("desk_account", args=[found.code]), query, lines[-1].seq) if goes_on else ""
    name = account_names([found.code])[found.code]
    context = {
        "account": found,
        "name": name,
        "form": days,
        "period": period,
        "filtered": bool(query),
        "lines": lines,
        "older_url": older,
        "query": query.urlencode(),
        # The file of an account is told its code beside the days.
        "file_query": _with_code(query, found.code),
        "trail_subject": f"account:{found.code}",
        "refused": refused,
    }
    status = refused.status if refused else 200
    return page_or_part(request, "oversight/account.html", context, part="rows", status=status)


@require_GET
@staff_page("treasury", reads="account", copies=True)
def account_extract(request: HttpRequest, code: str) -> HttpResponse:
    """The account's lines in these days as a PDF."""
    me = cast(User, request.user)
    found = get_object_or_404(Account, code=code.replace("\x00", ""))
    person_id = _owner(request, found.code)
    days = Days(request.GET or None)
    if days.is_bound and not days.is_valid():
        return _account_page(request, found, days)
    with paper(me):
        try:
            content = extract_made(found, days, by=me, person_id=person_id)
        except Refused as refused:
            return _account_page(request, found, days, refused)
    response = HttpResponse(content, content_type="application/pdf")
    # An account's code holds letters, digits, dots, dashes and colons; a colon is no letter of a file's name.
    response["Content-Disposition"] = f'attachment; filename="ledger-{found.code.replace(":", "-")}.pdf"'
    return response


@require_GET
@staff_page("treasury", reads="transaction")
def transaction(request: HttpRequest, transaction_id: int) -> HttpResponse:
    return transaction_page(request, transaction_id)


def transaction_page(
    request: HttpRequest, transaction_id: int, refused: Refused | None = None
) -> HttpResponse:
    """One transaction; after somebody was refused to take it back, with the sentence and what was typed."""
    found = get_object_or_404(Transaction.objects.select_related("reverses"), pk=transaction_id)
    me = cast(User, request.user)
    asks = may_ask(me, "ledger_reverse")
    context = {
        "transaction": found,
        "by": actor_name(found.actor),
        "causes": causes(found, me),
        "legs": legs(found.pk),
        "reversed_by": found.reversals.first(),
        "open_request": request_about(reversal_subject(found.pk)),
        "may_ask": asks,
        "why_not": (why_not(found) or (OWN if is_own(me, whose(found)) else "")) if asks else "",
        "refused": refused,
        "reason": request.POST.get("reason", ""),
        "trail_subject": f"transaction:{found.pk}",
    }
    status = refused.status if refused else 200
    return render(request, "oversight/transaction.html", context, status=status)
