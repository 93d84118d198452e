"""M-Pesa takes a payment back that had come: what it paid for is undone as far as it is still there (faults.md P19).

Whoever calls this holds the customer's lock and the payment's, in this order: nobody sells or spends meanwhile.
"""

from collections.abc import Sequence
from decimal import Decimal

from accounts.services import person_freeze
from goldwallet.clock import Now
from goldwallet.money import show_kes
from goldwallet.states import move
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer
from payments.models import Payment
from pools import services as pools
from trading import terms
from trading.models import MOVES, USED_FOR_DEBT, Order, Status
from trading.services import agreeing, refunding
from trading.services.claims import late_claims_end, late_claims_lock
from trading.terms import Undoing


def buy_reversed(*, payment: Payment) -> Sequence[Transfer]:
    """Undo a buy: its grams go back while the person has them free, then cash pays, and the rest is owed.

    An order that delivered nothing (late money that waits, is on its way back, or is back) gives back cash alone. Who
    owes is put on hold. Grams that a sale holds are not free and stay with it. Cash is taken whatever it was kept for:
    another late order whose money goes with it ends.
    """
    order = Order.objects.get(payment=payment, rebuys=None)
    stopped = refunding.refund_stop(order)
    given_up = sum((transfer.amount for transfer in stopped), Decimal(0))
    delivered = _orders_reverse(payment)
    claims = late_claims_lock(payment.user_id)
    cash = balance(chart.user_cash(payment.user_id)) + given_up
    undone = _undo(payment, delivered, cash=cash)
    if undone.cash:
        late_claims_end(claims, left=cash - undone.cash, code=USED_FOR_DEBT)
    if undone.owed:
        taken, owed = show_kes(payment.amount), show_kes(undone.owed)
        reason = f"M-Pesa took back {taken} of order {order.reference}; {owed} of it is owed."
        person_freeze(user_id=payment.user_id, reason=reason)
    agreeing.order_mail("reversed", order=order, payment=payment, undone=undone)
    return [*stopped, *_transfers(payment, undone)]


def _orders_reverse(payment: Payment) -> Order | None:
    """Lock and move what the payment paid for, the older order first; answers the one that delivered gold, if any."""
    delivered = None
    for order in (
        Order.objects.select_for_update(of=("self",)).filter(payment=payment).order_by("created_at", "pk")
    ):
        if order.status == Status.COMPLETED:
            delivered = order
        if order.status == Status.REVERSED:
            continue  # its late money had covered a debt
        if not move(order, Status.REVERSED, moves=MOVES, field="status", finished_at=Now()):
            raise RuntimeError(f"order {order.pk} is {order.status} and its payment was taken back")
    return delivered


def _undo(payment: Payment, delivered: Order | None, *, cash: Decimal) -> Undoing:
    return terms.undo(
        paid=payment.amount,
        grams=delivered.grams if delivered else Decimal(0),
        price=delivered.price_per_gram if delivered else Decimal(0),
        free=balance(chart.user_gold(payment.user_id)),
        cash=cash,
    )


def _transfers(payment: Payment, undone: Undoing) -> list[Transfer]:
    user = payment.user_id
    shares = pools.allocations_return(user_id=user, grams=undone.grams)
    sources = [
        (chart.house_sales(), undone.sales),
        (chart.user_cash(user), undone.cash),
        (chart.user_receivable(user), undone.owed),
    ]
    return [
        *(
            Transfer(chart.user_gold(user), chart.pool_available(share.pool_id), share.grams)
            for share in shares
        ),
        *(Transfer(source, chart.mpesa_collections(), kes) for source, kes in sources if kes),
    ]
