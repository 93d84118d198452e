"""Thresholds. Staff move one by a request (`controls.kinds`); the house itself moves none."""

from decimal import Decimal
from typing import Any

import pghistory
from django.db import transaction

from controls.audit import record
from controls.effects import Change, Description, Retype
from controls.models import Request, Threshold
from controls.selectors import thresholds, thresholds_forget
from controls.thresholds import DEFINITIONS, Definition
from goldwallet.clock import Now
from goldwallet.errors import Refused
from goldwallet.money import parse_price


def _checked(name: str, value: Decimal) -> Definition:
    """The definition, when the value suits it. Raises Refused."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise Refused(f"There is no threshold called {name}.", code="threshold_unknown")
    if not value.is_finite() or not definition.least <= value <= definition.most:
        raise Refused(
            f"{definition.label}: choose {definition.bounds}.",
            code="threshold_bounds",
        )
    if value != round(value, definition.places):
        raise Refused(f"{definition.label}: use a whole number.", code="threshold_places")
    return definition


def threshold_set(*, name: str, value: Decimal, by: Any) -> None:
    """Move a threshold. `by` is the staff member; `value` is in the unit of `controls.thresholds`.

    Raises Refused for a name that does not exist, a value out of its bounds or with too many places.
    Other processes see the new value within `selectors.CACHE_SECONDS`.
    """
    definition = _checked(name, value)
    with transaction.atomic(), pghistory.context(user=str(by.pk), action="threshold_set"):
        row = Threshold.objects.select_for_update().filter(name=name).first()
        Threshold.objects.update_or_create(
            name=name, defaults={"value": value, "changed_by_id": by.pk, "changed_at": Now()}
        )
        record(
            "payouts_mode" if name == "payouts_manual" else "threshold_set",
            subject=f"threshold:{name}",
            before={"value": definition.show(row.value if row else definition.default)},
            after={"value": definition.show(value)},
            by=by.pk,
        )
        # After the commit: before it, another thread would read the old value and keep it.
        transaction.on_commit(thresholds_forget)
    thresholds_forget()


# --- the request ----------------------------------------------------------------------------------


def _asked(payload: dict[str, Any]) -> tuple[Definition, Decimal]:
    try:
        value = parse_price(str(payload.get("value", "")))
    except Refused:
        raise Refused("Write the new value with digits only, for example 1500.", code="number") from None
    return _checked(str(payload.get("name", "")), value), value


def threshold_set_describe(payload: dict[str, Any]) -> Description:
    """payload: `name`, `value` (text)."""
    definition, value = _asked(payload)
    found = thresholds()
    now = found[definition.name]
    if value == now:
        raise Refused(f"{definition.label}: it stands at {definition.show(now)} already.", code="same")
    change = Change(definition.label, definition.show(now), definition.show(value))
    return Description(
        f"{definition.label}: {change.before} becomes {change.after}.",
        (change,),
        retype=_typed(definition, value, large=max(now, value), found=found),
    )


#: By the unit: which threshold says what is large, and how the page asks. These two are typed whatever they become,
#: since neither is below itself: else one careless yes would spare all later approvals the typing.
_LARGE = {
    "KES": ("approval_retype_kes", "How many shillings is the new value?"),
    "g": ("approval_retype_grams", "How many grams is the new value?"),
}


def _typed(
    definition: Definition, value: Decimal, *, large: Decimal, found: dict[str, Decimal]
) -> tuple[Retype, ...]:
    """The new value, when it is an amount and large, or takes the place of a large one."""
    if definition.unit not in _LARGE:
        return ()
    least, question = _LARGE[definition.unit]
    if large < found[least]:
        return ()
    return (Retype(str(value), question, grams=definition.unit == "g"),)


def threshold_set_execute(request: Request) -> str:
    definition, value = _asked(request.payload)
    threshold_set(name=definition.name, value=value, by=request.checker or request.maker)
    return f"{definition.label} is {definition.show(value)} now."
