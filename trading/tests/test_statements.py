"""How often the hot services ask the database. Each statement is a round trip under locks, so the numbers are exact:
a change that adds one shows here, and one that saves one is written down here.
"""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from goldwallet.clock import Now
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from trading import services
from trading.models import Order

pytestmark = pytest.mark.django_db

_FRAME = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


def statements(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return [query["sql"] for query in captured if not query["sql"].startswith(_FRAME)]


def settle(order: Order, *, is_paid: bool) -> Callable[[], object]:
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=Now())
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    return lambda: payment_settle(
        payment_id=order.payment_id, paid=is_paid, receipt="", code="" if is_paid else "1", exchange=exchange
    )


@pytest.fixture
def warm(world: World) -> World:
    """What is read once and kept, is read."""
    paid(buy(world.alice, 10_000))
    paid(sell(world.alice, Decimal("0.01")))
    return world


def test_buy_confirm(warm: World) -> None:
    quote = services.quote_buy(user=warm.bob, phone=warm.bob.phone, kes=Decimal(1000))
    found = statements(lambda: services.buy_confirm(user_id=warm.bob.pk, quote_id=quote.pk))
    assert len(found) == 9, "\n".join(found)


def test_buy_confirm_over_many_pools_asks_no_more(warm: World) -> None:
    for number in range(1, 4):
        warm.gold(Decimal("0.01"), name=f"P{number}", priority=number + 1)
        pools.pool_move(pool_id=warm.pool.pk, way="down", place=number, by=warm.vault)
    quote = services.quote_buy(user=warm.bob, phone=warm.bob.phone, kes=Decimal(1000))
    found = statements(lambda: services.buy_confirm(user_id=warm.bob.pk, quote_id=quote.pk))
    assert len(found) == 9, "\n".join(found)


def test_settle_a_buy(warm: World) -> None:
    found = statements(settle(buy(warm.bob, 1000), is_paid=True))
    assert len(found) == 7, "\n".join(found)


def test_release_a_buy(warm: World) -> None:
    found = statements(settle(buy(warm.bob, 1000), is_paid=False))
    assert len(found) == 8, "\n".join(found)


def test_sell_confirm(warm: World) -> None:
    quote = services.quote_sell(user=warm.alice, phone=warm.alice.phone, grams=Decimal("0.1"))
    found = statements(lambda: services.sell_confirm(user_id=warm.alice.pk, quote_id=quote.pk))
    # One of them sums up the payouts of the person's day (faults.md O16).
    assert len(found) == 8, "\n".join(found)


def test_settle_a_sale(warm: World) -> None:
    found = statements(settle(sell(warm.alice, Decimal("0.1")), is_paid=True))
    assert len(found) == 9, "\n".join(found)
