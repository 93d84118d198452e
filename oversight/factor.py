"""At the desk: a second factor that is lost. One person asks, another one decides, and a day later it is gone."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import staff_page
from accounts.resets import resets_waiting
from accounts.roles import Role
from controls.selectors import requests_waiting, threshold
from goldwallet.errors import Refused
from goldwallet.paging import page_of
from oversight.adjust import PersonForm

KIND = "factor_reset"
_PAGE, _ASKED = 50, 10


@require_http_methods(["GET", "POST"])
@staff_page(Role.REVIEWER, Role.TREASURY, Role.ADMINISTRATOR, reads="factor_resets")
def factor_resets(request: HttpRequest) -> HttpResponse:
    """What waits, and the form that asks for another one."""
    if request.method == "GET":
        return _page(request, PersonForm())
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    person = form.cleaned_data["person"]
    return ask(
        request,
        kind=KIND,
        payload={"person": str(person.pk)},
        subject=f"factor:{person.pk}",
        again=lambda refused: _again(request, form, refused),
    )


def _again(request: HttpRequest, form: PersonForm, refused: Refused) -> HttpResponse:
    form.add_error(None, refused.sentence)
    return _page(request, form, refused=refused, status=refused.status)


def _page(
    request: HttpRequest, form: PersonForm, *, refused: Refused | None = None, status: int = 200
) -> HttpResponse:
    # One more than is shown: then there are others.
    asked = list(requests_waiting().filter(kind=KIND).select_related("maker")[: _ASKED + 1])
    page = page_of(
        resets_waiting(), by="due_at", after=request.GET.get("after", ""), limit=_PAGE, oldest_first=True
    )
    context = {
        "form": form,
        "reason": request.POST.get("reason", ""),
        "refused": refused,
        "asked": asked[:_ASKED],
        "more_asked": len(asked) > _ASKED,
        "waiting": page.rows,
        "further": bool(request.GET.get("after")),
        "next_url": f"{reverse('desk_factor')}?after={page.older}" if page.older else "",
        "may_ask": may_ask(cast(User, request.user), KIND),
        "hours": int(threshold("factor_reset_hours")),
        "cooloff_hours": int(threshold("payout_cooloff_hours")),
    }
    return render(request, "oversight/factor_resets.html", context, status=status)
