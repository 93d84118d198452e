"""The desk's overview. Everything here only reads."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import is_valid_path
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.permissions import may_see, staff_page
from controls.models import SwitchName
from controls.selectors import switches
from oversight import selectors
from oversight.health import health
from pools.selectors import current_price


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
