"""The page that asks once more who somebody is, for one operation (`accounts.stepup`)."""

import uuid
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import limits
from accounts.forms import CodeForm
from accounts.models import Method, StepUp, User
from accounts.permissions import customer_page
from accounts.selectors import proof_address
from accounts.stepup import (
    StepUpNeeded,
    shown_of,
    step_up_again,
    step_up_begin,
    step_up_is_open,
    step_up_of,
    step_up_prove,
)
from goldwallet.errors import Refused

#: What the page says of an operation, by its name in `accounts.stepup`.
LEADS = {
    "sell": "You are about to sell gold.",
    "phone": "You are about to change the number that we pay you on.",
    "factor": "You are about to change how you sign in.",
    "email": "You are about to change your e-mail address.",
    "export": "You are about to download all data that we hold about you.",
    "close": "You are about to close your account for good.",
}
_ANY = "You are about to change something important."
#: What is left to do once the code is right.
_PRESS = "Your code is right. Press once more, and it is done."
_ONWARD = {
    "factor": "Your code is right. Now go on here.",
    "email": "Your code is right. Press once more, and we send a code to your new address.",
}


def step_up_redirect(request: HttpRequest, needed: StepUpNeeded, *, back: str) -> HttpResponse:
    """Off to the page that asks for the code. It leads to `back`, a path of ours, for the last press."""
    asked = step_up_begin(
        user=cast(User, request.user),
        operation=needed.operation,
        digest=needed.digest,
        session_key=_session_key(request),
        shown=needed.shown,
        back=back,
    )
    return redirect("account_confirm", asked.pk)


@require_http_methods(["GET", "POST"])
@customer_page
@sensitive_post_parameters("code")
def confirm(request: HttpRequest, step_up_id: uuid.UUID) -> HttpResponse:
    """What is confirmed, in words, and the code for it. A POST of `again` asks for a new code."""
    user, session_key = cast(User, request.user), _session_key(request)
    asked = step_up_of(step_up_id=step_up_id, user=user, session_key=session_key)
    if asked.proven_at is not None:
        return _go_back(asked)
    if "again" in request.POST:
        return redirect("account_confirm", step_up_again(asked=asked, user=user, session_key=session_key).pk)
    form = CodeForm(request.POST or None)
    if request.method != "POST":
        return _page(request, asked, form)
    if not form.is_valid():
        return _page(request, asked, form, status=400)
    try:
        with limits.guessing("code", request):
            step_up_prove(
                step_up_id=asked.pk, user=user, session_key=session_key, code=form.cleaned_data["code"]
            )
    except Refused as refused:
        form.add_error("code", refused.sentence)
        return _page(request, asked, form, status=refused.status)
    messages.success(request, _ONWARD.get(asked.operation, _PRESS))
    return _go_back(asked)


def _page(request: HttpRequest, asked: StepUp, form: CodeForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "open": step_up_is_open(asked),
        "lead": LEADS.get(asked.operation, _ANY),
        "shown": shown_of(asked),
        "by_mail": asked.method == Method.MAIL,
        "mailed_to": proof_address(asked.user) if asked.method == Method.MAIL else "",
        "back": asked.back or "/",
    }
    return render(request, "accounts/stepup.html", context, status=status)


def _go_back(asked: StepUp) -> HttpResponse:
    return redirect(asked.back or "/")


def _session_key(request: HttpRequest) -> str:
    return request.session.session_key or ""
