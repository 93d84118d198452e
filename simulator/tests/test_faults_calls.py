"""Faults of calls, as the client sees them, and what was executed behind them. The clock is moved by hand."""

import time
import uuid

import httpx
import pytest

from simulator.tests.tools import assert_books_balance


@pytest.fixture
def provider(manual):
    manual._token = manual.token()  # before a plan counts calls
    yield manual
    assert_books_balance(manual.books())


class Push:
    """A push that may be executed: then there is a prompt."""

    api = "stk_push"

    def __init__(self, provider, phone):
        self.provider, self.phone = provider, phone

    def call(self):
        return self.provider.push(self.phone)

    def executed(self):
        return len(self.provider.control(f"prompts?phone={self.phone}"))


class Payout:
    """A payout that may be executed: then money arrives on the phone."""

    api = "b2c"

    def __init__(self, provider, phone):
        self.provider, self.phone, self.own_id = provider, phone, str(uuid.uuid4())

    def call(self):
        return self.provider.payout(self.phone, OriginatorConversationID=self.own_id)

    def executed(self):
        self.provider.advance(10)
        return (self.provider.balance(self.phone) - 300_000) // 500


@pytest.fixture(params=[Push, Payout])
def attempt(request, provider, phone):
    return request.param(provider, phone)


def rule(attempt, fault, **more):
    return {"api": attempt.api, "fault": fault, **more}


@pytest.mark.parametrize(
    ("fault", "status", "code", "executed"),
    [
        ("http_500", 500, "500.003.1001", 0),
        ("http_500_after", 500, "500.003.1001", 1),
        ("spike_arrest", 500, "500.003.02", 0),
    ],
)
def test_errors_in_the_envelope(attempt, fault, status, code, executed):
    attempt.provider.spoil(rule(attempt, fault))
    answer = attempt.call()
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert set(answer.json()) == {"requestId", "errorCode", "errorMessage"}
    assert attempt.executed() == executed


def test_429_is_the_proxys_own_fault(attempt):
    attempt.provider.spoil(rule(attempt, "http_429"))
    answer = attempt.call()
    assert answer.status_code == 429
    assert answer.json()["fault"]["detail"]["errorcode"] == "policies.ratelimit.SpikeArrestViolation"
    assert attempt.executed() == 0


@pytest.mark.parametrize(
    ("fault", "status", "text", "executed"),
    [("html", 503, "Incapsula incident ID", 0), ("html_after", 200, "<html>", 1)],
)
def test_html(attempt, fault, status, text, executed):
    attempt.provider.spoil(rule(attempt, fault))
    answer = attempt.call()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert text in answer.text
    assert attempt.executed() == executed


def test_a_hang_answers_late(attempt):
    attempt.provider.spoil(rule(attempt, "hang", delay_ms=400))
    start = time.monotonic()
    answer = attempt.call()
    assert time.monotonic() - start >= 0.4
    assert answer.json()["ResponseCode"] == "0"
    assert attempt.executed() == 1


def test_a_hang_outlasts_the_client(attempt):
    attempt.provider.spoil(rule(attempt, "hang", delay_ms=600))
    patient, attempt.provider.http.timeout = attempt.provider.http.timeout, httpx.Timeout(0.2)
    try:
        with pytest.raises(httpx.ReadTimeout):
            attempt.call()
    finally:
        attempt.provider.http.timeout = patient
    assert attempt.executed() == 1


