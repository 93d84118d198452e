"""The clock moved by hand: what happens when, in which order, and the same again with the same seed."""

import json
import time

import pytest

from simulator.tests.tools import assert_books_balance

PHONE, OTHER = "254712345678", "254722000002"


def refused(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].endswith(".")


def test_nothing_happens_by_time(manual, receiver):
    address = receiver.address()
    manual.decide(manual.pushed(PHONE, CallBackURL=address), "decline")
    own = manual.payout(PHONE, ResultURL=address).json()["OriginatorConversationID"]
    assert receiver.count_after(address, 0.3) == 0
    assert manual.payout_by(own)["state"] == "pending"
    assert manual.advance(0) == []
    manual.advance(1)
    assert receiver.next(address).stk["ResultCode"] == 1032
    assert receiver.next(address).result["ResultCode"] == 0


def test_callbacks_go_out_in_the_order_of_their_moments(manual, receiver):
    address = receiver.address()
    checkout_id = manual.pushed(PHONE, CallBackURL=address)  # nobody answers: 30 s
    payout = manual.payout(OTHER, ResultURL=address).json()  # 0.03 s
    status = manual.status(address, TransactionID="UKL0000001").json()  # 0.02 s
    told = manual.advance(60)
    assert told == [
        {"kind": "status", "subject": status["ConversationID"], "status": 200},
        {"kind": "b2c", "subject": payout["ConversationID"], "status": 200},
        {"kind": "stk", "subject": checkout_id, "status": 200},
    ]
    assert [receiver.next(address).path for _ in told]
    assert manual.advance(86_400) == []


def test_an_event_carries_the_moment_it_was_due_not_the_one_the_clock_was_moved_to(manual, receiver):
    address = receiver.address()
    manual.payout(PHONE, ResultURL=address)
    assert manual.control("advance", {"seconds": 7200})["now"] == "2026-11-21T12:00:00+03:00"
    paid = receiver.next(address).parameters
    assert paid["TransactionCompletedDateTime"] == "21.11.2026 10:00:00"
    assert paid["TransactionReceipt"].startswith("UKL")


def test_a_failed_delivery_is_just_that(manual, receiver):
    gone, busy = manual.pushed(PHONE), manual.pushed(OTHER, CallBackURL=receiver.address(status=503))
    manual.decide(gone, "decline")
    manual.decide(busy, "decline")
    assert [one["status"] for one in manual.advance(1)] == [None, 503]
    assert manual.advance(60) == []


def test_a_prompt_cannot_be_answered_after_its_end(manual):
    checkout_id = manual.pushed(PHONE)
    manual.advance(31)
    assert manual.decide(checkout_id, "accept").status_code == 409
    assert manual.balance(PHONE) == 300_000


def run(provider, seed):
    """A little of everything; all that was said in it."""
    provider.control("reset", {"seed": seed})
    said = [provider.push(PHONE).json(), provider.payout(OTHER, OriginatorConversationID="own").json()]
    said.append(provider.decide(said[0]["CheckoutRequestID"], "accept").json())
    said.append(provider.payout(OTHER, version=1, OriginatorConversationID=None).json())
    said.append(provider.advance(120))
    said.append(provider.books())
    assert_books_balance(said[-1])
    return said


def test_equal_seeds_give_equal_runs(manual):
    manual.token()  # a token more or less changes nothing: it is no part of the sequence
    first = run(manual, 7)
    assert run(manual, 7) == first
    assert run(manual, 8) != first


def test_failing_queries_follow_the_seed(program):
    provider = program(SIMULATOR_MANUAL="1", SIMULATOR_QUERY_ERRORS="0.5").start()

    def answers():
        provider.control("reset", {"seed": 3, "now": "2026-11-20T08:00:00"})
        checkout_id = provider.pushed(PHONE)
        assert "20112026080000" in checkout_id
        return [provider.query(checkout_id).status_code for _ in range(20)]

    first = answers()
    assert set(first) == {200, 500}
    assert answers() == first


def test_the_clock_survives_a_restart(program):
    simulator = program(SIMULATOR_MANUAL="1")
    provider = simulator.start()
    provider.control("reset", {"seed": 3})
    own = provider.payout(PHONE).json()["OriginatorConversationID"]
    moment = provider.control("advance", {"seconds": 0.01})["now"]
    simulator.end()
    again = simulator.start()
    assert again.control("advance", {"seconds": 0})["now"] == moment
    assert again.payout_by(own)["state"] == "pending"
    again.advance(1)
    assert again.payout_by(own)["state"] == "completed"


def test_a_long_move_takes_no_time(manual):
    start = time.monotonic()
    manual.advance(366 * 86_400)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("seconds", [-1, "5", None, True, 10**9, float("nan")])
def test_a_bad_move(manual, seconds):
    content = json.dumps({"seconds": seconds})
    refused(manual.http.post("/control/advance", content=content), 400)


@pytest.mark.parametrize(
    "body", [{"seed": "x"}, {"seed": True}, {"now": "soon"}, {"now": 5}, {"now": "1990-01-01"}]
)
def test_a_bad_start_changes_nothing(manual, body):
    manual.pushed(PHONE)
    refused(manual.http.post("/control/reset", json=body), 400)
    assert len(manual.control("prompts")) == 1


def test_a_clock_that_runs_by_itself_is_not_moved(provider):
    refused(provider.http.post("/control/advance", json={"seconds": 1}), 409)
    refused(provider.http.post("/control/reset", json={"seed": 1}), 409)
