"""Setting up an authenticator app, moving it to another phone, removing it (`accounts.factor`)."""

from typing import cast
from urllib.parse import quote

import django_otp
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.factor import enrolment_ask, enrolment_of, factor_remove, factor_set, removal_proven
from accounts.forms import CodeForm
from accounts.models import User
from accounts.pages.stepup import step_up_redirect
from accounts.permissions import customer_page
from accounts.selectors import authenticator_of
from accounts.stepup import StepUpNeeded
from goldwallet.errors import Refused


def _session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""


@require_http_methods(["GET", "POST"])
@customer_page
@sensitive_post_parameters("code")
def authenticator(request: HttpRequest) -> HttpResponse:
    """A GET says what is about to happen, and shows the key to whoever has shown who they are. A POST without a code
    asks for that, and one with a code of the new app sets it up.
    """
    user, back = cast(User, request.user), reverse("account_authenticator")
    if request.method == "GET":
        return _authenticator_page(request, CodeForm())
    try:
        if "code" not in request.POST:
            enrolment_ask(user=user, session_key=_session_key(request))
            return redirect(back)
        return _set(request, user)
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=back)


def _set(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _authenticator_page(request, form, status=400)
    try:
        with limits.guessing("code", request):
            device, codes = factor_set(
                user_id=user.pk, code=form.cleaned_data["code"], session_key=_session_key(request)
            )
    except StepUpNeeded:
        raise
    except Refused as refused:
        form.add_error("code", refused.sentence)
        return _authenticator_page(request, form, status=refused.status)
    django_otp.login(request, device)
    request.session.cycle_key()
    return recovery_codes_shown(request, codes, onward=reverse("account_security"))


def _authenticator_page(request: HttpRequest, form: CodeForm, *, status: int = 200) -> HttpResponse:
    user = cast(User, request.user)
    context = {
        "form": form,
        "moves": authenticator_of(user) is not None,
        "enrolment": enrolment_of(user=user, session_key=_session_key(request)),
    }
    return render(request, "accounts/authenticator.html", context, status=status)


@require_http_methods(["GET", "POST"])
@customer_page
def authenticator_remove(request: HttpRequest) -> HttpResponse:
    """A GET says what it means; the POST asks for a code first, and removes it with the next press."""
    user = cast(User, request.user)
    if request.method == "GET":
        proven = removal_proven(user=user, session_key=_session_key(request))
        return render(request, "accounts/authenticator_remove.html", {"proven": proven})
    try:
        factor_remove(user_id=user.pk, session_key=_session_key(request))
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=reverse("account_authenticator_remove"))
    request.session.cycle_key()
    messages.success(request, "Your authenticator app is removed. Your password alone lets you in now.")
    return redirect("account_security")


def recovery_codes_shown(request: HttpRequest, codes: list[str], *, onward: str) -> HttpResponse:
    """The recovery codes, this once: to print, to copy, or as a file that the page itself holds."""
    text = "\n".join(["Gold Wallet: recovery codes. Each works once.", "", *codes, ""])
    context = {"codes": codes, "onward": onward, "file": f"data:text/plain;charset=utf-8,{quote(text)}"}
    return render(request, "accounts/recovery_codes.html", context)
