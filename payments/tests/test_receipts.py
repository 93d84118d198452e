"""A receipt is booked once, whoever books by it: a callback, the list, a statement, or two people."""

from decimal import Decimal

import pytest

from accounts.models import User
from accounts.tests.people import staff
from controls.models import Request
from goldwallet import clock
from goldwallet.errors import Conflict
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from ledger.services import reverse
from payments.arrivals import arrival_match, arrival_take
from payments.arrivals.matching import Arrived
from payments.models import Arrival, ArrivalState, Exchange, Kind, Payment, State
from payments.services import payment_receipt_add, payment_settle
from payments.tests.scripted import ScriptedRail
from trading.models import Order, Status

pytestmark = pytest.mark.django_db

RECEIPT, OTHER = "UKLHAND001", "UKLOTHER01"


@pytest.fixture
def order(world: World, provider: ScriptedRail) -> Order:
    """alice's order, whose prompt M-Pesa has."""
    return with_mpesa(buy(world.alice, 1777))


@pytest.fixture
def tina(db: None) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def tom(db: None) -> User:
    return staff("treasury", username="tom")


def with_mpesa(order: Order) -> Order:
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=clock.now())
    return order


def payment(order: Order) -> Payment:
    return Payment.objects.get(pk=order.payment_id)


def came(receipt: str = RECEIPT, reference: str = "", kes: int = 1777) -> Arrival:
    row = Arrived(receipt=receipt, amount=Decimal(kes), reference=reference, payer="", arrived_at=clock.now())
    return arrival_take(row)


def confirmed(order: Order, receipt: str = RECEIPT) -> Payment:
    """The question says paid, and a callback named the receipt."""
    answer = Exchange.objects.create(kind=Kind.COLLECT_REPORT, payment_id=order.payment_id)
    assert payment_settle(payment_id=order.payment_id, paid=True, receipt=receipt, exchange=answer)
    return payment(order)


def collected() -> Decimal:
    return -balance(chart.mpesa_collections())


def stands(arrival: Arrival) -> tuple[str, object]:
    arrival.refresh_from_db()
    return arrival.state, arrival.payment_id


# --- settled on the provider's word ---------------------------------------------------------------


@pytest.mark.fault("P15", "P18")
def test_what_lies_in_suspense_pays_the_payment_that_names_it(order: Order) -> None:
    arrival = came()
    assert (arrival.state, balance(chart.suspense_mpesa())) == (ArrivalState.SUSPENSE, 1777)
    found = confirmed(order)
    assert (found.state, found.receipt, found.attention) == (State.SUCCEEDED, RECEIPT, False)
    assert found.receipt_seen_at is not None
    assert stands(arrival) == (ArrivalState.MATCHED, order.payment_id)
    assert (balance(chart.suspense_mpesa()), collected()) == (0, 1777)
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()


@pytest.mark.fault("P18")
@pytest.mark.parametrize("where", ["assigned", "returning", "returned", "reversed"])
def test_what_is_booked_elsewhere_is_not_taken_over(order: Order, where: str) -> None:
    arrival = came()
    Arrival.objects.filter(pk=arrival.pk).update(state=where, user=order.user)
    held = balance(chart.suspense_mpesa())
    found = confirmed(order)
    assert (found.state, found.receipt, found.attention) == (State.SUCCEEDED, None, True)
    assert RECEIPT in found.note
    assert "booked already" in found.note
    assert stands(arrival) == (where, None)
    assert balance(chart.suspense_mpesa()) == held


def test_money_of_another_amount_stays_in_suspense(order: Order) -> None:
    arrival = came(kes=900)
    found = confirmed(order)
    assert (found.receipt, found.attention) == (None, True)
    assert stands(arrival) == (ArrivalState.SUSPENSE, None)
    assert balance(chart.suspense_mpesa()) == 900


def test_a_callback_does_not_take_what_names_another_payment(order: Order, world: World) -> None:
    """bob paid twice: his second money names his order, and nobody else's callback gets it."""
    bobs = paid(buy(world.bob, 1777), receipt=OTHER)
    came(OTHER, bobs.payment.reference)
    arrival = came(RECEIPT, bobs.payment.reference)
    assert stands(arrival) == (ArrivalState.SUSPENSE, bobs.payment_id)
    found = confirmed(order)
    assert (found.receipt, found.attention) == (None, True)
    assert stands(arrival) == (ArrivalState.SUSPENSE, bobs.payment_id)
    assert balance(chart.suspense_mpesa()) == 1777


def test_money_that_comes_after_the_claim_was_kept_is_a_second_payment(order: Order) -> None:
    came()
    confirmed(order)
    second = came(OTHER, order.payment.reference)
    assert stands(second) == (ArrivalState.SUSPENSE, order.payment_id)
    assert payment(order).receipt == RECEIPT
    assert (balance(chart.suspense_mpesa()), collected()) == (1777, 2 * 1777)


def test_a_receipt_of_another_payment_is_not_taken_over(order: Order, world: World) -> None:
    paid(buy(world.bob, 1777), receipt=RECEIPT)
    found = confirmed(order)
    assert (found.state, found.receipt, found.attention) == (State.SUCCEEDED, None, True)
    assert "belongs to another payment" in found.note


