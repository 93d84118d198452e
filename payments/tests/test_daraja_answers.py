"""What each answer of the provider is taken for (daraja.md 1, 2.3, 3, 4.2, 5.1)."""

import json
import random
import socket
import string
from decimal import Decimal

import httpx
import pytest

from payments.rails import Fate, Outcome, rail
from payments.rails.daraja import answers, client, codes, http
from payments.tests.daraja_stub import B2C_ACK, PHONE, STK_ACK, URLS, Say, error, serving

pytestmark = pytest.mark.django_db

A, N, R, U = Outcome.ACCEPTED, Outcome.NOT_EXECUTED, Outcome.REFUSED, Outcome.UNKNOWN


@pytest.fixture
def stub(settings, tmp_path):
    with serving(settings, tmp_path) as stub:
        yield stub


def collect():
    return rail("daraja").collect(
        amount=Decimal(1000),
        phone=PHONE,
        reference="GW7K2",
        description="Gold",
        callback_url="https://wallet.example/hooks/c/1/",
    )


def pay_out():
    return rail("daraja").pay_out(
        originator_id="payout-1", amount=Decimal(500), phone=PHONE, remarks="Gold sold", **URLS
    )


def ask():
    return rail("daraja").pay_out_ask(originator_id="payout-1", **URLS)


def query():
    return rail("daraja").collect_report(request_id=STK_ACK["CheckoutRequestID"])


HTML = b"<html><body>Request unsuccessful. Incapsula incident ID: 1-2</body></html>"
SPIKE = {
    "fault": {
        "faultstring": "Spike arrest violation. Allowed rate : 5ps",
        "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
    }
}

# Rows that hold for each call.
EVERYWHERE = [
    (400, error("400.002.02", "Bad Request - Invalid Amount"), R),
    (400, error("400.002.02", "Something else"), U),
    (400, error("400.002.99", "Bad Request - Invalid Amount"), U),
    (404, error("404.001.01", "Resource not found"), R),
    (404, error("404.001.04", "Invalid Authentication Header"), R),
    (405, error("405.001", "GET Method Not Allowed"), R),
    (500, error("405.001", "GET Method Not Allowed"), U),
    (500, error("500.003.02", "System is busy. Please try again in few minutes."), N),
    (500, error("500.003.02", "Error Occurred: Spike Arrest Violation"), N),
    (500, error("500.003.02", "Something else"), U),
    (500, error("500.003.03", "Quota Violation"), N),
    (500, error("500.003.1001", "Internal Server Error"), U),
    (429, SPIKE, N),
    (429, b"", N),
    (429, b"Too Many Requests", N),
    (429, error("123.456", "Too Many Requests"), U),
    (500, SPIKE, U),
    (503, HTML, U),
    (403, HTML, U),
    (200, HTML, U),
    (200, b"", U),
    (200, b'{"ResponseCode":"0","CheckoutRequestID":"ws_CO', U),
    (200, {"ResponseDescription": "Accept the service request successfully."}, U),
    (200, {"ResponseCode": None}, U),
    (200, {"ResponseCode": False, "CheckoutRequestID": "a", "ConversationID": "a"}, U),
    (200, ["ResponseCode", "0"], U),
    (502, b"Bad Gateway", U),
    (500, b"", U),
    (301, b"", U),
    (
        500,
        b'{"errorCode":"500.003.02","errorMessage":"System is busy","errorMessage":"x",'
        b'"ResponseDescription":"System is busy"}',
        U,
    ),
]
STK = [
    (200, STK_ACK, A),
    (200, {**STK_ACK, "ResponseCode": 0}, A),
    (201, STK_ACK, U),
    (500, STK_ACK, U),
    (200, {**STK_ACK, "ResponseCode": "1"}, U),
    (200, {**STK_ACK, "CheckoutRequestID": ""}, U),
    (200, {**STK_ACK, "CheckoutRequestID": "x" * 65}, U),
    (200, {**STK_ACK, "CheckoutRequestID": ["x"]}, U),
    (200, {**STK_ACK, "errorCode": "500.003.1001"}, U),
    (200, b'{"ResponseCode":"0","ResponseCode":"1","CheckoutRequestID":"a"}', U),
    (500, error("500.001.1001", "[MerchantValidate] - Wrong credentials"), R),
    (500, error("500.001.1001", "Merchant does not exist"), R),
    (
        500,
        error(
            "500.001.1001",
            "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        ),
        N,
    ),
    (500, error("500.001.1001", "The transaction is being processed"), U),
    (500, error("500.001.1001", "The transaction does not Exist"), U),
    (200, error("500.001.1001", "Merchant does not exist"), U),
    (403, error("403.002.1001", "not authorized to initiate this transaction"), U),
]
B2C = [
    (200, B2C_ACK, A),
    (200, {key: B2C_ACK[key] for key in ("ConversationID", "ResponseCode")}, A),
    (200, {**B2C_ACK, "OriginatorConversationID": "payout-2"}, U),
    (200, {**B2C_ACK, "ConversationID": ""}, U),
    (200, {**B2C_ACK, "ResponseCode": "21"}, R),
    (200, {**B2C_ACK, "ResponseCode": "SFC_IC0003"}, R),
    (200, {**B2C_ACK, "ResponseCode": "15"}, U),
    (200, {**B2C_ACK, "ResponseCode": "100000000"}, U),
    (200, {**B2C_ACK, "ResponseCode": "777"}, U),
    (500, error("500.002.1001", "Duplicate OriginatorConversationID."), U),
    (500, error("500.002.1001", "System internal error."), U),
    (404, error("404.002.01", "Resource not found"), R),
    (403, error("403.002.1001", "App is not authorized to initiate this transaction"), R),
    (403, error("403.002.1001", "Blocked"), U),
    (500, error("500.001.1001", "Merchant does not exist"), U),
]
ASK = [
    (200, B2C_ACK, A),
    (200, {**B2C_ACK, "OriginatorConversationID": "the-question's-own"}, A),
    (200, {**B2C_ACK, "ResponseCode": "1"}, U),
    (400, error("400.003.02", "Bad Request"), R),
    (404, error("404.003.01", "Resource not found"), R),
    (500, error("500.002.1001", "Duplicate OriginatorConversationID."), U),
]


def judge_all(stub, path, call, rows):
    """Over one connection to one stub: each row is a real exchange, sent exactly once."""
    for number, (status, body, outcome) in enumerate(rows, start=1):
        stub.say(path, Say(status, body))
        answer = call()
        assert (answer.outcome, answer.http_status) == (outcome, status), (status, body)
        assert len(stub.calls(path)) == number, (status, body)
        assert bool(answer.request_id) == (outcome == A) or outcome == U, (status, body)


def test_collect(stub):
    judge_all(stub, client.STK_PUSH, collect, EVERYWHERE + STK)
    stub.say(client.STK_PUSH, Say(body=STK_ACK))
    answer = collect()
    assert answer.request_id == STK_ACK["CheckoutRequestID"]
    assert answer.merchant_request_id == STK_ACK["MerchantRequestID"]


def test_pay_out(stub):
    judge_all(stub, client.B2C, pay_out, EVERYWHERE + B2C)
    stub.say(client.B2C, Say(body=B2C_ACK))
    answer = pay_out()
    assert (answer.request_id, answer.merchant_request_id) == (B2C_ACK["ConversationID"], "payout-1")


def test_pay_out_ask(stub):
    judge_all(stub, client.STATUS, ask, EVERYWHERE + ASK)


def test_the_evidence_is_kept(stub):
    stub.say(client.B2C, Say(500, error("500.002.1001", "Duplicate OriginatorConversationID.")))
    answer = pay_out()
    assert answer.code == "500.002.1001"
    assert answer.text == "Duplicate OriginatorConversationID."
    assert json.loads(answer.body)["requestId"] == "abcd-1234"


def asked(code):
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successfully",
        "MerchantRequestID": STK_ACK["MerchantRequestID"],
        "CheckoutRequestID": STK_ACK["CheckoutRequestID"],
        "ResultCode": code,
        "ResultDesc": "words",
    }


