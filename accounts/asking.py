"""How a page of the desk asks for something that takes two people (`controls.services.request_make`).

A view of any app ends with it:

    return ask(request, kind="float_move", payload={...}, subject="float:payouts", again=lambda refused: _page(...))

Its form holds `components/request_fields.html`, and is sent as `multipart/form-data` because of the file.
"""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import User
from accounts.permissions import may_act
from controls.kinds import KINDS
from controls.services import MOST_BYTES, Evidence, request_make
from goldwallet.errors import Refused


def may_ask(user: User, kind: str) -> bool:
    """Whether this person's roles ask for such things: a form that would be refused is not shown."""
    return may_act(user, *KINDS[kind].makers)


def may_decide(user: User, kind: str) -> bool:
    """Whether this person's roles decide such things. Their own requests they never do."""
    return may_act(user, *KINDS[kind].checkers)


def evidence_of(request: HttpRequest) -> Evidence | None:
    """The file of the form, if one was chosen. Of a file that is too large only so much as shows that it is."""
    file = request.FILES.get("evidence")
    return None if file is None else Evidence(str(file.name), file.read(MOST_BYTES + 1))


def ask(
    request: HttpRequest,
    *,
    kind: str,
    payload: dict[str, Any],
    subject: str,
    again: Callable[[Refused], HttpResponse],
) -> HttpResponse:
    """Ask with the reason and the file of this form, and go to the request's page.

    When it is refused, `again` renders the form once more with `refused.sentence`, under `refused.status`.
    """
    try:
        made = request_make(
            kind=kind,
            payload=payload,
            subject=subject,
            reason=request.POST.get("reason", ""),
            by=cast(User, request.user),
            evidence=evidence_of(request),
        )
    except Refused as refused:
        return again(refused)
    messages.success(request, "Asked. A second person decides this now.")
    return redirect("desk_approval", made.pk)
