"""A buy: reserve the gold, ask for the money, deliver when it has come (design section 6)."""

import datetime as dt
import logging
import uuid
from collections.abc import Sequence

from django.db import DatabaseError, connection, transaction

from accounts.services import person_lock_now
from controls.selectors import threshold
from goldwallet.clock import Now, after
from goldwallet.errors import Refused
from goldwallet.sql import insert
from goldwallet.states import move
from kyc.limits import limits_check
from ledger import chart
from ledger import services as ledger
from ledger.errors import LedgerError, Overdraft
from ledger.services import Transfer
from payments.models import Direction, Payment
from payments.services import CustomerFirst, payment_cancel_unsent, payment_create, payment_lock
from pools import services as pools
from pools.selectors import grams_available
from pools.services import Share
from trading.models import MOVES, Order, Quote, Side, Status
from trading.selectors import Used, used
from trading.services import agreeing
from trading.services.quotes import new_reference, not_enough, quote_consume

log = logging.getLogger(__name__)

#: The gold is kept for so long; a prompt lives about a minute (daraja.md 2.4).
RESERVED_SECONDS = 180
#: Money that comes within this time of the quote completes the order at its price, if there is gold.
HONOURED = dt.timedelta(minutes=15)
_TRIES = 3


def buy_confirm(*, user_id: uuid.UUID, quote_id: uuid.UUID) -> Order:
    """Reserve the gold of a quote and enqueue the prompt. Raises Refused or NotEnoughGold; then nothing has changed.

    When others took the gold between the look and the reservation, the pools are read again, up to three times.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _buy_once(user_id=user_id, quote_id=quote_id)
        except Overdraft:
            if attempt == _TRIES:
                break
    # Three times somebody else was quicker. Say what is left now.
    quote = Quote.objects.get(pk=quote_id, user_id=user_id)
    raise not_enough(grams_available(), price=quote.price_per_gram)


@transaction.atomic
def _buy_once(*, user_id: uuid.UUID, quote_id: uuid.UUID) -> Order:
    person = agreeing.customer_lock(user_id)
    quote = quote_consume(quote_id=quote_id, user_id=user_id, side=Side.BUY)
    _check_prompts(agreeing.limits_use(person, quote))
    try:
        shares = pools.allocate(grams=quote.grams)
    except pools.NotEnough as short:
        raise not_enough(short.available, price=quote.price_per_gram) from None
    payment = payment_create(
        direction=Direction.IN,
        purpose="buy",
        user_id=user_id,
        amount=quote.total_kes,
        phone=quote.phone,
        reference=new_reference(),
        expires_in=RESERVED_SECONDS,
    )
    order = agreeing.order_from(quote, payment)
    insert(order, expires_at=after(RESERVED_SECONDS), honour_until=quote.created_at + HONOURED)
    pools.allocations_create(user_id=user_id, order_id=order.pk, shares=shares)
    ledger.post(
        key=f"order:{order.pk}:reserved",
        kind="buy_reserved",
        transfers=agreeing.reserved(user_id, shares),
        actor=str(user_id),
        memo=order.reference,
    )
    return order


def _check_prompts(use: Used) -> None:
    """Prompts that nobody pays pester the owner of the phone (faults.md P17). Counted over all processes."""
    if use.phone_prompts >= threshold("prompts_unpaid_per_phone_hour"):
        raise Refused(
            "This phone has had many prompts that were not paid. Please try again in an hour.",
            code="prompts_phone",
            status=429,
        )
    if use.person_prompts >= threshold("prompts_unpaid_per_person_hour"):
        raise Refused(
            "You have started many purchases that were not paid. Please try again in an hour.",
            code="prompts_person",
            status=429,
        )


# --- how it ends ----------------------------------------------------------------------------------

_COMPLETE = """
UPDATE trading_order SET status = 'completed', finished_at = wallet_now()
WHERE payment_id = %s AND rebuys_id IS NULL AND status = 'pending' AND honour_until > wallet_now()
RETURNING id, grams, total_kes, price_per_gram
"""


def buy_paid(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The money came. In time it delivers the reserved grams; late it is looked at again (`_paid_late`)."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPLETE, [payment.pk])
        row = cursor.fetchone()
    if row is None:
        return _paid_late(payment, last_try=last_try)
    order = Order(
        id=row[0],
        user_id=payment.user_id,
        side=Side.BUY,
        grams=row[1],
        total_kes=row[2],
        price_per_gram=row[3],
        reference=payment.reference,
        status=Status.COMPLETED,
    )
    pools.allocations_settle(order_id=order.pk)
    agreeing.order_mail("completed", order=order, payment=payment)
    return [
        Transfer(chart.user_gold_incoming(order.user_id), chart.user_gold(order.user_id), order.grams),
        agreeing.collected(order.user_id, payment.amount),
        agreeing.spent(order.user_id, payment.amount),
    ]


def _paid_late(payment: Payment, *, last_try: bool) -> Sequence[Transfer]:
    """Late money is never lost and never silently re-priced: honoured at its price while that is fair, else kept."""
    order = agreeing.order_lock(payment)
    money = agreeing.collected(order.user_id, payment.amount)
    transfers = [money]
    counted = order.status == Status.PENDING
    if counted:
        # The tidying job is behind. The price has lapsed, so the reservation goes.
        transfers += _release(order)
    honoured = not last_try and Order.objects.filter(pk=order.pk, honour_until__gt=Now()).exists()
    honoured = honoured and (counted or _fits(order))
    if not move(order, Status.PAID_LATE, moves=MOVES, field="status"):
        raise RuntimeError(f"order {order.pk} is {order.status} and was paid again")
    shares = _gold_again(order) if honoured else None
    if shares is None:
        agreeing.order_mail("paid_late", order=order, payment=payment)
        return transfers
    move(order, Status.COMPLETED, moves=MOVES, field="status", finished_at=Now(), failure_code="")
    agreeing.order_mail("completed", order=order, payment=payment)
    delivered = [
        Transfer(chart.pool_available(share.pool_id), chart.user_gold(order.user_id), share.grams)
        for share in shares
    ]
    return [*transfers, agreeing.spent(order.user_id, payment.amount), *delivered]


def _fits(order: Order) -> bool:
    """Whether an order that had ended fits within the limits now: ended it used nothing of them, and its owner may have
    bought instead. Who has closed the account buys nothing. The customer's lock comes before those that are held here:
    when it is not free, the settlement begins anew with it (CustomerFirst).
    """
    person = person_lock_now(order.user_id)
    if person is None:
        raise CustomerFirst(order.user_id)
    if not person.is_active:
        return False
    use = used(user_id=order.user_id, without=order.pk).buy
    try:
        limits_check(tier=person.tier, side=Side.BUY, use=use, amount=order.total_kes)
    except Refused:
        return False
    return True


def _gold_again(order: Order) -> list[Share] | None:
    try:
        shares = pools.allocate(grams=order.grams)
    except pools.NotEnough:
        return None
    pools.allocations_create(user_id=order.user_id, order_id=order.pk, shares=shares)
    pools.allocations_settle(order_id=order.pk)
    return shares


def buy_failed(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The money surely did not come: give the gold back. An order that expired before has given it back already."""
    order = agreeing.order_lock(payment)
    changes = {"failure_code": payment.failure_code, "finished_at": Now()}
    if not move(order, Status.FAILED, moves=MOVES, field="status", **changes):
        return []
    agreeing.order_mail("failed", order=order, payment=payment)
    return _release(order)


