"""A lost second factor as a request (`controls.kinds`)."""

from typing import Any

from accounts.requests import person_of
from accounts.resets import reset_refuse, reset_schedule
from controls.effects import Change, Description
from controls.models import Request
from controls.selectors import threshold
from goldwallet.wording import exact_time


def factor_reset_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id)."""
    person = person_of(payload)
    reset_refuse(person)
    hours, cooloff = int(threshold("factor_reset_hours")), int(threshold("payout_cooloff_hours"))
    return Description(
        f"In {hours} hours the authenticator app of {person.email} is removed.",
        (
            Change(f"Authenticator app of {person.email}", "set up", f"removed after {hours} hours"),
            Change("Payouts to the person", "as now", f"none until {cooloff} hours after that"),
        ),
        warnings=("The person hears of it now. Has anybody seen who asks, or only heard them?",),
    )


def factor_reset_execute(request: Request) -> str:
    person = person_of(request.payload)
    reset = reset_schedule(user_id=person.pk, request=request)
    return f"The authenticator app of {person.email} is removed on {exact_time(reset.due_at)}."
