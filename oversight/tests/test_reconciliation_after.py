"""What one difference does to the others: a fee, suspense and an older statement make no second one."""

import copy
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import now
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import buy, sell
from ledger import chart
from ledger.selectors import balance
from oversight.models import Break, BreakState
from oversight.reconciliation.run import reconcile
from oversight.tests.day import Day, day_of_all, keys, new_receipt, row_charge, row_in, row_out
from oversight.tests.test_reconciliation_resolve import balances_agree, no_charge, suspended
from payments.models import Arrival, ArrivalState, Exchange, Kind, Payment, State
from payments.services import payment_settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def checker() -> User:
    return staff("treasury", email="checker@example.com")


@pytest.fixture(scope="module")
def traded(django_db_setup, django_db_blocker) -> Iterator[Day]:
    yield from day_of_all(django_db_blocker, buys=3, sales=3)


@pytest.fixture
def day(traded: Day, db: None) -> Day:
    return copy.deepcopy(traded)


@pytest.fixture
def maker(day: Day) -> User:
    return day.by


def test_a_payment_that_was_paid_out_of_suspense_agrees_with_its_posting(
    day: Day, maker: User, checker: User
) -> None:
    payment = day.pending(buy(day.world.alice, 1777))
    with shift_clock(hours=2):
        suspended(day, row_in(payment, receipt="UKLHAND001", reference="WRONG"))
        payload = {"payment": str(payment.pk), "paid": True, "receipt": "UKLHAND001"}
        agreed("payment_resolve", payload, maker=maker, checker=checker)
        assert Arrival.objects.get().state == ArrivalState.MATCHED
    with shift_clock(hours=3):
        day.upload()
        balances_agree(day)
        run = day.compare()
    assert keys(run) == set()


def paid_without_receipt(day: Day) -> Payment:
    """A payout that succeeded by its tariff's charge; M-Pesa's line and its fee stand under another receipt."""
    last = day.sales[-1]
    assert last.charge
    day.payouts = [row for row in day.payouts if row.receipt != last.receipt]
    Payment.objects.filter(pk=last.pk).update(receipt=None)
    receipt = new_receipt()
    day.payouts += [row_out(last, receipt=receipt), row_charge(receipt, last.created_at, last.charge)]
    return last


def test_the_fee_of_a_payout_without_a_receipt_is_booked_once(day: Day, maker: User, checker: User) -> None:
    paid_without_receipt(day)
    charged = balance(chart.house_charges())
    with shift_clock(hours=2):
        day.upload()
        balances_agree(day)
        run = day.compare()
        found = Break.objects.get()
        assert keys(run) == {("receipt_differs", found.key)}
        agreed("break_resolve", {"break": str(found.pk), "how": "match"}, maker=maker, checker=checker)
        again = day.compare()
    assert keys(again) == set()
    assert balance(chart.house_charges()) == charged


@pytest.mark.parametrize("known", [True, False], ids=["under its receipt", "under another"])
def test_the_fee_of_a_payout_that_we_hold_as_failed_makes_no_float_differ(day: Day, known: bool) -> None:
    """M-Pesa paid it after we had given up; its fee is booked when the payment is resolved."""
    order = sell(day.people[0], Decimal("0.03"))
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=now())
    payment = Payment.objects.get(pk=order.payment_id)
    payment_settle(payment_id=payment.pk, paid=False, exchange=Exchange.objects.create(kind=Kind.PAY_OUT_ASK))
    receipt = new_receipt()
    if known:
        Payment.objects.filter(pk=payment.pk).update(receipt=receipt)
    with shift_clock(hours=2):
        day.payouts += [row_out(payment, receipt=receipt), row_charge(receipt, payment.created_at, 5)]
        day.upload()
        day.reading("600991", -balance(chart.mpesa_payouts()) - payment.amount, Decimal(-5))
        run = day.compare()
    assert [kind for kind, _ in keys(run)] == ["state_differs"]


def test_a_charge_that_is_missing_stays_open_when_its_statement_is_an_older_one(day: Day) -> None:
    no_charge(day)
    with shift_clock(hours=2):
        day.upload()
        day.compare()
    found = Break.objects.get()
    assert found.kind == "charge_differs"
    with shift_clock(days=4):
        run = reconcile()
        assert run.starts_at > now() - dt.timedelta(days=3)
    found.refresh_from_db()
    assert found.state == BreakState.OPEN
