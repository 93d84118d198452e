"""Each way to resolve a difference: two people, and the next comparison does not find it any more."""

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, approve, asked
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post, verify
from oversight.models import Break, BreakKind, BreakState, How
from oversight.reconciliation.resolving import advice, choices
from oversight.tests.day import (
    Day,
    Row,
    day_of_all,
    keys,
    new_receipt,
    row_charge,
    row_in,
    row_out,
    statement,
)
from payments.models import Arrival, ArrivalState, Payment, Source
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


def suspended(day: Day, row: Row) -> Arrival:
    """Money in suspense, known to M-Pesa's list and to the statement."""
    day.collections.append(row)
    arrival = Arrival.objects.create(
        receipt=row.receipt,
        amount=row.moved,
        source=Source.PULL,
        arrived_at=row.at,
        state=ArrivalState.SUSPENSE,
    )
    kept = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), Decimal(row.moved))
    post(key=f"arrival:{arrival.pk}:suspense", kind="arrival_suspense", transfers=[kept])
    return arrival


# --- what is planted ------------------------------------------------------------------------------


def hand_paid(day: Day) -> None:
    day.collections.append(row_in(day.buys[0], receipt=new_receipt(), reference="BY HAND", moved=777))


def moved_from_bank(day: Day) -> None:
    row = Row(new_receipt(), day.buys[0].created_at, "Organization transfer", 50_000, "Transfer of Funds")
    day.payouts.append(row)


def bank_to_collections(day: Day) -> None:
    row = Row(new_receipt(), day.buys[0].created_at, "Organization transfer", 50_000, "Transfer of Funds")
    day.collections.append(row)


def stolen(day: Day) -> None:
    day.payouts.append(row_out(day.sales[0], receipt=new_receipt(), moved=-9_000))


def to_bank(day: Day) -> None:
    text = "Organization Settlement to bank"
    day.collections.append(Row(new_receipt(), day.buys[0].created_at, text, -9_000, "Withdraw Funds to Bank"))


def lost_in(day: Day) -> None:
    day.collections.pop()


def lost_out(day: Day) -> None:
    last = day.sales[-1]
    day.payouts = [row for row in day.payouts if row.receipt != last.receipt]


def lost_arrival(day: Day) -> None:
    suspended(day, row_in(day.buys[0], receipt=new_receipt(), reference="LOST", moved=600))
    day.collections.pop()


def lost_arrival_given(day: Day) -> None:
    lost_arrival(day)
    given(day)


def given(day: Day) -> None:
    """Two people have given the arrival to a customer."""
    arrival = Arrival.objects.get()
    Arrival.objects.update(state=ArrivalState.ASSIGNED, user=day.people[0])
    cash = Transfer(chart.suspense_mpesa(), chart.user_cash(day.people[0].pk), arrival.amount)
    post(key=f"arrival:{arrival.pk}:assigned", kind="arrival_assigned", transfers=[cash])


def too_little(day: Day) -> None:
    day.collections[-1] = row_in(day.buys[-1], moved=1000)


def too_much(day: Day) -> None:
    day.collections[-1] = row_in(day.buys[-1], moved=2000)


def too_much_out(day: Day) -> None:
    row = day.payouts.pop(0)
    day.payouts.insert(0, row_out(day.sales[0], moved=row.moved - 1))


def other_receipt(day: Day) -> None:
    day.collections[-1] = row_in(day.buys[-1], receipt=new_receipt())


def no_receipt_out(day: Day) -> None:
    last = day.sales[-1]
    day.payouts = [row for row in day.payouts if row.receipt != last.receipt]
    Payment.objects.filter(pk=last.pk).update(receipt=None, charge=None)
    day.payouts.append(row_out(last, receipt=new_receipt()))


def other_charge(day: Day) -> None:
    day.payouts = [row for row in day.payouts if row.receipt != day.sales[0].receipt or row.details[0] == "B"]
    day.payouts.append(row_charge(day.sales[0].receipt or "", day.sales[0].created_at, 12))


def no_charge(day: Day) -> None:
    day.payouts = [row for row in day.payouts if row.receipt != day.sales[0].receipt or row.details[0] == "B"]


def stray_charge(day: Day) -> None:
    day.payouts.append(row_charge(new_receipt(), day.sales[0].created_at, 33))


