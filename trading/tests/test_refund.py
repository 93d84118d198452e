"""Late money sent back: held while it is under way, gone once, and the customer's again when it was not sent."""

import uuid
from decimal import Decimal

import pytest

from accounts.roles import Role
from accounts.services import person_freeze
from controls.services import threshold_set
from goldwallet.errors import Conflict, Refused
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from ledger.services import Transfer, post
from notifications.models import Message
from payments.models import Direction, Payment, State
from payments.services import payout_refuse
from trading import services
from trading.models import Order, Status
from trading.tests.late import assert_all_books, cash, late, mails, refund_ends
from trading.tests.pages import nothing_changes

pytestmark = pytest.mark.django_db


def ask(order: Order) -> Order:
    return services.refund_ask(user_id=order.user_id, order_id=order.pk)


@pytest.mark.fault("P05")
def test_it_holds_the_money_and_ends_refunded(world: World) -> None:
    order = ask(late(world.bob, receipt="UKL7A2B3C4"))
    refund = order.refund
    assert refund is not None
    assert (refund.direction, refund.purpose, refund.amount) == (Direction.OUT, "refund", 1000)
    assert (refund.phone, refund.state) == (world.bob.phone, State.CREATED)
    assert refund.reference != order.reference
    assert order.status == Status.PAID_LATE
    assert (cash(world.bob), balance(chart.payouts_clearing())) == (0, 1000)
    assert_all_books()

    refund_ends(order, is_paid=True, receipt="UKL7A2B3C5")
    assert order.status == Status.REFUNDED
    assert order.finished_at is not None
    assert cash(world.bob) == balance(chart.payouts_clearing()) == balance(chart.house_sales()) == 0
    kinds = Transaction.objects.filter(memo=refund.reference).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["refund_agreed", "refund_paid"]
    assert sorted(mails(world.bob)) == ["expired", "paid_late", "refunded"]
    assert "UKL7A2B3C5" in Message.objects.get(kind="order_refunded").text
    assert_all_books()


@pytest.mark.fault("O14")
@pytest.mark.parametrize("kes", [100, 101, 999, 20_000])
def test_not_sent_is_the_exact_mirror_and_the_choice_is_back(world: World, kes: int) -> None:
    order = ask(late(world.bob, kes))
    refund_ends(order, is_paid=False, code="2040")
    assert order.status == Status.PAID_LATE
    assert not order.refund_open
    assert order.refund_sentence == "That number is not registered with M-Pesa."
    assert cash(world.bob) == kes
    assert mails(world.bob).count("refund_failed") == 1
    assert_all_books()

    first = order.refund_id
    again = ask(order)
    assert again.refund_id != first
    refund_ends(again, is_paid=False, code="2040")
    assert mails(world.bob).count("refund_failed") == 2, "each end has its mail"
    refund_ends(ask(order), is_paid=True)
    assert Order.objects.get(pk=order.pk).status == Status.REFUNDED
    assert cash(world.bob) == 0
    assert_all_books()


@pytest.mark.fault("P15")
def test_twice_is_one_refund(world: World) -> None:
    order = ask(late(world.bob))
    for state in (State.CREATED, State.SENDING, State.PENDING, State.UNKNOWN):
        Payment.objects.filter(pk=order.refund_id).update(state=state)
        with nothing_changes(), pytest.raises(Conflict, match="on its way back"):
            ask(order)
        with nothing_changes(), pytest.raises(Conflict, match="on its way back"):
            services.quote_rebuy(user=world.bob, order_id=order.pk)
    refund_ends(order, is_paid=True)
    with nothing_changes(), pytest.raises(Conflict, match="back on your M-Pesa already"):
        ask(order)
    assert Payment.objects.filter(direction=Direction.OUT).count() == 1


def test_only_ones_own_and_only_late_money(world: World) -> None:
    order = late(world.bob)
    with nothing_changes():
        for user, order_id in ((world.alice, order.pk), (world.bob, uuid.uuid4())):
            with pytest.raises(Refused, match="do not find") as refused:
                services.refund_ask(user_id=user.pk, order_id=order_id)
            assert refused.value.status == 404
    for other in (buy(world.bob, 1000), paid(buy(world.bob, 1000))):
        with nothing_changes(), pytest.raises(Conflict, match="nothing to choose"):
            ask(other)


def test_who_is_on_hold_waits(world: World) -> None:
    order = late(world.bob)
    person_freeze(user_id=world.bob.pk, reason="Asked to look at it")
    with nothing_changes(), pytest.raises(Refused, match="on hold") as refused:
        ask(order)
    assert refused.value.status == 403


def test_money_that_two_people_took_away_is_not_sent(world: World) -> None:
    order = late(world.bob)
    gone = Transfer(chart.user_cash(world.bob.pk), chart.house_adjustments(), Decimal(1))
    post(key="test:gone", kind="adjustment", transfers=[gone])
    with nothing_changes(), pytest.raises(Conflict, match="not with us any more"):
        ask(order)
    with pytest.raises(Conflict, match="not with us any more"):
        services.rebuy_confirm(
            user_id=world.bob.pk, quote_id=services.quote_rebuy(user=world.bob, order_id=order.pk).pk
        )
    assert_all_books()


def test_in_manual_mode_it_waits_and_staff_may_refuse(world: World) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = ask(late(world.bob))
    assert order.refund is not None
    assert order.refund.state == State.AWAITING_APPROVAL
    payout_refuse(
        payment_id=order.refund.pk, by=world.staff(Role.TREASURY).pk, reason="The phone was reported stolen."
    )
    order = Order.objects.get(pk=order.pk)
    assert order.status == Status.PAID_LATE
    assert "The phone was reported stolen." in order.refund_sentence
    assert cash(world.bob) == 1000
    assert_all_books()


@pytest.mark.fault("O16")
def test_payouts_of_a_day_beyond_the_limit_wait_for_staff(world: World) -> None:
    """Sales and refunds together, by the person: each alone is small."""
    threshold_set(name="payouts_person_day_kes", value=Decimal(1500), by=world.vault)
    first, second = ask(late(world.bob)), ask(late(world.bob))
    assert first.refund is not None
    assert second.refund is not None
    assert (first.refund.state, second.refund.state) == (State.CREATED, State.AWAITING_APPROVAL)
    paid(buy(world.alice, 3000))
    quotes = [
        services.quote_sell(user=world.alice, phone=world.alice.phone, grams=Decimal("0.05"))
        for _ in range(3)
    ]
    sales = [services.sell_confirm(user_id=world.alice.pk, quote_id=quote.pk) for quote in quotes]
    assert [sale.total_kes for sale in sales] == [800, 800, 800]
    assert [sale.payment.state for sale in sales] == [
        State.CREATED,
        State.AWAITING_APPROVAL,
        State.AWAITING_APPROVAL,
    ]
    assert_all_books()
