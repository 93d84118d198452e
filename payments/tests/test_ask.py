"""What became of it: asked again and again, believed only when it is definite, put before staff when nobody knows."""

import pytest

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.selectors import balance
from payments.models import Exchange, Kind, Payment, State
from payments.rails import Fate
from payments.sending import payments_due
from payments.tests.scripted import (
    CANCELLED,
    LOST,
    PAID,
    RUNNING,
    SPURIOUS,
    ScriptedRail,
    b2c,
    report,
    status,
    stk,
    told,
)
from payments.tests.test_send import buying, selling, step
from trading.models import Status
from trading.services import orders_expire

pytestmark = pytest.mark.django_db


def question(payment: Payment) -> Exchange:
    found = Exchange.objects.filter(payment=payment, kind=Kind.PAY_OUT_ASK).order_by("created_at").last()
    assert found is not None
    return found


# --- prompts --------------------------------------------------------------------------------------


@pytest.mark.fault("P04")
def test_no_callback_at_all_the_question_settles_it(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.extend([RUNNING, SPURIOUS, report(Fate.UNKNOWN, "100000100"), PAID])
    for seconds in (11, 25, 45, 80):
        with shift_clock(seconds=seconds):
            assert payments_due() == 1
            step(payment)
    assert payment.state == State.SUCCEEDED
    assert payment.receipt is None, "the query gives no receipt"
    assert payment.evidence_exchange is not None
    assert payment.evidence_exchange.outcome == Fate.PAID
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert {asked["request_id"] for asked in provider.asked} == {"ws_CO_1"}
    assert_books()


@pytest.mark.fault("P16")
@pytest.mark.parametrize("said", [RUNNING, SPURIOUS, report(Fate.UNKNOWN, "1050"), report(Fate.UNKNOWN, "")])
def test_what_is_not_definite_changes_nothing(world: World, provider: ScriptedRail, said) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.extend([said] * 3)
    for _ in range(3):
        assert step(payment).state == State.PENDING
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert balance(chart.user_gold_incoming(world.bob.pk)) == order.grams
    assert_books()


def test_the_query_may_know_of_a_failure_before_the_callback(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.append(report(Fate.FAILED, "1037"))
    assert step(payment).state == State.FAILED
    order.refresh_from_db()
    assert order.status == Status.FAILED
    assert "no answer from your phone" in order.failure_sentence
    # The callback that comes afterwards says the same and changes nothing.
    assert told("collect", payment.token, stk(payment, code=1037)) == 200
    assert step(payment).state == State.FAILED
    assert not payment.attention
    assert_books()


def test_the_query_may_lead_the_callback_and_the_receipt_comes_after(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = buying(world)
    step(payment)
    provider.reports.append(PAID)
    assert step(payment).state == State.SUCCEEDED
    assert payment.receipt is None
    assert told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4")) == 200
    step(payment)
    assert payment.receipt == "UKL7A2B3C4"
    assert not payment.attention
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert payment.callbacks.filter(handled_at=None).count() == 0
    assert_books()


@pytest.mark.fault("P03")
def test_without_an_id_only_a_callback_tells_what_to_ask_about(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    provider.answers.append(LOST)
    step(payment)
    step(payment)
    assert provider.asked == []
    provider.reports.append(PAID)
    assert told("collect", payment.token, stk(payment, request_id="ws_CO_777", receipt="UKL7A2B3C4")) == 200
    assert step(payment).state == State.SUCCEEDED
    assert provider.asked == [{"request_id": "ws_CO_777"}]
    assert payment.receipt == "UKL7A2B3C4"
    assert payment.request_id == "ws_CO_777", "from now on this prompt is known by it"
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()


def test_the_id_of_another_payment_is_not_taken_over(world: World, provider: ScriptedRail) -> None:
    """A paid prompt of KES 1,000 must not pay for one of KES 15,000 whose id we never learned."""
    first, small = buying(world)
    provider.reports.extend([PAID, PAID])
    step(small)
    assert step(small).state == State.SUCCEEDED
    _, large = buying(world, 15_000)
    provider.answers.append(LOST)
    step(large)
    forged = stk(large, request_id=small.request_id, receipt="UKL7777777")
    assert told("collect", large.token, forged) == 200
    assert step(large).state == State.UNKNOWN
    assert large.attention
    assert "another" in large.note
    assert len(provider.asked) == 1, "nobody is asked about it in the name of the second payment"
    assert balance(chart.user_gold(world.bob.pk)) == first.grams
    assert_books()


def test_a_prompt_without_any_answer_comes_before_staff(world: World, provider: ScriptedRail) -> None:
    order, payment = buying(world)
    step(payment)
    for minute in range(20):
        with shift_clock(minutes=minute):
            step(payment)
            orders_expire()
    assert payment.state == State.PENDING
    assert payment.attention
    assert payment.note == "M-Pesa gives no answer about this payment."
    order.refresh_from_db()
    assert order.status == Status.EXPIRED
    assert_books()


def test_questions_come_further_and_further_apart(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    step(payment)
    gaps = []
    for _ in range(8):
        step(payment)
        assert payment.due_at is not None
        latest = payment.exchanges.order_by("created_at").last()
        gaps.append((payment.due_at - latest.answered_at).total_seconds())
    assert gaps == sorted(gaps)
    assert 5 < gaps[0] < 25
    assert 250 < gaps[-1] < 340


# --- payouts --------------------------------------------------------------------------------------


def test_a_payout_settles_by_the_answer_to_our_question(world: World, provider: ScriptedRail) -> None:
    order, payment = selling(world)
    step(payment)
    assert told("payout", payment.token, b2c(payment)) == 200
    assert step(payment).state == State.PENDING
    assert told("status", question(payment).token, status(payment, "Completed", receipt="UKL0000002")) == 200
    assert step(payment).state == State.SUCCEEDED
    assert payment.receipt == "UKL0000002"
    assert payment.evidence_callback is not None
    assert payment.evidence_callback.kind == "status"
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert balance(chart.user_gold_locked(world.alice.pk)) == 0
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


@pytest.mark.fault("O01")
@pytest.mark.parametrize("end", ["Completed", "Failed"])
def test_a_lost_answer_keeps_the_hold_until_the_status_is_known(
    world: World, provider: ScriptedRail, end: str
) -> None:
    order, payment = selling(world)
    provider.answers.append(LOST)
    assert step(payment).state == State.UNKNOWN
    with shift_clock(days=3):
        orders_expire()
        payments_due()
        step(payment)
        assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
        assert balance(chart.payouts_clearing()) == order.total_kes
        assert_books()
        assert told("status", question(payment).token, status(payment, end)) == 200
        step(payment)
    order.refresh_from_db()
    assert payment.state == (State.SUCCEEDED if end == "Completed" else State.FAILED)
    assert order.status == (Status.COMPLETED if end == "Completed" else Status.FAILED)
    assert balance(chart.user_gold(world.alice.pk)) == (0 if end == "Completed" else order.grams)
    assert balance(chart.user_cash(world.alice.pk)) == balance(chart.payouts_clearing()) == 0
    assert len(provider.sent) == 1
    assert_books()


@pytest.mark.parametrize("says", ["Authorized", "Pending", "Initiated", "", "Reticulating"])
def test_a_status_that_is_not_final_holds_on_and_does_not_ask_in_a_loop(
    world: World, provider: ScriptedRail, says: str
) -> None:
    order, payment = selling(world)
    step(payment)
    step(payment)
    assert len(provider.asked) == 1
    for _ in range(5):
        assert told("status", question(payment).token, status(payment, says)) == 200
        assert step(payment).state == State.PENDING
    assert len(provider.asked) == 1, "the next question has its time; an answer does not call for another one"
    assert not payment.attention
    with shift_clock(seconds=20):
        assert payments_due() == 1
        step(payment)
    assert len(provider.asked) == 2
    assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
    assert_books()


@pytest.mark.fault("O05")
def test_a_timeout_notice_is_no_failure(world: World, provider: ScriptedRail) -> None:
    order, payment = selling(world)
    step(payment)
    notice = {"OriginatorConversationID": str(payment.pk), "Amount": "1", "QueueTimeOutURL": "https://x"}
    assert told("payout-timeout", payment.token, notice) == 200
    assert step(payment).state == State.PENDING
    assert told("status", question(payment).token, status(payment, "Completed")) == 200
    assert step(payment).state == State.SUCCEEDED
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    assert_books()


def test_a_result_that_says_failed_is_asked_about_and_keeps_its_reason(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = selling(world)
    step(payment)
    assert told("payout", payment.token, b2c(payment, code=2040)) == 200
    assert step(payment).state == State.PENDING, "the hold stays until the status says so too"
    assert told("status", question(payment).token, status(payment, "Declined", receipt="")) == 200
    assert step(payment).state == State.FAILED
    order.refresh_from_db()
    assert order.failure_sentence.startswith("That number is not registered with M-Pesa.")
    assert balance(chart.user_gold(world.alice.pk)) == order.grams
    assert_books()


@pytest.mark.parametrize(
    ("result", "says"), [(0, "Failed"), (2040, "Completed")], ids=["paid then failed", "failed then paid"]
)
def test_a_result_and_a_status_that_disagree(
    world: World, provider: ScriptedRail, result: int, says: str
) -> None:
    order, payment = selling(world)
    step(payment)
    told("payout", payment.token, b2c(payment, code=result))
    step(payment)
    told("status", question(payment).token, status(payment, says))
    step(payment)
    order.refresh_from_db()
    if says == "Completed":
        assert payment.state == State.SUCCEEDED, "the provider's own status is what counts"
    else:
        assert payment.state == State.PENDING
        assert payment.attention
        assert payment.note == "The result says paid, the status says not paid."
        assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
    assert_books()


@pytest.mark.parametrize(
    "changes",
    [{"amount": 1}, {"originator_id": "6f0d1c3e-0000-4000-8000-000000000000"}],
    ids=["amount", "another payout"],
)
def test_a_status_about_something_else_settles_nothing(
    world: World, provider: ScriptedRail, changes: dict
) -> None:
    order, payment = selling(world)
    step(payment)
    step(payment)
    told("status", question(payment).token, status(payment, "Completed", **changes))
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert payment.note
    assert balance(chart.payouts_clearing()) == order.total_kes
    assert_books()


def test_a_question_that_itself_failed_says_nothing(world: World, provider: ScriptedRail) -> None:
    order, payment = selling(world)
    step(payment)
    step(payment)
    told("status", question(payment).token, status(payment, "Completed", code=2001))
    assert step(payment).state == State.PENDING
    order.refresh_from_db()
    assert order.status == Status.PENDING
    assert_books()


def test_a_payout_paid_after_its_hold_was_released_is_an_incident(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = selling(world)
    step(payment)
    step(payment)
    asked = question(payment)
    told("status", asked.token, status(payment, "Failed"))
    assert step(payment).state == State.FAILED
    told("payout", payment.token, b2c(payment))
    assert step(payment).state == State.FAILED
    assert payment.attention
    assert "ended unpaid" in payment.note
    assert balance(chart.user_gold(world.alice.pk)) == order.grams
    assert_books()


def test_nothing_is_asked_about_a_payment_that_has_ended(world: World, provider: ScriptedRail) -> None:
    _, payment = buying(world)
    step(payment)
    provider.reports.append(CANCELLED)
    step(payment)
    with shift_clock(hours=5):
        assert payments_due() == 0
        step(payment)
    assert len(provider.asked) == 1
    assert buy(world.bob, 100).status == Status.PENDING


# --- contradicting answers ------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["Completed", "Cancelled"])
def test_two_answers_that_contradict_end_nothing(world: World, provider: ScriptedRail, first: str) -> None:
    """Read by one job, whichever came first: the hold stays, and staff see it."""
    order, payment = selling(world)
    step(payment)
    step(payment)
    token = question(payment).token
    for says in (first, {"Completed": "Cancelled", "Cancelled": "Completed"}[first]):
        assert told("status", token, status(payment, says)) == 200
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
    assert_books()


def test_an_answer_that_names_neither_payout_nor_question_ends_nothing(
    world: World, provider: ScriptedRail
) -> None:
    order, payment = selling(world)
    step(payment)
    step(payment)
    body = status(payment, "Cancelled")
    body["Result"]["OriginatorConversationID"] = ""
    body["Result"]["ConversationID"] = ""
    parameters = body["Result"]["ResultParameters"]["ResultParameter"]
    body["Result"]["ResultParameters"]["ResultParameter"] = [
        item for item in parameters if item["Key"] == "TransactionStatus"
    ]
    assert told("status", question(payment).token, body) == 200
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
    assert_books()


def test_paid_says_an_answer_after_the_payout_had_failed(world: World, provider: ScriptedRail) -> None:
    _, payment = selling(world)
    step(payment)
    step(payment)
    token = question(payment).token
    assert told("status", token, status(payment, "Cancelled")) == 200
    assert step(payment).state == State.FAILED
    assert told("status", token, status(payment, "Completed")) == 200
    assert step(payment).state == State.FAILED
    assert payment.attention
    assert_books()


def test_a_failure_that_is_not_confirmed_comes_before_staff_at_once(
    world: World, provider: ScriptedRail
) -> None:
    """Say, our own credentials were refused: then the question with the same ones tells nothing either."""
    order, payment = selling(world)
    step(payment)
    told("payout", payment.token, b2c(payment, code=2001))
    assert step(payment).state == State.PENDING
    assert not payment.attention
    told("status", question(payment).token, status(payment, "", code=2001))
    assert step(payment).state == State.PENDING
    assert payment.attention
    assert "2001" in payment.note
    assert balance(chart.user_gold_locked(world.alice.pk)) == order.grams
    assert_books()