FINAL_TEXT = "1 2 3 4 8 17 26 1001 1019 1025 1031 1032 1036 1037 1101 1102 2001 2008 2026 2028 8006 9999"
FINAL = set(FINAL_TEXT.split())
REPORTS = [
    (200, asked("0"), Fate.PAID),
    (200, asked(0), Fate.PAID),
    (200, asked("4999"), Fate.PENDING),
    (500, error("500.001.1001", "The transaction is being processed"), Fate.PENDING),
    *[(200, asked(code), Fate.FAILED) for code in sorted(FINAL)],
    *[
        (200, asked(code), Fate.UNKNOWN)
        for code in ("15", "1050", "2029", "100000100", "SFC_IC0003", "E3008")
    ],
    *[(200, asked(code), Fate.UNKNOWN) for code in ("", None, False, True, [0], {"a": 0}, "0x0", "-0.1")],
    (200, {**asked("0"), "CheckoutRequestID": "ws_CO_another"}, Fate.UNKNOWN),
    (200, {**asked("1032"), "CheckoutRequestID": "ws_CO_another"}, Fate.UNKNOWN),
    (200, {**asked("0"), "ResponseCode": "1"}, Fate.UNKNOWN),
    (200, {key: value for key, value in asked("0").items() if key != "ResponseCode"}, Fate.UNKNOWN),
    (500, asked("0"), Fate.UNKNOWN),
    (500, error("500.001.1001", "The transaction does not Exist"), Fate.UNKNOWN),
    (500, error("500.001.1001", "System error"), Fate.UNKNOWN),
    (400, error("400.002.02", "Bad Request - Invalid CheckoutRequestID"), Fate.UNKNOWN),
    (500, error("500.003.02", "Error Occurred: Spike Arrest Violation"), Fate.UNKNOWN),
    (429, SPIKE, Fate.UNKNOWN),
    (403, HTML, Fate.UNKNOWN),
    (200, HTML, Fate.UNKNOWN),
]


