"""Callback, list and two people meet at one receipt: whoever is first, it is booked once."""

from decimal import Decimal

import pytest

from accounts.tests.people import staff
from goldwallet import clock
from goldwallet.test.books import assert_books
from goldwallet.test.race import errors, queue_empty, together
from goldwallet.test.two import approve, asked
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.selectors import balance
from payments.arrivals import arrival_take
from payments.arrivals.matching import Arrived
from payments.models import Arrival, ArrivalState, Exchange, Kind, Payment, State
from payments.services import payment_settle

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

ROUNDS = 12


@pytest.fixture(autouse=True)
def quiet_queue(transactional_db):
    queue_empty()
    yield
    queue_empty()


@pytest.mark.fault("P15", "P18")
def test_a_settlement_and_a_list_that_meet_book_the_money_once(world: World) -> None:
    """The reference was lost, so only the receipt says whose money it is."""
    for number in range(ROUNDS):
        receipt = f"UKLRACE{number:03d}"
        order = buy(world.alice, 1000 + number)
        Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=clock.now())
        answer = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
        row = Arrived(
            receipt=receipt,
            amount=Decimal(1000 + number),
            reference="",
            payer="",
            arrived_at=clock.now(),
        )
        before = balance(chart.mpesa_collections())

        def act(which: int, order=order, answer=answer, receipt=receipt, row=row) -> object:
            if which:
                return arrival_take(row)
            return payment_settle(payment_id=order.payment_id, paid=True, receipt=receipt, exchange=answer)

        assert errors(together(2, act)) == []
        assert Payment.objects.get(pk=order.payment_id).receipt == receipt
        # Matched, or still to be judged with the payment that names it; in suspense it would be booked twice.
        assert Arrival.objects.get(receipt=receipt).state in {ArrivalState.MATCHED, ArrivalState.NEW}
        assert before - balance(chart.mpesa_collections()) == 1000 + number
        assert balance(chart.suspense_mpesa()) == 0
    assert_books()


@pytest.mark.fault("P18")
def test_money_given_away_and_claimed_at_once_goes_one_way(world: World) -> None:
    tina, tom = staff("treasury", username="tina"), staff("treasury", username="tom")
    for number in range(ROUNDS):
        receipt = f"UKLRACE{number:03d}"
        order = buy(world.alice, 1000 + number)
        Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING, sent_at=clock.now())
        answer = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
        row = Arrived(
            receipt=receipt,
            amount=Decimal(1000 + number),
            reference="",
            payer="",
            arrived_at=clock.now(),
        )
        arrival = arrival_take(row)
        payload = {"arrival": str(arrival.pk), "user": str(world.bob.pk)}
        request = asked("suspense_assign", payload, by=tina)

        def act(which: int, order=order, answer=answer, receipt=receipt, request=request) -> object:
            if which:
                return approve(request, tom)
            return payment_settle(payment_id=order.payment_id, paid=True, receipt=receipt, exchange=answer)

        cash = balance(chart.user_cash(world.bob.pk))
        together(2, act)
        arrival.refresh_from_db()
        payment = Payment.objects.get(pk=order.payment_id)
        assert payment.state == State.SUCCEEDED
        given = balance(chart.user_cash(world.bob.pk)) - cash
        if arrival.state == ArrivalState.ASSIGNED:
            assert (payment.receipt, payment.attention, given) == (None, True, 1000 + number)
        else:
            assert (arrival.state, payment.receipt, given) == (ArrivalState.MATCHED, receipt, 0)
        assert balance(chart.suspense_mpesa()) == 0
    assert_books()
