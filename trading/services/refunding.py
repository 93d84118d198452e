"""Late money goes back to the phone that paid it: a payout of its own, and the cash is held for it until it ends."""

import uuid
from collections.abc import Sequence

from goldwallet.clock import Now
from goldwallet.states import move
from ledger import services as ledger
from ledger.services import Transfer
from payments.models import MOVES as PAYMENT_MOVES
from payments.models import Direction, Payment, State
from payments.services import payment_create, payment_lock
from trading.models import MOVES, Order, Status
from trading.selectors import SPENT
from trading.services import agreeing
from trading.services.quotes import new_reference


def refund_ask(*, user_id: uuid.UUID, order_id: uuid.UUID) -> Order:
    """Send the late money of an order back. Raises Refused; then nothing has changed.

    The order stays `paid_late` until the payout has ended, and is free for another choice when it ends unpaid. A large
    payout, or any in manual mode, waits for staff. A payout's hold never expires.
    """
    with ledger.overdraft_refused(SPENT):
        return _ask(user_id, order_id)


def _ask(user_id: uuid.UUID, order_id: uuid.UUID) -> Order:
    agreeing.payout_open(agreeing.customer_lock(user_id))
    order = agreeing.late_order_lock(user_id=user_id, order_id=order_id)
    late = order.payment
    order.refund = payment_create(
        direction=Direction.OUT,
        purpose="refund",
        user_id=user_id,
        amount=late.amount,
        phone=late.phone,
        reference=new_reference(),
        wait_for_staff=agreeing.staff_decide(user_id=user_id, amount=late.amount),
    )
    order.save(update_fields=["refund"])
    ledger.post(
        key=f"payment:{order.refund.pk}:agreed",
        kind="refund_agreed",
        transfers=[agreeing.held(order.refund)],
        actor=str(user_id),
        memo=order.refund.reference,
    )
    return order


def refund_paid(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The customer has the money back. (An order that M-Pesa reversed meanwhile stays reversed.)"""
    order = _order_lock(payment)
    if move(order, Status.REFUNDED, moves=MOVES, field="status", finished_at=Now()):
        agreeing.order_mail("refunded", order=order, payment=payment)
    return [agreeing.paid_out(payment)]


def refund_failed(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The money surely did not go: it is the customer's cash again, and the order's page offers both choices again."""
    order = _order_lock(payment)
    order.refund = payment  # the locked row at hand
    # Of an order that M-Pesa reversed meanwhile the person owes the money: on hold, it stays with us until people look.
    if order.status == Status.PAID_LATE:
        agreeing.order_mail("refund_failed", order=order, payment=payment, key=payment.pk)
    return [agreeing.given_up(payment)]


def _order_lock(refund: Payment) -> Order:
    return Order.objects.select_for_update(of=("self",)).get(refund=refund)


def refund_stop(order: Order) -> list[Transfer]:
    """Stop a refund that M-Pesa has not heard of yet, since there is nothing to give back any more.

    Before the order is locked (a payout's end locks payment, then order). Answers what is held for it, given up; empty
    when there is no refund, or it is under way and must end by itself.
    """
    if order.refund_id is None:
        return []
    refund = payment_lock(order.refund_id)
    unsent = refund.state in {State.CREATED, State.AWAITING_APPROVAL}
    if not unsent or not move(refund, State.CANCELLED, moves=PAYMENT_MOVES, ended_at=Now(), due_at=None):
        return []
    return [agreeing.given_up(refund)]
