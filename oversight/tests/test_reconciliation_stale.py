"""What settles a difference after the comparison: then two people cannot book it a second time."""

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import now
from goldwallet.errors import Conflict
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import buy, paid
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from oversight.models import Break, BreakState
from oversight.tests.day import Day, Row, day_of_all, keys, new_receipt, row_charge, statement
from oversight.tests.test_reconciliation_resolve import (
    float_short,
    hand_paid,
    lost_arrival,
    lost_in,
    moved_from_bank,
    no_charge,
    stray_charge,
    taken_back_after_given,
    too_little,
)
from payments.models import Arrival, ArrivalState, Float, Payment, Source
from payments.statements import statement_import

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


def late_line(day: Day, account: str, row: Row) -> None:
    statement_import(account=account, name="late.csv", data=statement([row]), by=day.by)


# --- what happens between the comparison and the second person ------------------------------------


def its_line_comes(day: Day) -> None:
    late_line(day, Float.COLLECTIONS, day.all_in[-1])


def its_charge_comes(day: Day) -> None:
    sale = day.sales[0]
    late_line(day, Float.PAYOUTS, row_charge(sale.receipt or "", sale.created_at, sale.charge or 0))


def it_is_sent_back(day: Day) -> None:
    arrival = Arrival.objects.get()
    Arrival.objects.update(state=ArrivalState.RETURNED, decided_at=now())
    back = Transfer(chart.suspense_mpesa(), chart.mpesa_collections(), arrival.amount)
    post(key=f"arrival:{arrival.pk}:returned", kind="arrival_returned", transfers=[back])


def it_was_reversed(day: Day) -> None:
    """Another decision has taken the arrival back; nothing of it is posted under its own key."""
    Arrival.objects.update(state=ArrivalState.REVERSED, decided_at=now())


def the_list_brings_it(day: Day) -> None:
    line = Break.objects.get().line
    Arrival.objects.create(
        receipt=line.receipt, amount=line.paid_in, source=Source.PULL, arrived_at=line.completed_at
    )


def a_payment_has_its_receipt(day: Day) -> None:
    Payment.objects.filter(pk=day.sales[0].pk).update(receipt=Break.objects.get().line.receipt)


def the_move_is_booked(day: Day) -> None:
    moved = Transfer(chart.mpesa_payouts(), chart.house_adjustments(), Decimal(50_000))
    post(key="request:moved", kind="float_move", transfers=[moved])


def the_payment_is_taken_back(day: Day) -> None:
    payment = day.buys[-1]
    back = Transfer(chart.house_adjustments(), chart.mpesa_collections(), payment.amount)
    post(key=f"payment:{payment.pk}:reversed", kind="buy_reversed", transfers=[back])


def money_moves(day: Day) -> None:
    paid(buy(day.people[0], 2000), receipt=new_receipt())


STALE: list[tuple[Callable[[Day], None], str, Callable[[Day], None]]] = [
    (lost_in, "write_off", its_line_comes),
    (lost_in, "write_off", the_payment_is_taken_back),
    (lost_arrival, "suspense", its_line_comes),
    (lost_arrival, "suspense", it_is_sent_back),
    (lost_arrival, "suspense", it_was_reversed),
    (taken_back_after_given, "write_off", it_was_reversed),
    (hand_paid, "suspense", the_list_brings_it),
    (hand_paid, "suspense", a_payment_has_its_receipt),
    (moved_from_bank, "write_off", the_move_is_booked),
    (too_little, "write_off", the_payment_is_taken_back),
    (no_charge, "write_off", its_charge_comes),
    (stray_charge, "write_off", a_payment_has_its_receipt),
    (float_short, "write_off", money_moves),
]


@pytest.mark.parametrize(
    ("plant", "how", "happens"), STALE, ids=[f"{plant.__name__}-{then.__name__}" for plant, _, then in STALE]
)
def test_what_was_settled_meanwhile_is_not_booked_again(
    day: Day,
    maker: User,
    checker: User,
    plant: Callable[[Day], None],
    how: str,
    happens: Callable[[Day], None],
) -> None:
    day.all_in = list(day.collections)
    with shift_clock(hours=2):
        plant(day)
        if Arrival.objects.exists():
            arrival = Arrival.objects.get()
            day.all_in.append(
                Row(arrival.receipt, arrival.arrived_at, "Pay Bill", int(arrival.amount), "Pay Bill")
            )
        day.upload()
        day.compare()
        found = Break.objects.get()
        request = asked("break_resolve", {"break": str(found.pk), "how": how}, by=maker)
    with shift_clock(hours=3):
        happens(day)
        before = _book()
        with pytest.raises(Conflict):
            approve(request, checker)
    found.refresh_from_db()
    assert (found.state, _book()) == (BreakState.OPEN, before)


def _book() -> list[Decimal]:
    return [
        balance(code) for code in (chart.mpesa_collections(), chart.mpesa_payouts(), chart.suspense_mpesa())
    ]


def test_after_another_comparison_it_can_be_resolved(day: Day, maker: User, checker: User) -> None:
    """A float's difference of a busy house: what moved since is in the next comparison."""
    with shift_clock(hours=2):
        float_short(day)
        day.compare()
    with shift_clock(hours=3):
        money_moves(day)
    with shift_clock(hours=4):
        day.compare()
        payload = {"break": str(Break.objects.get().pk), "how": "write_off"}
        agreed("break_resolve", payload, maker=maker, checker=checker)
        assert keys(day.compare()) == set()