def said_twice(day: Day) -> None:
    day.collections.append(row_in(day.buys[0], details="Pay Bill Online from another", reference=""))


def said_twice_out(day: Day) -> None:
    day.payouts.append(row_out(day.sales[0], details="Business Payment from another export", moved=-300))


def taken_back(day: Day) -> None:
    arrival = suspended(day, row_in(day.buys[0], receipt=new_receipt(), reference="STRAY", moved=600))
    text = f"Transaction Reversal of {arrival.receipt}"
    day.collections.append(
        Row(new_receipt(), day.buys[0].created_at, text, -600, "Reversal", linked=arrival.receipt)
    )


def taken_back_after_given(day: Day) -> None:
    taken_back(day)
    given(day)


def float_short(day: Day) -> None:
    day.reading("174379", -balance(chart.mpesa_collections()) - 450)


PAIRS: list[tuple[Callable[[Day], None], str, str, int]] = [
    # What is planted, its kind, how it is resolved, and what that adds to our float.
    (hand_paid, "line_in_unknown", "suspense", 777),
    (hand_paid, "line_in_unknown", "refund", 777),
    (moved_from_bank, "line_in_unknown", "match", 0),
    (moved_from_bank, "line_in_unknown", "write_off", 50_000),
    (bank_to_collections, "line_in_unknown", "suspense", 50_000),
    (bank_to_collections, "line_in_unknown", "match", 0),
    (bank_to_collections, "line_in_unknown", "write_off", 50_000),
    (stolen, "line_out_unknown", "write_off", -9_000),
    (to_bank, "line_out_unknown", "match", 0),
    (to_bank, "line_out_unknown", "write_off", -9_000),
    (lost_in, "payment_missing", "write_off", -1502),
    (lost_out, "payment_missing", "write_off", 323),
    (lost_arrival, "payment_missing", "suspense", -600),
    (lost_arrival_given, "payment_missing", "write_off", -600),
    (too_little, "amount_differs", "write_off", -502),
    (too_much, "amount_differs", "suspense", 498),
    (too_much_out, "amount_differs", "write_off", -1),
    (other_receipt, "receipt_differs", "match", 0),
    (no_receipt_out, "receipt_differs", "match", 0),
    (other_charge, "charge_differs", "write_off", -7),
    (no_charge, "charge_differs", "write_off", 5),
    (stray_charge, "charge_differs", "write_off", -33),
    (said_twice, "line_twice", "match", 0),
    (said_twice, "line_twice", "suspense", 1500),
    (said_twice_out, "line_twice", "write_off", -300),
    (taken_back, "reversed", "suspense", -600),
    (taken_back_after_given, "reversed", "write_off", -600),
    (float_short, "float_differs", "write_off", -450),
]


def floats() -> Decimal:
    return -(balance(chart.mpesa_collections()) + balance(chart.mpesa_payouts()))


def balances_agree(day: Day) -> None:
    """M-Pesa tells for both floats what our book has now."""
    day.reading("174379", -balance(chart.mpesa_collections()))
    day.reading("600991", -balance(chart.mpesa_payouts()))


def people_have(day: Day) -> list[Decimal]:
    codes = [make(person.pk) for person in day.people for make in (chart.user_cash, chart.user_gold)]
    return [balance(code) for code in codes]


@pytest.mark.fault("P20")
@pytest.mark.parametrize(
    ("plant", "kind", "how", "adds"), PAIRS, ids=[f"{plant.__name__}-{how}" for plant, _, how, _ in PAIRS]
)
def test_resolved_by_two_it_is_not_found_again(
    day: Day, maker: User, checker: User, plant: Callable[[Day], None], kind: str, how: str, adds: int
) -> None:
    with shift_clock(hours=2):
        plant(day)
        day.upload()
        run = day.compare()
        found = Break.objects.get()
        assert (found.kind, keys(run)) == (kind, {(kind, found.key)})
        assert how in {choice.how for choice in choices(found)}
        before, theirs = floats(), people_have(day)
        agreed("break_resolve", {"break": str(found.pk), "how": how}, maker=maker, checker=checker)
        assert floats() - before == adds
        assert people_have(day) == theirs
    with shift_clock(hours=3):
        balances_agree(day)
        again = day.compare()
    found.refresh_from_db()
    assert (found.state, found.how, found.request.checker) == (BreakState.RESOLVED, how, checker)
    assert keys(again) == set()
    assert Break.objects.count() == 1
    assert verify() == []


