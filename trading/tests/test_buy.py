"""A buy, service by service: pools in the admin's order, the reservation, the limits, and how it is given back."""

from decimal import Decimal

import pytest
from django.core import mail

from controls.services import threshold_set
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, world_create
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance, legs
from notifications.services import messages_sweep
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from pools.models import Allocation
from trading import services
from trading.models import Order, Status
from trading.services import NotEnoughGold
from trading.tests.pages import nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(db: None) -> World:
    """Three pools: First (priority 1) with 0.1 g, Third (3) with 5 g, Second (2) with 0.2 g."""
    world = world_create(grams=Decimal("0.100000"))
    world.gold(Decimal(5), name="Third", priority=3)
    world.gold(Decimal("0.200000"), name="Second", priority=2)
    return world


def shares(order: Order) -> list[tuple[str, Decimal, str]]:
    rows = Allocation.objects.filter(order_id=order.pk).order_by("id")
    return list(rows.values_list("pool__name", "grams", "state"))


def fail(order: Order, code: str = "1032") -> Order:
    Payment.objects.filter(pk=order.payment_id, state=State.CREATED).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=False, code=code, exchange=exchange)
    order.refresh_from_db()
    return order


# --- pools ----------------------------------------------------------------------------------------


def test_an_order_takes_from_the_pools_in_the_admins_order(three: World) -> None:
    order = buy(three.alice, 8_250)
    assert order.grams == Decimal("0.5")
    assert shares(order) == [
        ("First", Decimal("0.1"), "reserved"),
        ("Second", Decimal("0.2"), "reserved"),
        ("Third", Decimal("0.2"), "reserved"),
    ]
    assert balance(chart.user_gold_incoming(three.alice.pk)) == order.grams
    assert balance(chart.user_gold(three.alice.pk)) == 0
    assert_books()


