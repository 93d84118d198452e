"""Late money chosen for many times at once: it goes one way, once. Each race is also shown unguarded."""

import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from controls.services import threshold_set
from goldwallet.clock import Now
from goldwallet.errors import Conflict
from goldwallet.test.race import Meeting, errors, moves_unguarded, queue_empty, rows_unlocked, together
from goldwallet.test.world import World, world_create
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments.models import Direction, Exchange, Kind, Payment, State
from payments.services import payment_settle
from trading import services
from trading.models import Order, Status
from trading.services import agreeing, rebuying
from trading.tests.late import assert_all_books, cash, gold, late, owed, taken_back

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


@pytest.fixture
def world(transactional_db) -> World:
    """alice has chosen before: the first to open an account would make the others wait for him."""
    world = world_create()
    threshold_set(name="quote_open_max", value=Decimal(1000), by=world.vault)
    first = late(world.alice, 100)
    services.refund_ask(user_id=world.alice.pk, order_id=first.pk)
    payment_settle(
        payment_id=Order.objects.get(pk=first.pk).refund_id, paid=True, exchange=sent(first), receipt=""
    )
    return world


def sent(order: Order) -> Exchange:
    refund = Order.objects.get(pk=order.pk).refund_id
    Payment.objects.filter(pk=refund).update(state=State.PENDING, sent_at=Now())
    return Exchange.objects.create(payment_id=refund, kind=Kind.PAY_OUT)


def choices(order: Order, count: int) -> list[Callable[[], Order]]:
    """Refunds and purchases in turn, each purchase with a quote of its own."""

    def refund() -> Order:
        return services.refund_ask(user_id=order.user_id, order_id=order.pk)

    def rebuy() -> Order:
        quote = quotes.pop()
        return services.rebuy_confirm(user_id=order.user_id, quote_id=quote)

    quotes = [services.quote_rebuy(user=order.user, order_id=order.pk).pk for _ in range(count // 2)]
    return [rebuy if number % 2 else refund for number in range(count)]


def went(order: Order) -> tuple[int, int]:
    """How many payouts and purchases came of it."""
    payouts = Payment.objects.filter(direction=Direction.OUT, purpose="refund", amount=order.total_kes)
    return payouts.count(), Order.objects.filter(quote__late_order=order).count()


@pytest.mark.fault("P05", "P15")
def test_refund_and_purchase_at_the_same_moment_are_one_of_them(world: World) -> None:
    seen: Counter[tuple[int, int]] = Counter()
    for number in range(12):
        order = late(world.alice, 1000 + number)
        held, has = balance(chart.payouts_clearing()), gold(world.alice)
        # Whoever is first through the door wins; turned round, so that both are seen.
        acts = choices(order, 8)[:: 1 if number % 2 else -1]
        results = together(8, lambda at, acts=acts: acts[at]())
        kinds = Counter(type(result) for result in results)
        assert kinds == {Order: 1, Conflict: 7}, errors(results)
        assert {refused.code for refused in errors(results)} <= {"chosen", "refund_open"}
        seen[went(order)] += 1
        order.refresh_from_db()
        refunded = balance(chart.payouts_clearing()) - held
        assert (refunded == order.total_kes) != (gold(world.alice) > has)
        assert order.status == (Status.PAID_LATE if refunded else Status.REBOUGHT)
        assert cash(world.alice) == 0
    assert set(seen) == {(1, 0), (0, 1)}, seen
    assert_all_books()


def test_without_any_guard_late_money_goes_both_ways(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: another order's cash stands beside it, so that the book alone does not notice."""
    order, other = late(world.alice), late(world.alice)
    acts = choices(order, 2)
    meeting = Meeting(2)
    rows_unlocked(monkeypatch)
    moves_unguarded(monkeypatch, rebuying, meeting=meeting)
    check = agreeing.late_order_check

    def checked(found: Order | None) -> Order:
        result = check(found)
        meeting.wait()
        return result

    monkeypatch.setattr(agreeing, "late_order_check", checked)
    results = together(2, lambda at: acts[at]())
    assert errors(results) == []
    assert went(order) == (1, 1)
    other.refresh_from_db()
    assert (other.status, cash(world.alice)) == (Status.PAID_LATE, 0), (
        "it was paid with somebody's waiting money"
    )


def test_the_book_alone_keeps_money_from_going_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without locks and checked states there is still only so much cash."""
    order = late(world.alice)
    acts = choices(order, 8)
    meeting = Meeting(8)
    rows_unlocked(monkeypatch)
    moves_unguarded(monkeypatch, rebuying, meeting=meeting)
    results = together(8, lambda at: acts[at]())
    assert sum(isinstance(result, Order) for result in results) == 1, errors(results)
    assert {type(error) for error in errors(results)} == {Conflict}
    assert sum(went(order)) == 1
    assert cash(world.alice) == 0


@pytest.mark.fault("P19")
def test_taken_back_while_a_choice_is_made(world: World) -> None:
    """Whoever is first: what was chosen is undone, or there is nothing to choose. Nothing is below zero."""
    seen: Counter[str] = Counter()
    for number in range(24):
        if number >= 12 and len(seen) == 2:
            break
        order = late(world.alice)
        choose = choices(order, 2)[number % 2]
        # At once, the choice first, the other first. On a busy machine the first one takes longer.
        head = 0.3 if number < 12 else 3.0
        waits = [(0.0, 0.0), (0.0, head), (head, 0.0)][number % 3]
        acts = [choose, lambda order=order, at=number: taken_back(order, receipt=f"UKR{at:07}")]

        def act(at: int, acts=acts, waits=waits) -> Order:
            time.sleep(waits[at])
            return acts[at]()

        chosen, taken = together(2, act)
        assert {type(error) for error in errors([chosen, taken])} <= {Conflict}, (chosen, taken)
        if not isinstance(taken, Order):
            # The money moved between the preview and the deed: they look again.
            taken_back(order, receipt=f"UKS{number:07}")
        order.refresh_from_db()
        assert order.status == Status.REVERSED
        assert not Order.objects.filter(rebuys=order).exclude(status=Status.REVERSED).exists()
        assert Transaction.objects.filter(key=f"payment:{order.payment_id}:reversed").count() == 1
        seen["chosen" if isinstance(chosen, Order) else "taken"] += 1
        assert (cash(world.alice), gold(world.alice), owed(world.alice)) == (0, 0, 0)
    assert set(seen) == {"chosen", "taken"}
    assert_all_books()


@pytest.mark.parametrize("is_paid", [True, False])
def test_16_ends_of_a_refund_are_one(world: World, is_paid: bool) -> None:
    order = late(world.alice)
    services.refund_ask(user_id=world.alice.pk, order_id=order.pk)
    exchange = sent(order)
    order.refresh_from_db()

    def settle(number: int) -> bool:
        return payment_settle(payment_id=order.refund_id, paid=is_paid, code="2040", exchange=exchange)

    results = together(16, settle)
    assert Counter(results) == {True: 1, False: 15}, errors(results)
    order.refresh_from_db()
    assert order.status == (Status.REFUNDED if is_paid else Status.PAID_LATE)
    assert cash(world.alice) == (0 if is_paid else 1000)
    assert_all_books()
