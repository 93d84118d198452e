"""Late money buys gold at the current price: at once, once, and without a prompt."""

import uuid
from decimal import Decimal

import pytest

from accounts.models import KycStatus
from accounts.services import person_freeze
from controls.models import Cause
from controls.services import switch_pause, threshold_set
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, world_create
from ledger import chart
from ledger.selectors import balance
from payments.models import Direction, Payment, State
from pools.models import Allocation
from trading import services
from trading.models import Order, Quote, Status
from trading.selectors import holding, used
from trading.tests.late import assert_all_books, cash, gold, late, mails, price, refund_ends
from trading.tests.pages import nothing_changes

pytestmark = pytest.mark.django_db


def quote(order: Order) -> Quote:
    return services.quote_rebuy(user=order.user, order_id=order.pk)


def rebuy(order: Order) -> Order:
    return services.rebuy_confirm(user_id=order.user_id, quote_id=quote(order).pk)


@pytest.mark.fault("P05")
def test_a_new_order_at_the_new_price_and_the_old_one_is_bought_anew(world: World) -> None:
    old = late(world.bob)
    payments = Payment.objects.count()
    price(world, 20_000, 19_000)
    new = rebuy(old)
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.status, new.status) == (Status.REBOUGHT, Status.COMPLETED)
    assert (new.rebuys, new.payment_id) == (old, old.payment_id)
    assert (new.total_kes, new.price_per_gram, new.grams) == (1000, 20_000, Decimal("0.05"))
    assert new.reference != old.reference
    assert Payment.objects.count() == payments, "no prompt"
    assert (cash(world.bob), gold(world.bob)) == (0, Decimal("0.05"))
    assert balance(chart.house_sales()) == 1000
    assert [row.state for row in Allocation.objects.filter(order_id=new.pk)] == ["sold"]
    assert mails(world.bob).count("rebought") == 1
    assert holding(world.bob.pk, price=None).cost == 1000, "it counts once"
    assert_all_books()


def test_from_several_pools(db: None) -> None:
    small = world_create(grams=Decimal("0.07"))
    old = late(small.bob)
    paid(buy(small.charlie, 300))
    second = small.gold(Decimal(3))
    order = rebuy(old)
    shares = Allocation.objects.filter(order_id=order.pk).order_by("id").values_list("pool_id", "grams")
    assert list(shares) == [(small.pool.pk, Decimal("0.051819")), (second.pk, Decimal("0.008787"))]
    assert gold(small.bob) == order.grams
    assert_all_books()


def test_the_same_money_counts_once_against_the_day(world: World) -> None:
    """bob's day is KES 20,000: the late order fills it, and the same money still buys."""
    old = late(world.bob, 20_000)
    assert used(user_id=world.bob.pk).buy.day == 20_000
    rebuy(old)
    assert used(user_id=world.bob.pk).buy.day == 20_000
    with pytest.raises(Refused) as refused:
        buy(world.bob, 100)
    assert refused.value.code == "day_limit"


def test_on_another_day_it_needs_room_in_that_day(world: World) -> None:
    """What was paid yesterday is bought today, so it counts today; the refund is open all the same."""
    old = late(world.bob, 20_000)
    Order.objects.filter(pk=old.pk).update(created_at=old.created_at.replace(year=2025))
    asked = quote(old)
    paid(buy(world.bob, 100))
    with nothing_changes(), pytest.raises(Refused) as refused:
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=asked.pk)
    assert refused.value.code == "day_limit"
    services.refund_ask(user_id=world.bob.pk, order_id=old.pk)
    assert_all_books()


def test_a_quote_buys_once_and_not_after_a_minute(world: World) -> None:
    old = late(world.bob)
    first, second, over = quote(old), quote(old), quote(old)
    with shift_clock(seconds=61), nothing_changes(), pytest.raises(Conflict, match="run out"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=over.pk)
    services.rebuy_confirm(user_id=world.bob.pk, quote_id=first.pk)
    with nothing_changes(), pytest.raises(Conflict, match="confirmed this price already"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=first.pk)
    with nothing_changes(), pytest.raises(Conflict, match="bought gold with this money already"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=second.pk)
    with nothing_changes(), pytest.raises(Conflict, match="bought gold with this money already"):
        services.refund_ask(user_id=world.bob.pk, order_id=old.pk)
    assert gold(world.bob) == Decimal("0.060606")
    assert_all_books()


