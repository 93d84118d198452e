"""A sale, service by service: the hold, the way back of the gold, and the mirror when the money did not go."""

from decimal import Decimal

import pytest
from django.core import mail
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.world import World, buy, paid, sell, world_create
from ledger import chart
from ledger.models import Account, Transaction
from ledger.selectors import balance, legs
from notifications.services import messages_sweep
from payments.models import Payment
from pools.models import Allocation, Pool
from trading import services
from trading.models import Order, Status
from trading.tests.pages import nothing_changes
from trading.tests.test_buy import fail

pytestmark = pytest.mark.django_db


def available() -> dict[str, Decimal]:
    return {name: balance(chart.pool_available(pk)) for pk, name in Pool.objects.values_list("pk", "name")}


@pytest.fixture
def two(db: None) -> World:
    """First has 0.1 g and Second 10 g; alice bought 0.3 g: 0.1 of First, 0.2 of Second, and then 0.1 of Second."""
    world = world_create(grams=Decimal("0.100000"))
    world.gold(Decimal(10), name="Second", priority=2)
    assert paid(buy(world.alice, 4950)).grams == Decimal("0.3")
    assert paid(buy(world.alice, 1650)).grams == Decimal("0.1")
    return world


def test_the_grams_return_to_the_pools_that_they_came_from_oldest_first(two: World) -> None:
    assert available() == {"First": 0, "Second": Decimal("9.7")}
    paid(sell(two.alice, Decimal("0.05")))
    assert available() == {"First": Decimal("0.05"), "Second": Decimal("9.7")}
    paid(sell(two.alice, Decimal("0.15")))
    assert available() == {"First": Decimal("0.1"), "Second": Decimal("9.8")}
    paid(sell(two.alice, None))
    assert available() == {"First": Decimal("0.1"), "Second": 10}
    assert all(row.returned == row.grams for row in Allocation.objects.all())
    assert_books()


def test_nothing_returns_before_the_money_is_out(two: World) -> None:
    before = available()
    order = sell(two.alice, Decimal("0.2"))
    assert available() == before
    assert balance(chart.user_gold_locked(two.alice.pk)) == Decimal("0.2")
    assert balance(chart.payouts_clearing()) == order.total_kes
    assert -balance(chart.house_purchases()) == order.total_kes
    paid(order)
    assert balance(chart.payouts_clearing()) == 0
    charge = Payment.objects.get(pk=order.payment_id).charge
    assert charge
    assert balance(chart.mpesa_payouts()) == order.total_kes + charge - 5_000_000
    assert_books()


def test_the_gold_of_somebody_else_stays_where_it_is(two: World) -> None:
    paid(buy(two.bob, 1650))
    paid(sell(two.bob, None))
    assert available() == {"First": 0, "Second": Decimal("9.7")}
    assert balance(chart.user_gold(two.alice.pk)) == Decimal("0.4")
    assert_books()


def test_a_failed_payout_is_as_if_nothing_had_been_agreed(two: World) -> None:
    before = dict(Account.objects.values_list("code", "balance"))
    order = fail(sell(two.alice, Decimal("0.2")), "2040")
    assert order.status == Status.FAILED
    after = dict(Account.objects.values_list("code", "balance"))
    assert {code: amount for code, amount in after.items() if amount} == {
        code: amount for code, amount in before.items() if amount
    }
    assert_books()


@pytest.mark.fault("O14")
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(micro=st.integers(625, 400_000))
def test_hold_and_release_leave_every_balance_as_it_was(two: World, micro: int) -> None:
    """For any amount (faults.md O14). The hold and its release are each other's mirror, transfer by transfer."""
    grams = Decimal(micro).scaleb(-6)
    before = {code: amount for code, amount in Account.objects.values_list("code", "balance") if amount}
    order = fail(sell(two.alice, grams), "2040")
    assert {
        code: amount for code, amount in Account.objects.values_list("code", "balance") if amount
    } == before
    agreed = legs(Transaction.objects.get(key=f"order:{order.pk}:agreed").pk)
    undone = legs(Transaction.objects.get(key=f"payment:{order.payment_id}:failed").pk)
    assert sorted((leg.source.code, leg.destination.code, leg.amount) for leg in agreed) == sorted(
        (leg.destination.code, leg.source.code, leg.amount) for leg in undone
    )


def test_a_refused_sale_names_what_is_there(two: World) -> None:
    with nothing_changes(), pytest.raises(Refused, match=r"You can sell up to 0\.400000 g\."):
        services.quote_sell(user=two.alice, phone=two.alice.phone, grams=Decimal("0.400001"))


def test_the_least_that_a_sale_pays(two: World) -> None:
    """KES 10: 0.000625 g at 16,000."""
    with pytest.raises(Refused, match=r"A sale must pay at least KES 10\."):
        sell(two.alice, Decimal("0.000624"))
    assert sell(two.alice, Decimal("0.000625")).total_kes == 10


@pytest.mark.fault("Q09")
def test_dust_left_behind_can_be_sold_with_the_rest(two: World) -> None:
    paid(sell(two.alice, Decimal("0.399999")))
    with pytest.raises(Refused, match=r"A sale must pay at least KES 10\."):
        sell(two.alice, None)
    paid(buy(two.alice, 1650))
    order = paid(sell(two.alice, None))
    assert order.grams == Decimal("0.100001")
    assert balance(chart.user_gold(two.alice.pk)) == 0
    assert_books()


def test_the_number_that_is_paid_is_the_person_s_own(two: World) -> None:
    with nothing_changes(), pytest.raises(Refused, match="We pay only to your own number, 0712 345 678"):
        services.quote_sell(user=two.alice, phone="0110 000 009", grams=Decimal("0.1"))
    order = sell(two.alice, Decimal("0.1"))
    assert Payment.objects.get(pk=order.payment_id).phone == two.alice.phone


def test_sales_of_staff_and_customers_are_mailed_alike(two: World) -> None:
    paid(sell(two.alice, Decimal("0.1")), receipt="UKL7A2B3C4")
    fail(sell(two.alice, Decimal("0.1")), "2040")
    messages_sweep()
    letters = {letter.subject: letter.body for letter in mail.outbox if letter.to == [two.alice.email]}
    assert "M-Pesa receipt: UKL7A2B3C4" in letters["We paid you KES 1,600"]
    assert "That number is not registered with M-Pesa." in letters["Your sale was not completed"]
    assert "Your gold is back in your wallet." in letters["Your sale was not completed"]


def test_many_trades_there_and_back_never_gain(two: World) -> None:
    """At a fixed price no sequence of trades raises what a person has in all (invariant I15)."""

    def worth() -> Decimal:
        bought = sum(Order.objects.filter(user=two.bob, side="buy").values_list("total_kes", flat=True))
        sold = sum(Order.objects.filter(user=two.bob, side="sell").values_list("total_kes", flat=True))
        return sold - bought + balance(chart.user_gold(two.bob.pk)) * 16_500

    best = worth()
    for kes, grams in ((101, None), (333, "0.01"), (100, "0.000625"), (777, None)):
        paid(buy(two.bob, kes))
        assert worth() <= best
        best = worth()
        paid(sell(two.bob, None if grams is None else Decimal(grams)))
        assert worth() <= best
        best = worth()
    assert_books()
