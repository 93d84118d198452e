"""The main job, service by service, against the running simulator."""

from decimal import Decimal

import pytest

from goldwallet.test.books import assert_books
from goldwallet.test.worker import work_until
from goldwallet.test.world import World, buy, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Payment, State
from trading.models import Order, Status

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def ended(order: Order) -> bool:
    order.refresh_from_db()
    return order.status != Status.PENDING


def test_buy_then_sell_half(world: World, simulator) -> None:
    order = buy(world.alice, 1000)
    work_until(lambda: bool(simulator.prompts(world.alice.phone)))
    prompt = simulator.answer(world.alice.phone, "accept")
    assert prompt["amount"] == 1000
    assert prompt["account_reference"] == order.reference
    # The question may be answered before the callback comes, which brings the receipt.
    work_until(lambda: ended(order) and bool(Payment.objects.get(pk=order.payment_id).receipt))
    assert order.status == Status.COMPLETED
    assert Payment.objects.get(pk=order.payment_id).state == State.SUCCEEDED
    assert balance(chart.user_gold(world.alice.pk)) == order.grams == Decimal("0.060606")
    assert_books(simulator)

    sale = sell(world.alice, Decimal("0.030303"))
    assert balance(chart.user_gold_locked(world.alice.pk)) == Decimal("0.030303")
    work_until(lambda: ended(sale))
    assert sale.status == Status.COMPLETED
    payout = simulator.payouts()[0]
    assert payout["amount"] == sale.total_kes == 484
    assert payout["receipt"] == sale.payment.receipt
    assert balance(chart.user_gold(world.alice.pk)) == Decimal("0.030303")
    assert_books(simulator)


@pytest.mark.parametrize("action", ["decline", "wrong_pin", "ignore"])
def test_a_prompt_that_is_not_paid_releases_the_gold(world: World, simulator, action: str) -> None:
    order = buy(world.bob, 1000)
    work_until(lambda: bool(simulator.prompts(world.bob.phone)))
    simulator.answer(world.bob.phone, action)
    work_until(lambda: ended(order))
    assert order.status == Status.FAILED
    assert order.failure_sentence
    assert balance(chart.user_gold_incoming(world.bob.pk)) == 0
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books(simulator)
