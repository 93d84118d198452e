"""A lost second factor as a request (`controls.kinds`): none of the three whom it is about may be the same person."""

from itertools import combinations
from typing import Any

from accounts.requests import person_of
from accounts.resets import reset_refuse, reset_schedule
from controls.effects import Change, Description
from controls.models import Request
from controls.selectors import threshold
from goldwallet.errors import Refused
from goldwallet.wording import exact_time
from kyc.alike import same_person


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
    # `checker` is empty while it is only asked for. Second accounts count: who has one is still one person.
    all_three = [person.pk, *(pk for pk in (request.maker_id, request.checker_id) if pk)]
    if any(same_person(one, other) for one, other in combinations(all_three, 2)):
        raise Refused(
            "It takes two people besides the one whose app it is, and two of these are one and the same.",
            code="own",
            status=403,
        )
    reset = reset_schedule(user_id=person.pk, request=request)
    return f"The authenticator app of {person.email} is removed on {exact_time(reset.due_at)}."