@pytest.mark.fault("P16")
def test_query(stub):
    for status, body, fate in REPORTS:
        stub.say(client.STK_QUERY, Say(status, body))
        report = query()
        assert (report.fate, report.http_status) == (fate, status), (status, body)


def test_the_list_of_final_codes_is_the_page_s():
    assert set(codes.COLLECT_FAILURES) == FINAL
    final_out = "1 2 3 4 8 11 18 20 21 22 24 25 29 2001 2006 2028 2040 8006 SFC_IC0003 TP40153"
    assert set(codes.PAY_OUT_FAILURES) == set(final_out.split())


# --- no whole answer ------------------------------------------------------------------------------

CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"ResponseCode":"0","ConversationID":"AG_1"}'


@pytest.mark.fault("O02")
@pytest.mark.parametrize(
    "say",
    [
        Say(raw=b""),
        Say(raw=b"HTTP/1.1 200"),
        Say(raw=b"not http at all\r\n\r\n"),
        Say(raw=CUT),
        Say(body=STK_ACK, wait=0.3),
        Say(body=STK_ACK, drip=0.05),
        Say(body=b'{"ResponseCode":"0","x":"' + b"a" * 70_000 + b'"}'),
        Say(body=b'{"a":' * 5000),
        Say(raw=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
    ],
    ids=["closed", "half-status", "no-http", "cut", "silent", "drips", "huge", "deep", "not-gzip"],
)
def test_anything_less_than_an_answer_is_unknown(stub, monkeypatch, say):
    # Connecting keeps its time: on a busy machine a slow connect would rightly be NOT_EXECUTED.
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.15, connect=5.0, pool=5.0))
    monkeypatch.setattr(http, "MOST_SECONDS", 0.2)
    for path, call in ((client.STK_PUSH, collect), (client.B2C, pay_out), (client.STATUS, ask)):
        stub.say(path, say)
        assert call().outcome == U
        assert len(stub.calls(path)) == 1, "it was sent again"
    stub.say(client.STK_QUERY, say)
    assert query().fate == Fate.UNKNOWN


def test_reading_stops_when_the_body_is_too_long(stub):
    stub.say(client.B2C, Say(body=b" " * 5_000_000))
    answer = pay_out()
    assert (answer.outcome, answer.http_status, answer.code) == (U, 200, "large")


def test_no_connection_means_not_executed(stub, settings):
    from payments.rails.daraja import token

    bearer = token.bearer()
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings.DARAJA = {**settings.DARAJA, "base_url": base}
        heard = client._post(client.B2C, {"Amount": 1}, bearer)
        assert answers.pay_out(heard, originator_id="payout-1").outcome == N
        assert (pay_out().outcome, pay_out().code) == (N, "token")
        assert query().fate == Fate.UNKNOWN


# --- everything else ------------------------------------------------------------------------------


@pytest.mark.fault("P16", "O02")
def test_a_thousand_random_codes_are_unknown():
    dice = random.Random(20261121)
    texts = [
        "",
        "Wrong credentials",
        "Unable to lock subscriber",
        "Bad Request - Invalid X",
        "Quota Violation",
    ]
    listed = {row.code for row in (*answers.COLLECT, *answers.PAY_OUT, *answers.ASK)} | answers._TOKEN_CODES
    listed |= set(codes.COLLECT_FAILURES) | set(codes.PAY_OUT_FAILURES) | {"0", "4999"}
    for _ in range(1000):
        length = dice.randint(1, 12)
        code = "".join(dice.choice(string.digits + "._" + string.ascii_uppercase) for _ in range(length))
        if code in listed or answers.Reader().code(code) in listed:
            continue
        status = dice.choice([200, 400, 403, 404, 405, 409, 429, 500, 502, 503])
        for body in (
            error(code, dice.choice(texts)),
            {"ResponseCode": code, "ConversationID": "a", "CheckoutRequestID": "b"},
        ):
            heard = answers.hear(http.Said(status, json.dumps(body).encode()))
            assert answers.collect(heard).outcome == U
            assert answers.pay_out(heard, originator_id="payout-1").outcome == U
            assert answers.ask(heard).outcome == U
        heard = answers.hear(http.Said(200, json.dumps({**asked(code)}).encode()))
        assert answers.report(heard, request_id=STK_ACK["CheckoutRequestID"]).fate == Fate.UNKNOWN


@pytest.mark.fault("O02")
def test_the_right_code_with_any_other_status_is_unknown():
    for rows, judge in (
        (answers.COLLECT, answers.collect),
        (answers.PAY_OUT, lambda heard: answers.pay_out(heard, originator_id="payout-1")),
        (answers.ASK, answers.ask),
    ):
        for row in rows:
            for status in {200, 201, 400, 403, 404, 405, 409, 429, 500, 502, 503} - row.statuses:
                body = json.dumps(error(row.code, row.words[0])).encode()
                assert judge(answers.hear(http.Said(status, body))).outcome == U, (row, status)
