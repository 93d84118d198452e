"""The fault plan itself: what it takes and refuses, that it repeats, counts, and survives a restart."""

import signal

import httpx
import pytest

from simulator import faults

DROP = {"api": "callback:collect", "fault": "drop"}


@pytest.fixture
def provider(manual):
    manual._token = manual.token()  # before a plan counts calls
    return manual


def pushes(provider, phone, count):
    """The statuses of that many pushes one after the other, each prompt ended before the next."""
    statuses = []
    for _ in range(count):
        answer = provider.push(phone)
        statuses.append(answer.status_code)
        for prompt in provider.control(f"prompts?phone={phone}"):
            provider.decide(prompt["CheckoutRequestID"], "decline")
    return statuses


def test_no_plan(provider):
    assert provider.control("faults") == {"seed": None, "rules": [], "calls": 0, "faulty": 0}


def test_the_plan_is_told_with_its_hits(provider, phone):
    plan = provider.spoil({"api": "stk_push", "fault": "http_500", "count": 2}, DROP, seed=7)
    assert plan == provider.control("faults")
    assert pushes(provider, phone, 4) == [500, 500, 200, 200]
    assert provider.control("faults") == {
        "seed": 7,
        "rules": [
            {
                "api": "stk_push",
                "fault": "http_500",
                "probability": 1.0,
                "delay_ms": None,
                "count": 2,
                "hits": 2,
            },
            {
                "api": "callback:collect",
                "fault": "drop",
                "probability": 1.0,
                "delay_ms": None,
                "count": None,
                "hits": 2,
            },
        ],
        "calls": 6,
        "faulty": 4,
    }


def test_equal_seeds_give_equal_runs(provider, phone):
    rule = {"api": "*", "fault": "http_500", "probability": 0.5}
    runs = []
    for seed in (1, 1, 2):
        provider.spoil(rule, seed=seed)
        runs.append(pushes(provider, phone, 24))
    assert runs[0] == runs[1] != runs[2]
    assert 200 in runs[0] and 500 in runs[0]


def test_a_whole_run_repeats_word_for_word(provider, receiver, phone):
    """Calls, callbacks, what they say and when: all from the two seeds."""
    rules = [
        {"api": "callback:*", "fault": fault, "probability": 0.2}
        for fault in ("forge", "wrong_amount", "duplicate", "reorder", "wrong_type", "wrong_phone", "delay")
    ]
    address = receiver.address()
    runs = []
    for seed in (1, 1, 2):
        provider.control("reset", {"seed": 1})
        provider.spoil(*rules, {"api": "stk_push", "fault": "wrong_type", "probability": 0.3}, seed=seed)
        told = []
        for number in range(12):
            told.append(provider.push(phone, CallBackURL=address, Amount=100 + number).text)
            for prompt in provider.control("prompts"):
                provider.decide(prompt["CheckoutRequestID"], "accept" if number % 3 else "decline")
            told.append(provider.payout(phone, ResultURL=address, OriginatorConversationID=f"{number}").text)
            for delivery in provider.advance(40):
                told += [delivery, receiver.next(address).raw]
        runs.append(told)
    assert runs[0] == runs[1] != runs[2]


def test_one_fault_at_a_time_and_the_first_rule_goes_first(provider, phone):
    provider.spoil(
        {"api": "stk_push", "fault": "http_429", "count": 1}, {"api": "stk_push", "fault": "http_500"}
    )
    assert pushes(provider, phone, 2) == [429, 500]


def test_a_rule_with_nothing_to_work_on_does_not_hit(provider, receiver, phone):
    provider.spoil({"api": "callback:collect", "fault": "wrong_amount", "count": 1})
    address = receiver.address()
    provider.decide(provider.pushed(phone, CallBackURL=address), "decline")
    provider.decide(provider.pushed(phone, CallBackURL=address), "accept")
    provider.advance(1)
    assert receiver.next(address).stk["ResultCode"] == 1032
    assert receiver.next(address).stk["CallbackMetadata"]["Item"][0]["Value"] != 1000
    assert provider.control("faults")["rules"][0]["hits"] == 1


def test_wildcards_mean_what_the_fault_applies_to(provider, receiver, phone):
    address = receiver.address()
    provider.spoil({"api": "*", "fault": "drop"}, {"api": "callback:*", "fault": "queue_timeout_first"})
    provider.decide(provider.pushed(phone, CallBackURL=address), "accept")
    assert provider.advance(5) == []
    assert [rule["hits"] for rule in provider.control("faults")["rules"]] == [1, 0]


