"""A line of a statement and a payment that turn out to be the same money: it is booked once."""

from dataclasses import replace

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import now
from goldwallet.errors import Conflict
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.selectors import balance
from oversight.models import Break, BreakKind, BreakState, How
from oversight.tests.day import Day, row_in
from payments.arrivals.matching import Arrived, arrival_take
from payments.models import Arrival, ArrivalState, Payment, State
from payments.services import payment_receipt_add

pytestmark = pytest.mark.django_db

RECEIPT = "UKLHAND001"


@pytest.fixture
def maker(db: None) -> User:
    return staff("treasury", email="maker@example.com")


@pytest.fixture
def checker(db: None) -> User:
    return staff("treasury", email="checker@example.com")


@pytest.fixture
def day(world: World, maker: User) -> Day:
    made = Day(world, maker)
    made.trade(people=2, buys=3, sales=0)
    return made


def collected():
    return -balance(chart.mpesa_collections())


def open_break(kind: BreakKind) -> Break:
    return Break.objects.get(kind=kind, state=BreakState.OPEN)


@pytest.mark.fault("P18", "P20")
def test_a_line_that_paid_a_payment_meanwhile_goes_to_no_suspense(
    day: Day, maker: User, checker: User
) -> None:
    payment = day.pending(buy(day.world.alice, 1777))
    with shift_clock(hours=2):
        day.collections.append(row_in(payment, receipt=RECEIPT, reference="WRONG"))
        day.upload()
        day.compare()
        payload = {"break": str(open_break(BreakKind.LINE_IN_UNKNOWN).pk), "how": How.SUSPENSE}
        request = asked("break_resolve", payload, by=maker)
        paid = {"payment": str(payment.pk), "paid": True, "receipt": RECEIPT}
        agreed("payment_resolve", paid, maker=maker, checker=checker)
        before = collected()
        with pytest.raises(Conflict, match="a payment's meanwhile"):
            approve(request, checker)
    assert not Arrival.objects.exists()
    assert (collected(), balance(chart.suspense_mpesa())) == (before, 0)
    assert_books()


@pytest.mark.fault("P15", "P20")
def test_a_line_in_suspense_whose_payment_learns_its_receipt_late(
    day: Day, maker: User, checker: User
) -> None:
    """The payment was settled by the question alone, and the export has no column for the reference."""
    payment = day.buys[-1]
    Payment.objects.filter(pk=payment.pk).update(receipt=None)
    day.collections[-1] = replace(day.collections[-1], reference="", details="Pay Bill Online")
    before = collected()
    with shift_clock(hours=2):
        day.upload()
        day.compare()
        payload = {"break": str(open_break(BreakKind.LINE_IN_UNKNOWN).pk), "how": How.SUSPENSE}
        agreed("break_resolve", payload, maker=maker, checker=checker)
        arrival = Arrival.objects.get()
        assert (collected(), balance(chart.suspense_mpesa())) == (before + payment.amount, payment.amount)
        payment_receipt_add(payment_id=payment.pk, receipt=arrival.receipt)
        arrival.refresh_from_db()
        assert (arrival.state, arrival.payment_id) == (ArrivalState.MATCHED, payment.pk)
        assert (collected(), balance(chart.suspense_mpesa())) == (before, 0)
        day.compare()
        assert not Break.objects.filter(state=BreakState.OPEN, payment=payment).exists()
    assert_books()


@pytest.mark.fault("P18", "P20")
def test_a_receipt_taken_over_from_a_line_leaves_suspense(day: Day, maker: User, checker: User) -> None:
    """While two people decide, the list brings the same receipt, and it goes to suspense as a second payment."""
    payment, before = day.buys[-1], collected()
    day.collections[-1] = row_in(payment, receipt=RECEIPT)
    with shift_clock(hours=2):
        day.upload()
        day.compare()
        payload = {"break": str(open_break(BreakKind.RECEIPT_DIFFERS).pk), "how": How.MATCH}
        request = asked("break_resolve", payload, by=maker)
        Payment.objects.filter(pk=payment.pk).update(receipt_seen_at=now())
        row = Arrived(
            receipt=RECEIPT, amount=payment.amount, reference=payment.reference, payer="", arrived_at=now()
        )
        arrival = arrival_take(row)
        assert (arrival.state, balance(chart.suspense_mpesa())) == (ArrivalState.SUSPENSE, payment.amount)
        approve(request, checker)
        payment.refresh_from_db()
        arrival.refresh_from_db()
        assert (payment.state, payment.receipt) == (State.SUCCEEDED, RECEIPT)
        assert (arrival.state, arrival.payment_id) == (ArrivalState.MATCHED, payment.pk)
        assert (collected(), balance(chart.suspense_mpesa())) == (before, 0)
    assert_books()
