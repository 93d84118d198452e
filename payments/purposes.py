"""The one upward path: "this payment ended, tell whoever asked for it".

A handler moves its own order and returns the transfers that belong to the change; `services.payment_settle` posts them,
once, as the last write of the transaction. Handlers are named by string and loaded when first used, since payments
may not import what lies above it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from django.utils.module_loading import import_string

from ledger.services import Transfer
from payments.models import Arrival, Payment

#: Called with the locked payment and `last_try` (the gold ran out twice while it tried: do without).
type Handler = Callable[..., Sequence[Transfer]]


@dataclass(frozen=True, slots=True)
class Purpose:
    """`kind` begins the kind of the ledger's transactions: `buy_paid`, `sale_failed`.

    `reversed`: where the provider may take money back that came (faults.md P19). It cannot take back what it paid out.
    """

    kind: str
    paid: str
    failed: str
    reversed: str = ""
    #: Where a payout that had ended unpaid is paid all the same (faults.md O07). It moves no money.
    after_all: str = ""


PURPOSES = {
    "buy": Purpose(
        "buy",
        paid="trading.services.buy_paid",
        failed="trading.services.buy_failed",
        reversed="trading.services.buy_reversed",
    ),
    "sell": Purpose(
        "sale",
        paid="trading.services.sell_paid",
        failed="trading.services.sell_failed",
        after_all="trading.services.paid_after_all",
    ),
    "refund": Purpose(
        "refund",
        paid="trading.services.refund_paid",
        failed="trading.services.refund_failed",
        after_all="trading.services.paid_after_all",
    ),
    # Cash of a customer that belongs to no order.
    "cash": Purpose(
        "cash",
        paid="trading.services.cash_paid",
        failed="trading.services.cash_failed",
        after_all="trading.services.paid_after_all",
    ),
}


@cache
def _load(path: str) -> Handler:
    handler: Handler = import_string(path)
    return handler


def paid(payment: Payment, *, last_try: bool) -> Sequence[Transfer]:
    """Transfers that follow from money that moved."""
    return _load(PURPOSES[payment.purpose].paid)(payment=payment, last_try=last_try)


def failed(payment: Payment, *, last_try: bool) -> Sequence[Transfer]:
    """Transfers that follow from money that surely did not move."""
    return _load(PURPOSES[payment.purpose].failed)(payment=payment, last_try=last_try)


def reversed_(payment: Payment) -> Sequence[Transfer]:
    """Transfers that follow from money that the provider took back after it had come."""
    return _load(PURPOSES[payment.purpose].reversed)(payment=payment)


def after_all(payment: Payment) -> None:
    """Tell whoever asked for a payout that it was paid although it had ended unpaid."""
    _load(PURPOSES[payment.purpose].after_all)(payment=payment)


def stray(arrival: Arrival) -> None:
    """Tell whoever is concerned where money that could not pay an order stands now. It moves no money."""
    _load("trading.services.stray_tell")(arrival=arrival)
