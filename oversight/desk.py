"""The desk's overview and the pages of the ledger. Everything here only reads (`adjust` asks)."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import is_valid_path, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from accounts.asking import may_ask
from accounts.models import User
from accounts.permissions import may_see, staff_page
from accounts.selectors import person_by_email
from controls.models import SwitchName
from controls.selectors import request_about, switches
from goldwallet.errors import Refused
from ledger import selectors as ledger
from ledger.models import Account, Transaction
from oversight import selectors
from oversight.health import health
from oversight.naming import account_names, actor_name, subject_url
from oversight.reversing import reversal_subject, why_not
from pools.selectors import current_price

_PAGE = 50


@require_GET
@staff_page()
def overview(request: HttpRequest) -> HttpResponse:
    price, me = current_price(), cast(User, request.user)
    context = {
        "figures": selectors.figures(),
        "waiting": [(kind, _opens(kind, me)) for kind in selectors.waiting()],
        "paused": [(SwitchName(row.name).label, row) for row in switches() if row.paused],
        "may_steer": may_see(me, "treasury", "pricing"),
        "price": price,
        "health": health(price),
    }
    return render(request, "oversight/overview.html", context)


def _opens(kind: selectors.Waiting, me: User) -> bool:
    """Whether the page of what waits is there and opens for this person; if not, it is told and not linked."""
    return bool(is_valid_path(kind.url.partition("?")[0])) and may_see(me, *kind.roles)


def _asked(request: HttpRequest, name: str) -> str:
    """What stands in the address, without what the database would not take as text."""
    return request.GET.get(name, "").replace("\x00", "").strip()


def _code(written: str) -> str:
    """The part of a code that is looked for: a person's, for an e-mail address that somebody has."""
    person = person_by_email(written) if "@" in written else None
    return f"user:{person.pk}:" if person else written


@require_GET
@staff_page("treasury")
def accounts(request: HttpRequest) -> HttpResponse:
    contains = _asked(request, "code")
    found = ledger.accounts_page(contains=_code(contains), after=_asked(request, "after"))
    names = account_names(account.code for account in found)
    older = ""
    if len(found) == 100:
        older = f"{reverse('desk_ledger')}?{urlencode({'code': contains, 'after': found[-1].code})}"
    context = {
        "accounts": [(account, names[account.code]) for account in found],
        "trial_balance": ledger.trial_balance(),
        "contains": contains,
        "older_url": older,
    }
    return render(request, "oversight/ledger.html", context)


@require_GET
@staff_page("treasury")
def account(request: HttpRequest, code: str) -> HttpResponse:
    found = get_object_or_404(Account, code=code.replace("\x00", ""))
    after = request.GET.get("after", "")
    seq = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
    lines = ledger.statement(found.code, after=seq, limit=_PAGE, newest_first=True)
    older = (
        f"{reverse('desk_account', args=[found.code])}?after={lines[-1].seq}" if len(lines) == _PAGE else ""
    )
    name = account_names([found.code])[found.code]
    context = {"account": found, "name": name, "lines": lines, "older_url": older}
    return render(request, "oversight/account.html", context)


@require_GET
@staff_page("treasury")
def transaction(request: HttpRequest, transaction_id: int) -> HttpResponse:
    return transaction_page(request, transaction_id)


def transaction_page(
    request: HttpRequest, transaction_id: int, refused: Refused | None = None
) -> HttpResponse:
    """One transaction; after somebody was refused to take it back, with the sentence and what was typed."""
    found = get_object_or_404(Transaction.objects.select_related("reverses"), pk=transaction_id)
    asks = may_ask(cast(User, request.user), "ledger_reverse")
    context = {
        "transaction": found,
        "by": actor_name(found.actor),
        "about_url": subject_url(found.key, cast(User, request.user)),
        "legs": ledger.legs(found.pk),
        "reversed_by": found.reversals.first(),
        "open_request": request_about(reversal_subject(found.pk)),
        "may_ask": asks,
        "why_not": why_not(found) if asks else "",
        "refused": refused,
        "reason": request.POST.get("reason", ""),
    }
    status = refused.status if refused else 200
    return render(request, "oversight/transaction.html", context, status=status)
