"""Opening what the provider sent, word for word: it names people, so somebody says why, and it is noted who did."""

import uuid

from django.db import transaction

from controls.audit import record
from goldwallet.errors import Refused
from goldwallet.typed import one_line
from payments.models import Arrival, Callback, Exchange, Payment

_LEAST = 5


@transaction.atomic
def said_open(*, about: Payment | Arrival, said_id: uuid.UUID, reason: str) -> None:
    """Note that somebody opens this call or callback of a payment or of money that came.

    Raises Refused without a reason, and for what was not said about it.
    """
    why = one_line(reason)
    if len(why) < _LEAST:
        raise Refused("Write why you open it. The audit trail keeps it.", code="reason")
    column = "payment" if isinstance(about, Payment) else "arrival"
    record(
        "callback_open",
        subject=f"{column}:{about.pk}",
        person_id=about.user_id if isinstance(about, Payment) else about.person_id,
        after={"opened": _kind(said_id, column, about.pk), "id": str(said_id)},
        reason=why,
    )


def _kind(said_id: uuid.UUID, column: str, key: uuid.UUID) -> str:
    if Exchange.objects.filter(pk=said_id, **{column: key}).exists():
        return "exchange"
    of_it = {column: key} if column == "payment" else {f"exchange__{column}": key}
    if Callback.objects.filter(pk=said_id, **of_it).exists():
        return "callback"
    raise Refused("There is no such message here.", code="unknown", status=404)
