"""What must hold after a kill and the recovery from it. Each finding is a sentence; none is what we want."""

import traceback
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

from goldwallet.states import Moves
from goldwallet.test.books import assert_books
from goldwallet.test.kill import B2C, STK_PUSH
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message
from payments import models as payments
from payments.models import Direction, Payment, State
from trading import models as trading
from trading.models import Order, Status
from trials.killsweep import queue
from trials.killsweep.house import House

#: KES on a phone that the simulator sees for the first time.
_OPENING = 300_000


#: What a kill leaves that came between the claim and the call: held, before staff. And after they called it not paid.
WAITING = ("expired/unknown", "pending/unknown", "paid_late/succeeded/unknown")
RESOLVED = ("expired/failed", "failed/failed", "paid_late/succeeded/failed")


def findings(house: House, ends: tuple[str, ...]) -> list[str]:
    """Everything that is wrong with a run that may end in one of `ends`."""
    return [
        *_ends(house, ends),
        *_sent_once(house),
        *_provider_agrees(house),
        *_history(house),
        *_mails(house),
        *_books(house),
    ]


def outcome(house: House) -> str:
    """How the person's orders stand: order/payment, and /refund if there is one."""
    return " ".join(sorted(_standing(order) for order in _orders(house)))


def _orders(house: House) -> "QuerySet[Order]":
    return Order.objects.filter(user=house.user).select_related("payment", "refund")


def _standing(order: Order) -> str:
    states = [order.status, order.payment.state, *([order.refund.state] if order.refund else [])]
    return "/".join(states)


def _ends(house: House, ends: tuple[str, ...]) -> Iterator[str]:
    if (found := outcome(house)) not in ends:
        notes = Payment.objects.filter(user=house.user, attention=True).values_list("note", flat=True)
        yield " ".join([f"it ended {found or 'without an order'}, not {' or '.join(ends)}.", *notes])
    if left := queue.left():
        yield f"{left} jobs are left"


def _sent_once(house: House) -> Iterator[str]:
    """Nothing left the house twice, whatever the provider would have made of it."""
    for (path, name), count in Counter(house.place.calls).items():
        if path in {STK_PUSH, B2C} and count > 1:
            yield f"{path} was called {count} times for {name}"


def _provider_agrees(house: House) -> Iterator[str]:
    """The phone's money moved by what our payments say, and each payout was made once at most."""
    moved = dict.fromkeys(Direction, 0)
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
    # A refund that failed may be asked for again, so there may be two; the money may have gone but once.
    if (paid := sum(row["state"] == "completed" for row in theirs)) > 1:
        yield f"{paid} payouts of one sale or refund were paid"
    if house.simulator.prompts(house.user.phone):
        yield "a prompt is still on the phone"


def _history(house: House) -> Iterator[str]:
    """Every change of a state is one of the allowed ones."""
    for payment in Payment.objects.filter(user=house.user):
        rows = _events("payments.PaymentEvent", payment).values_list("state", flat=True)
        yield from _illegal(payments.MOVES, [State.CREATED, *rows])
    for order in Order.objects.filter(user=house.user):
        rows = _events("trading.OrderEvent", order).values_list("status", flat=True)
        yield from _illegal(trading.MOVES, [Status.PENDING, *rows])


def _events(model: str, row: Model) -> "QuerySet[Any]":
    found: QuerySet[Any] = apps.get_model(model)._default_manager.filter(pgh_obj=row.pk).order_by("pgh_id")
    return found


def _illegal(moves: Moves, states: list[str]) -> Iterator[str]:
    for source, target in pairwise(states):
        if source != target and target not in moves[source]:
            yield f"the state went from {source} to {target}"


def _mails(house: House) -> Iterator[str]:
    """Whoever's order has ended has been told so."""
    kinds = Message.objects.filter(user=house.user, state="sent").values_list("kind", flat=True)
    for order in Order.objects.filter(user=house.user).exclude(status=Status.PENDING):
        # An order that was bought with late money is told of by the mail about that.
        kind = "order_rebought" if order.rebuys_id else f"order_{order.status}"
        if list(kinds).count(kind) != 1:
            yield f"{list(kinds).count(kind)} mails say {kind}"
    if Message.objects.filter(user=house.user).exclude(state="sent").exists():
        yield "a mail was not sent"


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