@pytest.mark.fault("P18", "P20")
def test_money_nobody_asked_for_is_sent_back_from_its_difference(
    day: Day, maker: User, checker: User
) -> None:
    """M-Pesa is asked for it; until it has said that the money went, it lies in suspense."""
    with shift_clock(hours=2):
        hand_paid(day)
        day.upload()
        day.compare()
        found = Break.objects.get()
        request = asked("break_resolve", {"break": str(found.pk), "how": "refund"}, by=maker)
        assert request.effect["leaving_kes"] == "777.00"
        approve(request, checker)
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.amount) == (ArrivalState.RETURNING, 777)
    assert balance(chart.suspense_mpesa()) == 777


@pytest.mark.parametrize("how", ["suspense", "write_off"])
def test_what_is_resolved_after_the_last_reading_makes_no_float_differ(
    day: Day, maker: User, checker: User, how: str
) -> None:
    """The money came after M-Pesa told its balance, and so does what brings it into our book."""
    with shift_clock(hours=2):
        balances_agree(day)
    with shift_clock(hours=3):
        at = now()
    with shift_clock(hours=4):
        day.collections.append(Row(new_receipt(), at, "Organization transfer", 5_000, "Transfer of Funds"))
        day.upload()
        day.compare()
        payload = {"break": str(Break.objects.get().pk), "how": how}
        agreed("break_resolve", payload, maker=maker, checker=checker)
        again = day.compare()
    assert keys(again) == set()


def test_every_kind_says_what_to_do() -> None:
    """Each is resolved here, or there is a sentence that says where."""
    # What was taken back in part or twice has its own tests (test_reconciliation_reversals.py).
    tested = {kind for _, kind, _, _ in PAIRS} | {BreakKind.REVERSAL_DIFFERS}
    for kind in BreakKind:
        found = Break(kind=kind)
        assert kind in tested or (choices(found) == [] and len(advice(found)) > 40), kind


@pytest.mark.parametrize("how", ["match", "write_off", "nonsense", "", None])
def test_a_way_that_does_not_fit_is_refused(day: Day, maker: User, how: str | None) -> None:
    hand_paid(day)
    with shift_clock(hours=2):
        day.upload()
        day.compare()
        found = Break.objects.get()
        with pytest.raises(Refused, match="cannot be resolved in this way"):
            asked("break_resolve", {"break": str(found.pk), "how": how}, by=maker)
    found.refresh_from_db()
    assert found.state == BreakState.OPEN


