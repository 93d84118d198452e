"""Many buyers at once: the last gram, one quote many times, the limit of a day. Each race is also shown unguarded."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import IntegrityError

from accounts.models import KycStatus, User
from accounts.services import person_create
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.race import (
    BOOK_GUARDS,
    Meeting,
    book_unguarded,
    constraint_off,
    errors,
    queue_empty,
    rows_unlocked,
    schema_kept,
    together,
    without,
)
from goldwallet.test.world import BUY, PASSWORD, World, buy, world_create
from ledger import chart
from ledger.selectors import balance
from payments.models import Payment
from pools.models import Allocation
from trading import services
from trading.models import Order, Quote
from trading.services import NotEnoughGold, agreeing, quotes

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

GRAM = Decimal(1)


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


def buyers(count: int) -> list[User]:
    return [
        person_create(
            email=f"buyer{number}@example.com",
            password=PASSWORD,
            phone=f"2547{number:08d}",
            kyc_status=KycStatus.VERIFIED,
        )
        for number in range(count)
    ]


def quote(person: User, kes: Decimal) -> Quote:
    return services.quote_buy(user=person, phone=person.phone, kes=kes)


def confirm_together(agreed: list[Quote]) -> list[object]:
    """Every quote confirmed at the same moment, each by a thread and a database connection of its own."""
    return together(
        len(agreed),
        lambda number: services.buy_confirm(user_id=agreed[number].user_id, quote_id=agreed[number].pk),
    )


def kinds(results: list[object]) -> Counter[type]:
    return Counter(type(result) for result in results)


def reserved() -> Decimal:
    return sum(Order.objects.values_list("grams", flat=True), Decimal(0))


# --- the last gram --------------------------------------------------------------------------------


def test_32_buyers_of_the_last_gram() -> None:
    world = world_create(grams=GRAM)
    results = confirm_together([quote(person, BUY) for person in buyers(32)])
    assert kinds(results) == {Order: 1, NotEnoughGold: 31}, errors(results)
    for refused in errors(results):
        assert refused.grams == 0
        assert "All our gold is sold right now" in str(refused)
    assert reserved() == GRAM
    assert balance(chart.pool_available(world.pool.pk)) == 0
    # Who was refused has left nothing behind: no payment, no reservation, and a price that is still unused.
    assert Payment.objects.count() == Allocation.objects.count() == 1
    assert Quote.objects.filter(used_at=None).count() == 31
    assert_books()


def test_32_buyers_of_the_last_grams_in_two_pools_are_told_what_is_left() -> None:
    world = world_create(grams=GRAM)
    world.gold(GRAM)
    results = confirm_together([quote(person, Decimal(11550)) for person in buyers(32)])  # 0.7 g each
    assert kinds(results) == {Order: 2, NotEnoughGold: 30}, errors(results)
    assert reserved() == Decimal("1.4")
    assert Allocation.objects.count() == 3, "the second order spans both pools"
    offers = {(refused.grams, refused.kes) for refused in errors(results)}
    assert offers == {(Decimal("0.6"), Decimal(9900))}
    assert_books()
    assert buy(world.alice, 9900).grams == Decimal("0.6")
    assert reserved() == 2
    assert_books()


# Guards of the book that stay when all others are off, and how the ones who come too late then fare.
@pytest.mark.parametrize("kept", ["lock", "check", "supply"])
def test_one_guard_of_the_book_is_enough_that_a_gram_is_not_sold_twice(kept: str) -> None:
    world = world_create(grams=GRAM)
    agreed = [quote(person, BUY) for person in buyers(8)]
    with schema_kept(), book_unguarded(*(guard for guard in BOOK_GUARDS if guard != kept)):
        results = confirm_together(agreed)
        orders, left = reserved(), balance(chart.pool_available(world.pool.pk))
    assert (orders, left) == (1, 0)
    assert kinds(results)[Order] == 1
    # Only the lock lets people hear what is left. The other guards hold too, but by an error in somebody's face.
    told = kinds(results)[NotEnoughGold]
    assert told == 7 if kept == "lock" else told < 7


def test_without_the_lock_the_race_is_there() -> None:
    """The negative control: nothing but FOR UPDATE is gone, and buyers run into errors that the house never shows."""
    world_create(grams=GRAM)
    agreed = [quote(person, BUY) for person in buyers(8)]
    with schema_kept(), book_unguarded("lock"):
        results = confirm_together(agreed)
    assert [error for error in errors(results) if isinstance(error, IntegrityError)]
    assert reserved() == 1
    assert_books()


def test_without_any_guard_the_last_gram_is_sold_again_and_again() -> None:
    """The negative control of the tests above: this is what they keep away."""
    world = world_create(grams=GRAM)
    agreed = [quote(person, BUY) for person in buyers(8)]
    with schema_kept(), book_unguarded(*BOOK_GUARDS):
        results = confirm_together(agreed)
        sold = kinds(results)[Order]
        assert sold > 1, errors(results)
        assert balance(chart.pool_available(world.pool.pk)) == 1 - sold
        with pytest.raises(AssertionError):
            assert_books()


# --- one quote, many times ------------------------------------------------------------------------


@pytest.mark.fault("P14")
def test_one_quote_confirmed_16_times_is_one_order() -> None:
    world = world_create()
    results = confirm_together([quote(world.alice, Decimal(1000))] * 16)
    assert kinds(results) == {Order: 1, Conflict: 15}, errors(results)
    assert {refused.code for refused in errors(results)} == {"quote_used"}
    assert Order.objects.count() == Payment.objects.count() == 1
    assert_books()


def test_without_single_use_a_quote_is_refused_by_the_table_and_without_that_it_is_8_orders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control: first the conditional UPDATE is gone, then the unique key behind it."""
    world = world_create()
    monkeypatch.setitem(quotes._CONSUME, "buy", without(quotes._CONSUME["buy"], "AND used_at IS NULL"))
    results = confirm_together([quote(world.alice, Decimal(1000))] * 8)
    assert kinds(results) == {Order: 1, IntegrityError: 7}, errors(results)
    assert_books()

    second = quote(world.bob, Decimal(1000))
    with schema_kept(), constraint_off("trading_order", "trading_order_quote_id_key"):
        results = confirm_together([second] * 8)
        assert kinds(results) == {Order: 8}, errors(results)
        assert Order.objects.filter(quote=second).count() == 8


# --- one day's limit ------------------------------------------------------------------------------


@pytest.mark.parametrize("locked", [True, False])
def test_16_buys_of_an_unverified_person_and_the_limit_of_the_day(
    monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """KES 20,000 a day are three buys of 6,000. Without the lock on the person all 16 see the same room."""
    world: World = world_create()
    agreed = [quote(world.bob, Decimal(6000)) for _ in range(16)]
    meeting = Meeting(16)
    check = agreeing.limits_use

    def looked_then_waits(person: User, quote: Quote) -> object:
        use = check(person, quote)
        meeting.wait()
        return use

    monkeypatch.setattr(agreeing, "limits_use", looked_then_waits)
    if not locked:
        rows_unlocked(monkeypatch)
    results = confirm_together(agreed)
    if locked:
        assert kinds(results) == {Order: 3, Refused: 13}, errors(results)
        assert {refused.code for refused in errors(results)} == {"day_limit"}
        assert "KES 2,000 of it is left today" in str(errors(results)[0])
    else:
        assert kinds(results) == {Order: 16}, errors(results)
    assert_books()
