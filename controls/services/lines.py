"""What the audit trail keeps of a request: who asked, looked at its evidence, decided, and what came of it."""

from decimal import Decimal
from typing import Any

from controls import audit, kinds
from controls.effects import Effect
from controls.kinds import KINDS
from controls.models import Request


def request_record(
    action: str,
    request: Request,
    *,
    reason: str = "",
    by: Any = None,
    before: str = "",
    effect: Effect | None = None,
    more: dict[str, str] | None = None,
) -> None:
    """The audit trail's line, in the transaction of what was done, with what it did."""
    what = {"kind": request.kind, "about": request.subject}
    did = _did(request, effect) if effect is not None else {}
    changed = {label: old for label, (old, _) in did.items() if old}
    audit.record(
        action,
        subject=f"request:{request.pk}",
        about=request.subject,
        person_id=request.person_id,
        before={"state": before} | what | changed if before else None,
        after={"state": str(request.state)}
        | what
        | {label: new for label, (_, new) in did.items()}
        | (more or {}),
        reason=reason,
        by=request.maker_id if by is None else by.pk,
    )


def _did(request: Request, effect: Effect) -> dict[str, tuple[str, str]]:
    """What an approval did, before and after, without a word about a person: the trail keeps it for ever."""
    amounts = {
        "leaving_kes": Decimal(effect.leaving_kes),
        "moved_kes": effect.most_moved(grams=False),
        "moved_grams": effect.most_moved(grams=True),
    }
    found = {name: ("", f"{amount.normalize():f}") for name, amount in amounts.items() if amount}
    # Why something was paused is somebody's own words.
    if KINDS[request.kind].about == kinds.NOBODY and request.kind != "switch_resume":
        found |= {change.label: (change.before, change.after) for change in effect.changes}
    return found
