"""What somebody posts about a payout holds nothing up: the provider's answer to our own question decides."""

from decimal import Decimal

import pytest

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Payment, State
from payments.sending import payment_step
from payments.tests.scripted import ScriptedRail, b2c, status, told
from trading.models import Order, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(world: World) -> Order:
    paid(buy(world.alice, 20_000))
    return sell(world.alice, Decimal(1))


def answered(payment: Payment, says: str, receipt: str = "UKL0000009") -> None:
    """The provider answers our latest question."""
    token = payment.exchanges.filter(kind="pay_out_ask").latest("created_at").token
    assert told("status", token, status(payment, says, receipt=receipt)) == 200
    payment_step(payment.pk)


def fresh(order: Order) -> Payment:
    return Payment.objects.get(pk=order.payment_id)


@pytest.mark.fault("P08")
@pytest.mark.parametrize(
    "changes", [{"receipt": "UKLFORGED1"}, {"amount": Decimal(17_000)}], ids=["receipt", "amount"]
)
def test_a_forged_success_does_not_hold_up_a_true_one(
    order: Order, provider: ScriptedRail, changes: dict
) -> None:
    payment_step(order.payment_id)
    assert told("payout", fresh(order).token, b2c(fresh(order), **changes)) == 200
    payment_step(order.payment_id)
    assert fresh(order).state == State.PENDING
    answered(fresh(order), "Completed")
    payment = fresh(order)
    assert (payment.state, payment.receipt, payment.attention) == (State.SUCCEEDED, "UKL0000009", True)
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()


@pytest.mark.fault("O02")
def test_two_answers_with_different_receipts_end_nothing(order: Order, provider: ScriptedRail) -> None:
    payment_step(order.payment_id)
    payment_step(order.payment_id)
    token = fresh(order).exchanges.get(kind="pay_out_ask").token
    for receipt in ("UKL0000008", "UKL0000009"):
        assert told("status", token, status(fresh(order), "Completed", receipt=receipt)) == 200
    payment_step(order.payment_id)
    payment = fresh(order)
    assert (payment.state, payment.attention) == (State.PENDING, True)
    assert "different receipts" in payment.note
    assert_books()


@pytest.mark.fault("O03", "O04")
def test_a_dead_senders_payout_is_unknown_also_after_a_forged_result(
    order: Order, provider: ScriptedRail
) -> None:
    Payment.objects.filter(pk=order.payment_id).update(state=State.SENDING, sent_at=order.created_at)
    assert told("payout", fresh(order).token, b2c(fresh(order))) == 200
    with shift_clock(minutes=2):
        payment_step(order.payment_id)
        assert fresh(order).state == State.UNKNOWN
        assert provider.sent == []
        payment_step(order.payment_id)
    assert len(provider.asked) >= 1
    assert_books()
