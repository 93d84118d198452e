"""The pages about data: what we keep of whom, one's own data, closing an account, and the proofs that data is gone."""

from email.utils import parseaddr
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from accounts.pages.stepup import step_up_redirect
from accounts.permissions import customer_page, staff_page
from accounts.roles import Role
from accounts.stepup import StepUpNeeded
from controls.models import Erasure
from goldwallet import clock
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.paging import page_of
from oversight.privacy.closing import CLOSURE, account_close, closing_proven, obstacles
from oversight.privacy.export import export_make, export_proven
from oversight.privacy.policy import KEPT, POLICY, Rule
from oversight.privacy.retention import ROUND

_PAGE = 50
_WHAT = {
    CLOSURE: "An account that its owner closed: sessions, browsers, second factor, unfinished things",
    ROUND: "A round over all kinds of data",
    **{rule.what: rule.holds for rule in POLICY},
}


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


def _session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


def period(days: int) -> str:
    """`2557` -> "7 years"; what is no whole number of years stays days."""
    years = round(days / 365.25)
    if years and abs(days - years * 365.25) <= 1:
        return "1 year" if years == 1 else f"{years} years"
    return "1 day" if days == 1 else f"{days} days"


def _kept(*, after_closing: bool = False) -> list[tuple[Rule, str]]:
    """The rules with how long each lasts; `after_closing`: only those that count from the end of an account."""
    rules = (rule for rule in POLICY if not after_closing or "account is closed" in rule.since)
    return [(rule, period(rule.days)) for rule in rules]


@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """For everybody: what we keep, why, for how long, and what one may ask of us."""
    context = {"rules": _kept(), "kept": KEPT, "address": parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}
    return render(request, "privacy/privacy.html", context)


# --- one's own data -------------------------------------------------------------------------------


@require_GET
@customer_page
def mine(request: HttpRequest) -> HttpResponse:
    user = _me(request)
    context = {
        "proven": export_proven(user=user, session_key=_session_key(request)),
        "rules": _kept(after_closing=True),
    }
    return render(request, "privacy/mine.html", context)


@require_POST
@customer_page
def export(request: HttpRequest) -> HttpResponseBase:
    """The zip; before it the code."""
    try:
        file = export_make(user=_me(request), session_key=_session_key(request))
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=reverse("account_privacy"))
    day = clock.now().astimezone(NAIROBI).date()
    return FileResponse(file, as_attachment=True, filename=f"gold-wallet-data-{day}.zip")


@require_http_methods(["GET", "POST"])
@customer_page
def close(request: HttpRequest) -> HttpResponse:
    """What has to be done first, or what goes and what stays; a POST closes the account."""
    if request.method == "GET":
        return _close_page(request)
    try:
        account_close(user_id=_me(request).pk, session_key=_session_key(request))
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=reverse("account_close"))
    except Refused as refused:
        return _close_page(request, status=refused.status)
    logout(request)
    messages.success(request, "Your account is closed, and we have written to you about it. Goodbye.")
    return redirect("home")


def _close_page(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    user = _me(request)
    context = {
        "obstacles": obstacles(user),
        "proven": closing_proven(user=user, session_key=_session_key(request)),
        "rules": _kept(after_closing=True),
        "kept": KEPT,
    }
    return render(request, "privacy/close.html", context, status=status)


# --- the desk -------------------------------------------------------------------------------------


@require_GET
@staff_page(Role.ADMINISTRATOR, reads="erasures")
def erasures(request: HttpRequest) -> HttpResponse:
    """The proofs that data is gone, for administrators and auditors."""
    rows = Erasure.objects.select_related("asked_by")
    page = page_of(rows, by="done_at", after=request.GET.get("after", ""), limit=_PAGE)
    context = {
        "rows": [(row, _WHAT.get(row.what, row.what)) for row in page.rows],
        "older_url": f"{reverse('desk_erasures')}?after={page.older}" if page.older else "",
    }
    return render(request, "privacy/erasures.html", context)
