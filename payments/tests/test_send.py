"""A payment is sent at most once; only what was surely not carried out is tried again."""

import pytest

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Exchange, Kind, Payment, State
from payments.rails import Outcome
from payments.sending import payment_step, payments_due
from payments.tests.scripted import BUSY, LOST, PAID, REFUSED, ScriptedRail, b2c, status, stk, told
from trading.models import Order, Status
from trading.services import orders_expire

pytestmark = pytest.mark.django_db


def step(payment: Payment) -> Payment:
    payment_step(payment.pk)
    payment.refresh_from_db()
    return payment


def buying(world: World, kes: int = 1000) -> tuple[Order, Payment]:
    order = buy(world.bob, kes)
    return order, order.payment


def selling(world: World) -> tuple[Order, Payment]:
    paid(buy(world.alice, 10_000))
    order = sell(world.alice, None)
    return order, order.payment


def jobs_for(payment: Payment) -> int:
    from procrastinate.contrib.django.models import ProcrastinateJob

    return ProcrastinateJob.objects.filter(args__payment_id=str(payment.pk)).count()


def test_the_request_carries_what_was_agreed_and_nothing_else(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    assert jobs_for(payment) == 1
    assert step(payment).state == State.PENDING
    assert payment.request_id == "ws_CO_1"
    assert payment.merchant_request_id == "29115-1"
    (sent,) = provider.sent
    assert sent["amount"] == order.total_kes == 1000
    assert sent["phone"] == world.bob.phone
    assert sent["reference"] == order.reference
    assert len(sent["reference"]) <= 12
    assert sent["callback_url"].endswith(f"/collect/{payment.token}/")


def test_many_jobs_for_one_payment_send_one_prompt(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    for _ in range(4):
        step(payment)
    assert len(provider.sent) == 1
    assert Exchange.objects.filter(payment=payment, kind=Kind.COLLECT).count() == 1


def test_a_second_job_while_the_request_is_under_way_sends_nothing(
    world: World, provider: ScriptedRail
) -> None:
    _, payment = buying(world)
    provider.meanwhile = lambda request: payment_step(payment.pk)
    assert step(payment).state == State.PENDING
    assert len(provider.sent) == 1


@pytest.mark.fault("P03", "O01")
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_lost_answer_is_never_sent_again(world: World, provider: ScriptedRail, direction: str) -> None:
    order, payment = buying(world) if direction == "in" else selling(world)
    provider.answers.append(LOST)
    assert step(payment).state == State.UNKNOWN
    for hours in (0.1, 1, 24, 72):
        with shift_clock(hours=hours):
            payments_due()
            step(payment)
            orders_expire()
    order.refresh_from_db()
    assert len(provider.sent) == 1
    assert payment.state == State.UNKNOWN
    # A prompt's gold is let go in time; a payout keeps its hold until somebody knows.
    assert order.status == (Status.EXPIRED if direction == "in" else Status.PENDING)
    assert_books()


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_busy_gateway_is_tried_again(world: World, provider: ScriptedRail, direction: str) -> None:
    _, payment = buying(world) if direction == "in" else selling(world)
    provider.answers.append(BUSY)
    assert step(payment).state == State.CREATED
    step(payment)
    assert len(provider.sent) == 1, "not before its time"
    with shift_clock(seconds=61):
        assert payments_due() == 1
        assert step(payment).state == State.PENDING
    assert len(provider.sent) == 2
    assert {request["reference" if direction == "in" else "originator_id"] for request in provider.sent} == {
        payment.reference if direction == "in" else str(payment.pk)
    }


def test_a_payout_that_is_put_off_again_and_again_comes_before_staff(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = selling(world)
    provider.answers.extend([BUSY] * 40)
    for minutes in range(40):
        with shift_clock(minutes=minutes):
            step(payment)
    order.refresh_from_db()
    assert payment.state == State.CREATED
    assert payment.attention
    assert payment.note
    assert order.status == Status.PENDING
    assert_books()


def test_a_refused_request_ends_the_payment_with_its_evidence(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    provider.answers.append(REFUSED)
    assert step(payment).state == State.FAILED
    assert payment.evidence_exchange is not None
    assert payment.evidence_exchange.outcome == Outcome.REFUSED
    order.refresh_from_db()
    assert order.status == Status.FAILED
    assert "fault is on our side" in order.failure_sentence
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


def test_a_refused_payout_gives_everything_back(world: World, provider: ScriptedRail) -> None:
    order, payment = selling(world)
    provider.answers.append(REFUSED)
    assert step(payment).state == State.FAILED
    order.refresh_from_db()
    assert order.status == Status.FAILED
    assert balance(chart.user_gold(world.alice.pk)) == order.grams
    assert balance(chart.payouts_clearing()) == balance(chart.user_cash(world.alice.pk)) == 0
    assert_books()


@pytest.mark.fault("W15")
def test_a_prompt_that_was_not_sent_in_time_is_never_sent(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    with shift_clock(seconds=181):
        step(payment)
        assert orders_expire() == 1
        step(payment)
    order.refresh_from_db()
    assert provider.sent == []
    assert payment.state == State.CANCELLED
    assert order.status == Status.EXPIRED
    assert_books()


def test_a_prompt_put_off_beyond_its_time_ends_cancelled(world: World, provider: ScriptedRail) -> None:
    """The answer "try later" comes after the order has expired: nothing may wait for ever."""
    order, payment = buying(world)
    provider.answers.append(BUSY)

    def expire(request: object) -> None:
        with shift_clock(seconds=181):
            assert orders_expire() == 1

    provider.meanwhile = expire
    assert step(payment).state == State.CREATED
    order.refresh_from_db()
    assert order.status == Status.EXPIRED
    with shift_clock(seconds=300):
        payments_due()
        step(payment)
        assert payment.state == State.CANCELLED
        assert payments_due() == 0
    assert len(provider.sent) == 1
    assert_books()


@pytest.mark.fault("O03")
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_worker_that_died_while_sending_leaves_a_question_and_no_second_request(
    world: World, provider: ScriptedRail, direction: str
) -> None:
    order, payment = buying(world) if direction == "in" else selling(world)

    class Killed(BaseException):
        pass

    def kill(request: object) -> None:
        raise Killed

    provider.meanwhile = kill
    with pytest.raises(Killed):
        payment_step(payment.pk)
    payment.refresh_from_db()
    assert payment.state == State.SENDING
    step(payment)
    assert payment.state == State.SENDING, "another worker may still hold it"
    with shift_clock(seconds=61):
        assert payments_due() == 1
        assert step(payment).state == State.UNKNOWN
    with shift_clock(seconds=100):
        step(payment)
    assert len(provider.sent) == 1
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert_books()


@pytest.mark.fault("P02")
def test_a_callback_before_the_answer_is_not_undone_by_it(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    provider.reports.append(PAID)

    def callback(request: object) -> None:
        body = stk(payment, receipt="UKL7A2B3C4")
        assert told("collect", payment.token, body) == 200
        payment_step(payment.pk)

    provider.meanwhile = callback
    assert step(payment).state == State.SUCCEEDED
    assert payment.receipt == "UKL7A2B3C4"
    assert payment.request_id == "ws_CO_1", "the answer that came later is still written down"
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert balance(chart.user_gold(world.bob.pk)) == order.grams
    assert_books()


@pytest.mark.fault("P02")
def test_a_payout_result_before_the_answer(world: World, provider: ScriptedRail) -> None:
    order, payment = selling(world)

    def callback(request: object) -> None:
        assert told("payout", payment.token, b2c(payment)) == 200
        payment_step(payment.pk)

    provider.meanwhile = callback
    assert step(payment).state == State.PENDING, (
        "a result is a hint: the question is out, the answer is not in"
    )
    (question,) = Exchange.objects.filter(payment=payment, kind=Kind.PAY_OUT_ASK)
    assert told("status", question.token, status(payment, "Completed")) == 200
    assert step(payment).state == State.SUCCEEDED
    assert payment.receipt == "UKL0000002"
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()


def test_a_prompt_that_was_put_off_and_heard_of_is_not_sent_again(
    world: World, provider: ScriptedRail
) -> None:
    """The provider says "busy", and then a callback says paid: ask, never prompt twice."""
    order, payment = buying(world)
    provider.answers.append(BUSY)
    assert step(payment).state == State.CREATED
    assert told("collect", payment.token, stk(payment)) == 200
    provider.reports.append(PAID)
    with shift_clock(seconds=61):
        assert step(payment).state == State.SUCCEEDED
    assert len(provider.sent) == 1
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()
