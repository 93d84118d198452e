"""One person's grams sold many times at once: never below zero. Each race is also shown unguarded."""

from collections import Counter
from decimal import Decimal

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.roles import Role
from controls.services import threshold_set
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.race import (
    BOOK_GUARDS,
    Meeting,
    book_unguarded,
    errors,
    moves_unguarded,
    queue_empty,
    rows_unlocked,
    schema_kept,
    together,
)
from goldwallet.test.world import World, buy, paid, sell, world_create
from ledger import chart
from ledger.selectors import balance
from payments.models import Direction, Payment, State
from payments.services import deciding, payout_approve, payout_record, payout_refuse
from trading import services
from trading.models import Order, Quote, Side, Status

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

GRAM = Decimal(1)


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


@pytest.fixture
def world(transactional_db) -> World:
    """Alice owns one gram. She has sold before: the first to open an account would make the others wait for him."""
    world = world_create()
    paid(buy(world.alice, 16665))
    paid(sell(world.alice, Decimal("0.01")))
    assert balance(chart.user_gold(world.alice.pk)) == GRAM
    return world


def quotes(world: World, count: int, grams: Decimal) -> list[Quote]:
    alice = world.alice
    return [services.quote_sell(user=alice, phone=alice.phone, grams=grams) for _ in range(count)]


def confirm_together(agreed: list[Quote]) -> list[object]:
    return together(
        len(agreed),
        lambda number: services.sell_confirm(user_id=agreed[number].user_id, quote_id=agreed[number].pk),
    )


def kinds(results: list[object]) -> Counter[type]:
    return Counter(type(result) for result in results)


def free_and_locked(world: World) -> tuple[Decimal, Decimal]:
    alice = world.alice.pk
    return balance(chart.user_gold(alice)), balance(chart.user_gold_locked(alice))


@pytest.mark.fault("L03")
def test_16_sales_of_the_same_gram(world: World) -> None:
    results = confirm_together(quotes(world, 16, GRAM))
    assert kinds(results) == {Order: 1, Refused: 15}, errors(results)
    assert {str(refused) for refused in errors(results)} == {"You have no gold that you can sell now."}
    assert free_and_locked(world) == (0, GRAM)
    assert Payment.objects.filter(direction=Direction.OUT, state=State.CREATED).count() == 1
    assert_books()


@pytest.mark.fault("L03")
def test_16_sales_of_parts_stop_when_the_grams_are_gone(world: World) -> None:
    results = confirm_together(quotes(world, 16, Decimal("0.3")))
    assert kinds(results) == {Order: 3, Refused: 13}, errors(results)
    assert {str(refused) for refused in errors(results)} == {"You can sell up to 0.100000 g."}
    assert free_and_locked(world) == (Decimal("0.1"), Decimal("0.9"))
    assert Payment.objects.filter(direction=Direction.OUT, state=State.CREATED).count() == 3
    assert_books()


def test_one_quote_confirmed_16_times_is_one_sale(world: World) -> None:
    results = confirm_together(quotes(world, 1, Decimal("0.05")) * 16)
    assert kinds(results) == {Order: 1, Conflict: 15}, errors(results)
    assert {refused.code for refused in errors(results)} == {"quote_used"}
    assert free_and_locked(world) == (Decimal("0.95"), Decimal("0.05"))
    assert_books()


def test_the_person_s_lock_alone_is_enough(world: World) -> None:
    agreed = quotes(world, 8, GRAM)
    with schema_kept(), book_unguarded(*BOOK_GUARDS):
        results = confirm_together(agreed)
        assert kinds(results) == {Order: 1, Refused: 7}, errors(results)
        assert free_and_locked(world) == (0, GRAM)
        assert_books()


def test_the_book_s_lock_alone_is_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = quotes(world, 8, GRAM)
    rows_unlocked(monkeypatch)
    with schema_kept(), book_unguarded(*(guard for guard in BOOK_GUARDS if guard != "lock")):
        results = confirm_together(agreed)
        assert kinds(results) == {Order: 1, Refused: 7}, errors(results)
        assert free_and_locked(world) == (0, GRAM)


def test_without_any_guard_one_gram_is_sold_again_and_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the tests above."""
    agreed = quotes(world, 8, GRAM)
    rows_unlocked(monkeypatch)
    with schema_kept(), book_unguarded(*BOOK_GUARDS):
        results = confirm_together(agreed)
        sold = kinds(results)[Order]
        assert sold > 1, errors(results)
        assert free_and_locked(world) == (1 - sold, sold)
        assert Order.objects.filter(side=Side.SELL, status=Status.PENDING).count() == sold
        with pytest.raises(AssertionError):
            assert_books()


# --- staff decide ---------------------------------------------------------------------------------


def decide_together(world: World, sale: Order, count: int) -> list[object]:
    """Approve, refuse and record the payout at once, each by a person of their own."""
    staff = [world.staff(Role.TREASURY, email=f"treasury{number}@example.com").pk for number in range(count)]

    def decide(number: int) -> str:
        who = {"payment_id": sale.payment_id, "by": staff[number]}
        if number % 3 == 0:
            payout_approve(**who)
            return "approved"
        if number % 3 == 1:
            payout_refuse(**who, reason="Asked to wait")
            return "refused"
        payout_record(**who, receipt=f"UKL7A2B3{number:02}")
        return "recorded"

    return together(count, decide)


@pytest.fixture
def waiting(world: World) -> Order:
    """A sale whose payout waits for staff."""
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    return sell(world.alice, GRAM)


@pytest.mark.fault("L10")
def test_9_decisions_about_one_payout_are_one(world: World, waiting: Order) -> None:
    results = decide_together(world, waiting, 9)
    assert kinds(results) == {str: 1, Conflict: 8}, errors(results)
    (done,) = (result for result in results if isinstance(result, str))
    ends = {"approved": Status.PENDING, "refused": Status.FAILED, "recorded": Status.COMPLETED}
    assert Order.objects.get(pk=waiting.pk).status == ends[done]
    held = {"approved": (0, GRAM), "refused": (GRAM, 0), "recorded": (0, 0)}
    assert free_and_locked(world) == held[done]
    assert_books()


def test_without_any_guard_a_payout_is_refused_and_goes_out(
    world: World, waiting: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the gold is back with its owner, and the payout is on its way all the same."""
    rows_unlocked(monkeypatch)
    moves_unguarded(monkeypatch, deciding, meeting=Meeting(2))
    results = decide_together(world, waiting, 2)
    assert results == ["approved", "refused"]
    assert free_and_locked(world) == (GRAM, 0)
    assert Order.objects.get(pk=waiting.pk).status == Status.FAILED
    # Whichever of the two wrote last: the job that sends it is in the queue.
    assert ProcrastinateJob.objects.filter(args__payment_id=str(waiting.payment_id)).exists()
