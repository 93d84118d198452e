"""What the tests of late money share."""

from decimal import Decimal

from django.db.models import Sum

from accounts.models import User
from accounts.roles import Role
from accounts.services import staff_create
from goldwallet.clock import Now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message
from payments.models import Direction, Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from trading.models import Order, Status
from trading.services import orders_expire

_OVER = (State.SUCCEEDED, State.FAILED, State.CANCELLED)


def late(user: User, kes: int = 1000, *, receipt: str = "") -> Order:
    """An order whose money came an hour too late: it waits for the customer's choice."""
    order = buy(user, kes)
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=Now())
    with shift_clock(hours=1):
        orders_expire()
        paid(order, receipt=receipt)
    assert order.status == Status.PAID_LATE
    return order


def refund_ends(order: Order, *, is_paid: bool, code: str = "", receipt: str = "") -> Order:
    """The payout that gives the money back has ended, as if the provider had confirmed it."""
    order.refresh_from_db()
    Payment.objects.filter(pk=order.refund_id, state=State.CREATED).update(state=State.PENDING, sent_at=Now())
    exchange = Exchange.objects.create(payment_id=order.refund_id, kind=Kind.PAY_OUT)
    assert payment_settle(
        payment_id=order.refund_id, paid=is_paid, code=code, receipt=receipt, exchange=exchange
    )
    order.refresh_from_db()
    return order


def taken_back(order: Order, *, receipt: str = "UKR0000001") -> Order:
    """Two people record that M-Pesa has taken the order's payment back."""
    maker, checker = (_staff(name) for name in ("tina", "tom"))
    payload = {"payment": str(order.payment_id), "receipt": receipt}
    agreed("payment_reversed", payload, maker=maker, checker=checker)
    order.refresh_from_db()
    return order


def _staff(name: str) -> User:
    found = User.objects.filter(username=name).first()
    return found or staff_create(email=f"{name}@example.com", password="x", roles=[Role.TREASURY])


def price(world: World, buy: int, sell: int) -> None:
    pools.price_set(buy=Decimal(buy), sell=Decimal(sell), by=world.pricing, reason="test", confirmed=True)


def cash(user: User) -> Decimal:
    return balance(chart.user_cash(user.pk))


def gold(user: User) -> Decimal:
    return balance(chart.user_gold(user.pk))


def owed(user: User) -> Decimal:
    return -balance(chart.user_receivable(user.pk))


def mails(user: User) -> list[str]:
    """Kinds of the mails about orders that the person was sent."""
    found = Message.objects.filter(user=user, kind__startswith="order_")
    return [kind.removeprefix("order_") for kind in found.values_list("kind", flat=True)]


def assert_all_books() -> None:
    """The books, and that what is held for payouts is the open payouts, to the shilling."""
    assert_books()
    going = Payment.objects.filter(direction=Direction.OUT).exclude(state__in=_OVER)
    total = going.aggregate(kes=Sum("amount"))["kes"] or 0
    assert balance(chart.payouts_clearing()) == total
