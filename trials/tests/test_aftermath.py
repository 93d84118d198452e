"""What is looked for after a crash is found when it is there."""

import uuid

import pytest

from goldwallet.test.world import World, buy, paid, sell
from ledger.models import Transaction
from notifications.models import Message
from payments.models import Payment, State
from pools.models import Allocation
from trading.models import Order, Quote, Status
from trials.aftermath import halves, lost

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders(world: World) -> list[Order]:
    """One that is paid, one that is not, and a sale."""
    return [paid(buy(world.alice, 1650)), buy(world.alice, 1650), sell(world.alice, None)]


def test_a_whole_house_has_no_halves(orders: list[Order]) -> None:
    assert halves() == []
    assert lost(dict.fromkeys(Transaction.objects.values_list("key", flat=True), orders[0].pk)) == []


def test_what_is_not_there_is_lost(orders: list[Order]) -> None:
    known = Transaction.objects.values_list("key", flat=True).first()
    assert lost({"order:none:reserved": orders[0].pk}) == ["acknowledged and lost: order:none:reserved"]
    assert lost({known: uuid.uuid4()}) == [f"acknowledged and lost: {known}"]


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (lambda one: Order.objects.filter(pk=one.pk).update(status=Status.COMPLETED), "postings do not fit"),
        (
            lambda one: Payment.objects.filter(pk=one.payment_id).update(state=State.SUCCEEDED),
            "end differently",
        ),
        (lambda one: Quote.objects.filter(pk=one.quote_id).update(used_at=None), "used without an order"),
        (lambda one: Allocation.objects.filter(order_id=one.pk).update(grams="0.05"), "pools do not add up"),
        (lambda one: Message.objects.all().delete(), "without their mail"),
        (lambda one: Order.objects.filter(pk=one.pk).update(reference="GNOBODYKNOWS"), "not there"),
    ],
)
def test_a_half_is_found(orders: list[Order], plant, found: str) -> None:
    plant(orders[1])
    assert [wrong for wrong in halves() if found in wrong]
