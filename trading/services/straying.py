"""Telling people about money that came with their order's reference and could not pay it: kept, given, or gone back.

Called in the transaction that moves the money, before its posting; each move of an arrival is told once.
"""

from accounts.models import User
from notifications.services import message_enqueue
from payments.models import Arrival, ArrivalState
from trading import mails
from trading.models import Order


def stray_tell(*, arrival: Arrival) -> None:
    """Write to whom the state of this arrival concerns: whose order its reference names, and whom it was given to."""
    order = _order(arrival)
    if arrival.state == ArrivalState.ASSIGNED and arrival.user is not None:
        _mail("given", arrival, arrival.user, mails.stray_given(arrival))
    if order is None or order.user_id == arrival.user_id:
        return
    if arrival.state == ArrivalState.SUSPENSE:
        _mail("kept", arrival, order.user, mails.stray_kept(arrival, order))
    elif arrival.state in {ArrivalState.RETURNED, ArrivalState.REVERSED}:
        _mail("gone", arrival, order.user, mails.stray_gone(arrival, order))
    elif arrival.state == ArrivalState.ASSIGNED:
        _mail("not_theirs", arrival, order.user, mails.stray_not_theirs(arrival, order))


def _order(arrival: Arrival) -> Order | None:
    """The order whose payment its reference names: the first one, not what was bought again with that payment."""
    if arrival.payment_id is None:
        return None
    named = Order.objects.filter(payment_id=arrival.payment_id, rebuys=None)
    return named.select_related("user", "payment").first()


def _mail(kind: str, arrival: Arrival, user: User, letter: tuple[str, str]) -> None:
    subject, text = letter
    message_enqueue(
        user_id=user.pk,
        to=user.email,
        subject=subject,
        text=text,
        kind=f"stray_{kind}",
        key=f"arrival:{arrival.pk}:{kind}",
    )
