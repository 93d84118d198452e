"""What must hold after a kill and the recovery from it. Each finding is a sentence; none is what we want."""

import traceback
from collections import Counter
from collections.abc import Iterator

from goldwallet.states import Moves
from goldwallet.test.books import assert_books
from goldwallet.test.kill import B2C, STK_PUSH
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message
from payments import models as payments
from payments.models import Direction, Payment, State
from trading import models as trading
from trading.models import Order, Side, Status
from trials.killsweep import queue
from trials.killsweep.house import House
from trials.killsweep.scenarios import Scenario

#: KES on a phone that the simulator sees for the first time.
_OPENING = 300_000


def findings(house: House, scenario: Scenario, *, unheard: set[str]) -> list[str]:
    """Everything that is wrong with this run. `unheard`: payments that may wait before staff without an end."""
    return [
        *_ends(house, scenario, unheard),
        *_sent_once(house),
        *_provider_agrees(house),
        *_history(house),
        *_mails(house),
        *_books(house),
    ]


def before_staff(payment: Payment) -> bool:
    return payment.state == State.UNKNOWN and payment.attention and bool(payment.note)


def _ends(house: House, scenario: Scenario, unheard: set[str]) -> Iterator[str]:
    orders = list(Order.objects.filter(user=house.user).select_related("payment"))
    if len(orders) != 1:
        yield f"{len(orders)} orders of one click"
    for order in orders:
        payment = order.payment
        if (order.status, payment.state) in scenario.ends:
            continue
        waits = Status.EXPIRED if order.side == Side.BUY else Status.PENDING
        if str(payment.pk) in unheard and order.status == waits and before_staff(payment):
            continue
        note = f", before staff: {payment.note}" if payment.attention else ""
        yield f"the order ended {order.status}, its payment {payment.state}{note}"
    if left := queue.left():
        yield f"{left} jobs are left"


def _sent_once(house: House) -> Iterator[str]:
    """Nothing left the house twice, whatever the provider would have made of it."""
    for (path, name), count in Counter(house.place.calls).items():
        if path in {STK_PUSH, B2C} and count > 1:
            yield f"{path} was called {count} times for {name}"


def _provider_agrees(house: House) -> Iterator[str]:
    """The phone's money moved by what our payments say, and each payout was made once at most."""
    moved = {direction: 0 for direction in Direction}
    for payment in Payment.objects.filter(user=house.user, state=State.SUCCEEDED):
        moved[Direction(payment.direction)] += int(payment.amount)
    expected = _OPENING - moved[Direction.IN] + moved[Direction.OUT]
    found = house.simulator.phone(house.user.phone)["balance"]
    if found != expected:
        yield f"the phone has KES {found}, and our payments say {expected}"
    ours = {str(pk) for pk in Payment.objects.filter(user=house.user).values_list("pk", flat=True)}
    theirs = [row for row in house.simulator.payouts() if row["phone"] == house.user.phone]
    if strange := {row["OriginatorConversationID"] for row in theirs} - ours:
        yield f"payouts that are not ours: {strange}"
    if len(theirs) > Order.objects.filter(user=house.user, side=Side.SELL).count():
        yield f"{len(theirs)} payouts of one sale"
    if house.simulator.prompts(house.user.phone):
        yield "a prompt is still on the phone"


def _history(house: House) -> Iterator[str]:
    """Every change of a state is one of the allowed ones."""
    for payment in Payment.objects.filter(user=house.user):
        rows = payments.PaymentEvent.objects.filter(pgh_obj=payment).order_by("pgh_id")
        yield from _illegal(payments.MOVES, [State.CREATED, *rows.values_list("state", flat=True)])
    for order in Order.objects.filter(user=house.user):
        events = trading.OrderEvent.objects.filter(pgh_obj=order).order_by("pgh_id")
        yield from _illegal(trading.MOVES, [Status.PENDING, *events.values_list("status", flat=True)])


def _illegal(moves: Moves, states: list[str]) -> Iterator[str]:
    for source, target in zip(states, states[1:], strict=False):
        if source != target and target not in moves[source]:
            yield f"the state went from {source} to {target}"


def _mails(house: House) -> Iterator[str]:
    """Whoever's order has ended has been told so."""
    for order in Order.objects.filter(user=house.user).exclude(status=Status.PENDING):
        told = Message.objects.filter(key=f"order:{order.pk}:{order.status}")
        if [message.state for message in told] != ["sent"]:
            yield f"no mail says that the order is {order.status}"


def _books(house: House) -> Iterator[str]:
    try:
        assert_books(house.simulator)
    except AssertionError as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        yield f"the books: {line} {error}".strip()
    except Exception as error:  # noqa: BLE001 - a book that cannot be read is a finding
        yield f"the books cannot be checked: {type(error).__name__}: {error}"
    for code in (chart.user_gold(house.user.pk), chart.user_gold_locked(house.user.pk)):
        if balance(code) < 0:
            yield f"{code} is below zero"