@pytest.mark.parametrize("key", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_difference_that_is_not_there(maker: User, key: str) -> None:
    with pytest.raises(Refused, match="no such difference"):
        asked("break_resolve", {"break": key, "how": How.MATCH}, by=maker)


def test_an_amount_of_the_form_is_not_read(day: Day, maker: User, checker: User) -> None:
    hand_paid(day)
    with shift_clock(hours=2):
        day.upload()
        day.compare()
        payload = {"break": str(Break.objects.get().pk), "how": "suspense", "amount": "1000000", "kes": "5"}
        agreed("break_resolve", payload, maker=maker, checker=checker)
    arrival = Arrival.objects.get()
    assert (arrival.amount, arrival.state, arrival.reference) == (777, ArrivalState.SUSPENSE, "BY HAND")
    assert arrival.payer == "2547****000"
    assert balance(chart.suspense_mpesa()) == 777


def test_money_in_with_cents_goes_to_suspense(day: Day, maker: User, checker: User) -> None:
    """A bank or another organisation may send cents."""
    row = row_in(day.buys[0], receipt=new_receipt(), reference="BANK", moved=777)
    with shift_clock(hours=2):
        data = statement([*day.collections, row]).replace(b"777.00", b"777.50")
        statement_import(account="collections", name="cents.csv", data=data, by=maker)
        day.compare()
        payload = {"break": str(Break.objects.get().pk), "how": "suspense"}
        agreed("break_resolve", payload, maker=maker, checker=checker)
    assert balance(chart.suspense_mpesa()) == Decimal("777.50") == Arrival.objects.get().amount


@pytest.mark.parametrize("plant", [too_much, said_twice])
def test_what_came_beyond_a_payment_is_the_customers(
    day: Day, maker: User, checker: User, plant: Callable[[Day], None]
) -> None:
    """It can be given to them, and not kept; M-Pesa would only send back the whole payment."""
    with shift_clock(hours=2):
        plant(day)
        day.upload()
        day.compare()
        found = Break.objects.get()
        assert How.WRITE_OFF not in {choice.how for choice in choices(found)}
        payload = {"break": str(found.pk), "how": "suspense"}
        agreed("break_resolve", payload, maker=maker, checker=checker)
        arrival = Arrival.objects.get()
        assert arrival.receipt == f"{found.line.receipt}+2"
        with pytest.raises(Refused, match="whole payments only"):
            asked("suspense_return", {"arrival": str(arrival.pk)}, by=maker)
        payload = {"arrival": str(arrival.pk), "user": str(day.people[0].pk)}
        agreed("suspense_assign", payload, maker=maker, checker=checker)
    assert balance(chart.user_cash(day.people[0].pk)) == found.kes
    with shift_clock(hours=4):
        balances_agree(day)
        assert keys(day.compare()) == set()


def test_nobody_resolves_what_is_about_their_own_payment(day: Day, maker: User, checker: User) -> None:
    too_little(day)
    with shift_clock(hours=2):
        day.upload()
        day.compare()
        found = Break.objects.get()
        Payment.objects.filter(pk=found.payment_id).update(user=checker)
        with pytest.raises(Refused, match="about yourself"):
            agreed(
                "break_resolve", {"break": str(found.pk), "how": "write_off"}, maker=maker, checker=checker
            )
    assert not Break.objects.filter(state=BreakState.RESOLVED).exists()


# --- money on M-Pesa's list that no statement shows -----------------------------------------------


def resolved(found: Break, how: str, maker: User, checker: User) -> None:
    agreed("break_resolve", {"break": str(found.pk), "how": how}, maker=maker, checker=checker)


def test_money_that_never_came_leaves_suspense_and_costs_nobody(day: Day, maker: User, checker: User) -> None:
    with shift_clock(hours=2):
        lost_arrival(day)
        day.upload()
        day.compare()
        found = Break.objects.get()
        with pytest.raises(Refused, match="cannot be resolved in this way"):
            asked("break_resolve", {"break": str(found.pk), "how": "write_off"}, by=maker)
        house = balance(chart.house_adjustments())
        resolved(found, "suspense", maker, checker)
    arrival = Arrival.objects.get()
    assert (arrival.state, balance(chart.suspense_mpesa())) == (ArrivalState.REVERSED, 0)
    assert "never came" in arrival.note
    assert balance(chart.house_adjustments()) == house
    payload = {"arrival": str(arrival.pk), "user": str(day.people[0].pk)}
    with pytest.raises(Conflict):
        asked("suspense_assign", payload, by=maker)


def test_money_that_came_after_all_is_in_suspense_again(day: Day, maker: User, checker: User) -> None:
    """Its line is in a later export: then it is whoever's it was, and not the house's."""
    with shift_clock(hours=2):
        lost_arrival(day)
        day.upload()
        day.compare()
        resolved(Break.objects.get(), "suspense", maker, checker)
    arrival = Arrival.objects.get()
    with shift_clock(hours=4):
        day.collections.append(Row(arrival.receipt, arrival.arrived_at, "Pay Bill", 600, "Pay Bill"))
        day.upload()
        run = day.compare()
        found = run.seen.get(state="open")
        assert (found.kind, found.theirs, found.ours) == ("reversal_differs", 0, -600)
        assert {choice.how for choice in choices(found)} == {How.SUSPENSE}
        resolved(found, "suspense", maker, checker)
        more = Arrival.objects.get(state=ArrivalState.SUSPENSE)
        assert (more.receipt, more.amount) == (f"{arrival.receipt}+2", 600)
        assert balance(chart.suspense_mpesa()) == 600
        balances_agree(day)
        assert keys(day.compare()) == set()
    assert verify() == []
