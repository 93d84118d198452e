"""M-Pesa takes a payment back, whatever became of its money (faults.md P19): grams while they are free, then cash, and
the rest is owed. Never a negative balance, and the books hold to the shilling.
"""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.roles import Role
from goldwallet.errors import Conflict, Refused
from goldwallet.test.two import asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Account, Transaction
from ledger.selectors import balance, legs
from notifications.models import Message
from payments.models import Payment, State
from payments.services import payout_approve, payout_refuse
from pools import services as pools
from pools.models import Allocation
from trading import services, terms
from trading.models import Order, Status
from trading.tests.late import (
    assert_all_books,
    cash,
    gold,
    late,
    mails,
    owed,
    price,
    refund_ends,
    taken_back,
)
from trading.tests.test_order_page import ended
from trading.tests.test_rebuy import rebuy

pytestmark = [pytest.mark.django_db, pytest.mark.fault("P19")]


def collections() -> Decimal:
    """What lies on the collecting account, the provider's charges aside."""
    return -balance(chart.mpesa_collections()) - balance(chart.house_charges())


def frozen(user) -> bool:
    user.refresh_from_db()
    return user.frozen_reason != ""


def undone(order: Order) -> dict[str, Decimal]:
    """What the reversal took from each account."""
    posted = Transaction.objects.get(key=f"payment:{order.payment_id}:reversed")
    assert posted.kind == "buy_reversed"
    return {str(leg.source).rpartition(":")[2]: leg.amount for leg in legs(posted.pk)}


# --- completed ------------------------------------------------------------------------------------


def test_grams_that_are_still_there_go_back(world: World) -> None:
    order = taken_back(paid(buy(world.bob, 1000)))
    assert order.status == Status.REVERSED
    assert Payment.objects.get(pk=order.payment_id).state == State.REVERSED
    assert undone(order) == {"gold": order.grams, "sales": 1000}
    assert gold(world.bob) == cash(world.bob) == owed(world.bob) == 0
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert Allocation.objects.get(order_id=order.pk).returned == order.grams
    assert not frozen(world.bob)
    assert mails(world.bob).count("reversed") == 1
    assert_all_books()


