"""Settling: once, under the lock, with evidence, posted as the last write."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from controls.models import Cause
from controls.selectors import switch
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.test.books import assert_books
from goldwallet.test.world import FLOAT, World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance, legs
from payments.models import Direction, Exchange, Kind, Payment, State
from payments.services import payment_create, payment_settle
from trading.models import Order, Status

pytestmark = pytest.mark.django_db


def pending(order: Order) -> tuple[Payment, Exchange]:
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    return order.payment, Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)


def test_the_second_settlement_changes_nothing(world: World) -> None:
    order = buy(world.bob, 1000)
    payment, exchange = pending(order)
    assert payment_settle(payment_id=payment.pk, paid=True, receipt="UKL7A2B3C4", exchange=exchange)
    before = Transaction.objects.count()
    assert not payment_settle(payment_id=payment.pk, paid=True, receipt="UKL7A2B3C5", exchange=exchange)
    assert not payment_settle(payment_id=payment.pk, paid=False, code="1032", exchange=exchange)
    payment.refresh_from_db()
    assert payment.state == State.SUCCEEDED
    assert payment.receipt == "UKL7A2B3C4"
    assert payment.due_at is None
    assert payment.ended_at is not None
    assert Transaction.objects.count() == before
    assert_books()


def test_a_failure_points_at_its_evidence_or_the_database_refuses(world: World) -> None:
    order = buy(world.bob, 1000)
    payment, exchange = pending(order)
    with pytest.raises(IntegrityError, match="payment_failure_has_evidence"), transaction.atomic():
        payment_settle(payment_id=payment.pk, paid=False, code="1032")
    assert payment_settle(payment_id=payment.pk, paid=False, code="1032", exchange=exchange)
    assert_books()


def test_a_payment_that_was_not_sent_cannot_fail(world: World) -> None:
    order = buy(world.bob, 1000)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert not payment_settle(payment_id=order.payment_id, paid=False, code="1032", exchange=exchange)
    order.refresh_from_db()
    assert order.status == Status.PENDING


def test_the_postings_of_a_buy_are_those_of_the_design(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    posted = Transaction.objects.get(key=f"payment:{order.payment_id}:paid")
    assert posted.kind == "buy_paid"
    assert [(leg.source.code, leg.destination.code, leg.amount) for leg in legs(posted.pk)] == [
        (f"user:{world.bob.pk}:gold:incoming", f"user:{world.bob.pk}:gold", order.grams),
        ("mpesa:collections", f"user:{world.bob.pk}:cash", order.total_kes),
        (f"user:{world.bob.pk}:cash", "house:sales", order.total_kes),
    ]


def test_the_postings_of_a_failed_sale_mirror_those_of_its_agreement(world: World) -> None:
    paid(buy(world.alice, 10_000))
    order = sell(world.alice, None)
    payment, exchange = pending(order)
    assert payment_settle(payment_id=payment.pk, paid=False, code="2040", exchange=exchange)
    agreed = legs(Transaction.objects.get(key=f"order:{order.pk}:agreed").pk)
    mirror = legs(Transaction.objects.get(key=f"payment:{payment.pk}:failed").pk)
    assert [(leg.source.code, leg.destination.code, leg.amount) for leg in reversed(agreed)] == [
        (leg.destination.code, leg.source.code, leg.amount) for leg in mirror
    ]
    assert_books()


@pytest.mark.fault("O07")
def test_a_payout_paid_after_it_ended_unpaid_is_an_incident(world: World) -> None:
    """The gold went back when it failed, so the money is owed to us; nobody else is paid until two people looked."""
    paid(buy(world.alice, 10_000))
    order = sell(world.alice, None)
    payment, exchange = pending(order)
    payment_settle(payment_id=payment.pk, paid=False, code="2040", exchange=exchange)
    assert payment_settle(payment_id=payment.pk, paid=True, receipt="UKL7A2B3C4", exchange=exchange)
    payment.refresh_from_db()
    assert (payment.state, payment.attention, payment.receipt) == (State.SUCCEEDED, True, "UKL7A2B3C4")
    assert balance(chart.user_gold(world.alice.pk)) == order.grams
    assert balance(chart.user_receivable(world.alice.pk)) == -order.total_kes
    assert balance(chart.mpesa_payouts()) == order.total_kes + payment.charge - FLOAT
    assert switch("payouts").cause == Cause.INCIDENT
    with pytest.raises(Refused, match="on hold"):
        sell(world.alice, None)
    order.refresh_from_db()
    assert order.status == Status.FAILED
    assert not payment_settle(payment_id=payment.pk, paid=True, receipt="UKL7A2B3C4", exchange=exchange)
    assert_books()


@pytest.mark.parametrize(("grams", "charge"), [("0.006250", 0), ("0.062500", 5), ("1", 11)])
def test_the_charge_of_a_payout_is_booked_by_the_tariff(world: World, grams: str, charge: int) -> None:
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(grams))
    payment, exchange = pending(order)
    assert payment_settle(payment_id=payment.pk, paid=True, receipt="UKL7A2B3C4", exchange=exchange)
    assert Payment.objects.get(pk=payment.pk).charge == charge
    assert balance(chart.house_charges()) == -charge
    assert balance(chart.mpesa_payouts()) == order.total_kes + charge - FLOAT
    assert_books()


@pytest.mark.fault("O11")
def test_an_empty_float_pauses_payouts(world: World) -> None:
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    payment, exchange = pending(order)
    assert payment_settle(payment_id=payment.pk, paid=False, code="1", exchange=exchange)
    assert switch("payouts").cause == Cause.FLOAT_EMPTY
    assert balance(chart.user_gold_locked(world.alice.pk)) == 0
    assert_books()


@pytest.mark.parametrize("amount", ["0", "-5", "10.50"])
def test_the_database_refuses_an_amount_that_mpesa_cannot_move(world: World, amount: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        payment_create(
            direction=Direction.IN,
            purpose="buy",
            user_id=world.bob.pk,
            amount=Decimal(amount),
            phone=world.bob.phone,
            reference="GTEST0000001",
        )


def test_the_database_refuses_a_prompt_that_waits_for_staff(world: World) -> None:
    payment = buy(world.bob, 1000).payment
    with pytest.raises(IntegrityError, match="payment_approval_for_payouts"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(state=State.AWAITING_APPROVAL)


def test_every_change_of_state_is_recorded(world: World) -> None:
    order = paid(buy(world.bob, 1000), receipt="UKL7A2B3C4")
    assert [event.state for event in events_of(order.payment)] == ["pending", "succeeded"]


def test_the_phone_of_a_payment_is_sealed(world: World) -> None:
    payment = buy(world.bob, 1000).payment
    assert payment.phone == world.bob.phone
    assert world.bob.phone[3:] not in payment.phone_sealed
    assert world.bob.phone[3:] not in payment.phone_lookup
