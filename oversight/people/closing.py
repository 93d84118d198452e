"""Closing somebody's account as a request (`controls.kinds`): the same as when they close it themselves, and refused
for the same reasons.
"""

from typing import Any

from accounts.requests import person_of
from controls.effects import Change, Description
from controls.models import Request
from goldwallet.errors import Conflict
from oversight.privacy.closing import account_close_by_staff, obstacles_for_staff

KIND = "person_close"


def person_close_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id)."""
    person = person_of(payload)
    if not person.is_active:
        raise Conflict("This account is closed already.", code="closed")
    if reasons := obstacles_for_staff(person, kind=KIND):
        raise Conflict(f"It cannot be closed yet. The person would read: {' '.join(reasons)}", code="not_yet")
    return Description(
        f"The account of {person.email} is closed for good.",
        (
            Change(f"Account of {person.email}", "open", "closed, nobody signs in to it any more"),
            Change("Sessions, browsers, second factor, unfinished identity checks", "as now", "deleted"),
        ),
        warnings=("This cannot be undone. The person gets a mail.",),
    )


def person_close_execute(request: Request) -> str:
    person = person_of(request.payload)
    account_close_by_staff(user_id=person.pk, kind=KIND, by=request.maker_id)
    return f"The account of {person.email} is closed."
