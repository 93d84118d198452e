"""What customers read when M-Pesa says something else after the end, and about late money that something else used."""

import uuid
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from goldwallet.errors import Conflict
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.services import Transfer, post
from notifications.models import Message
from payments import purposes
from payments.models import Callback, Payment, State
from payments.sending import payment_step
from payments.tests.conftest import provider
from payments.tests.scripted import BUSY, CANCELLED, PAID, REFUSED, SPURIOUS, ScriptedRail, stk, told
from trading import services
from trading.models import Order, Status
from trading.selectors import FROZEN, SPENT
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
from trading.tests.pages import attribute, browser, nothing_changes, text
from trading.tests.test_rebuy import rebuy

__all__ = ["provider"]

pytestmark = pytest.mark.django_db

RECEIPT = "UKL7A2B3C4"


def page(order: Order):
    order.user.refresh_from_db()
    return browser(order.user).get(reverse("order", args=[order.pk]))


def wallet(person: User) -> str:
    return text(browser(person).get(reverse("wallet")))


def incident(world: World, payment_id: uuid.UUID | None) -> None:
    """Two people find in the statement that a payout was paid which had ended unpaid."""
    maker, checker = (world.staff(Role.TREASURY, email=f"{name}@example.com") for name in ("ina", "ivo"))
    payload = {"payment": str(payment_id), "paid": True, "receipt": RECEIPT}
    agreed("payment_resolve", payload, maker=maker, checker=checker)
    with transaction.atomic():
        purposes.after_all(Payment.objects.select_related("user").get(pk=payment_id))


# --- paid after all -------------------------------------------------------------------------------


@pytest.fixture
def refused(world: World, provider: ScriptedRail) -> Order:
    """A sale whose payout M-Pesa has refused: the gold is back."""
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal("0.2"))
    provider.answers.append(REFUSED)
    payment_step(order.payment_id)
    order.refresh_from_db()
    assert order.status == Status.FAILED
    return order


@pytest.mark.fault("O07")
def test_a_sale_that_was_paid_after_all_says_so(world: World, refused: Order) -> None:
    assert "Try again" in text(page(refused))
    incident(world, refused.payment_id)
    said = text(page(refused))
    assert f"M-Pesa has paid this after all. {FROZEN} Receipt {RECEIPT}." in said
    for untrue in ("Nothing was sent", "gold is back", "Try again", "We are asking M-Pesa"):
        assert untrue not in said, untrue
    assert "hx-get" not in page(refused).content.decode()
    letter = Message.objects.get(kind="paid_after_all").text
    assert "M-Pesa has paid you KES 3,200 after all." in letter
    assert "So you have the gold and the money. Your account is on hold" in letter
    User.objects.update(frozen_reason="")
    assert FROZEN not in text(page(refused)), "only while it is so"
    assert_all_books()


@pytest.mark.fault("O07", "P05")
def test_a_refund_that_was_paid_after_all_ends_its_order(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=False, code="4")
    incident(world, order.refund_id)
    order.refresh_from_db()
    assert order.status == Status.REFUNDED
    assert order.finished_at is not None
    shown = page(order)
    assert attribute(shown, "data-order-status") == "refunded"
    assert f"KES 1,000 are back on 0722 000 002. Receipt {RECEIPT}." in text(shown)
    assert "hx-get" not in shown.content.decode()
    assert "Send the money back" not in text(shown)
    with nothing_changes(), pytest.raises(Conflict):
        services.quote_rebuy(user=world.bob, order_id=order.pk)
    assert "could not be sent back" in Message.objects.get(kind="paid_after_all").text
    assert "refunded" not in mails(world.bob), "that mail says that all is well"
    said = wallet(world.bob)
    assert "on the way back" not in said and "You owe us KES 1,000" in said
    assert (cash(world.bob), owed(world.bob)) == (1000, 1000)
    assert_all_books()


@pytest.mark.fault("O07")
def test_a_refund_that_was_paid_after_the_money_had_bought(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=False, code="4")
    rebuy(order)
    incident(world, order.refund_id)
    order.refresh_from_db()
    assert order.status == Status.REBOUGHT
    said = text(page(order))
    assert "Bought again" in said and "KES 1,000 are back on 0722 000 002." in said
    assert owed(world.bob) == 1000
    assert_all_books()


@pytest.mark.fault("O07")
def test_an_earlier_refund_of_two_was_paid_after_all(world: World) -> None:
    """The order names the second one by now. It goes on by itself; the person hears of the first."""
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=False, code="4")
    first = order.refund_id
    again = services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    incident(world, first)
    order.refresh_from_db()
    assert (order.status, order.refund_id) == (Status.PAID_LATE, again.refund_id)
    assert Message.objects.filter(kind="paid_after_all").count() == 1
    assert_all_books()


