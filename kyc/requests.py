"""What takes two people about identity: that a verified person may trade more (`controls.kinds`)."""

import uuid
from typing import Any

from accounts.models import Tier, User, tier_of
from controls.effects import Change, Description
from controls.models import Request
from goldwallet.errors import Refused
from kyc.services import tier_change


def _asked(payload: dict[str, Any]) -> tuple[User, bool]:
    try:
        person = User.objects.get(pk=uuid.UUID(str(payload.get("person", ""))))
    except (ValueError, User.DoesNotExist):
        raise Refused("There is no such person.", code="person") from None
    enhanced = payload.get("enhanced")
    if not isinstance(enhanced, bool):
        raise Refused("Say whether the person may trade more, or no longer.", code="tier")
    return person, enhanced


def tier_set_describe(payload: dict[str, Any]) -> Description:
    """payload: `person` (id), `enhanced` (true or false)."""
    person, enhanced = _asked(payload)
    if person.tier == Tier.UNVERIFIED:
        raise Refused(f"{person.email} is not verified. That comes first.", code="unverified")
    wanted = tier_of(person.kyc_status, enhanced=enhanced)
    if person.tier == wanted:
        raise Refused(f"{person.email} has this tier already: {wanted.label}.", code="same")
    change = Change(f"Limits of {person.email}", person.tier.label, wanted.label)
    return Description(f"{person.email} trades within the limits of the tier {wanted.label}.", (change,))


def tier_set_execute(request: Request) -> str:
    description = tier_set_describe(request.payload)
    person, enhanced = _asked(request.payload)
    tier_change(user_id=person.pk, enhanced=enhanced, key=str(request.pk))
    return description.summary
