"""A worker dies by SIGKILL on every step of a buy: no second prompt, no money lost, the order ends.

One kill hits several orders, each somewhere else on its way; then another worker takes over.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection, transaction

from accounts.models import User
from accounts.services import person_create
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import (
    STK_PUSH,
    STK_QUERY,
    Gate,
    Worker,
    heartbeats_stopped_a_minute_ago,
    looks_in_hand,
    sweep,
    waiting_for,
)
from goldwallet.test.race import patiently, queue_empty, together
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import PASSWORD, World, buy
from ledger import chart
from ledger.selectors import balance
from payments.models import Callback, Exchange, Kind, Payment, State
from payments.sending import payments_due
from trading.models import Order, Status

pytestmark = [pytest.mark.race, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

GRAMS = Decimal("0.060606")  # for KES 1,000


@pytest.fixture
def gate(simulator, settings) -> Iterator[Gate]:
    queue_empty()
    gate = Gate(simulator.url)
    settings.DARAJA = {**settings.DARAJA, "base_url": gate.url}
    yield gate
    gate.close()
    queue_empty()


@pytest.fixture
def worker(gate: Gate, simulator, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(gate, simulator, tmp_path / "worker.log")
    yield worker
    worker.stop()


def state(order: Order) -> str:
    return Payment.objects.get(pk=order.payment_id).state


def status(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


def until_completed(*orders: Order) -> None:
    for order in orders:
        patiently(lambda order=order: status(order) == Status.COMPLETED, what=f"{order.user} has the gold")


def gold(user: User) -> Decimal:
    return balance(chart.user_gold(user.pk))


def elsewhere(user: User) -> Order:
    """A buy on a connection of its own, since this one is inside a transaction."""
    (order,) = together(1, lambda _: buy(user, 1000))
    assert isinstance(order, Order), order
    return order


def accept(simulator, user: User) -> None:
    """The customer pays, and the provider's callback has come in."""
    simulator.answer(user.phone, "accept")
    told = Callback.objects.filter(payment__user=user)
    patiently(told.exists, what=f"a callback about {user}")


@pytest.mark.fault("W01", "P03")
def test_a_worker_killed_with_five_buys_under_way(
    world: World, simulator, gate: Gate, worker: Worker
) -> None:
    alice, bob, charlie = world.alice, world.bob, world.charlie
    dora = person_create(email="dora@example.com", password=PASSWORD, phone="254722000004")
    erin = person_create(email="erin@example.com", password=PASSWORD, phone="254722000005")
    after, before = gate.hold("after", STK_PUSH, alice.phone), gate.hold("before", STK_PUSH, bob.phone)
    question = gate.hold("before", STK_QUERY)

    worker.start()
    asked = buy(erin, 1000)
    accept(simulator, erin)
    heard, unheard = buy(alice, 1000), buy(bob, 1000)
    for hold in (question, after, before):
        patiently(hold.reached.is_set, what=f"a call held {hold.when} {hold.path}")
    with transaction.atomic():
        # The claim writes the attempt down in its transaction, and comes no further than here.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE payments_exchange IN SHARE MODE")
        claimed = elsewhere(charlie)
        patiently(lambda: waiting_for("payments_exchange") > 0, what="the claim waits")
        worker.freeze()
        untouched = elsewhere(dora)
        worker.kill()
        gate.open()
    patiently(lambda: waiting_for("payments_exchange") == 0, what="the dead worker's session ends")

    assert state(asked) == State.PENDING
    assert state(heard) == state(unheard) == State.SENDING
    assert state(claimed) == state(untouched) == State.CREATED
    assert looks_in_hand() >= 4  # more, when the sweep had just sent a second one after the claim
    accept(simulator, alice)  # while nobody is there to settle it

    heartbeats_stopped_a_minute_ago()
    worker.start()
    sweep()
    until_completed(asked, heard)
    accept(simulator, charlie)
    accept(simulator, dora)
    until_completed(claimed, untouched)
    patiently(lambda: looks_in_hand() == 0, what="the dead worker's jobs are done")

    # Nobody knows whether the provider heard of this one: it is not sent again, and its gold goes back in time.
    assert state(unheard) == State.SENDING
    with shift_clock(seconds=70):
        sweep()
        patiently(lambda: state(unheard) == State.UNKNOWN, what="the call is given up")
        assert status(unheard) == Status.PENDING
    with shift_clock(minutes=4):
        sweep()
        patiently(lambda: status(unheard) == Status.EXPIRED, what="the order ends")
    assert simulator.prompts(bob.phone) == []

    assert [gate.count(STK_PUSH, user.phone) for user in (alice, bob, charlie, dora, erin)] == [1] * 5
    assert Exchange.objects.filter(kind=Kind.COLLECT).count() == 5
    assert [gold(user) for user in (alice, bob, charlie, dora, erin)] == [GRAMS, 0, GRAMS, GRAMS, GRAMS]
    assert balance(chart.pool_available(world.pool.pk)) == 1000 - 4 * GRAMS
    assert -balance(chart.mpesa_collections()) == 4000
    assert_books(simulator)

    worker.kill()
    until_before_staff(unheard)
    assert gate.count(STK_PUSH, bob.phone) == 1


def until_before_staff(order: Order) -> None:
    """Ten minutes and again ten minutes: in the end somebody must look at a payment that nobody can ask about."""
    for turn in range(1, 40):
        with shift_clock(minutes=10 * turn):
            payments_due()
            work()
        payment = Payment.objects.get(pk=order.payment_id)
        assert payment.state == State.UNKNOWN
        if payment.attention:
            assert payment.note == "M-Pesa gives no answer about this payment."
            return
    raise AssertionError("nobody was told")


@pytest.mark.fault("P03", "P05")
@pytest.mark.parametrize(
    ("minutes", "end"), [(4, Status.COMPLETED), (16, Status.PAID_LATE)], ids=["honoured", "price lapsed"]
)
def test_the_answer_is_lost_and_the_next_worker_comes_late(
    world: World, simulator, gate: Gate, worker: Worker, minutes: int, end: str
) -> None:
    """The prompt was paid, the order's time is over: the grams come at their price, or the money is the customer's."""
    alice = world.alice
    hold = gate.hold("after", STK_PUSH)
    order = buy(alice, 1000)
    worker.start()
    patiently(hold.reached.is_set, what="the prompt is sent")
    worker.kill()
    gate.open()
    accept(simulator, alice)
    heartbeats_stopped_a_minute_ago()
    with shift_clock(minutes=minutes):
        sweep()
        work_until(lambda: status(order) == end)
    assert gate.count(STK_PUSH) == 1
    assert state(order) == State.SUCCEEDED
    assert Payment.objects.get(pk=order.payment_id).receipt
    kept = end == Status.PAID_LATE
    assert balance(chart.user_cash(alice.pk)) == (1000 if kept else 0)
    assert gold(alice) == (0 if kept else GRAMS)
    assert_books(simulator)


@pytest.mark.fault("W01")
def test_no_worker_lived_until_the_order_s_time_was_over(world: World, simulator, gate: Gate) -> None:
    """The prompt was never sent, so it never will be: nobody is asked for money for gold that went back."""
    order = buy(world.alice, 1000)
    with shift_clock(minutes=4):
        sweep()
        work_until(lambda: status(order) == Status.EXPIRED)
        work()
    assert state(order) == State.CANCELLED
    assert gate.count(STK_PUSH) == 0
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books(simulator)