def test_an_order_whose_refund_is_paid_is_final_whatever_its_status(world: World) -> None:
    """As incidents of earlier days have left them."""
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    Payment.objects.filter(pk=order.refund_id).update(state=State.SUCCEEDED)
    shown = page(order)
    assert "hx-get" not in shown.content.decode()
    assert "Send the money back" not in text(shown)
    assert "on the way back" not in wallet(world.bob)


# --- late money that something else used ----------------------------------------------------------


@pytest.mark.fault("P19", "P05")
def test_late_money_that_a_reversal_took_is_not_called_safe(world: World) -> None:
    order = late(world.alice)
    done = paid(buy(world.alice, 1000))
    paid(sell(world.alice, None))
    taken_back(done)
    assert (cash(world.alice), owed(world.alice)) == (0, 0)
    order.refresh_from_db()
    assert (order.status, order.finished_at is not None) == (Status.REVERSED, True)
    said = text(page(order))
    assert "This money covered what you owed us." in said
    for untrue in ("It is safe", "Send the money back", "M-Pesa took", "Try again"):
        assert untrue not in said, untrue
    assert "too late for its price" not in wallet(world.alice)
    assert_all_books()


@pytest.mark.fault("P19")
def test_only_as_many_late_orders_end_as_the_cash_does_not_cover(world: World) -> None:
    first, second, third = late(world.alice, 500), late(world.alice, 700), late(world.alice, 300)
    done = paid(buy(world.alice, 600))
    paid(sell(world.alice, None))
    taken_back(done)
    states = []
    for order in (first, second, third):
        order.refresh_from_db()
        states.append(order.status)
    assert states == [Status.PAID_LATE, Status.REVERSED, Status.PAID_LATE]
    said = wallet(world.alice)
    assert "KES 500 of yours is with us: it came too late" in said
    assert "KES 300 of yours is with us: it came too late" in said
    assert "KES 100 of yours is with us as cash." in said
    services.refund_ask(user_id=world.alice.pk, order_id=first.pk)
    rebuy(third)
    assert cash(world.alice) == 100
    assert_all_books()


@pytest.mark.fault("P19")
def test_used_late_money_is_then_taken_back_as_well(world: World) -> None:
    order = late(world.alice)
    done = paid(buy(world.alice, 1000))
    paid(sell(world.alice, None))
    taken_back(done)
    order.refresh_from_db()
    taken_back(order, receipt="UKR0000002")
    assert (order.status, owed(world.alice)) == (Status.REVERSED, 1000)
    said = text(page(order))
    assert "This money covered what you owed us." in said
    assert "M-Pesa took KES 1,000 back from us" in said
    assert_all_books()


def test_late_money_that_two_people_took(world: World) -> None:
    order = late(world.bob)
    maker, checker = (world.staff(Role.TREASURY, email=f"{name}@example.com") for name in ("ina", "ivo"))
    words = "The payment was somebody else's."
    payload = {"person": str(world.bob.pk), "kes": "1000", "way": "debit", "words": words}
    agreed("adjust_cash", payload, maker=maker, checker=checker)
    order.refresh_from_db()
    assert order.status == Status.REVERSED
    said = text(page(order))
    assert "We corrected your cash with us and wrote to you." in said
    assert "It is safe" not in said
    assert_all_books()


def test_what_no_service_has_ended_is_told_as_well(world: World) -> None:
    """Should the cash be gone by another way, neither page calls it safe."""
    order = late(world.bob)
    gone = Transfer(chart.user_cash(world.bob.pk), chart.house_adjustments(), Decimal(1))
    post(key="test:gone", kind="adjustment", transfers=[gone])
    said = text(page(order))
    assert SPENT in said and "It is safe" not in said
    said = wallet(world.bob)
    assert "KES 1,000 came too late for an order, and is not with us any more." in said
    assert "Choose what happens with it" not in said
    assert "KES 999 of yours is with us as cash." in said


# --- a word after the end -------------------------------------------------------------------------


@pytest.fixture
def cancelled(world: World, provider: ScriptedRail) -> Order:
    """A buy that the query called cancelled."""
    order = buy(world.bob, 1000)
    payment_step(order.payment_id)
    provider.reports.append(CANCELLED)
    with shift_clock(seconds=15):
        payment_step(order.payment_id)
    order.refresh_from_db()
    assert order.status == Status.FAILED
    return order


