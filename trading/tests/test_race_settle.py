"""The end of a payment, many times at once: callbacks, settlements, expiry. Each race is also shown unguarded."""

import random
import time
from collections import Counter
from decimal import Decimal

import httpx
import pytest

from accounts.models import KycStatus
from accounts.services import person_create
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import (
    BOOK_GUARDS,
    Meeting,
    book_unguarded,
    errors,
    moves_meet,
    moves_unguarded,
    patiently,
    queue_empty,
    rows_unlocked,
    schema_kept,
    together,
    unique,
    without,
)
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import PASSWORD, World, buy, sell, world_create
from ledger import chart
from ledger import services as ledger
from ledger.models import Transaction
from ledger.selectors import balance
from notifications.models import Message
from payments import sending
from payments.models import Callback, Exchange, Kind, Payment, State
from payments.services import hook_url, making, payment_settle, receipts, settling
from payments.tasks import look
from pools.services import allocations
from trading.models import Order, Status
from trading.services import buying, order_expire, orders_expire

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


def at_the_provider(order: Order) -> Exchange:
    """The order's prompt is out; returns a question about it, as evidence to settle on."""
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    return Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)


def postings(order: Order) -> list[str]:
    """What the book holds about the end of an order, by the kind of transaction."""
    found = Transaction.objects.filter(memo=order.reference).exclude(kind="buy_reserved")
    return sorted(found.values_list("kind", flat=True))


def gold(world: World) -> Decimal:
    return balance(chart.user_gold(world.alice.pk))


# --- the same callback ----------------------------------------------------------------------------


@pytest.mark.fault("P01")
@pytest.mark.simulator
def test_the_same_success_callback_32_times_at_once_is_one_posting(world: World, simulator) -> None:
    order = buy(world.alice, 1000)
    work_until(lambda: bool(simulator.prompts(world.alice.phone)))
    simulator.answer(world.alice.phone, "accept")
    patiently(Callback.objects.exists, what="the provider's callback")
    payment = Payment.objects.get(pk=order.payment_id)
    body, address = Callback.objects.get().body.encode(), hook_url("collect", payment.token)

    answers = together(32, lambda _: httpx.post(address, content=body, timeout=30, trust_env=False))
    assert errors(answers) == []
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (200, '{"ResultCode": 0, "ResultDesc": "Accepted"}')
    }
    assert Callback.objects.count() == 33
    # Each copy has a job of its own, and sixteen of them run at the same time.
    work(concurrency=16)
    work_until(lambda: Order.objects.get(pk=order.pk).status == Status.COMPLETED)
    work(concurrency=16)

    assert postings(order) == ["buy_paid"]
    assert gold(world) == order.grams
    assert Payment.objects.get(pk=payment.pk).receipt
    assert Message.objects.filter(kind="order_completed").count() == 1
    assert not Callback.objects.filter(handled_at=None).exists()
    assert_books(simulator)


