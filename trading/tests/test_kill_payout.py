"""A worker dies by SIGKILL while it pays out: never paid twice, never a hold released on a guess.

One kill hits three sales: before the call, after it, and after it with the provider's result lost as well.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.models import User
from goldwallet.test.books import COLLECTIONS, PAYOUTS, assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import (
    B2C,
    STATUS,
    Gate,
    Worker,
    heartbeats_stopped_a_minute_ago,
    looks_in_hand,
    sweep,
)
from goldwallet.test.provider import Simulator
from goldwallet.test.race import patiently, queue_empty
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Callback, Exchange, Kind, Payment, State
from payments.sending import payments_due
from trading.models import Order, Status

pytestmark = [pytest.mark.race, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

GRAMS, HALF = Decimal("0.060606"), Decimal("0.030303")
PAID = 484  # KES for the half
CHARGE = 5  # the provider's, for a payout of this size


@pytest.fixture
def gate(simulator: Simulator, settings) -> Iterator[Gate]:
    queue_empty()
    gate = Gate(simulator.url)
    settings.DARAJA = {**settings.DARAJA, "base_url": gate.url}
    yield gate
    gate.close()
    queue_empty()


@pytest.fixture
def worker(gate: Gate, simulator: Simulator, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(gate, simulator, tmp_path / "worker.log")
    yield worker
    worker.stop()


def status(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status


def payout(order: Order) -> Payment:
    return Payment.objects.get(pk=order.payment_id)


def locked(user: User) -> Decimal:
    return balance(chart.user_gold_locked(user.pk))


def owners(simulator: Simulator, *people: User) -> None:
    """Each buys for KES 1,000, and the provider's books know of it."""
    orders = [buy(person, 1000) for person in people]
    work_until(lambda: all(simulator.prompts(person.phone) for person in people))
    for person in people:
        simulator.answer(person.phone, "accept")
    work_until(lambda: all(status(order) == Status.COMPLETED for order in orders))
    queue_empty()


@pytest.mark.fault("O01", "O03", "O04")
def test_a_worker_killed_with_three_payouts_under_way(
    world: World, simulator: Simulator, gate: Gate, worker: Worker
) -> None:
    alice, bob, charlie = world.alice, world.bob, world.charlie
    owners(simulator, alice, bob, charlie)
    unheard = gate.hold("before", B2C, alice.phone)
    heard = gate.hold("after", B2C, bob.phone)
    silent = gate.hold("after", B2C, charlie.phone)
    gate.without_callbacks.add(charlie.phone)
    sales = [sell(person, HALF) for person in (alice, bob, charlie)]
    worker.start()
    for hold in (unheard, heard, silent):
        patiently(hold.reached.is_set, what=f"a payout held {hold.when} the call")
    worker.kill()
    gate.open()

    assert [payout(sale).state for sale in sales] == [State.SENDING] * 3
    assert looks_in_hand() >= 3
    patiently(lambda: [row["state"] for row in simulator.payouts()] == ["completed"] * 2, what="two are paid")
    told = Callback.objects.filter(payment__direction="out")
    patiently(told.exists, what="the result of bob's payout")
    assert told.get().payment_id == sales[1].payment_id

    heartbeats_stopped_a_minute_ago()
    worker.start()
    sweep()
    # Bob: the result has come in and the provider confirms it. The others: somebody's, as far as anyone knows.
    patiently(lambda: status(sales[1]) == Status.COMPLETED, what="bob's sale ends")
    assert [payout(sale).state for sale in (sales[0], sales[2])] == [State.SENDING] * 2
    with shift_clock(seconds=70):
        sweep()
        patiently(
            lambda: {payout(sale).state for sale in (sales[0], sales[2])} == {State.UNKNOWN},
            what="the calls are given up",
        )
    assert [locked(person) for person in (alice, bob, charlie)] == [HALF, 0, HALF]
    with shift_clock(seconds=90):
        sweep()
        # Charlie: nobody ever told us, so we asked.
        patiently(lambda: status(sales[2]) == Status.COMPLETED, what="charlie's sale ends")
    assert payout(sales[2]).receipt in {row["receipt"] for row in simulator.payouts()}
    worker.kill()

    check_books(world, simulator)
    assert [gate.count(B2C, person.phone) for person in (alice, bob, charlie)] == [1, 1, 1]
    until_before_staff(sales[0])
    # Alice: asked about again and again; whatever the hour, not sent again, not given back. Two people will decide.
    assert gate.count(STATUS, str(sales[0].payment_id)) >= 16
    assert gate.count(B2C, alice.phone) == 1
    assert status(sales[0]) == Status.PENDING
    assert locked(alice) == HALF
    check_books(world, simulator)


def check_books(world: World, simulator: Simulator) -> None:
    """Two of three sales are paid, each once, in our books and in the provider's."""
    people = [(world.alice, 0), (world.bob, PAID), (world.charlie, PAID)]
    for person, paid in people:
        assert simulator.phone(person.phone)["balance"] == 300_000 - 1000 + paid
        assert balance(chart.user_gold(person.pk)) == HALF
        assert balance(chart.user_cash(person.pk)) == 0
    assert Exchange.objects.filter(kind=Kind.PAY_OUT).count() == 3
    assert balance(chart.payouts_clearing()) == PAID
    assert -balance(chart.mpesa_payouts()) == simulator.account(*PAYOUTS) == 5_000_000 - 2 * (PAID + CHARGE)
    assert simulator.account(*COLLECTIONS) == 3000
    assert balance(chart.pool_available(world.pool.pk)) == 1000 - 3 * GRAMS + 2 * HALF
    assert_books(simulator)


def until_before_staff(order: Order) -> None:
    """Ten minutes and again ten minutes: the provider knows of no such payout, and that proves nothing yet."""
    for turn in range(1, 40):
        with shift_clock(minutes=10 * turn):
            payments_due()
            work()
        payment = payout(order)
        assert payment.state == State.UNKNOWN
        if payment.attention:
            assert payment.note == "M-Pesa gives no answer about this payment."
            return
    raise AssertionError("nobody was told")
