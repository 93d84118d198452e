"""A person's own page of security: how they sign in, where they are signed in, and what is about to change."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts import limits, second_factor, sessions
from accounts.devices import session_end, sessions_end, signed_in
from accounts.forms import CodeForm
from accounts.models import User
from accounts.pages.factor import recovery_codes_shown
from accounts.permissions import customer_page
from accounts.resets import reset_call_off, reset_waiting
from accounts.selectors import is_staff_member, second_factor_state
from goldwallet.errors import Refused
from goldwallet.phones import local


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_GET
@customer_page
def security(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, form: CodeForm | None = None, status: int = 200) -> HttpResponse:
    person = _me(request)
    context = {
        "person": person,
        "phone": local(person.phone),
        "staff": is_staff_member(person),
        "factor": second_factor_state(person),
        "form": form or CodeForm(focus=False),
        "signed_in": signed_in(user=person, session_key=request.session.session_key or ""),
        "reset": reset_waiting(person.pk),
        "may_call_off": person.is_verified(),
        "longest_hours": int(sessions.LONGEST.total_seconds() // 3600),
        "idle_minutes": sessions.idle_minutes(),
    }
    return render(request, "accounts/security.html", context, status=status)


@require_POST
@customer_page
@sensitive_post_parameters("code")
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes for a code of the second factor; the old ones stop working."""
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=400)
    try:
        with limits.guessing("code", request):
            codes = second_factor.recovery_codes_renew(user=_me(request), code=form.cleaned_data["code"])
    except Refused as refusal:
        form.add_error("code", refusal.sentence)
        return _page(request, form=form, status=refusal.status)
    return recovery_codes_shown(request, codes, onward=reverse("account_security"))


# --- sessions -------------------------------------------------------------------------------------


@require_POST
@customer_page
def session_close(request: HttpRequest) -> HttpResponse:
    """End one session, by the name that the page gives it. It is over at once."""
    ended = session_end(user_id=_me(request).pk, name=request.POST.get("session", ""))
    if ended and not request.session.exists(request.session.session_key or ""):
        # It was this one. What is said about it goes into a stranger's new session: the row of this one is gone.
        logout(request)
    if ended:
        messages.success(request, "Signed out there. Was that not you? Then change your password, too.")
    else:
        messages.info(request, "That session was over already.")
    return redirect("account_security")


@require_POST
@customer_page
def sessions_close(request: HttpRequest) -> HttpResponse:
    """End all sessions but this one."""
    sessions_end(user_id=_me(request).pk, keep=request.session.session_key or "")
    messages.success(request, "You are signed in only here now.")
    return redirect("account_security")


# --- a lost second factor -------------------------------------------------------------------------


@require_POST
@customer_page
def reset_stop(request: HttpRequest) -> HttpResponse:
    """It is not lost, as this session shows: it was let in by it. Raises Refused for any other session."""
    if not request.user.is_verified():  # type: ignore[union-attr]
        raise Refused("Sign in with a code of your authenticator app first.", code="factor", status=403)
    reset_call_off(user_id=_me(request).pk)
    messages.success(request, "Called off: your authenticator app stays. Now change your password, please.")
    return redirect("account_security")
