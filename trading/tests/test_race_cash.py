"""Debts settled and cash paid out by many requests at once: never more than is owed, never another order's money."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest

from goldwallet.errors import Conflict
from goldwallet.test.race import Meeting, errors, queue_empty, rows_unlocked, together
from goldwallet.test.world import World, world_create
from ledger import chart
from ledger.services import Transfer, post
from payments.models import Payment
from trading.services import cashing
from trading.tests.late import assert_all_books, cash, late, owed

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
MANY = 6


@pytest.fixture
def world(transactional_db) -> World:
    queue_empty()
    yield world_create()
    queue_empty()


def unguarded(patch: pytest.MonkeyPatch, read: str) -> None:
    """No row is locked, and all have read before one writes."""
    rows_unlocked(patch)
    meeting, original = Meeting(MANY), getattr(cashing, read)

    def reads(user_id):
        found = original(user_id)
        meeting.wait()
        return found

    patch.setattr(cashing, read, reads)


def settle(world: World) -> Callable[[int], None]:
    had = Transfer(chart.user_receivable(world.bob.pk), chart.house_adjustments(), Decimal(1000))
    post(key="test:debt", kind="test", transfers=[had])

    def act(number: int) -> None:
        cashing.debt_settle(
            user_id=world.bob.pk, amount=Decimal(600), how="write_off", request_id=uuid4(), by=world.vault.pk
        )

    return act


@pytest.mark.fault("P19")
def test_a_debt_is_not_settled_beyond_itself(world: World) -> None:
    results = together(MANY, settle(world))
    assert len(errors(results)) == MANY - 1
    assert all(isinstance(lost, Conflict) for lost in errors(results)), errors(results)
    assert owed(world.bob) == 400
    assert_all_books()


def test_without_its_lock_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    act = settle(world)
    unguarded(monkeypatch, "debt_of")
    together(MANY, act)
    assert owed(world.bob) < 0


def pay_out(world: World) -> Callable[[int], None]:
    """Of KES 800 the customer's late order waits for 700."""
    late(world.bob, 700)
    given = Transfer(chart.house_adjustments(), chart.user_cash(world.bob.pk), Decimal(100))
    post(key="test:cash", kind="test", transfers=[given])

    def act(number: int) -> None:
        cashing.cash_pay_out(user_id=world.bob.pk, amount=Decimal(100), by=world.vault.pk)

    return act


def test_late_money_is_not_paid_out_as_loose_cash(world: World) -> None:
    results = together(MANY, pay_out(world))
    assert len(errors(results)) == MANY - 1
    assert all(isinstance(lost, Conflict) for lost in errors(results)), errors(results)
    assert cash(world.bob) == 700
    assert Payment.objects.filter(purpose="cash").count() == 1
    assert_all_books()


def test_without_its_lock_late_money_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    act = pay_out(world)
    unguarded(monkeypatch, "cash_phone")
    together(MANY, act)
    assert cash(world.bob) < 700