def order_expire(order_id: uuid.UUID) -> bool:
    """Give back the gold of a buy whose time is over, also while the payment is still open. Says whether it did.

    The payment is locked first, so that a success at the same moment either delivers before this or comes late.
    """
    with transaction.atomic():
        payment_id = Order.objects.values_list("payment_id", flat=True).get(pk=order_id)
        payment = payment_lock(payment_id)
        order = Order.objects.select_for_update().get(pk=order_id)
        due = Order.objects.filter(pk=order_id, status=Status.PENDING, side=Side.BUY, expires_at__lte=Now())
        if not due.exists() or not move(
            order, Status.EXPIRED, moves=MOVES, field="status", finished_at=Now()
        ):
            return False
        payment_cancel_unsent(payment)
        agreeing.order_mail("expired", order=order, payment=payment)
        ledger.post(
            key=f"order:{order.pk}:expired",
            kind="buy_expired",
            transfers=_release(order),
            memo=order.reference,
        )
    return True


def orders_expire(*, limit: int = 200) -> int:
    """Expire what is due; returns how many. Tidying only: deadlines are judged when they are used.

    An order that cannot be expired is logged and left, so that it does not keep the gold of all others reserved.
    """
    due = Order.objects.filter(status=Status.PENDING, side=Side.BUY, expires_at__lte=Now())
    done = 0
    for order_id in list(due.order_by("-expires_at").values_list("pk", flat=True)[:limit]):
        try:
            done += order_expire(order_id)
        except (DatabaseError, LedgerError):
            log.exception("order %s cannot be expired", order_id)
    return done


def _release(order: Order) -> list[Transfer]:
    return agreeing.released(order.user_id, pools.allocations_release(order_id=order.pk))