@pytest.mark.fault("P02", "P05")
def test_who_may_have_paid_is_not_asked_to_pay_again(
    world: World, provider: ScriptedRail, cancelled: Order
) -> None:
    assert "No money was taken." in text(page(cancelled)) and "Try again" in text(page(cancelled))
    payment = Payment.objects.get(pk=cancelled.payment_id)
    told("collect", payment.token, stk(payment))
    asking(cancelled)
    provider.reports.append(SPURIOUS)
    with shift_clock(seconds=20):
        payment_step(payment.pk)
    asking(cancelled)
    provider.reports.append(PAID)
    with shift_clock(minutes=1):
        payment_step(payment.pk)
    shown = page(cancelled)
    assert attribute(shown, "data-order-status") == "completed"
    assert "do not pay again" not in text(shown)
    assert gold(world.bob) == cancelled.grams
    assert_all_books()


def asking(order: Order) -> None:
    shown = page(order)
    said = text(shown)
    assert "We are asking M-Pesa what happened. Please do not pay again" in said
    for untrue in ("No money was taken", "Try again", "Nothing was bought"):
        assert untrue not in said, untrue
    assert "every 10s" in attribute(shown, "hx-trigger")


@pytest.mark.fault("P02")
def test_a_contradiction_before_staff_is_asked_about_until_they_have_looked(
    world: World, cancelled: Order
) -> None:
    Payment.objects.filter(pk=cancelled.payment_id).update(attention=True)
    asking(cancelled)
    Payment.objects.filter(pk=cancelled.payment_id).update(attention=False)
    assert "Try again" in text(page(cancelled))


def test_an_expired_buy_the_same(world: World) -> None:
    order = buy(world.bob, 1000)
    with shift_clock(seconds=181):
        Payment.objects.filter(pk=order.payment_id).update(attention=True)
        assert "Try again" in text(page(order)), "it was put off again and again, and never sent"
        Callback.objects.create(payment_id=order.payment_id, kind="collect")
        asking(order)


def test_a_sale_the_same(world: World, refused: Order) -> None:
    Payment.objects.filter(pk=refused.payment_id).update(attention=True)
    said = text(page(refused))
    assert "M-Pesa may have paid this after all. Please wait until we know." in said
    for untrue in ("Nothing was sent", "Try again"):
        assert untrue not in said, untrue


@pytest.mark.fault("O07")
def test_a_refund_that_may_have_gone_is_not_sent_again(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=False, code="4")
    Payment.objects.filter(pk=order.refund_id).update(attention=True)
    shown = page(order)
    assert "We are asking M-Pesa whether KES 1,000 have reached 0722 000 002." in text(shown)
    assert "Send the money back" not in text(shown) and "is your cash with us again" not in text(shown)
    assert "every 10s" in attribute(shown, "hx-trigger")
    with nothing_changes(), pytest.raises(Conflict, match="We are asking M-Pesa"):
        services.refund_ask(user_id=world.bob.pk, order_id=order.pk)
    with nothing_changes(), pytest.raises(Conflict, match="We are asking M-Pesa"):
        services.quote_rebuy(user=world.bob, order_id=order.pk)
    Payment.objects.filter(pk=order.refund_id).update(attention=False)
    assert "Send the money back" in text(page(order))
    price(world, 20_000, 19_000)
    rebuy(order)


# --- not taken by M-Pesa yet ----------------------------------------------------------------------


def test_a_payout_that_m_pesa_puts_off_is_not_called_under_way(world: World, provider: ScriptedRail) -> None:
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal("0.2"))
    said = text(page(order))
    assert "We are about to ask M-Pesa to pay 0712 345 678. Your gold is held for it." in said
    assert "M-Pesa is paying" not in said and "less than a minute" not in said
    provider.answers.append(BUSY)
    payment_step(order.payment_id)
    said = text(page(order))
    assert "M-Pesa is busy. We try again in a moment" in said
    assert "M-Pesa is paying" not in said and "less than a minute" not in said
    with shift_clock(minutes=2):
        payment_step(order.payment_id)
        assert "M-Pesa is paying 0712 345 678. This takes less than a minute." in text(page(order))


def test_a_refund_that_m_pesa_puts_off_is_not_called_under_way(world: World, provider: ScriptedRail) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    provider.answers.append(BUSY)
    payment_step(order.refund_id)
    said = text(page(order))
    assert "M-Pesa is busy. We try again in a moment" in said
    assert "M-Pesa is sending" not in said and "less than a minute" not in said
    # Put off so often that staff were told: still nobody has asked M-Pesa what happened.
    Payment.objects.filter(pk=order.refund_id).update(attention=True)
    assert "M-Pesa is busy." in text(page(order))
