"""The number that a person is paid on: which it is, another one, and calling that off (`accounts.numbers`)."""

from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import PhoneField
from accounts.models import User
from accounts.numbers import (
    number_change_ask,
    number_change_cancel,
    number_proven,
    number_waiting,
    payouts_held,
)
from accounts.pages.stepup import step_up_redirect
from accounts.permissions import customer_page
from accounts.stepup import StepUpNeeded
from controls.selectors import threshold
from goldwallet.errors import Refused
from goldwallet.phones import local


class NumberForm(forms.Form):
    phone = PhoneField(
        label="New M-Pesa number",
        help_text="It must be your own. For example 0712 345 678.",
        error_messages={"required": "Write the new number, for example 0712 345 678."},
    )


@require_http_methods(["GET", "POST"])
@customer_page
def phone(request: HttpRequest) -> HttpResponse:
    """The form; its POST asks for the code first, and with it for the new number."""
    user = cast(User, request.user)
    session_key = request.session.session_key or ""
    if request.method == "GET":
        proven = "" if "other" in request.GET else number_proven(user=user, session_key=session_key)
        return _page(request, NumberForm(), proven=local(proven))
    form = NumberForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        number_change_ask(user_id=user.pk, phone=form.cleaned_data["phone"], session_key=session_key)
    except StepUpNeeded as needed:
        return step_up_redirect(request, needed, back=reverse("account_phone"))
    except Refused as refused:
        form.add_error("phone", refused.sentence)
        return _page(request, form, status=refused.status)
    messages.success(request, "Your new number waits. We have written to you about it.")
    return redirect("account_phone")


@require_POST
@customer_page
def phone_cancel(request: HttpRequest) -> HttpResponse:
    """Call the new number off. Who has not asked for it should set a new password, too."""
    number_change_cancel(user_id=cast(User, request.user).pk)
    messages.success(
        request,
        "Called off: your number stays as it is. Was it not you who asked? Then change your password now.",
    )
    return redirect("account_phone")


def _page(request: HttpRequest, form: NumberForm, *, proven: str = "", status: int = 200) -> HttpResponse:
    user = cast(User, request.user)
    context = {
        "form": form,
        "own": local(user.phone),
        "waiting": number_waiting(user),
        "held": payouts_held(user),
        "proven": proven,
        "hours": int(threshold("payout_cooloff_hours")),
    }
    return render(request, "accounts/phone.html", context, status=status)
