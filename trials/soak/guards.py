"""Guards of the house that a soak may take away, to show that the machine would see the house without them."""

from collections.abc import Callable
from typing import Any

from payments import sending
from payments.rails import Answer, Outcome


def _released_when_unknown() -> None:
    """A famous mistake: no answer is taken for a no."""
    recording: Callable[[Any, Any, Answer], None] = sending._record

    def record(payment: Any, exchange: Any, answer: Answer) -> None:
        if answer.outcome == Outcome.UNKNOWN:
            answer = Answer(Outcome.REFUSED, answer.http_status, answer.code, answer.text)
        recording(payment, exchange, answer)

    sending._record = record


GUARDS = {"released_when_unknown": _released_when_unknown}