def test_grams_that_were_sold_are_owed(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    paid(sell(world.bob, None))
    taken_back(order)
    assert undone(order) == {"receivable": 1000}
    assert (gold(world.bob), owed(world.bob)) == (0, 1000)
    assert frozen(world.bob)
    letter = Message.objects.get(kind="order_reversed").text
    assert "you owe us KES 1,000" in letter
    for act in (lambda: buy(world.bob, 100), lambda: sell(world.bob, None)):
        with pytest.raises(Refused, match="on hold"):
            act()
    assert_all_books()


def test_a_part_was_sold(world: World) -> None:
    """0.020606 of 0.060606 g are left: the 0.04 g that are not cost 660 shillings at the order's price."""
    order = paid(buy(world.bob, 1000))
    paid(sell(world.bob, Decimal("0.04")))
    price(world, 30_000, 29_000)
    taken_back(order)
    assert undone(order) == {"gold": Decimal("0.020606"), "sales": 340, "receivable": 660}
    assert (gold(world.bob), owed(world.bob)) == (0, 660)
    assert_all_books()


def test_grams_of_a_running_sale_stay_with_it(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    sale = sell(world.bob, None)
    taken_back(order)
    assert owed(world.bob) == 1000
    assert balance(chart.user_gold_locked(world.bob.pk)) == sale.grams
    assert_all_books()
    paid(sale)
    assert sale.status == Status.COMPLETED
    assert gold(world.bob) == balance(chart.user_gold_locked(world.bob.pk)) == 0
    assert_all_books()


def test_a_running_sale_that_then_fails_gives_its_grams_back(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    sale = sell(world.bob, None)
    taken_back(order)
    ended(sale, is_paid=False, code="2040")
    assert (gold(world.bob), owed(world.bob)) == (sale.grams, 1000)
    assert frozen(world.bob), "so that the grams stay until two people have looked"
    assert_all_books()


def test_grams_of_another_purchase_serve_as_well(world: World) -> None:
    first = paid(buy(world.bob, 1000))
    paid(sell(world.bob, None))
    second = paid(buy(world.bob, 1000))
    taken_back(first)
    assert (gold(world.bob), owed(world.bob)) == (0, 0)
    taken_back(second, receipt="UKR0000002")
    assert owed(world.bob) == 1000
    assert_all_books()


def test_cash_pays_before_anything_is_owed(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    paid(sell(world.bob, None))
    other = late(world.bob, 700)
    taken_back(order)
    assert undone(order) == {"cash": 700, "receivable": 300}
    assert (cash(world.bob), owed(world.bob)) == (0, 300)
    assert_all_books()
    assert other.status == Status.PAID_LATE


def test_grams_return_to_several_pools(world: World) -> None:
    first = world.pool.pk
    second = world.gold(Decimal(3))
    pools.pool_move(pool_id=first, way="down", place=1, by=world.vault)
    order = paid(buy(world.alice, 66_000))
    taken_back(order)
    assert balance(chart.pool_available(second.pk)) == 3
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_all_books()


# --- late money -----------------------------------------------------------------------------------


def test_late_money_that_waits_goes(world: World) -> None:
    order = taken_back(late(world.bob))
    assert order.status == Status.REVERSED
    assert undone(order) == {"cash": 1000}
    assert cash(world.bob) == owed(world.bob) == 0
    assert not frozen(world.bob)
    with pytest.raises(Conflict, match="taken this payment back"):
        services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    assert_all_books()


def test_what_late_money_bought_is_undone_with_both_orders(world: World) -> None:
    old = late(world.bob)
    price(world, 20_000, 19_000)
    new = rebuy(old)
    taken_back(old)
    new.refresh_from_db()
    assert (old.status, new.status) == (Status.REVERSED, Status.REVERSED)
    assert undone(old) == {"gold": Decimal("0.05"), "sales": 1000}
    assert gold(world.bob) == owed(world.bob) == 0
    assert_all_books()


def test_what_late_money_bought_and_was_sold_is_owed_at_the_new_price(world: World) -> None:
    old = late(world.bob)
    price(world, 20_000, 19_000)
    rebuy(old)
    paid(sell(world.bob, Decimal("0.02")))
    taken_back(old)
    assert undone(old) == {"gold": Decimal("0.03"), "sales": 600, "receivable": 400}
    assert frozen(world.bob)
    assert_all_books()


def test_money_that_went_back_already_is_owed(world: World) -> None:
    order = late(world.bob)
    services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    refund_ends(order, is_paid=True)
    taken_back(order)
    assert order.status == Status.REVERSED
    assert undone(order) == {"receivable": 1000}
    assert frozen(world.bob)
    assert_all_books()


@pytest.mark.parametrize("is_paid", [True, False])
def test_money_on_its_way_back_is_owed_and_its_payout_ends_by_itself(world: World, is_paid: bool) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    Payment.objects.filter(pk=order.refund_id).update(state=State.UNKNOWN)
    taken_back(order)
    assert undone(order) == {"receivable": 1000}
    assert_all_books()
    refund_ends(order, is_paid=is_paid, code="" if is_paid else "2040")
    assert order.status == Status.REVERSED
    # Not sent: it is cash again, of somebody who owes as much and is on hold.
    assert (cash(world.bob), owed(world.bob)) == (0 if is_paid else 1000, 1000)
    assert frozen(world.bob)
    assert mails(world.bob).count("refunded") == 0
    assert_all_books()


def test_a_refund_that_nobody_has_sent_is_stopped(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    taken_back(order)
    assert Payment.objects.get(pk=order.refund_id).state == State.CANCELLED
    assert balance(chart.payouts_clearing()) == cash(world.bob) == owed(world.bob) == 0
    assert not frozen(world.bob)
    assert_all_books()


def test_a_refund_that_waits_for_staff_is_stopped(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    Payment.objects.filter(pk=order.refund_id).update(state=State.AWAITING_APPROVAL, due_at=None)
    taken_back(order)
    assert owed(world.bob) == 0
    staff = world.staff(Role.TREASURY).pk
    for decide in (
        lambda: payout_approve(payment_id=order.refund_id, by=staff),
        lambda: payout_refuse(payment_id=order.refund_id, by=staff, reason="Not wanted any more."),
    ):
        with pytest.raises(Conflict):
            decide()
    assert_all_books()


def test_a_payment_is_taken_back_once_and_only_if_it_came(world: World) -> None:
    tina = world.staff(Role.TREASURY)
    done = paid(buy(world.bob, 1000))
    taken_back(done)
    for order in (done, buy(world.bob, 1000), sell_of(world)):
        payload = {"payment": str(order.payment_id), "receipt": "UKR0000009"}
        with pytest.raises(Conflict, match="came and stands"):
            asked("payment_reversed", payload, by=tina)
    assert_all_books()


def sell_of(world: World) -> Order:
    """A sale that was paid: M-Pesa cannot take back what we paid out."""
    paid(buy(world.alice, 1000))
    return paid(sell(world.alice, None))


# --- every amount ---------------------------------------------------------------------------------

KES = st.integers(1, 250_000).map(Decimal)
PRICES = st.integers(100, 5_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
SHARES = st.fractions(0, 1)


@settings(max_examples=500)
@given(paid_kes=KES, price=PRICES, kept=SHARES, extra=KES, more=SHARES)
def test_for_every_amount_the_parts_add_up(paid_kes, price, kept, extra, more) -> None:
    deal = terms.buy_for_kes(paid_kes, price=price)
    free = (deal.grams * kept.numerator / kept.denominator).quantize(Decimal("0.000001"))
    has = Decimal(int(extra * more.numerator / more.denominator))
    undo = terms.undo(paid=paid_kes, grams=deal.grams, price=price, free=free, cash=has)
    assert undo.sales + undo.cash + undo.owed == paid_kes
    assert min(undo.grams, undo.sales, undo.cash, undo.owed) >= 0
    assert undo.grams == min(free, deal.grams)
    assert undo.cash <= has
    assert undo.owed == 0 or undo.cash == has, "nothing is owed while there is cash"
    if undo.grams == deal.grams and deal.grams:
        assert undo.sales == paid_kes
    missing = deal.grams - undo.grams
    assert undo.cash + undo.owed >= missing * price, "rounded for the house"
    assert undo.cash + undo.owed < missing * price + 1 or undo.grams == 0


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(kes=st.integers(100, 900), sold=st.fractions(0, 1), waiting=st.integers(0, 3))
def test_for_every_amount_the_books_hold(world: World, kes: int, sold, waiting: int) -> None:
    """The same against the database: a part sold, or none, and sometimes cash of another late order."""
    with transaction.atomic():
        world.bob.refresh_from_db()
        order = paid(buy(world.bob, kes))
        grams = (order.grams * sold.numerator / sold.denominator).quantize(Decimal("0.000001"))
        if grams * 16_000 >= 10:
            paid(sell(world.bob, grams))
        if waiting:
            late(world.bob, 100 * waiting)
        before = collections()
        taken_back(order)
        assert before - collections() == kes
        assert gold(world.bob) >= 0
        assert not Account.objects.filter(code__startswith="user:", asset="GOLD", balance__lt=0).exists()
        assert frozen(world.bob) == (owed(world.bob) > 0)
        assert_all_books()
        transaction.set_rollback(True)
