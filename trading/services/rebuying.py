"""Late money buys gold at the current price: a new order, paid from the customer's cash, and no prompt."""

import uuid

from django.db import transaction

from accounts.models import Tier, User
from goldwallet.clock import Now
from goldwallet.counters import Counter, count
from goldwallet.errors import Conflict
from goldwallet.money import show_kes
from goldwallet.sql import insert
from goldwallet.states import move
from kyc.limits import limits_check
from ledger import chart
from ledger import services as ledger
from ledger.errors import Overdraft
from ledger.services import Transfer
from payments.models import Payment
from pools import services as pools
from pools.selectors import grams_available
from trading import terms
from trading.models import MOVES, Order, Quote, Side, Status
from trading.selectors import SPENT, late_order_of, price_or_refuse, running_or_refuse, used
from trading.services import agreeing
from trading.services.quotes import check_amount, new_reference, quote_consume, quote_make

_TRIES = 3


def quote_rebuy(*, user: User, order_id: uuid.UUID) -> Quote:
    """What the late money of an order buys at the current price, for a minute. Raises Refused."""
    order = late_order_of(user_id=user.pk, order_id=order_id)
    running_or_refuse(Side.BUY, user=user)
    price = price_or_refuse()
    deal = terms.buy_for_kes(order.payment.amount, price=price.buy)
    check_amount(deal.kes, side=Side.BUY)
    _check_limits(user.pk, user.tier, order=order)
    if deal.grams > grams_available():
        raise _short(order.payment)
    return quote_make(user, Side.BUY, deal, price=price.buy, phone=order.payment.phone, late_order=order)


def rebuy_confirm(*, user_id: uuid.UUID, quote_id: uuid.UUID) -> Order:
    """Buy with late money at a quote's price: the gold is there at once. Raises Refused; then nothing has changed.

    When others took the gold between the look and the posting, the pools are read again, up to three times.
    """
    for _ in range(_TRIES):
        try:
            return _rebuy_once(user_id=user_id, quote_id=quote_id)
        except Overdraft as error:
            if error.code == chart.user_cash(user_id).code:
                raise Conflict(SPENT, code="spent") from None
    late = Quote.objects.select_related("late_order__payment").get(pk=quote_id).late_order
    assert late is not None
    raise _short(late.payment)


@transaction.atomic
def _rebuy_once(*, user_id: uuid.UUID, quote_id: uuid.UUID) -> Order:
    person = agreeing.customer_lock(user_id)
    quote = quote_consume(quote_id=quote_id, user_id=user_id, side=Side.BUY, late=True)
    assert quote.late_order_id is not None
    late = agreeing.late_order_lock(user_id=user_id, order_id=quote.late_order_id)
    payment = Payment.objects.select_related("user").get(pk=late.payment_id)
    _check_limits(person.id, person.tier, order=late)
    try:
        shares = pools.allocate(grams=quote.grams)
    except pools.NotEnough:
        raise _short(payment) from None
    move(late, Status.REBOUGHT, moves=MOVES, field="status", finished_at=Now())
    order = agreeing.order_from(quote, payment)
    order.reference, order.rebuys, order.status = new_reference(), late, Status.COMPLETED
    insert(order, finished_at=Now())
    pools.allocations_create(user_id=user_id, order_id=order.pk, shares=shares)
    pools.allocations_settle(order_id=order.pk)
    agreeing.order_mail("rebought", order=order, payment=payment)
    gold = chart.user_gold(user_id)
    ledger.post(
        key=f"order:{order.pk}:rebought",
        kind="buy_rebought",
        transfers=[
            agreeing.spent(user_id, quote.total_kes),
            *(Transfer(chart.pool_available(share.pool_id), gold, share.grams) for share in shares),
        ],
        actor=str(user_id),
        memo=order.reference,
    )
    return order


def _check_limits(user_id: uuid.UUID, tier: Tier, *, order: Order) -> None:
    """The late order does not count beside the one that it becomes: it is the same money."""
    use = used(user_id=user_id, without=order.pk).buy
    limits_check(tier=tier, side=Side.BUY, use=use, amount=order.payment.amount)


def _short(payment: Payment) -> Conflict:
    """All of the money or nothing: a smaller purchase would leave a rest that can go nowhere."""
    count(Counter.GOLD_SHORTAGES)
    sentence = (
        f"There is not enough gold for all of your {show_kes(payment.amount)} right now. "
        "More is on its way; or let us send the money back."
    )
    return Conflict(sentence, code="not_enough_gold")
