"""Guards of the house taken away, one by one: a sweep that finds nothing then proves nothing.

They are patched in the process that forks all others, so the house that dies and the house that comes after it both
lack them.
"""

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.db import transaction

from goldwallet.clock import Now
from payments import sending
from payments.models import Payment, State
from payments.rails.daraja import http
from payments.services import settling
from trading.services import buying


def call_inside_the_transaction() -> None:
    """The claim is committed only after the call."""
    sending._send = transaction.atomic(sending._send)
    http.refuse_in_transaction = lambda: None


def dead_sender_sends_again() -> None:
    """What a dead worker was sending counts as unsent."""
    step = sending.payment_step

    def naive(payment_id: uuid.UUID) -> None:
        sent = Payment.objects.filter(pk=payment_id, state=State.SENDING, due_at__lte=Now())
        sent.update(state=State.CREATED, due_at=Now(), tries=0)
        step(payment_id)

    sending.payment_step = naive


def settled_in_pieces() -> None:
    """The payment's end is committed before the order and the book hear of it."""
    settling._settle_once = _without_transaction(settling._settle_once)
    unlocked = Payment.objects.select_related("user")
    vars(settling).update(
        payment_lock=lambda payment_id: unlocked.get(pk=payment_id),
        # Its locks need a transaction; no receipt of these ways stands for anything else.
        receipt_claim=lambda payment, receipt, decided: [],
    )


def confirmed_in_pieces() -> None:
    """The quote is used up before its order exists."""
    buying._buy_once = _without_transaction(buying._buy_once)


def _without_transaction(service: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", service.__wrapped__)  # type: ignore[attr-defined]


GUARDS = {
    guard.__name__: guard
    for guard in (
        call_inside_the_transaction,
        dead_sender_sends_again,
        settled_in_pieces,
        confirmed_in_pieces,
    )
}