def test_cut_before(attempt):
    attempt.provider.spoil(rule(attempt, "cut_before"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        attempt.call()
    assert attempt.executed() == 0


def test_cut_after_accept(attempt):
    attempt.provider.spoil(rule(attempt, "cut_after_accept"))
    with pytest.raises(httpx.RemoteProtocolError):
        attempt.call()
    assert attempt.executed() == 1


def test_a_refusal_is_cut_too(provider, phone):
    """The token is refused before the body is read; the connection closes all the same."""
    provider._token = "unknown"
    body = provider.push_body(phone, Remark="x" * 300_000)
    for seed in range(8):
        provider.spoil({"api": "stk_push", "fault": "cut_after_accept"}, seed=seed)
        with pytest.raises(httpx.RemoteProtocolError):
            provider.call("/mpesa/stkpush/v1/processrequest", body)
    assert provider.control("prompts") == []


def test_cut_with_no_answer_and_in_the_middle_of_it(provider, phone):
    """Which of the two is drawn; the simulator goes on serving."""
    seen = set()
    for seed in range(12):
        provider.spoil({"api": "stk_query", "fault": "cut_after_accept"}, seed=seed)
        with pytest.raises(httpx.RemoteProtocolError) as error:
            provider.query("ws_CO_2111202610301512345678")
        seen.add("peer closed" in str(error.value))
    assert seen == {True, False}
    provider.spoil()
    assert provider.push(phone).status_code == 200


# Each API, where it lies, and how it refuses a token.
APIS = [
    ("stk_push", "/mpesa/stkpush/v1/processrequest", 404, "404.001.03"),
    ("stk_query", "/mpesa/stkpushquery/v1/query", 404, "404.001.03"),
    ("b2c", "/mpesa/b2c/v1/paymentrequest", 401, "401.002.01"),
    ("b2c", "/mpesa/b2c/v3/paymentrequest", 401, "401.002.01"),
    ("status", "/mpesa/transactionstatus/v1/query", 400, "400.003.01"),
    ("balance", "/mpesa/accountbalance/v1/query", 401, "401.002.01"),
    ("reversal", "/mpesa/reversal/v1/request", 404, "404.001.03"),
    ("c2b_register", "/mpesa/c2b/v1/registerurl", 400, "400.003.01"),
    ("c2b_register", "/mpesa/c2b/v2/registerurl", 400, "400.003.01"),
    ("pull", "/pulltransactions/v1/register", 404, "404.001.03"),
    ("pull", "/pulltransactions/v1/query", 404, "404.001.03"),
]


@pytest.mark.parametrize(("api", "path", "status", "code"), APIS)
def test_a_token_ends(provider, api, path, status, code):
    provider._token = provider.token()
    provider.spoil({"api": api, "fault": "token_invalid", "count": 1})
    for _ in range(2):  # the second time without a fault: the token is dead
        answer = provider.call(path, {})
        assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
    assert provider.control("faults")["faulty"] == 1
    provider._token = provider.token()
    assert provider.call(path, {}).json()["errorCode"] != code


@pytest.mark.parametrize(("api", "path"), [row[:2] for row in APIS])
def test_every_api_is_known_by_its_name(provider, api, path):
    provider.spoil({"api": api, "fault": "http_429"})
    assert provider.call(path, {}).status_code == 429


@pytest.mark.parametrize(
    ("fault", "status"), [("http_500", 500), ("http_429", 429), ("html", 503), ("http_500_after", 500)]
)
def test_the_token_service_fails_too(provider, fault, status):
    provider.spoil({"api": "oauth", "fault": fault, "count": 1})
    ask = {
        "params": {"grant_type": "client_credentials"},
        "auth": ("demo-consumer-key", "demo-consumer-secret"),
    }
    assert provider.http.get("/oauth/v1/generate", **ask).status_code == status
    assert len(provider.http.get("/oauth/v1/generate", **ask).json()["access_token"]) == 28


def test_the_callback_overtakes_the_answer_to_a_push(provider, receiver, phone):
    provider.spoil({"api": "stk_push", "fault": "callback_before_ack"})
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    assert receiver.count_after(address, 0) == 1
    told = receiver.next(address).stk
    assert (told["CheckoutRequestID"], told["ResultCode"]) == (checkout_id, 0)
    assert provider.balance(phone) == 299_000
    provider.advance(120)
    assert receiver.count_after(address, 0) == 0


def test_the_result_overtakes_the_answer_to_a_payout(provider, receiver, phone):
    provider.spoil({"api": "b2c", "fault": "callback_before_ack"})
    address = receiver.address()
    acknowledged = provider.payout(phone, ResultURL=address).json()
    assert receiver.count_after(address, 0) == 1
    told = receiver.next(address).result
    assert told["ConversationID"] == acknowledged["ConversationID"]
    assert provider.balance(phone) == 300_500
    provider.advance(120)
    assert receiver.count_after(address, 0) == 0
    assert provider.balance(phone) == 300_500


def test_the_result_overtakes_the_answer_to_a_status_query(provider, receiver):
    provider.spoil({"api": "status", "fault": "callback_before_ack"})
    address = receiver.address()
    acknowledged = provider.status(address, TransactionID="UKL0000001").json()
    assert receiver.count_after(address, 0) == 1
    assert receiver.next(address).result["ConversationID"] == acknowledged["ConversationID"]


def test_the_callback_overtakes_also_by_the_machines_clock(program, receiver, phone):
    provider = program(SIMULATOR_CALLBACK_SECONDS="1", SIMULATOR_B2C_SECONDS="30").start()
    provider.spoil({"api": "*", "fault": "callback_before_ack"})
    for call, name in ((provider.push, "CallBackURL"), (provider.payout, "ResultURL")):
        address = receiver.address()
        assert call(phone, **{name: address}).status_code == 200
        assert receiver.count_after(address, 0) == 1
        assert receiver.count_after(address, 1.2) == 1


def test_a_refused_call_has_nothing_to_overtake(provider, phone):
    provider.spoil({"api": "b2c", "fault": "callback_before_ack"})
    assert provider.payout(phone, Amount=0).status_code == 400


def test_a_payout_called_a_duplicate_was_executed(provider, phone):
    provider.spoil({"api": "b2c", "fault": "duplicate_originator", "count": 1})
    attempt = Payout(provider, phone)
    for _ in range(2):  # the second time it is one
        answer = attempt.call()
        assert (answer.status_code, answer.json()["errorCode"]) == (500, "500.002.1001")
        assert answer.json()["errorMessage"] == "Duplicate OriginatorConversationID."
    assert attempt.executed() == 1
    assert provider.payout(phone, Amount=0).status_code == 400


def test_wrong_types_in_the_answer(provider, phone):
    """Each seed spoils one field in one way: missing, null, or of another type."""
    ways = set()
    for seed in range(40):
        provider.control("reset", {"seed": seed})
        honest = provider.push(phone).json()
        provider.control("reset", {"seed": seed})
        provider.spoil({"api": "stk_push", "fault": "wrong_type"}, seed=seed)
        answer = provider.push(phone)
        assert answer.status_code == 200
        spoilt = answer.json()
        [field] = [name for name in honest if name not in spoilt or spoilt[name] != honest[name]]
        ways.add((field, type(spoilt.get(field)).__name__ if field in spoilt else "missing"))
        assert len(provider.control("prompts")) == 1
    assert {way for _, way in ways} == {"missing", "NoneType", "int"}
    assert {field for field, _ in ways} == set(honest)


def test_a_push_that_was_refused_stays_refused(provider, phone):
    provider.spoil({"api": "stk_push", "fault": "wrong_type"})
    assert provider.push(phone, Amount=0).json()["errorCode"] == "400.002.02"


# What the STK query says.


@pytest.mark.parametrize(("action", "truth"), [("accept", "0"), ("decline", "1032")])
@pytest.mark.parametrize(("fault", "said"), [("lie_failed", "1037"), ("lie_paid", "0"), ("pending", "4999")])
def test_the_query_says_what_is_not_so(provider, phone, action, truth, fault, said):
    checkout_id = provider.pushed(phone)
    provider.decide(checkout_id, action)
    before = provider.books()
    provider.spoil({"api": "stk_query", "fault": fault, "count": 1})
    answer = provider.query(checkout_id)
    assert (answer.status_code, answer.json()["ResultCode"]) == (200, said)
    assert answer.json()["CheckoutRequestID"] == checkout_id
    assert provider.query(checkout_id).json()["ResultCode"] == truth
    assert provider.books() == before


@pytest.mark.parametrize(("fault", "said"), [("lie_failed", "1037"), ("lie_paid", "0")])
def test_the_query_lies_about_an_open_prompt(provider, phone, fault, said):
    checkout_id = provider.pushed(phone)
    provider.spoil({"api": "stk_query", "fault": fault})
    assert provider.query(checkout_id).json()["ResultCode"] == said
    assert [one["state"] for one in provider.control("prompts")] == ["open"]
    assert provider.balance(phone) == 300_000


def test_a_code_that_nobody_knows(provider, phone):
    checkout_id = provider.pushed(phone)
    provider.decide(checkout_id, "accept")
    codes = set()
    for seed in range(8):
        provider.spoil({"api": "stk_query", "fault": "unknown_code"}, seed=seed)
        answer = provider.query(checkout_id)
        assert answer.status_code == 200
        codes.add(answer.json()["ResultCode"])
    assert len(codes) == 8
    assert all(len(code) == 5 and code.isdigit() for code in codes)


def test_there_is_no_lie_about_an_unknown_prompt(provider):
    provider.spoil({"api": "stk_query", "fault": "lie_paid"})
    assert provider.query("ws_CO_nothing").json()["errorMessage"] == "The transaction does not Exist"


def test_a_spurious_failure_of_the_query(provider, phone):
    checkout_id = provider.pushed(phone)
    provider.decide(checkout_id, "accept")
    provider.spoil({"api": "stk_query", "fault": "spurious"})
    answer = provider.query(checkout_id)
    assert (answer.status_code, answer.json()["errorCode"]) == (500, "500.001.1001")


def test_faults_of_calls_leave_the_pages_alone(provider):
    provider.spoil({"api": "*", "fault": "http_500"})
    assert provider.http.get("/").status_code == provider.http.get("/books").status_code == 200
