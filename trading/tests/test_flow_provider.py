"""The main job against the running simulator when the provider is not at its best: each order ends, the books agree."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from accounts.roles import Role
from controls.services import threshold_set
from goldwallet.test.books import PAYOUTS, assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.provider import Simulator, free_port
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Callback, Exchange, Kind, State
from payments.services import payout_approve
from trading import services
from trading.models import Order, Status

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def ended(order: Order) -> bool:
    order.refresh_from_db()
    return order.status != Status.PENDING


def prompt_is_out(simulator: Simulator, order: Order) -> None:
    work_until(lambda: bool(simulator.prompts(order.payment.phone)))


@pytest.fixture
def owner(world: World) -> World:
    """alice owns a gram. It was settled by hand, so our collections differ from the simulator's by its price."""
    paid(buy(world.alice, 16_500))
    return world


@pytest.fixture
def deaf(settings, simulator: Simulator) -> Iterator[str]:
    """Nobody listens where the provider sends its callbacks. Gives the address at which the house does listen."""
    listening = settings.BASE_URL
    settings.BASE_URL = f"http://127.0.0.1:{free_port()}"
    yield listening
    settings.BASE_URL = listening


@pytest.mark.fault("P04")
def test_no_callback_arrives_and_the_question_settles_it(
    world: World, simulator: Simulator, deaf: str
) -> None:
    order = buy(world.bob, 1000)
    prompt_is_out(simulator, order)
    simulator.answer(world.bob.phone, "accept")
    with shift_clock(seconds=15):
        work_until(lambda: ended(order))
    assert order.status == Status.COMPLETED
    assert order.payment.state == State.SUCCEEDED
    assert order.payment.receipt is None
    assert Callback.objects.count() == 0
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books(simulator)


@pytest.mark.fault("P04")
def test_no_callback_arrives_and_nobody_paid(world: World, simulator: Simulator, deaf: str) -> None:
    order = buy(world.bob, 1000)
    prompt_is_out(simulator, order)
    simulator.answer(world.bob.phone, "decline")
    with shift_clock(seconds=15):
        work_until(lambda: ended(order))
    assert order.status == Status.FAILED
    assert "You cancelled" in order.failure_sentence
    assert_books(simulator)


@pytest.mark.fault("O01")
def test_a_payout_whose_result_is_lost_settles_by_a_later_question(
    owner: World, simulator: Simulator, deaf: str, settings
) -> None:
    order = sell(owner.alice, Decimal("0.5"))
    work_until(lambda: bool(simulator.payouts()) and simulator.payouts()[0]["state"] == "completed")
    assert not ended(order)
    assert balance(chart.user_gold_locked(owner.alice.pk)) == Decimal("0.5")
    settings.BASE_URL = deaf
    with shift_clock(seconds=15):
        work_until(lambda: ended(order))
    assert order.status == Status.COMPLETED
    assert order.payment.receipt == simulator.payouts()[0]["receipt"]
    assert len(simulator.payouts()) == 1
    assert -balance(chart.mpesa_payouts()) == simulator.account(*PAYOUTS)
    assert_books()


def test_a_phone_without_enough_money(world: World, simulator: Simulator) -> None:
    simulator.set_phone(world.bob.phone, balance=50)
    order = buy(world.bob, 1000)
    prompt_is_out(simulator, order)
    simulator.answer(world.bob.phone, "accept")
    work_until(lambda: ended(order))
    assert order.status == Status.FAILED
    assert order.failure_sentence.startswith("There was not enough money on your M-Pesa.")
    assert simulator.phone(world.bob.phone)["balance"] == 50
    assert_books(simulator)


def test_a_payout_to_a_number_that_is_not_registered(owner: World, simulator: Simulator) -> None:
    simulator.set_phone(owner.alice.phone, registered=False)
    order = sell(owner.alice, Decimal("0.5"))
    work_until(lambda: ended(order))
    assert order.status == Status.FAILED
    assert "number" in order.failure_sentence
    assert balance(chart.user_gold(owner.alice.pk)) == 1
    assert balance(chart.payouts_clearing()) == balance(chart.house_purchases()) == 0
    assert -balance(chart.mpesa_payouts()) == simulator.account(*PAYOUTS)
    assert_books()


def test_a_payout_that_staff_approve_reaches_the_phone(owner: World, simulator: Simulator) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=owner.vault)
    order = sell(owner.alice, Decimal("0.5"))
    work()
    assert simulator.payouts() == []
    before = simulator.phone(owner.alice.phone)["balance"]
    payout_approve(payment_id=order.payment_id, by=owner.staff(Role.TREASURY).pk)
    work_until(lambda: ended(order))
    assert order.status == Status.COMPLETED
    assert simulator.phone(owner.alice.phone)["balance"] == before + 8000
    assert_books()


def test_a_second_prompt_to_a_phone_that_is_busy_waits_its_turn(world: World, simulator: Simulator) -> None:
    """M-Pesa keeps one prompt on a phone at a time: the second request is not carried out, and is tried again."""
    first, second = buy(world.bob, 1000), buy(world.bob, 500)
    work_until(lambda: Exchange.objects.filter(kind=Kind.COLLECT, outcome="not_executed").exists())
    (open_prompt,) = simulator.prompts(world.bob.phone)
    simulator.answer(world.bob.phone, "accept")
    sent_first, waiting = (
        (first, second) if open_prompt["account_reference"] == first.reference else (second, first)
    )
    work_until(lambda: ended(sent_first))
    assert sent_first.status == Status.COMPLETED
    waiting.payment.refresh_from_db()
    assert waiting.payment.state == State.CREATED
    with shift_clock(seconds=65):
        prompt_is_out(simulator, waiting)
        simulator.answer(world.bob.phone, "accept")
        work_until(lambda: ended(waiting))
    assert waiting.status == Status.COMPLETED
    assert balance(chart.house_sales()) == 1500
    assert_books(simulator)


def test_money_that_comes_after_the_order_expired(world: World, simulator: Simulator) -> None:
    """The person answers the prompt when the house has already let the gold go."""
    order = buy(world.bob, 1000)
    prompt_is_out(simulator, order)
    with shift_clock(minutes=20):
        work_until(lambda: ended(order))
        assert order.status == Status.EXPIRED
        simulator.answer(world.bob.phone, "accept")
        work_until(lambda: Order.objects.get(pk=order.pk).status != Status.EXPIRED)
    order.refresh_from_db()
    assert order.status == Status.PAID_LATE
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert balance(chart.user_gold(world.bob.pk)) == 0
    assert_books(simulator)


def test_many_orders_of_many_people_at_once(world: World, simulator: Simulator) -> None:
    """Answered in all the ways there are, worked on by four jobs at a time; every shilling is where it belongs."""
    answers = {"254733000001": "accept", "254733000002": "decline", "254733000003": "wrong_pin"}
    orders = {}
    for phone in answers:
        quote = services.quote_buy(user=world.alice, phone=phone, kes=Decimal(1000))
        orders[phone] = services.buy_confirm(user_id=world.alice.pk, quote_id=quote.pk)
    work_until(lambda: all(simulator.prompts(phone) for phone in answers))
    for phone, action in answers.items():
        simulator.answer(phone, action)
    end = time.monotonic() + 20
    while not all(map(ended, orders.values())) and time.monotonic() < end:
        work()
    assert [order.status for order in orders.values()] == [Status.COMPLETED, Status.FAILED, Status.FAILED]
    assert balance(chart.house_sales()) == 1000
    assert_books(simulator)
