"""Money that comes after its order has ended: never lost, never silently re-priced (faults.md P05)."""

from decimal import Decimal

import pytest

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, world_create
from ledger import chart
from ledger.selectors import balance
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from pools.models import Allocation
from trading import services
from trading.models import Order, Status
from trading.services import orders_expire
from trading.tests.test_buy import fail

pytestmark = pytest.mark.django_db


@pytest.fixture
def small(db: None) -> World:
    """Half a gram, all of it reserved by bob for KES 8,250."""
    return world_create(grams=Decimal("0.500000"))


def prompted(order: Order) -> Order:
    """The prompt is out; nobody has answered it."""
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    return order


def expired(world: World, kes: int) -> Order:
    order = prompted(buy(world.bob, kes))
    with shift_clock(seconds=181):
        assert orders_expire() == 1
    order.refresh_from_db()
    assert order.status == Status.EXPIRED
    return order


def cash(world: World) -> Decimal:
    return balance(chart.user_cash(world.bob.pk))


def gold(world: World) -> Decimal:
    return balance(chart.user_gold(world.bob.pk))


@pytest.mark.fault("P05")
def test_in_time_and_with_gold_it_completes_at_its_price(world: World) -> None:
    order = expired(world, 1000)
    pools.price_set(buy=Decimal(19_000), sell=Decimal(18_500), by=world.pricing, reason="up", confirmed=True)
    with shift_clock(seconds=890):
        paid(order, receipt="UKL7A2B3C4")
    assert order.status == Status.COMPLETED
    assert order.price_per_gram == 16_500
    assert order.failure_code == ""
    assert (gold(world), cash(world)) == (order.grams, 0)
    assert balance(chart.house_sales()) == 1000
    assert [row.state for row in Allocation.objects.filter(order_id=order.pk).order_by("id")] == [
        "released",
        "sold",
    ]
    assert_books()


def test_after_a_failure_too(world: World) -> None:
    order = fail(buy(world.bob, 1000), "1037")
    paid(order)
    assert order.status == Status.COMPLETED
    assert order.failure_code == order.failure_sentence == ""
    assert gold(world) == order.grams
    assert_books()


def test_the_gold_may_come_from_another_pool(small: World) -> None:
    order = expired(small, 8250)
    paid(buy(small.charlie, 8000))
    second = small.gold(Decimal(3))
    with shift_clock(seconds=300):
        paid(order)
    assert order.status == Status.COMPLETED
    names = Allocation.objects.filter(order_id=order.pk, state="sold").values_list("pool__name", "grams")
    assert [name for name, _ in names] == ["First", "Second"]
    assert balance(chart.pool_available(second.pk)) < 3
    assert_books()


@pytest.mark.fault("P05")
def test_without_gold_it_is_kept_as_cash(small: World) -> None:
    order = expired(small, 8250)
    paid(buy(small.charlie, 8250))
    with shift_clock(seconds=300):
        paid(order)
    assert order.status == Status.PAID_LATE
    assert (gold(small), cash(small)) == (0, 8250)
    assert balance(chart.house_sales()) == 8250, "that of the other buyer alone"
    assert_books()


def test_a_little_gold_is_not_delivered_in_part(small: World) -> None:
    order = expired(small, 8250)
    paid(buy(small.charlie, 1000))
    with shift_clock(seconds=300):
        paid(order)
    assert order.status == Status.PAID_LATE
    assert (gold(small), cash(small)) == (0, 8250)
    assert_books()


@pytest.mark.fault("P05")
@pytest.mark.parametrize(("seconds", "status"), [(898, Status.COMPLETED), (901, Status.PAID_LATE)])
def test_the_window_ends_after_fifteen_minutes(world: World, seconds: int, status: Status) -> None:
    order = expired(world, 1000)
    with shift_clock(seconds=seconds):
        paid(order)
    assert order.status == status
    assert (gold(world), cash(world)) == ((order.grams, 0) if status == Status.COMPLETED else (0, 1000))
    assert_books()


@pytest.mark.fault("P05")
def test_past_the_window_no_gram_at_the_old_price(world: World) -> None:
    order = expired(world, 1000)
    with shift_clock(hours=5):
        paid(order, receipt="UKL7A2B3C4")
    assert order.status == Status.PAID_LATE
    assert (gold(world), cash(world)) == (0, 1000)
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert -balance(chart.mpesa_collections()) == 1000
    assert_books()


@pytest.mark.fault("W15")
@pytest.mark.parametrize(("seconds", "status"), [(400, Status.COMPLETED), (901, Status.PAID_LATE)])
def test_the_tidying_job_is_hours_behind(world: World, seconds: int, status: Status) -> None:
    """The order still stands as pending with its gold reserved: its own deadlines decide, not the job."""
    order = prompted(buy(world.bob, 1000))
    with shift_clock(seconds=seconds):
        paid(order)
    assert order.status == status
    assert balance(chart.user_gold_incoming(world.bob.pk)) == 0
    assert (gold(world), cash(world)) == ((order.grams, 0) if status == Status.COMPLETED else (0, 1000))
    with shift_clock(days=1):
        assert orders_expire() == 0
    assert_books()


def test_a_prompt_that_was_never_sent_and_yet_was_paid(world: World) -> None:
    order = buy(world.bob, 1000)
    with shift_clock(seconds=181):
        orders_expire()
        assert Payment.objects.get(pk=order.payment_id).state == State.CANCELLED
        paid(order)
    assert order.status == Status.COMPLETED
    assert_books()


def test_late_money_is_booked_once(world: World) -> None:
    order = expired(world, 1000)
    with shift_clock(hours=1):
        paid(order)
        exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
        assert not payment_settle(payment_id=order.payment_id, paid=True, exchange=exchange)
    assert cash(world) == 1000
    assert_books()


def test_a_failure_after_the_expiry_changes_nothing_more(world: World) -> None:
    order = expired(world, 1000)
    fail(order, "1037")
    assert order.status == Status.EXPIRED
    assert Payment.objects.get(pk=order.payment_id).state == State.FAILED
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


@pytest.mark.parametrize(("seconds", "status"), [(895, Status.COMPLETED), (905, Status.PAID_LATE)])
def test_the_window_runs_from_the_quote_and_not_from_its_confirmation(
    world: World, seconds: int, status: Status
) -> None:
    quote = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    with shift_clock(seconds=55):
        order = prompted(services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk))
    with shift_clock(seconds=seconds):
        orders_expire()
        paid(order)
    assert order.status == status
    assert_books()


def test_an_order_that_cannot_be_expired_does_not_keep_the_gold_of_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reservation was tampered with: the ledger refuses, and says so in the log."""
    broken, sound = buy(world.bob, 1000), buy(world.charlie, 1000)
    Allocation.objects.filter(order_id=broken.pk).update(grams=Decimal(1))
    with shift_clock(minutes=4):
        assert orders_expire() == 1
    sound.refresh_from_db()
    broken.refresh_from_db()
    assert (sound.status, broken.status) == (Status.EXPIRED, Status.PENDING)
    assert str(broken.pk) in caplog.text
