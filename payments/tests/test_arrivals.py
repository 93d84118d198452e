"""Money that comes by itself, against the running simulator: announced, listed, matched once, or kept in suspense."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.provider import Simulator, free_port
from goldwallet.test.race import errors, together
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments import tasks
from payments.arrivals import arrivals_due, pull_run
from payments.arrivals.notices import hook_secret, notices_read
from payments.models import Arrival, ArrivalState, Callback, Kind, Payment, Pull, State
from payments.rails import Pulled, PullOutcome
from payments.rails.daraja.client import Daraja
from payments.sending import payment_step
from trading.models import Order, Status
from trading.services import orders_expire

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STRANGER = "254733000777"


@pytest.fixture
def rail(world: World, simulator: Simulator, settings) -> Iterator[Simulator]:
    """The simulator, which knows our addresses and lists our money. The clock alone asks for no list."""
    quiet = settings.DARAJA
    settings.DARAJA = {**quiet, "nominated_phone": "254700000000"}
    call_command("rail_register", verbosity=0)
    settings.DARAJA = quiet
    yield simulator
    simulator.faults()


@pytest.fixture
def deaf(settings, rail: Simulator) -> None:
    """No callback arrives."""
    settings.BASE_URL = f"http://127.0.0.1:{free_port()}"
    call_command("rail_register", verbosity=0)


def fresh(order: Order) -> Order:
    return Order.objects.select_related("payment").get(pk=order.pk)


def ended(order: Order) -> bool:
    return fresh(order).status != Status.PENDING


def prompted(world: World, rail: Simulator, kes: int = 1000) -> Order:
    order = buy(world.bob, kes)
    work_until(lambda: bool(rail.prompts(world.bob.phone)))
    return order


# --- matched --------------------------------------------------------------------------------------


def test_a_prompt_that_is_paid_is_announced_twice_and_credited_once(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    rail.answer(world.bob.phone, "accept")
    work_until(lambda: Arrival.objects.exists() and ended(order))
    work_until(lambda: Callback.objects.filter(kind="c2b", handled_at__isnull=False).exists())
    arrival, payment = Arrival.objects.get(), fresh(order).payment
    assert (arrival.state, arrival.payment, arrival.note) == (ArrivalState.MATCHED, payment, "")
    assert arrival.receipt == payment.receipt
    assert payment.receipt_seen_at is not None
    assert fresh(order).status == Status.COMPLETED
    assert Transaction.objects.filter(kind="buy_paid").count() == 1
    assert balance(chart.suspense_mpesa()) == 0
    assert_books(rail)


@pytest.mark.fault("P04", "P21")
def test_with_no_callback_at_all_the_list_brings_the_receipt(
    world: World, rail: Simulator, deaf: None
) -> None:
    order = prompted(world, rail)
    rail.answer(world.bob.phone, "accept")
    with shift_clock(seconds=15):
        work_until(lambda: ended(order))
    assert fresh(order).payment.receipt is None
    assert pull_run().complete
    arrival, payment = Arrival.objects.get(), fresh(order).payment
    assert payment.receipt == arrival.receipt
    assert arrival.state == ArrivalState.MATCHED
    assert not payment.attention
    assert Callback.objects.count() == 0
    assert_books(rail)


@pytest.mark.fault("P21", "P04")
def test_an_hour_without_callbacks_and_answers_and_all_is_found(
    world: World, rail: Simulator, deaf: None
) -> None:
    """Neither callback nor query answers while the customers pay; afterwards one list settles them all."""
    orders = []
    for person in (world.alice, world.bob, world.charlie):
        order = buy(person, 1000)
        work_until(lambda person=person: bool(rail.prompts(person.phone)))
        rail.answer(person.phone, "accept")
        orders.append(order)
    rail.faults({"api": "stk_query", "fault": "http_500"}, {"api": "pull", "fault": "html"})
    with shift_clock(minutes=61):
        work()
        assert not pull_run().complete
        assert {fresh(order).payment.state for order in orders} <= {State.PENDING, State.UNKNOWN}
        rail.faults({"api": "stk_query", "fault": "http_500"})
        assert pull_run().complete
    assert {fresh(order).payment.state for order in orders} == {State.SUCCEEDED}
    assert {arrival.state for arrival in Arrival.objects.all()} == {ArrivalState.MATCHED}
    assert Arrival.objects.count() == 3
    assert_books(rail)


def test_paid_by_hand_with_the_right_reference_fills_the_order(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    receipt = rail.paybill(STRANGER, 1000, f" {order.payment.reference.lower()} ")
    work_until(lambda: ended(order))
    found = fresh(order)
    assert (found.status, found.payment.receipt) == (Status.COMPLETED, receipt)
    assert found.payment.evidence_exchange is not None
    assert found.payment.evidence_exchange.kind == Kind.PULL
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books(rail)


def test_paid_by_hand_and_then_at_the_prompt_the_second_money_waits(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    first = rail.paybill(STRANGER, 1000, order.payment.reference)
    work_until(lambda: ended(order))
    rail.answer(world.bob.phone, "accept")
    work_until(lambda: Arrival.objects.count() == 2)
    payment = fresh(order).payment
    second = Arrival.objects.exclude(receipt=first).get()
    assert payment.receipt == first
    assert (second.state, second.payment) == (ArrivalState.SUSPENSE, payment)
    assert "paid already" in second.note
    assert balance(chart.suspense_mpesa()) == 1000
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books(rail)


def test_paid_by_hand_before_the_prompt_went_out_none_goes_out(world: World, rail: Simulator) -> None:
    order = buy(world.bob, 1000)
    rail.paybill(STRANGER, 1000, order.payment.reference)
    assert pull_run().complete
    assert fresh(order).status == Status.COMPLETED
    work()
    assert rail.prompts(world.bob.phone) == []
    assert fresh(order).payment.sent_at is None
    assert_books(rail)


def test_paid_by_hand_too_late_is_late_money(world: World, rail: Simulator) -> None:
    order = buy(world.bob, 1000)
    with shift_clock(minutes=30):
        orders_expire()
        assert fresh(order).payment.state == State.CANCELLED
        rail.paybill(STRANGER, 1000, order.payment.reference)
        assert pull_run().complete
    assert fresh(order).status == Status.PAID_LATE
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert_books(rail)


def test_another_amount_with_the_right_reference_waits(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    rail.paybill(STRANGER, 999, order.payment.reference)
    assert pull_run().complete
    arrival = Arrival.objects.get()
    assert (arrival.state, arrival.payment_id) == (ArrivalState.SUSPENSE, order.payment_id)
    assert not ended(order)
    assert balance(chart.suspense_mpesa()) == 999
    assert_books(rail)


# --- nobody's -------------------------------------------------------------------------------------


@pytest.mark.fault("P18")
def test_two_hundred_strays_all_wait_and_none_is_credited(world: World, rail: Simulator, deaf: None) -> None:
    order = prompted(world, rail)
    wrong = ["", "GOLD", order.payment.reference[:-1], order.payment.reference + "X", "0712345678", "ORDER 1"]
    receipts = {rail.paybill(STRANGER, 10 + number, wrong[number % len(wrong)]) for number in range(200)}
    people = [world.alice, world.bob, world.charlie]
    pull = pull_run()
    assert (pull.complete, pull.rows) == (True, 200)
    assert set(Arrival.objects.values_list("receipt", flat=True)) == receipts
    assert set(Arrival.objects.values_list("state", "payment")) == {(ArrivalState.SUSPENSE, None)}
    total = sum(10 + number for number in range(200))
    assert balance(chart.suspense_mpesa()) == total
    assert [balance(chart.user_cash(person.pk)) for person in people] == [0, 0, 0]
    assert not ended(order)
    pull_run()
    assert balance(chart.suspense_mpesa()) == total
    assert_books(rail)


@pytest.mark.fault("P08")
def test_a_made_up_announcement_moves_nothing(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    body = {
        "TransactionType": "Pay Bill",
        "TransID": "UKL7A2B3C4",
        "TransTime": "20261121103015",
        "TransAmount": "1000.00",
        "BusinessShortCode": "174379",
        "BillRefNumber": order.payment.reference,
        "MSISDN": "2547****678",
        "FirstName": "BOB",
    }
    url = reverse("hook", args=["daraja", "c2b", hook_secret("c2b")])
    before = Transaction.objects.count()
    assert Client().post(url, body, content_type="application/json").json() == {
        "ResultCode": 0,
        "ResultDesc": "Accepted",
    }
    work_until(lambda: Pull.objects.filter(complete=True).exists())
    assert not Arrival.objects.exists()
    assert not ended(order)
    assert Transaction.objects.count() == before
    assert Callback.objects.get(kind="c2b").handled_at is None
    with shift_clock(minutes=2):
        notices_read()
    assert Callback.objects.get(kind="c2b").handled_at is not None


def test_no_secret_no_address(world: World, rail: Simulator) -> None:
    secret = hook_secret("c2b")
    for kind, token in [
        ("c2b", secret[::-1]),
        ("c2b-check", secret),
        ("c2b", "0" * 32),
        ("balance-payouts", secret),
    ]:
        url = reverse("hook", args=["daraja", kind, token])
        assert (
            Client().post(url, {"TransID": "UKL7A2B3C4"}, content_type="application/json").status_code == 404
        )
    assert not Callback.objects.exists()


def test_money_that_comes_is_never_refused(world: World, rail: Simulator) -> None:
    url = reverse("hook", args=["daraja", "c2b-check", hook_secret("c2b-check")])
    for body in ("{}", "nonsense", '{"BillRefNumber": "NOBODY"}'):
        answer = Client().post(url, body, content_type="application/json")
        assert (answer.status_code, answer.json()["ResultCode"]) == (200, "0")
    assert not Callback.objects.exists()


def test_a_flood_of_announcements_is_bounded(world: World, rail: Simulator, monkeypatch) -> None:
    from payments.arrivals import notices

    monkeypatch.setattr(notices, "_MOST_NOTICES", 5)
    url = reverse("hook", args=["daraja", "c2b", hook_secret("c2b")])
    for _ in range(8):
        assert Client().post(url, "{}", content_type="application/json").status_code == 200
    assert Callback.objects.filter(kind="c2b").count() == 5
    work()
    assert not Callback.objects.filter(handled_at=None).exists()


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["http_500", "html", "html_after", "cut_before", "cut_after_accept"])
def test_a_list_that_cannot_be_read_changes_nothing(world: World, rail: Simulator, fault: str) -> None:
    receipt = rail.paybill(STRANGER, 50)
    first = pull_run()
    assert first.complete
    rail.paybill(STRANGER, 60)
    rail.faults({"api": "pull", "fault": fault})
    second = pull_run()
    rail.faults()
    assert not second.complete
    known = set(Arrival.objects.values_list("receipt", flat=True))
    assert receipt in known
    third = pull_run()
    assert third.complete
    assert third.starts_at == second.starts_at < first.ends_at
    assert Arrival.objects.count() == 2
    assert balance(chart.suspense_mpesa()) == 110
    assert_books(rail)


def test_the_clock_asks_for_the_list_where_it_is_open(world: World, rail: Simulator, settings) -> None:
    rail.paybill(STRANGER, 50)
    tasks.pull(0)
    assert not Pull.objects.exists()
    settings.DARAJA = {**settings.DARAJA, "nominated_phone": "254700000000"}
    tasks.pull(0)
    assert Arrival.objects.get().state == ArrivalState.SUSPENSE


def test_after_a_long_silence_the_list_goes_back_48_hours(world: World, rail: Simulator) -> None:
    assert pull_run().complete
    with shift_clock(hours=20):
        pull = pull_run()
    assert 20 < (pull.ends_at - pull.starts_at).total_seconds() / 3600 < 20.3
    with shift_clock(hours=100):
        pull = pull_run()
    assert 47.9 < (pull.ends_at - pull.starts_at).total_seconds() / 3600 < 48


def test_two_lists_at_once_take_each_receipt_once(world: World, rail: Simulator) -> None:
    order = prompted(world, rail)
    rail.paybill(STRANGER, 1000, order.payment.reference)
    for number in range(20):
        rail.paybill(STRANGER, 10 + number)
    assert errors(together(3, lambda number: pull_run())) == []
    assert Arrival.objects.count() == 21
    assert Transaction.objects.filter(kind="buy_paid").count() == 1
    assert Transaction.objects.filter(kind="arrival_suspense").count() == 20
    assert_books(rail)


def test_the_list_and_the_callback_at_once_post_once(world: World, rail: Simulator) -> None:
    for _ in range(3):
        order = prompted(world, rail)
        rail.answer(world.bob.phone, "accept")
        step = order.payment_id
        acts = [pull_run, partial(payment_step, step), pull_run]
        assert errors(together(3, lambda number, acts=acts: acts[number]())) == []
        work_until(lambda order=order: ended(order))
        assert fresh(order).status == Status.COMPLETED
        assert Transaction.objects.filter(key=f"payment:{step}:paid").count() == 1
    assert pull_run().complete
    assert {arrival.state for arrival in Arrival.objects.all()} == {ArrivalState.MATCHED}
    assert_books(rail)


def test_what_a_kill_leaves_unjudged_is_judged_later(world: World, rail: Simulator, monkeypatch) -> None:
    rail.paybill(STRANGER, 50)
    monkeypatch.setattr("payments.arrivals.pulling.arrival_match", lambda *, arrival_id: None)
    pull_run()
    assert Arrival.objects.get().state == ArrivalState.NEW
    assert arrivals_due() == 1
    assert Arrival.objects.get().state == ArrivalState.SUSPENSE
    assert_books(rail)


# --- surely not paid ------------------------------------------------------------------------------


@pytest.fixture
def silent(world: World, rail: Simulator, deaf: None) -> Order:
    """A prompt that nobody answers about."""
    order = prompted(world, rail)
    rail.faults({"api": "stk_query", "fault": "http_500"})
    return order


@pytest.mark.fault("P04", "P16")
def test_an_hour_later_a_complete_list_without_it_ends_a_payment(rail: Simulator, silent: Order) -> None:
    with shift_clock(minutes=59):
        assert pull_run().complete
        assert fresh(silent).payment.state in {State.PENDING, State.UNKNOWN}
    with shift_clock(minutes=61):
        pull = pull_run()
        assert pull.complete
    payment = fresh(silent).payment
    assert (payment.state, payment.failure_code) == (State.FAILED, "not_found")
    assert payment.evidence_exchange == pull.exchange
    assert fresh(silent).status in {Status.FAILED, Status.EXPIRED}
    assert_books(rail)


def test_a_list_that_was_not_read_to_its_end_proves_nothing(
    rail: Simulator, silent: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page comes, the one that would say "no more" does not."""
    rail.paybill(STRANGER, 50)
    pages = iter([Daraja.pull])

    def cut(self: Daraja, **asked: Any) -> Pulled:
        real = next(pages, None)
        return real(self, **asked) if real else Pulled(PullOutcome.UNKNOWN, (), "timeout", "", None, "")

    monkeypatch.setattr(Daraja, "pull", cut)
    with shift_clock(minutes=61):
        pull = pull_run()
        assert (pull.complete, pull.rows) == (False, 1)
        assert Arrival.objects.get().state == ArrivalState.SUSPENSE
        assert fresh(silent).payment.state in {State.PENDING, State.UNKNOWN}


def test_ended_as_not_found_it_may_still_be_paid(world: World, rail: Simulator, silent: Order) -> None:
    with shift_clock(minutes=61):
        assert pull_run().complete
        assert fresh(silent).payment.state == State.FAILED
    rail.answer(world.bob.phone, "accept")
    assert pull_run().complete
    assert fresh(silent).payment.state == State.SUCCEEDED
    assert fresh(silent).status in {Status.PAID_LATE, Status.COMPLETED}
    gold, cash = balance(chart.user_gold(world.bob.pk)), balance(chart.user_cash(world.bob.pk))
    assert (gold, cash) in {(silent.grams, Decimal(0)), (Decimal(0), Decimal(1000))}
    assert_books(rail)


def test_one_with_another_amount_is_not_ended(rail: Simulator, silent: Order) -> None:
    rail.paybill(STRANGER, 999, silent.payment.reference)
    with shift_clock(minutes=61):
        assert pull_run().complete
        assert Payment.objects.get(pk=silent.payment_id).state in {State.PENDING, State.UNKNOWN}
