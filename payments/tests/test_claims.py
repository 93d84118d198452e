"""Receipts that only a callback has named, against what M-Pesa lists: the list wins, and nothing is posted twice."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from goldwallet import clock
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments.arrivals import arrival_match, arrival_take
from payments.arrivals.matching import Arrived
from payments.models import Arrival, ArrivalState, Exchange, Kind, Payment, Pull, State
from payments.tests.scripted import ScriptedRail
from trading.models import Order

pytestmark = pytest.mark.django_db

TRUE, CLAIMED, OTHER = "UKLTRUE001", "UKLCLAIM01", "UKLOTHER01"


@pytest.fixture
def order(world: World, provider: ScriptedRail) -> Iterator[Order]:
    """bob's order, completed; a callback named CLAIMED as its receipt."""
    yield paid(buy(world.bob, 1000), receipt=CLAIMED)
    assert Transaction.objects.filter(kind="buy_paid").count() <= 2
    assert_books()


def came(receipt: str, reference: str = "", kes: int = 1000) -> Arrival:
    row = Arrived(receipt=receipt, amount=Decimal(kes), reference=reference, payer="", arrived_at=clock.now())
    return arrival_take(row)


def payment(order: Order) -> Payment:
    return Payment.objects.get(pk=order.payment_id)


def listed(*, complete: bool = True) -> None:
    """A list of everything up to now was read."""
    end = clock.now()
    answer = Exchange.objects.create(kind=Kind.PULL)
    Pull.objects.create(starts_at=end - timedelta(hours=1), ends_at=end, complete=complete, exchange=answer)


def again(arrival: Arrival) -> ArrivalState:
    state = arrival_match(arrival_id=arrival.pk)
    arrival.refresh_from_db()
    return state


def test_the_claim_is_confirmed(order: Order) -> None:
    arrival = came(CLAIMED, order.payment.reference)
    assert (arrival.state, arrival.payment_id) == (ArrivalState.MATCHED, order.payment_id)
    assert payment(order).receipt_seen_at is not None
    assert not payment(order).attention
    assert balance(chart.suspense_mpesa()) == 0


def test_another_receipt_waits_and_then_takes_the_place_of_the_claim(order: Order) -> None:
    arrival = came(TRUE, order.payment.reference)
    assert (arrival.state, payment(order).receipt) == (ArrivalState.NEW, CLAIMED)
    listed()
    assert again(arrival) == ArrivalState.NEW, "the list does not reach ten minutes beyond the end"
    with shift_clock(minutes=11):
        listed(complete=False)
        assert again(arrival) == ArrivalState.NEW, "a list that was not read to its end proves nothing"
        listed()
        assert again(arrival) == ArrivalState.MATCHED
    found = payment(order)
    assert (found.receipt, found.attention) == (TRUE, True)
    assert CLAIMED in found.note
    assert found.receipt_seen_at is not None
    assert balance(chart.suspense_mpesa()) == 0


def test_the_claim_comes_while_another_waits_which_is_then_a_second_payment(order: Order) -> None:
    second = came(TRUE, order.payment.reference)
    first = came(CLAIMED, order.payment.reference)
    assert first.state == ArrivalState.MATCHED
    assert again(second) == ArrivalState.SUSPENSE
    assert second.payment_id == order.payment_id
    assert payment(order).receipt == CLAIMED
    assert balance(chart.suspense_mpesa()) == 1000


@pytest.mark.fault("P08")
def test_a_claim_of_a_strangers_receipt_does_not_stand(order: Order) -> None:
    """A callback named the receipt of somebody who paid without a reference; the order's own receipt comes later."""
    stranger = came(CLAIMED, "")
    assert stranger.state == ArrivalState.NEW
    own = came(TRUE, order.payment.reference)
    assert own.state == ArrivalState.MATCHED
    assert payment(order).receipt == TRUE
    assert payment(order).attention
    assert again(stranger) == ArrivalState.SUSPENSE
    assert balance(chart.suspense_mpesa()) == 1000


def test_a_claim_without_its_reference_counts_when_nothing_else_comes(order: Order) -> None:
    arrival = came(CLAIMED, "WRITTEN ODDLY")
    assert arrival.state == ArrivalState.NEW
    with shift_clock(minutes=11):
        listed()
        assert again(arrival) == ArrivalState.MATCHED
    assert payment(order).receipt_seen_at is not None
    assert balance(chart.suspense_mpesa()) == 0


def test_a_receipt_that_belongs_to_another_order_goes_there(order: Order, world: World) -> None:
    other = paid(buy(world.alice, 1000))
    arrival = came(CLAIMED, other.payment.reference)
    assert (arrival.state, arrival.payment_id) == (ArrivalState.MATCHED, other.payment_id)
    assert payment(other).receipt == CLAIMED
    found = payment(order)
    assert (found.receipt, found.state, found.attention) == (None, State.SUCCEEDED, True)
    mine = came(TRUE, order.payment.reference)
    assert (mine.state, payment(order).receipt) == (ArrivalState.MATCHED, TRUE)
    assert balance(chart.suspense_mpesa()) == 0


def test_another_amount_under_the_same_receipt_goes_to_staff(order: Order) -> None:
    arrival = came(CLAIMED, order.payment.reference, kes=900)
    assert arrival.state == ArrivalState.MATCHED
    assert "KES 900" in arrival.note
    assert payment(order).attention
    assert balance(chart.user_gold(order.user_id)) == order.grams


def test_a_second_payment_waits_with_the_order_named(order: Order) -> None:
    came(CLAIMED, order.payment.reference)
    second = came(OTHER, order.payment.reference)
    assert (second.state, second.payment_id) == (ArrivalState.SUSPENSE, order.payment_id)
    assert balance(chart.suspense_mpesa()) == 1000


def test_a_list_that_changes_an_amount_is_noted_and_moves_nothing(order: Order) -> None:
    stray = came(OTHER)
    came(OTHER, kes=5000)
    stray.refresh_from_db()
    assert stray.amount == 1000
    assert "KES 5,000" in stray.note
    assert balance(chart.suspense_mpesa()) == 1000


def test_one_that_cannot_be_judged_keeps_nobody_away(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    from payments.arrivals import matching

    real = matching._suspend

    def breaks(arrival: Arrival, *rest: object) -> None:
        if arrival.receipt == OTHER:
            raise RuntimeError("planted")
        real(arrival, *rest)

    monkeypatch.setattr(matching, "_suspend", breaks)
    assert came(OTHER).state == ArrivalState.NEW
    assert came(TRUE).state == ArrivalState.SUSPENSE


def test_cents_are_kept_to_the_cent(order: Order) -> None:
    row = Arrived(receipt=OTHER, amount=Decimal("10.50"), reference="", payer="", arrived_at=clock.now())
    assert arrival_take(row).state == ArrivalState.SUSPENSE
    assert balance(chart.suspense_mpesa()) == Decimal("10.50")


def test_the_charge_is_booked_where_we_pay_it(order: Order, settings) -> None:
    settings.DARAJA = {**settings.DARAJA, "collection_tariff": "business"}
    before = balance(chart.mpesa_collections())
    came(OTHER)
    assert balance(chart.mpesa_collections()) - before == -1000 + 10
    assert balance(chart.house_charges()) == -10