def test_a_payout_takes_no_receipt_of_money_that_came(order: Order, world: World) -> None:
    paid(buy(world.alice, 20_000))
    sale = with_mpesa(sell(world.alice, Decimal("0.5")))
    arrival = came(kes=int(sale.total_kes))
    found = confirmed(sale)
    assert (found.state, found.receipt, found.attention) == (State.SUCCEEDED, None, True)
    assert stands(arrival) == (ArrivalState.SUSPENSE, None)


# --- a receipt that is learned later --------------------------------------------------------------


@pytest.mark.fault("P15")
def test_a_receipt_that_comes_late_frees_the_same_money_from_suspense(order: Order) -> None:
    confirmed(order, receipt="")
    arrival = came()
    assert collected() == 2 * 1777
    for _ in range(2):
        payment_receipt_add(payment_id=order.payment_id, receipt=RECEIPT)
        assert payment(order).receipt == RECEIPT
        assert stands(arrival) == (ArrivalState.MATCHED, order.payment_id)
        assert (balance(chart.suspense_mpesa()), collected()) == (0, 1777)
    assert_books()


def test_a_late_receipt_of_money_that_was_given_away_goes_to_staff(order: Order) -> None:
    confirmed(order, receipt="")
    arrival = came()
    Arrival.objects.filter(pk=arrival.pk).update(state=ArrivalState.ASSIGNED, user=order.user)
    payment_receipt_add(payment_id=order.payment_id, receipt=RECEIPT)
    found = payment(order)
    assert (found.receipt, found.attention) == (None, True)
    assert balance(chart.suspense_mpesa()) == 1777


# --- decided by two people ------------------------------------------------------------------------


def resolved(order: Order, tina: User, tom: User) -> Payment:
    payload = {"payment": str(order.payment_id), "paid": True, "receipt": RECEIPT}
    agreed("payment_resolve", payload, maker=tina, checker=tom)
    return payment(order)


@pytest.mark.fault("P18", "O10")
def test_a_receipt_that_two_people_gave_is_not_taken_away(
    order: Order, world: World, tina: User, tom: User
) -> None:
    other = with_mpesa(buy(world.bob, 1777))
    assert resolved(order, tina, tom).receipt_seen_at is not None
    arrival = came(RECEIPT, other.payment.reference)
    assert stands(arrival) == (ArrivalState.MATCHED, order.payment_id)
    for one, receipt, state in ((order, RECEIPT, State.SUCCEEDED), (other, None, State.PENDING)):
        found = payment(one)
        assert (found.receipt, found.state, found.attention) == (receipt, state, True)
        assert order.payment.reference in found.note
    assert (balance(chart.suspense_mpesa()), collected()) == (0, 1777)
    assert arrival_match(arrival_id=arrival.pk) == ArrivalState.MATCHED
    assert_books()


@pytest.mark.parametrize("decided", [True, False])
def test_the_charge_of_money_out_of_suspense_is_booked_once(
    order: Order, tina: User, tom: User, settings, decided: bool
) -> None:
    settings.DARAJA = {**settings.DARAJA, "collection_tariff": "business"}
    came()
    charge = -balance(chart.house_charges())
    assert charge > 0
    if decided:
        resolved(order, tina, tom)
    else:
        confirmed(order)
    assert payment(order).charge == charge
    assert -balance(chart.house_charges()) == charge
    assert (balance(chart.suspense_mpesa()), collected()) == (0, 1777 - charge)
    assert_books()


# --- moves of the float ---------------------------------------------------------------------------


def moved(reference: str, tina: User, tom: User, *, kes: str = "5000", subject: str = "") -> Request:
    payload = {"move": "owner_collections", "amount": kes, "reference": reference}
    return agreed("float_move", payload, maker=tina, checker=tom, subject=subject)


@pytest.mark.fault("P20")
def test_a_float_move_is_booked_once_until_it_is_reversed(
    provider: ScriptedRail, tina: User, tom: User
) -> None:
    moved("BANK 2026-117", tina, tom)
    for again in ("BANK 2026-117", "bank 2026-117", " Bank  2026-117 "):
        with pytest.raises(Conflict, match="in the book already"):
            moved(again, tina, tom, subject=again)
    assert collected() == 5000
    done = Transaction.objects.get(kind="float_move")
    reverse(transaction_id=done.pk, key="undone")
    moved("BANK 2026-117", tina, tom, subject="again")
    assert collected() == 5000
    assert_books()


def test_two_requests_for_one_transfer_book_it_once(provider: ScriptedRail, tina: User, tom: User) -> None:
    payload = {"move": "owner_collections", "amount": "5000", "reference": "BANK 2026-117"}
    first, second = (asked("float_move", payload, by=tina, subject=name) for name in ("one", "two"))
    approve(first, tom)
    with pytest.raises(Conflict, match="in the book already"):
        approve(second, tom)
    assert collected() == 5000


def test_a_float_move_takes_no_receipt_of_a_customers_money(order: Order, tina: User, tom: User) -> None:
    came(RECEIPT)
    confirmed(order, OTHER)
    for receipt in (RECEIPT, OTHER, OTHER.lower()):
        with pytest.raises(Conflict, match="a customer's money"):
            moved(receipt, tina, tom, subject=receipt)
