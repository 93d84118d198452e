"""What M-Pesa took back against what we took back: a part, twice, never, and a line that says little."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, asked
from ledger import chart
from ledger.services import Transfer, post
from oversight.models import Break, Run
from oversight.tests.day import Day, Row, day_of_all, keys, row_in
from payments.models import Arrival, ArrivalState, Payment, Source

pytestmark = [pytest.mark.django_db, pytest.mark.fault("P19")]


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


def taken_back_there(
    day: Day, payment: Payment, receipt: str = "UKLREVERS1", moved: int | None = None
) -> None:
    text = f"Transaction Reversal of {payment.receipt} to 2547****123"
    kes = int(payment.amount) if moved is None else moved
    day.collections.append(Row(receipt, now(), text, -kes, "Reversal", linked=payment.receipt or ""))


def taken_back_here(payment: Payment, maker: User, checker: User, receipt: str = "UKLREVERS1") -> None:
    payload = {"payment": str(payment.pk), "receipt": receipt}
    agreed("payment_reversed", payload, maker=maker, checker=checker)


def sent_back_here(day: Day, kes: int = 12_000) -> Arrival:
    """Money that nobody knew, and that went back to who had paid it."""
    row = row_in(day.buys[0], receipt="UKLHAND001", reference="", moved=kes)
    day.collections.append(row)
    arrival = Arrival.objects.create(
        receipt=row.receipt, amount=kes, source=Source.PULL, arrived_at=row.at, state=ArrivalState.RETURNED,
        decided_at=now(),
    )  # fmt: skip
    mpesa, suspense = chart.mpesa_collections(), chart.suspense_mpesa()
    post(key=f"arrival:{arrival.pk}:suspense", kind="x", transfers=[Transfer(mpesa, suspense, Decimal(kes))])
    post(key=f"arrival:{arrival.pk}:returned", kind="x", transfers=[Transfer(suspense, mpesa, Decimal(kes))])
    return arrival


def compared(day: Day, hours: int = 4) -> Run:
    with shift_clock(hours=hours):
        day.upload()
        return day.compare()


def only(run: Run, key: object, theirs: int, ours: int) -> Break:
    assert keys(run) == {("reversal_differs", f"reversal:{key}")}
    found = run.seen.get(state="open")
    assert (found.theirs, found.ours) == (theirs, ours)
    return found


def test_taken_back_on_both_sides_is_no_difference(day: Day, maker: User, checker: User) -> None:
    with shift_clock(hours=1):
        taken_back_here(day.buys[-1], maker, checker)
        taken_back_there(day, day.buys[-1])
        sent_back_here(day)
        day.collections.append(
            Row("UKLREV0001", now(), "Transaction Reversal of UKLHAND001 to 2547****123", -12_000, "Reversal",
                linked="UKLHAND001")
        )  # fmt: skip
    run = compared(day)
    assert list(run.seen.values_list("sentence", flat=True)) == []
    told = next(step for step in run.report if step["name"] == "Payments taken back")
    assert told["theirs"]["count"] == told["ours"]["count"] == 2
    assert told["theirs"]["total"] == told["ours"]["total"]


def test_a_part_is_a_difference_before_and_after(day: Day, maker: User, checker: User) -> None:
    payment = day.buys[-1]
    with shift_clock(hours=1):
        taken_back_there(day, payment, moved=500)
    only(compared(day), payment.pk, -500, 0)
    with shift_clock(hours=5):
        with pytest.raises(Conflict, match="KES 500 out"):
            taken_back_here(payment, maker, checker)
        taken_back_here(payment, maker, checker, "UKLNOTTHIS")
    found = only(compared(day, 6), payment.pk, -500, -int(payment.amount))

    # What M-Pesa still has is somebody's, not the house's: it lies in suspense. Then the difference is gone; and what
    # M-Pesa takes back later is a difference of its own size.
    with shift_clock(hours=7):
        with pytest.raises(Refused, match="cannot be resolved in this way"):
            asked("break_resolve", {"break": str(found.pk), "how": "write_off"}, by=maker)
        payload = {"break": str(found.pk), "how": "suspense"}
        agreed("break_resolve", payload, maker=maker, checker=checker)
        rest = Arrival.objects.get(payment=payment)
        assert (rest.state, rest.amount) == (ArrivalState.SUSPENSE, payment.amount - 500)
        assert keys(day.compare()) == set()
        taken_back_there(day, payment, "UKLREVERS2", moved=200)
    only(compared(day, 8), payment.pk, -700, -500)


def test_twice_is_a_difference(day: Day, maker: User, checker: User) -> None:
    payment = day.buys[-1]
    kes = int(payment.amount)
    with shift_clock(hours=1):
        taken_back_there(day, payment)
        taken_back_there(day, payment, "UKLREVERS2")
    only(compared(day), payment.pk, -2 * kes, 0)
    with shift_clock(hours=5):
        taken_back_here(payment, maker, checker)
    only(compared(day, 6), payment.pk, -2 * kes, -kes)


def test_taken_back_here_and_not_there_is_a_difference(day: Day, maker: User, checker: User) -> None:
    payment = day.buys[-1]
    with shift_clock(hours=1):
        taken_back_here(payment, maker, checker)
    only(compared(day), payment.pk, 0, -int(payment.amount))
    with shift_clock(hours=1):
        taken_back_there(day, payment)
    assert keys(compared(day, 6)) == set()


def test_sent_back_here_and_not_there_is_a_difference(day: Day) -> None:
    with shift_clock(hours=1):
        arrival = sent_back_here(day)
    only(compared(day), arrival.pk, 0, -12_000)


def test_nothing_is_said_where_no_statement_reaches(day: Day, maker: User, checker: User) -> None:
    with shift_clock(hours=1):
        day.upload()
    with shift_clock(hours=2):
        taken_back_here(day.buys[-1], maker, checker)
        sent_back_here(day)
    with shift_clock(hours=6):
        assert keys(day.compare()) == set()


def test_taken_back_and_given_again_is_nothing(day: Day) -> None:
    payment = day.buys[-1]
    with shift_clock(hours=1):
        taken_back_there(day, payment)
        taken_back_there(day, payment, "UKLREVERS2")
        again = day.collections.pop()
        day.collections.append(replace(again, moved=-again.moved))
    assert keys(compared(day)) == set()