def test_a_quote_for_late_money_starts_no_prompt_and_a_usual_one_takes_no_cash(world: World) -> None:
    asked = quote(late(world.bob))
    with nothing_changes(), pytest.raises(Refused, match="do not find this price"):
        services.buy_confirm(user_id=world.bob.pk, quote_id=asked.pk)
    usual = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    with nothing_changes(), pytest.raises(Refused, match="do not find this price"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=usual.pk)
    with nothing_changes(), pytest.raises(Refused, match="do not find this price"):
        services.rebuy_confirm(user_id=world.charlie.pk, quote_id=asked.pk)


def test_only_ones_own(world: World) -> None:
    order = late(world.bob)
    for user, order_id in ((world.alice, order.pk), (world.bob, uuid.uuid4())):
        with nothing_changes(), pytest.raises(Refused, match="do not find this order"):
            services.quote_rebuy(user=user, order_id=order_id)


def test_a_refund_asked_between_quote_and_confirmation_wins(world: World) -> None:
    order = late(world.bob)
    asked = quote(order)
    services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    with nothing_changes(), pytest.raises(Conflict, match="on its way back"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=asked.pk)
    assert_all_books()


def test_all_of_the_money_or_nothing(db: None) -> None:
    small = world_create(grams=Decimal("0.5"))
    order = late(small.bob, 8250)
    asked = quote(order)
    paid(buy(small.charlie, 1000))
    with nothing_changes(), pytest.raises(Conflict, match="not enough gold for all of your KES 8,250"):
        services.rebuy_confirm(user_id=small.bob.pk, quote_id=asked.pk)
    with nothing_changes(), pytest.raises(Conflict, match="not enough gold"):
        quote(order)
    assert_all_books()


def test_too_little_for_a_purchase(world: World) -> None:
    order = late(world.bob, 150)
    threshold_set(name="buy_min_kes", value=Decimal(200), by=world.vault)
    with nothing_changes(), pytest.raises(Refused, match="smallest purchase is KES 200"):
        quote(order)


def test_closed_paused_or_on_hold(world: World) -> None:
    order = late(world.bob)
    asked = quote(order)
    with shift_clock(days=2), pytest.raises(Refused, match="closed"):
        quote(order)
    switch_pause(name="buy", cause=Cause.STAFF, note="Counting the bars.")
    with nothing_changes(), pytest.raises(Conflict, match="Buying is paused"):
        quote(order)
    with nothing_changes(), pytest.raises(Conflict, match="Buying is paused"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=asked.pk)
    person_freeze(user_id=world.bob.pk, reason="Asked to look at it")
    world.bob.refresh_from_db()
    with nothing_changes(), pytest.raises(Refused, match="on hold"):
        services.quote_rebuy(user=world.bob, order_id=order.pk)
    with nothing_changes(), pytest.raises(Refused, match="on hold"):
        services.rebuy_confirm(user_id=world.bob.pk, quote_id=asked.pk)


def test_a_limit_that_was_lowered_meanwhile(world: World) -> None:
    order = late(world.alice, 30_000)
    asked = quote(order)
    type(world.alice).objects.filter(pk=world.alice.pk).update(kyc_status=KycStatus.UNVERIFIED)
    with nothing_changes(), pytest.raises(Refused) as refused:
        services.rebuy_confirm(user_id=world.alice.pk, quote_id=asked.pk)
    assert refused.value.code == "order_limit"


def test_after_a_refund_that_failed(world: World) -> None:
    order = late(world.bob)
    services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    refund_ends(order, is_paid=False, code="2040")
    rebuy(order)
    assert gold(world.bob) == Decimal("0.060606")
    assert Payment.objects.get(direction=Direction.OUT).state == State.FAILED
    assert_all_books()
