"""Two people, as tests of every app use them."""

from typing import Any

from controls.effects import Effect
from controls.models import Request
from controls.services import (
    Evidence,
    request_approve,
    request_effect,
    request_make,
    request_seal,
    retype_needed,
)

PAGE = Evidence("statement.pdf", b"%PDF-1.7 a page of M-Pesa's statement")
WHY = "The statement of today shows it."
YES = "I have looked at the statement myself."


def asked(kind: str, payload: dict[str, Any], *, by: Any, subject: str = "", **changes: Any) -> Request:
    """A request with a reason and evidence."""
    words: dict[str, Any] = {"reason": WHY, "evidence": PAGE} | changes
    return request_make(
        kind=kind,
        payload=payload,
        subject=subject or f"{kind}:{sorted(payload.items())}"[:120],
        by=by,
        **words,
    )


def approve(request: Request, by: Any) -> Request:
    """What the second person does who has looked at the page."""
    effect = request_effect(request)
    seen = request_seal(request, effect)
    return request_approve(request_id=request.pk, by=by, seen=seen, words=YES, typed=typed_for(effect))


def typed_for(effect: Effect) -> tuple[str, ...]:
    """The amounts as the second person types them, where they are asked for."""
    return tuple(f"{needed.value.normalize():f}" for needed in retype_needed(effect))


def agreed(kind: str, payload: dict[str, Any], *, maker: Any, checker: Any, **changes: Any) -> Request:
    """Asked by one person and done by another."""
    return approve(asked(kind, payload, by=maker, **changes), checker)