@pytest.mark.simulator
def test_without_any_guard_copies_of_a_callback_deliver_again_and_again(
    world: World, simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same way through the view, the queue and the question, and nothing holds at its end."""
    order = buy(world.alice, 1000)
    work_until(lambda: bool(simulator.prompts(world.alice.phone)))
    simulator.answer(world.alice.phone, "accept")
    patiently(Callback.objects.exists, what="the provider's callback")
    for _ in range(7):
        buy(world.alice, 1000)  # whose reservations are there to be taken
    queue_empty()
    body = Callback.objects.get().body.encode()
    address = hook_url("collect", Payment.objects.get(pk=order.payment_id).token)
    together(8, lambda _: httpx.post(address, content=body, timeout=30, trust_env=False))
    unguarded_settling(monkeypatch, kept="", meeting=Meeting(2))
    work(concurrency=16)
    assert len(postings(order)) > 1
    assert gold(world) == len(postings(order)) * order.grams
    with pytest.raises(AssertionError):
        assert_books(simulator)


@pytest.mark.fault("O09")
@pytest.mark.simulator
def test_every_job_delivered_three_times_does_its_work_once(world: World, simulator) -> None:
    """A queue delivers at least once (faults.md O09): the row is the truth, the job only says where to look."""

    def three_times() -> None:
        for payment_id in Payment.objects.values_list("pk", flat=True):
            for _ in range(3):
                look.defer(payment_id=str(payment_id))
        work(concurrency=8)

    order = buy(world.alice, 1000)
    three_times()
    assert Exchange.objects.filter(kind=Kind.COLLECT).count() == 1
    simulator.answer(world.alice.phone, "accept")
    patiently(Callback.objects.exists, what="the provider's callback")
    three_times()
    three_times()
    assert postings(order) == ["buy_paid"]
    sale = sell(world.alice, None)
    three_times()
    assert Exchange.objects.filter(kind=Kind.PAY_OUT).count() == len(simulator.payouts()) == 1
    work_until(lambda: Order.objects.get(pk=sale.pk).status == Status.COMPLETED)
    three_times()
    assert postings(sale) == ["sale_agreed", "sale_paid"]
    assert_books(simulator)


# --- settling -------------------------------------------------------------------------------------


def settle_together(count: int, order: Order, evidence: Exchange) -> list[object]:
    def settle(number: int) -> bool:
        return payment_settle(payment_id=order.payment_id, paid=True, receipt="UKL7A2B3C4", exchange=evidence)

    return together(count, settle)


@pytest.mark.fault("P01")
def test_32_settlements_of_one_payment_are_one_posting() -> None:
    world = world_create()
    order = buy(world.alice, 1000)
    results = settle_together(32, order, at_the_provider(order))
    assert Counter(results) == {True: 1, False: 31}, errors(results)
    assert postings(order) == ["buy_paid"]
    assert gold(world) == order.grams
    assert -balance(chart.mpesa_collections()) == 1000
    assert_books()


def unguarded_settling(patch: pytest.MonkeyPatch, *, kept: str, meeting: Meeting) -> None:
    """Take away every guard of settling but one: the payment's lock, the conditional moves, the transaction's key."""
    if kept != "lock":
        rows_unlocked(patch)
        patch.setattr(receipts, "receipt_lock", lambda receipt: None)
    if kept == "moves":
        moves_meet(patch, settling, meeting=meeting)
    else:
        moves_unguarded(patch, settling, making, buying, meeting=meeting)
        patch.setattr(buying, "_COMPLETE", without(buying._COMPLETE, "AND status = 'pending'"))
        patch.setattr(allocations, "_MOVE", without(allocations._MOVE, " AND state = ANY (%s)"))
        patch.setattr(allocations, "_allocations_move", _allocations_move_unguarded)
    if kept != "key":
        post = ledger.post

        def with_a_key_of_its_own(*, key: str, **rest: object) -> int:
            return post(key=f"{key}:{unique()}", **rest)

        patch.setattr(ledger, "post", with_a_key_of_its_own)


def _allocations_move_unguarded(order_id, target):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(allocations._MOVE, [target, order_id])
        return [allocations.Share(*row) for row in cursor.fetchall()]


@pytest.mark.parametrize("kept", ["lock", "moves", "key"])
def test_one_guard_of_settling_is_enough(monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    world = world_create()
    orders = [buy(world.alice, 1000) for _ in range(8)]
    evidence = at_the_provider(orders[0])
    unguarded_settling(monkeypatch, kept=kept, meeting=Meeting(8))
    results = settle_together(8, orders[0], evidence)
    assert errors(results) == []
    assert postings(orders[0]) == ["buy_paid"]
    assert gold(world) == orders[0].grams
    assert -balance(chart.mpesa_collections()) == 1000
    assert_books()


def test_without_any_guard_one_payment_delivers_eight_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the tests above: the reservations of seven unpaid orders go to the one that was paid."""
    world = world_create()
    orders = [buy(world.alice, 1000) for _ in range(8)]
    evidence = at_the_provider(orders[0])
    unguarded_settling(monkeypatch, kept="", meeting=Meeting(8))
    results = settle_together(8, orders[0], evidence)
    assert results == [True] * 8
    assert postings(orders[0]) == ["buy_paid"] * 8
    assert gold(world) == 8 * orders[0].grams
    assert -balance(chart.mpesa_collections()) == 8000
    with pytest.raises(AssertionError):
        assert_books()


# --- expiry against success -----------------------------------------------------------------------


def expire_against_success(order: Order, evidence: Exchange, *, head_start: float = 0.0) -> list[object]:
    """Both at once; success waits for `head_start` seconds, or expiry does when it is below zero."""

    def run(number: int) -> bool:
        time.sleep(max(0.0, head_start if number else -head_start))
        if number:
            return payment_settle(payment_id=order.payment_id, paid=True, exchange=evidence)
        return order_expire(order.pk)

    return together(2, run)


@pytest.mark.fault("P06")
def test_expiry_against_success_until_each_has_won() -> None:
    """Whoever wins, the customer has his gold: at once, or as late money that is honoured at its price."""
    world = world_create()
    dice = random.Random(20261)
    seen: Counter[str] = Counter()
    for batch in range(12):
        orders = [buy(world.alice, 100) for _ in range(5)]
        evidence = {order.pk: at_the_provider(order) for order in orders}
        # A few milliseconds decide; on a machine that always lets the same one through, a longer start does.
        spread = 0.004 if batch < 6 else 0.1
        with shift_clock(minutes=4):
            for order in orders:
                start = dice.uniform(-spread, spread)
                results = expire_against_success(order, evidence[order.pk], head_start=start)
                assert errors(results) == []
                expired, paid = results
                assert paid is True
                expected = ["buy_expired", "buy_paid"] if expired else ["buy_paid"]
                assert postings(order) == expected
                assert Order.objects.get(pk=order.pk).status == Status.COMPLETED
                seen["expiry" if expired else "success"] += 1
        assert_books()
        if batch >= 3 and len(seen) == 2:
            break
    assert set(seen) == {"expiry", "success"}, seen
    assert gold(world) == Order.objects.count() * Decimal("0.006060")
    assert -balance(chart.mpesa_collections()) == Order.objects.count() * 100


def test_expiry_against_success_when_the_price_has_lapsed_keeps_the_money_for_the_customer() -> None:
    world = world_create()
    for turn in range(6):
        order = buy(world.alice, 100)
        evidence = at_the_provider(order)
        with shift_clock(minutes=16):
            _, paid = expire_against_success(order, evidence, head_start=0.002 * (-1) ** turn)
        assert paid is True
        assert Order.objects.get(pk=order.pk).status == Status.PAID_LATE
    assert gold(world) == 0
    assert balance(chart.user_cash(world.alice.pk)) == 600
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


def test_expiry_and_success_unguarded_deliver_the_gold_and_take_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: both have read "pending" before either writes."""
    world = world_create()
    order, other = buy(world.alice, 1000), buy(world.alice, 1000)
    evidence = at_the_provider(order)
    unguarded_settling(monkeypatch, kept="key", meeting=Meeting(2))
    with shift_clock(minutes=4):
        results = expire_against_success(order, evidence)
    assert results == [True, True]
    assert postings(order) == ["buy_expired", "buy_paid"]
    # The gold is delivered and also free again; what was reserved for the other order is gone.
    assert gold(world) == order.grams
    assert balance(chart.user_gold_incoming(world.alice.pk)) == 0
    assert Order.objects.get(pk=other.pk).status == Status.PENDING
    with pytest.raises(AssertionError):
        assert_books()


# --- late money -----------------------------------------------------------------------------------


def late_buyers(world: World, count: int) -> list[tuple[Order, Exchange]]:
    """Orders of one gram each that have expired, and whose money comes now. Three grams are left for them."""
    orders = []
    for number in range(count):
        person = person_create(
            email=f"late{number}@example.com",
            password=PASSWORD,
            phone=f"2547{number:08d}",
            kyc_status=KycStatus.VERIFIED,
        )
        orders.append(buy(person, 16500))
    evidence = [at_the_provider(order) for order in orders]
    with shift_clock(minutes=4):
        assert orders_expire() == count
    buy(world.alice, 16500 * (count - 3))
    return list(zip(orders, evidence, strict=True))


def settle_late(late: list[tuple[Order, Exchange]]) -> list[object]:
    def settle(number: int) -> bool:
        order, evidence = late[number]
        return payment_settle(payment_id=order.payment_id, paid=True, exchange=evidence)

    return together(len(late), settle)


def test_late_money_of_eight_people_for_three_grams() -> None:
    """Three get the gold at their price, five keep their money; nobody hears an error, nothing is sold twice."""
    world = world_create(grams=Decimal(8))
    late = late_buyers(world, 8)
    results = settle_late(late)
    assert results == [True] * 8
    ends = Counter(
        Order.objects.filter(pk__in=[order.pk for order, _ in late]).values_list("status", flat=True)
    )
    assert ends == {Status.COMPLETED: 3, Status.PAID_LATE: 5}
    assert balance(chart.pool_available(world.pool.pk)) == 0
    assert sum(balance(chart.user_cash(order.user_id)) for order, _ in late) == 5 * 16500
    assert_books()


def test_late_money_unguarded_delivers_gold_that_is_not_there() -> None:
    """The negative control."""
    # Twice as many as above: that the fourth comes before the third has ended must not hang on chance.
    world = world_create(grams=Decimal(16))
    late = late_buyers(world, 16)
    with schema_kept(), book_unguarded(*BOOK_GUARDS):
        ours = Order.objects.filter(pk__in=[order.pk for order, _ in late])
        delivered = 0
        # Some kill one another on the way: accounts that nobody locks in one order are a deadlock too. What was killed
        # is tried again, as the queue does it.
        for _ in range(6):
            settle_late(late)
            delivered = ours.filter(status=Status.COMPLETED).count()
            if delivered > 3:
                break
        assert delivered > 3
        assert balance(chart.pool_available(world.pool.pk)) == 3 - delivered
        with pytest.raises(AssertionError):
            assert_books()


# --- sending --------------------------------------------------------------------------------------


@pytest.mark.fault("P14", "O09")
@pytest.mark.simulator
def test_16_workers_with_the_same_job_send_one_prompt(world: World, simulator) -> None:
    order = buy(world.alice, 1000)
    results = together(16, lambda _: sending.payment_step(order.payment_id))
    assert errors(results) == []
    assert Exchange.objects.filter(kind=Kind.COLLECT).count() == 1
    assert Payment.objects.get(pk=order.payment_id).state == State.PENDING
    assert len(simulator.prompts(world.alice.phone)) == 1


@pytest.mark.simulator
def test_without_the_conditional_claim_each_of_them_sends(
    world: World, simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the payment is looked at, and then marked as being sent."""
    order = buy(world.alice, 1000)
    meeting = Meeting(8)

    def naive(payment: Payment, kind: Kind) -> Exchange | None:
        meeting.wait()
        payment.state = State.SENDING
        payment.save(update_fields=["state"])
        return Exchange.objects.create(payment=payment, kind=kind)

    monkeypatch.setattr(sending, "_claim", naive)
    together(8, lambda _: sending.payment_step(order.payment_id))
    assert Exchange.objects.filter(kind=Kind.COLLECT).exclude(outcome="").count() == 8