def test_no_rules_switch_everything_off(provider, phone):
    provider.spoil({"api": "*", "fault": "http_500"})
    assert provider.spoil() == {"seed": None, "rules": [], "calls": 0, "faulty": 0}
    assert pushes(provider, phone, 1) == [200]


def test_a_reset_clears_it(provider):
    provider.spoil(DROP)
    provider.control("reset", {"seed": 1})
    assert provider.control("faults")["rules"] == []


def test_it_survives_a_kill(program, phone):
    one = program(SIMULATOR_MANUAL="1")
    provider = one.start()
    provider._token = provider.token()
    provider.spoil({"api": "*", "fault": "http_500", "probability": 0.5}, seed=5)
    whole = pushes(provider, phone, 20)
    provider.spoil({"api": "*", "fault": "http_500", "probability": 0.5}, seed=5)
    first = pushes(provider, phone, 10)
    plan = provider.control("faults")
    one.end(signal.SIGKILL)
    again = one.start()
    again._token = provider._token
    assert again.control("faults") == plan
    assert first + pushes(again, phone, 10) == whole


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Rules must be a list of at most 200 rules. An empty one switches faults off."),
        ({"rules": {}}, "Rules must be a list of at most 200 rules. An empty one switches faults off."),
        (
            {"rules": [DROP] * 201},
            "Rules must be a list of at most 200 rules. An empty one switches faults off.",
        ),
        ({"rules": [], "chaos": 1}, "'chaos' is not known. A plan has a seed and rules."),
        ({"rules": [DROP], "seed": "1"}, "The seed must be a whole number."),
        ({"rules": [DROP], "seed": True}, "The seed must be a whole number."),
        ({"rules": [DROP, 5]}, "Rule 2 must be an object with an api and a fault."),
        (
            {"rules": [DROP | {"chance": 1}]},
            "Rule 1: 'chance' is not known. A rule has api, fault, probability, delay_ms, count.",
        ),
        ({"rules": [DROP | {"probability": 1.1}]}, "Rule 1: the probability must be a number from 0 to 1."),
        ({"rules": [DROP | {"probability": "1"}]}, "Rule 1: the probability must be a number from 0 to 1."),
        (
            {"rules": [DROP | {"delay_ms": -1}]},
            "Rule 1: delay_ms must be whole milliseconds from 0 to 31,622,400,000.",
        ),
        (
            {"rules": [DROP | {"count": 0}]},
            "Rule 1: the count must be a whole number from 1. Leave it out for no bound.",
        ),
        (
            {"rules": [{"api": "oauth", "fault": "token_invalid"}]},
            "Rule 1: token_invalid applies to stk_push, stk_query, b2c, status, balance, reversal, c2b_register,"
            " pull, not to oauth.",
        ),
        (
            {"rules": [{"api": "callback:*", "fault": "hang"}]},
            "Rule 1: hang applies to oauth, stk_push, stk_query, b2c, status, balance, reversal, c2b_register,"
            " pull, not to callback:*.",
        ),
        (
            {"rules": [{"api": "status", "fault": "drop"}]},
            "Rule 1: drop applies to callback:collect, callback:payout, callback:status, callback:c2b,"
            " callback:balance, callback:reversal, not to status.",
        ),
        (
            {"rules": [{"api": "*", "fault": "lie_paid"}]},
            "Rule 1: lie_paid breaks the provider's contract, so name the api; lie_paid applies to stk_query,"
            " callback:status.",
        ),
    ],
)
def test_a_bad_plan_is_refused_and_changes_nothing(provider, body, sentence):
    before = provider.spoil(DROP)
    answer = provider.http.post("/control/faults", json=body)
    assert (answer.status_code, answer.json()) == (400, {"error": sentence})
    assert provider.control("faults") == before


@pytest.mark.parametrize("value", ["nothing", "callback", "", None, 5, ["drop"], {"drop": 1}])
def test_names_that_are_not_known(provider, value):
    for rule in ({"api": value, "fault": "drop"}, {"api": "*", "fault": value}):
        answer = provider.http.post("/control/faults", json={"rules": [rule]})
        assert answer.status_code == 400
        assert "must be one of " in answer.json()["error"]


def test_an_api_without_a_name_does_not_start():
    with pytest.raises(ValueError, match="no API is known under /mpesa/nothing/v1"):
        faults.api_of("/mpesa/nothing/v1")


def test_only_this_machine_may_plan(variant):
    provider = variant()
    elsewhere = httpx.Client(
        base_url="http://variant",
        transport=httpx.WSGITransport(provider.http._transport.app, remote_addr="10.1.2.3"),
    )
    assert elsewhere.get("/control/faults").status_code == 403
    assert elsewhere.post("/control/faults", json={"rules": []}).status_code == 403
