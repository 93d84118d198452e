"""What a buy and a sale have in common when somebody confirms them."""

import uuid
from collections.abc import Sequence
from decimal import Decimal

from accounts.numbers import payouts_held_refuse
from accounts.services import LockedPerson, person_lock
from controls.selectors import threshold
from goldwallet.errors import Refused
from goldwallet.sealing import fingerprint
from kyc.limits import limits_check
from ledger import chart
from ledger.services import Transfer
from notifications.services import message_enqueue
from payments.models import Payment
from payments.selectors import person_payouts_day
from pools.services import Share
from trading import mails
from trading.models import Order, Quote, Side
from trading.selectors import FROZEN, Used, late_order_check, used
from trading.terms import Undoing


def customer_lock(user_id: uuid.UUID) -> LockedPerson:
    """The customer under the lock that every limit is checked under; the first in the lock order."""
    person = person_lock(user_id)
    if not person.is_active:
        raise Refused("This account is closed.", code="inactive", status=403)
    if person.frozen:
        raise Refused(FROZEN, code="frozen", status=403)
    return person


def payout_open(person: LockedPerson) -> None:
    """Refuse while nothing is paid out to the person, under their lock."""
    if person.payouts_held:
        payouts_held_refuse(person.id)


def limits_use(person: LockedPerson, quote: Quote) -> Used:
    """Refuse what goes over the limits of the person's tier, under their lock."""
    use = used(user_id=person.id, phone_lookup=fingerprint(quote.phone, kind="phone"))
    limits_check(tier=person.tier, side=quote.side, use=use.of(quote.side), amount=quote.total_kes)
    return use


def order_lock(payment: Payment) -> Order:
    """The order that this payment pays or pays out, locked. (An order that rebuys names the same payment.)"""
    return Order.objects.select_for_update(of=("self",)).get(payment=payment, rebuys=None)


def late_order_lock(*, user_id: uuid.UUID, order_id: uuid.UUID) -> Order:
    """A person's order whose late money waits for a choice, locked. Raises Refused when there is nothing to choose."""
    orders = Order.objects.select_for_update().filter(pk=order_id, user_id=user_id, side=Side.BUY)
    return late_order_check(orders.first())


def staff_decide(*, user_id: uuid.UUID, amount: Decimal) -> bool:
    """Whether a new payout waits for staff: any in manual mode, a large one, or too many in a day (faults.md O16)."""
    if threshold("payouts_manual") or amount >= threshold("payout_approval_kes"):
        return True
    return person_payouts_day(user_id) + amount > threshold("payouts_person_day_kes")


def order_from(quote: Quote, payment: Payment) -> Order:
    """The order that a quote becomes. Not saved."""
    return Order(
        user_id=quote.user_id,
        quote=quote,
        payment=payment,
        reference=payment.reference,
        side=quote.side,
        grams=quote.grams,
        total_kes=quote.total_kes,
        price_per_gram=quote.price_per_gram,
    )


def order_mail(
    kind: str, *, order: Order, payment: Payment, undone: Undoing | None = None, key: object = ""
) -> None:
    """A mail about the end of an order, in the transaction that ends it; one for each kind of end.

    `payment` is the one that ended; `key` tells ends of one kind apart (a refund may fail more than once).
    """
    if order.payment_id == payment.pk:
        order.payment = payment  # the locked row at hand, so that nobody reads it again
    subject, text = mails.write(kind, order=order, payment=payment, undone=undone)
    message_enqueue(
        user_id=order.user_id,
        to=payment.user.email,
        subject=subject,
        text=text,
        kind=f"order_{kind}",
        key=f"order:{order.pk}:{kind}:{key}" if key else f"order:{order.pk}:{kind}",
    )


def held(payout: Payment) -> Transfer:
    """Cash of the person, kept for a payout until that has ended."""
    return Transfer(chart.user_cash(payout.user_id), chart.payouts_clearing(), payout.amount)


def given_up(payout: Payment) -> Transfer:
    """The exact mirror of `held`."""
    return Transfer(chart.payouts_clearing(), chart.user_cash(payout.user_id), payout.amount)


def paid_out(payout: Payment) -> Transfer:
    """M-Pesa has paid what was held."""
    return Transfer(chart.payouts_clearing(), chart.mpesa_payouts(), payout.amount)


def released(user_id: uuid.UUID, shares: Sequence[Share]) -> list[Transfer]:
    """Reserved grams back to the pools that they were taken from: the mirror of the reservation."""
    incoming = chart.user_gold_incoming(user_id)
    return [Transfer(incoming, chart.pool_available(share.pool_id), share.grams) for share in shares]


def reserved(user_id: uuid.UUID, shares: Sequence[Share]) -> list[Transfer]:
    incoming = chart.user_gold_incoming(user_id)
    return [Transfer(chart.pool_available(share.pool_id), incoming, share.grams) for share in shares]


def collected(user_id: uuid.UUID, kes: Decimal) -> Transfer:
    """The money of a buy has come: it is the customer's."""
    return Transfer(chart.mpesa_collections(), chart.user_cash(user_id), kes)


def spent(user_id: uuid.UUID, kes: Decimal) -> Transfer:
    return Transfer(chart.user_cash(user_id), chart.house_sales(), kes)
