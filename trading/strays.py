"""Money that came with an order's reference and could not pay it, as the customer reads about it."""

from collections.abc import Iterable
from decimal import Decimal

from goldwallet.money import show_kes
from payments.models import Arrival, ArrivalState
from payments.selectors_money import arrivals_naming
from trading.models import Order, Status


def strays_of(order: Order) -> list[Arrival]:
    """Money that came with the order's reference and could not pay it, oldest first."""
    return list(arrivals_naming(order.payment_id)) if _may_have(order) else []


def strays_among(order: Order, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The same out of the arrivals around the order's payments, for who has read them (`payments.selectors`)."""
    if not _may_have(order):
        return []
    return [
        arrival
        for arrival in arrivals
        if arrival.payment_id == order.payment_id
        and arrival.state not in _PAYS
        and arrival.receipt != order.payment.receipt
    ]


_PAYS = frozenset({ArrivalState.NEW, ArrivalState.MATCHED})


def _may_have(order: Order) -> bool:
    """An order that is paid from late money has the payment of the order before; what came for it belongs to that."""
    return order.is_buy and order.rebuys_id is None


def stray_news(order: Order, strays: Iterable[Arrival]) -> list[str]:
    """A sentence for each such arrival: what came, and where it is. KES."""
    return [said for arrival in strays if (said := _said(arrival, order))]


def _said(arrival: Arrival, order: Order) -> str:
    kes = show_kes(arrival.amount)
    if arrival.state == ArrivalState.SUSPENSE:
        return f"{stray_why(arrival, order.payment.amount)} {_waits(order)}"
    if arrival.state == ArrivalState.RETURNING:
        return f"We received {kes} that could not pay this order. It is going back to the phone that paid it."
    if arrival.state == ArrivalState.RETURNED:
        return f"We received {kes} that could not pay this order. It is back on the phone that paid it."
    if arrival.state == ArrivalState.REVERSED:
        return (
            f"M-Pesa has taken back {kes} that could not pay this order. If you miss it, please write to us."
        )
    if arrival.user_id == order.user_id:
        return f"We received {kes} that could not pay this order. It is your cash with us: see your wallet."
    return f"We received {kes} with this order's reference. It turned out to be somebody else's money."


def stray_why(arrival: Arrival, asked: Decimal) -> str:
    """What came, and why it could not pay the order, which is for `asked` shillings."""
    if arrival.amount != asked:
        return f"We received {show_kes(arrival.amount)}, and the order is for {show_kes(asked)}."
    return f"We received {show_kes(arrival.amount)} once more for an order that had its payment already."


def _waits(order: Order) -> str:
    safe = "Your money is safe: our team makes it your cash with us or sends it back, and you get a mail."
    if order.status != Status.PENDING:
        return safe
    return f"{safe} The order itself still waits for {show_kes(order.payment.amount)} in one payment."