def test_the_reservation_is_one_posting_and_names_each_pool(three: World) -> None:
    order = buy(three.alice, 8_250)
    posted = Transaction.objects.get(key=f"order:{order.pk}:reserved")
    assert posted.kind == "buy_reserved"
    assert posted.actor == str(three.alice.pk)
    assert posted.memo == order.reference
    assert [leg.amount for leg in legs(posted.pk)] == [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")]
    assert {leg.destination.code for leg in legs(posted.pk)} == {f"user:{three.alice.pk}:gold:incoming"}


def test_the_first_pool_alone_when_it_is_enough(three: World) -> None:
    assert [name for name, *_ in shares(buy(three.alice, 1650))] == ["First"]
    assert [name for name, *_ in shares(buy(three.bob, 1650))] == ["Second"]
    assert_books()


def test_a_closed_pool_is_passed_over(three: World) -> None:
    pools.pool_close(pool_id=three.pool.pk, reason="A test closes it.", by=three.vault)
    assert [name for name, *_ in shares(buy(three.alice, 1650))] == ["Second"]


def test_a_failure_gives_each_pool_back_what_was_taken(three: World) -> None:
    before = {pool: balance(chart.pool_available(pool)) for pool in _pools(three)}
    order = fail(buy(three.alice, 8_250))
    assert order.status == Status.FAILED
    assert {pool: balance(chart.pool_available(pool)) for pool in _pools(three)} == before
    assert {state for *_, state in shares(order)} == {"released"}
    reserved = legs(Transaction.objects.get(key=f"order:{order.pk}:reserved").pk)
    released = legs(Transaction.objects.get(key=f"payment:{order.payment_id}:failed").pk)
    assert {(leg.source.code, leg.destination.code, leg.amount) for leg in reserved} == {
        (leg.destination.code, leg.source.code, leg.amount) for leg in released
    }
    assert_books()


def test_an_expiry_gives_each_pool_back_what_was_taken(three: World) -> None:
    before = {pool: balance(chart.pool_available(pool)) for pool in _pools(three)}
    order = buy(three.alice, 8_250)
    assert services.orders_expire() == 0
    with shift_clock(seconds=181):
        assert services.orders_expire() == 1
        assert services.orders_expire() == 0
        assert not services.order_expire(order.pk)
    assert {pool: balance(chart.pool_available(pool)) for pool in _pools(three)} == before
    assert_books()


def _pools(world: World) -> list:
    from pools.models import Pool

    return list(Pool.objects.values_list("pk", flat=True))


def test_one_gram_more_than_there_is(three: World) -> None:
    with nothing_changes(), pytest.raises(NotEnoughGold) as caught:
        services.quote_buy(user=three.alice, phone=three.alice.phone, grams=Decimal("5.300001"))
    assert caught.value.grams <= Decimal("5.3")
    assert caught.value.kes == 87_450
    whole = services.quote_buy(user=three.alice, phone=three.alice.phone, grams=Decimal("5.3"))
    assert whole.grams == Decimal("5.3")
    services.buy_confirm(user_id=three.alice.pk, quote_id=whole.pk)
    assert sum(balance(chart.pool_available(pool)) for pool in _pools(three)) == 0
    assert_books()


def test_a_quote_for_both_or_for_nothing_is_refused(world: World) -> None:
    for amounts in ({}, {"kes": Decimal(100), "grams": Decimal(1)}):
        with pytest.raises(Refused):
            services.quote_buy(user=world.alice, phone=world.alice.phone, **amounts)


def test_the_price_of_somebody_else_is_not_there(world: World) -> None:
    """Also for who could pay it: the phone of the quote would get the prompt, or the money of the sale."""
    for person in (world.alice, world.bob):
        paid(buy(person, 1000))
    bought = services.quote_buy(user=world.alice, phone=world.alice.phone, kes=Decimal(1000))
    sold = services.quote_sell(user=world.alice, phone=world.alice.phone, grams=Decimal("0.05"))
    for confirm, quote in ((services.buy_confirm, bought), (services.sell_confirm, sold)):
        with nothing_changes(), pytest.raises(Refused, match="do not find this price"):
            confirm(user_id=world.bob.pk, quote_id=quote.pk)
        assert confirm(user_id=world.alice.pk, quote_id=quote.pk).user_id == world.alice.pk
    assert_books()


# --- the order ------------------------------------------------------------------------------------


def test_the_order_carries_what_the_quote_said_and_its_deadlines(world: World) -> None:
    order = Order.objects.get(pk=buy(world.bob, 1000).pk)
    assert order.expires_at is not None
    assert order.honour_until is not None
    assert (order.expires_at - order.created_at).total_seconds() == pytest.approx(180, abs=1)
    assert (order.honour_until - order.created_at).total_seconds() == pytest.approx(900, abs=1)
    assert order.payment.expires_at == pytest.approx(order.expires_at, abs=_second())
    assert order.reference == order.payment.reference
    assert len(order.reference) == 12


def _second():
    import datetime as dt

    return dt.timedelta(seconds=1)


def test_the_changes_of_an_order_are_kept(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    assert [event.status for event in events_of(order)] == ["completed"]


@pytest.mark.parametrize(
    ("end", "subject", "words"),
    [
        ("paid", "You bought 0.060606 g of gold", "M-Pesa receipt: UKL7A2B3C4"),
        ("failed", "Your purchase was not completed", "You cancelled the request on your phone."),
        ("expired", "Your purchase has expired", "it is not lost"),
        ("late", "Your KES 1,000 arrived late", "stands as cash in your wallet"),
    ],
)
def test_each_end_is_mailed_once(world: World, end: str, subject: str, words: str) -> None:
    order = buy(world.bob, 1000)
    if end == "paid":
        paid(order, receipt="UKL7A2B3C4")
    elif end == "failed":
        fail(order)
    elif end == "expired":
        with shift_clock(seconds=181):
            services.orders_expire()
            services.orders_expire()
    else:
        Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
        with shift_clock(seconds=901):
            paid(order)
    with shift_clock(hours=1):
        messages_sweep()
        messages_sweep()
    (letter,) = [message for message in mail.outbox if message.to == [world.bob.email]]
    assert letter.subject == subject
    assert words in letter.body
    assert order.reference in letter.body
    assert "KES 1,000" in letter.body


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.fault("P17")
def test_prompts_to_one_phone_that_nobody_pays(world: World) -> None:
    for person in (world.alice, world.bob):
        for _ in range(5):
            quote = services.quote_buy(user=person, phone="0733000000", kes=Decimal(100))
            services.buy_confirm(user_id=person.pk, quote_id=quote.pk)
    quote = services.quote_buy(user=world.charlie, phone="+254733000000", kes=Decimal(100))
    with nothing_changes(), pytest.raises(Refused, match="This phone has had many prompts") as caught:
        services.buy_confirm(user_id=world.charlie.pk, quote_id=quote.pk)
    assert caught.value.status == 429
    buy(world.charlie, 100)  # his own number is free
    with shift_clock(minutes=61):
        again = services.quote_buy(user=world.charlie, phone="0733000000", kes=Decimal(100))
        services.buy_confirm(user_id=world.charlie.pk, quote_id=again.pk)
    assert_books()


@pytest.mark.fault("P17")
def test_prompts_of_one_person_that_are_not_paid(world: World) -> None:
    for number in range(15):
        quote = services.quote_buy(user=world.alice, phone=f"07330000{number:02}", kes=Decimal(100))
        services.buy_confirm(user_id=world.alice.pk, quote_id=quote.pk)
    quote = services.quote_buy(user=world.alice, phone="0733999999", kes=Decimal(100))
    with nothing_changes(), pytest.raises(Refused, match="many purchases that were not paid") as caught:
        services.buy_confirm(user_id=world.alice.pk, quote_id=quote.pk)
    assert caught.value.status == 429
    for order in Order.objects.all():
        paid(order)
    services.buy_confirm(user_id=world.alice.pk, quote_id=quote.pk)  # a paid prompt pesters nobody
    assert_books()


def test_what_failed_or_expired_uses_nothing_of_the_day(world: World) -> None:
    threshold_set(name="unverified_buy_day_kes", value=Decimal(1000), by=world.vault)
    fail(buy(world.bob, 1000))
    buy(world.bob, 1000)
    with shift_clock(minutes=4):
        services.orders_expire()
        paid(buy(world.bob, 1000))
        with pytest.raises(Refused, match="KES 0 of it is left today"):
            buy(world.bob, 100)


def test_a_verified_person_has_the_larger_limit(world: World) -> None:
    for _ in range(4):
        paid(buy(world.alice, 250_000))
    with pytest.raises(Refused, match="KES 1,000,000 a day, and KES 0 of it is left") as caught:
        buy(world.alice, 100)
    assert "shown us who you are" not in caught.value.sentence


def test_the_day_begins_at_midnight_in_nairobi(world: World) -> None:
    from goldwallet import clock

    threshold_set(name="price_max_age_hours", value=Decimal(100), by=world.vault)
    now = clock.now().astimezone(clock.NAIROBI)
    last_minute = now.replace(hour=23, minute=58, second=0, microsecond=0) - now
    with shift_clock(seconds=last_minute.total_seconds()):
        paid(buy(world.bob, 20_000))
        with pytest.raises(Refused, match="is left today"):
            buy(world.bob, 100)
    with shift_clock(seconds=last_minute.total_seconds() + 125):
        paid(buy(world.bob, 20_000))
    assert_books()
