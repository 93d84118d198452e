"""A sale: lock the grams and the money, pay out, return the gold to the pools that it came from (design section 6)."""

import uuid
from collections.abc import Sequence

from django.db import transaction

from accounts.numbers import payout_number_check
from accounts.stepup import Shown, step_up_digest, step_up_use
from goldwallet.clock import NAIROBI, Now
from goldwallet.errors import Conflict
from goldwallet.money import show_grams, show_kes
from goldwallet.phones import local
from goldwallet.sql import insert
from goldwallet.states import move
from ledger import chart
from ledger import services as ledger
from ledger.errors import Overdraft
from ledger.selectors import balance
from ledger.services import Transfer
from payments.models import Direction, Payment
from payments.services import payment_create
from pools import services as pools
from trading.models import MOVES, Order, Quote, Side, Status
from trading.services import agreeing
from trading.services.quotes import check_owned, new_reference, quote_consume, sale_takes_code

#: The operation of `accounts.stepup`.
SALE = "sell"


def sell_confirm(*, user_id: uuid.UUID, quote_id: uuid.UUID, session_key: str = "") -> Order:
    """Lock the grams of a quote and enqueue the payout. Raises Refused; then nothing has changed.

    A large sale takes a proof of this session for exactly this quote: StepUpNeeded (faults.md A08). It pays the
    person's own number as it is now. A large payout, or any in manual mode, waits for staff. A payout's hold never
    expires.
    """
    try:
        return _sell_once(user_id=user_id, quote_id=quote_id, session_key=session_key)
    except Overdraft:
        # Sold meanwhile by another order of the same person: the ledger refused, nothing was written.
        quote = Quote.objects.get(pk=quote_id, user_id=user_id)
        check_owned(quote.grams, owned=balance(chart.user_gold(user_id)))
        # And come back meanwhile, or bought anew: the price still holds.
        raise Conflict("Your gold has just changed. Please confirm again.", code="moved") from None


@transaction.atomic
def _sell_once(*, user_id: uuid.UUID, quote_id: uuid.UUID, session_key: str) -> Order:
    person = agreeing.customer_lock(user_id)
    agreeing.payout_open(person)
    quote = quote_consume(quote_id=quote_id, user_id=user_id, side=Side.SELL)
    payout_number_check(user=person, phone=quote.phone)
    agreeing.limits_use(person, quote)
    if sale_takes_code(quote.total_kes):
        step_up_use(
            user_id=user_id,
            operation=SALE,
            digest=sale_digest(quote),
            session_key=session_key,
            shown=_shown(quote),
        )
    payment = payment_create(
        direction=Direction.OUT,
        purpose="sell",
        user_id=user_id,
        amount=quote.total_kes,
        phone=quote.phone,
        reference=new_reference(),
        wait_for_staff=agreeing.staff_decide(user_id=user_id, amount=quote.total_kes),
    )
    order = agreeing.order_from(quote, payment)
    insert(order)
    ledger.post(
        key=f"order:{order.pk}:agreed",
        kind="sale_agreed",
        transfers=_agreed(order),
        actor=str(user_id),
        memo=order.reference,
    )
    return order


def sale_digest(quote: Quote) -> str:
    """Of everything that the person agrees to (`accounts.stepup`)."""
    return step_up_digest(
        SALE,
        user=quote.user_id,
        quote=quote.pk,
        grams=quote.grams,
        kes=quote.total_kes,
        phone=quote.phone,
    )


def _shown(quote: Quote) -> Shown:
    return [
        ("You sell", show_grams(quote.grams)),
        ("You get", show_kes(quote.total_kes)),
        ("Paid to", local(quote.phone)),
        ("This price is yours until", f"{quote.expires_at.astimezone(NAIROBI):%H:%M:%S}"),
    ]


def _agreed(order: Order) -> list[Transfer]:
    user = order.user_id
    return [
        Transfer(chart.user_gold(user), chart.user_gold_locked(user), order.grams),
        Transfer(chart.house_purchases(), chart.user_cash(user), order.total_kes),
        Transfer(chart.user_cash(user), chart.payouts_clearing(), order.total_kes),
    ]


def sell_paid(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The customer has the money: the grams return to the pools that they came from, oldest purchase first."""
    order = _end(payment, Status.COMPLETED)
    agreeing.order_mail("completed", order=order, payment=payment)
    locked = chart.user_gold_locked(order.user_id)
    shares = pools.allocations_return(user_id=order.user_id, grams=order.grams)
    return [
        agreeing.paid_out(payment),
        *(Transfer(locked, chart.pool_available(share.pool_id), share.grams) for share in shares),
    ]


def sell_failed(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The money surely did not go: the exact mirror of what was agreed."""
    order = _end(payment, Status.FAILED, failure_code=payment.failure_code)
    agreeing.order_mail("failed", order=order, payment=payment)
    return [Transfer(leg.destination, leg.source, leg.amount) for leg in reversed(_agreed(order))]


def _end(payment: Payment, status: Status, **changes: str) -> Order:
    order = agreeing.order_lock(payment)
    if not move(order, status, moves=MOVES, field="status", finished_at=Now(), **changes):
        raise RuntimeError(f"sale {order.pk} is {order.status} and its payout ended again")
    return order
