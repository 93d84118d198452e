"""Balance, reversal, registrations and the question by receipt: what goes out, and what answers are taken for
(daraja.md 5)."""

import base64
from decimal import Decimal

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from django.db import transaction

from payments.rails import Outcome, rail
from payments.rails.daraja import answers, client, http
from payments.tests.daraja_stub import B2C_ACK, KEY, PHONE, URLS, Say, error, serving
from payments.tests.test_daraja_answers import CUT, EVERYWHERE, judge_all

pytestmark = pytest.mark.django_db

A, N, R, U = Outcome.ACCEPTED, Outcome.NOT_EXECUTED, Outcome.REFUSED, Outcome.UNKNOWN
RECEIPT = "UKL7A2B3C4"
CONFIRM = "https://wallet.example/hooks/n/1/"
VALIDATE = "https://wallet.example/hooks/v/1/"
REVERSE = {"receipt": RECEIPT, "amount": Decimal(500), "remarks": "Paid twice", **URLS}


def balance(**change):
    return rail("daraja").balance_ask(**{"shortcode": "174379", **URLS, **change})


def reverse(**change):
    return rail("daraja").reverse(**{**REVERSE, **change})


def by_receipt(**change):
    return rail("daraja").status_ask_receipt(**{"receipt": RECEIPT, "shortcode": "174379", **URLS, **change})


def register(**change):
    fields = {"confirmation_url": CONFIRM, "validation_url": VALIDATE, "complete_by_default": True}
    return rail("daraja").register_collections(**{**fields, **change})


def open_pull(**change):
    return rail("daraja").pull_register(**{"nominated_phone": PHONE, "callback_url": CONFIRM, **change})


CALLS = {
    client.BALANCE: balance,
    client.REVERSAL: reverse,
    client.STATUS: by_receipt,
    client.C2B_REGISTER: register,
    client.PULL_REGISTER: open_pull,
}
SEALED = (client.BALANCE, client.REVERSAL, client.STATUS)


@pytest.fixture
def stub(settings, tmp_path):
    with serving(settings, tmp_path) as stub:
        for path in CALLS:
            stub.say(path, Say(body=B2C_ACK))
        yield stub


def sent(stub, path):
    fields = stub.calls(path)[0].fields
    if path in SEALED:
        sealed = base64.b64decode(fields.pop("SecurityCredential"))
        assert KEY.decrypt(sealed, PKCS1v15()) == b"canary-password#7"
        assert fields.pop("Initiator") == "canary-initiator"
        assert fields.pop("QueueTimeOutURL") == URLS["timeout_url"]
        assert fields.pop("ResultURL") == URLS["result_url"]
    return fields


# --- what goes out --------------------------------------------------------------------------------


def test_balance(stub):
    assert balance(shortcode="600991").request_id == B2C_ACK["ConversationID"]
    assert sent(stub, client.BALANCE) == {
        "CommandID": "AccountBalance",
        "PartyA": 600991,
        "IdentifierType": "4",
        "Remarks": "Balance check",
    }


def test_reversal(stub):
    assert reverse().outcome == A
    assert sent(stub, client.REVERSAL) == {
        "CommandID": "TransactionReversal",
        "TransactionID": RECEIPT,
        "Amount": 500,
        "ReceiverParty": 174379,
        "RecieverIdentifierType": "11",
        "Remarks": "Paid twice",
    }


def test_status_by_receipt(stub):
    assert by_receipt().outcome == A
    fields = sent(stub, client.STATUS)
    assert (fields["TransactionID"], fields["PartyA"], fields["IdentifierType"]) == (RECEIPT, 174379, "4")
    assert fields["CommandID"] == "TransactionStatusQuery"
    assert "OriginalConversationID" not in fields


@pytest.mark.parametrize(("by_default", "written"), [(True, "Completed"), (False, "Cancelled")])
def test_register(stub, by_default, written):
    assert register(complete_by_default=by_default).outcome == A
    assert sent(stub, client.C2B_REGISTER) == {
        "ShortCode": 174379,
        "ResponseType": written,
        "ConfirmationURL": CONFIRM,
        "ValidationURL": VALIDATE,
    }


def test_open_pull(stub):
    open_pull()
    assert sent(stub, client.PULL_REGISTER) == {
        "ShortCode": 174379,
        "RequestType": "Pull",
        "NominatedNumber": int(PHONE),
        "CallBackURL": CONFIRM,
    }


BAD = [
    *[(balance, {"shortcode": text}) for text in ("", "1234", "12345678", "17437a", "174379\n")],
    *[(by_receipt, {"receipt": text}) for text in ("", "ukl7a2b3c4", "UKL 7A2B3", "UKL7", "U" * 17)],
    *[(reverse, {"amount": Decimal(text)}) for text in ("0", "-1", "10.50", "250001", "NaN", "Infinity")],
    (reverse, {"amount": 500}),
    (reverse, {"receipt": "x"}),
    *[(reverse, {"remarks": text}) for text in ("", "x", "x" * 101, "a\nb")],
    (reverse, {"result_url": "https://wallet.example/query/"}),
    (balance, {"timeout_url": "http://wallet.example/a/"}),
    (register, {"confirmation_url": "https://wallet.example/mpesa/"}),
    (register, {"validation_url": "https://Wallet.example/"}),
    (open_pull, {"nominated_phone": "0712345678"}),
    (open_pull, {"callback_url": ""}),
]


@pytest.mark.fault("O17")
def test_what_must_not_be_sent_is_not_sent(stub):
    for call, change in BAD:
        with pytest.raises(ValueError, match=r"."):
            call(**change)
    assert stub.seen == []


@pytest.mark.fault("W08")
def test_no_call_inside_a_transaction(stub):
    for call in CALLS.values():
        with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
            call()
    assert stub.seen == []


# --- what answers are taken for -------------------------------------------------------------------

ASKED = [
    (200, B2C_ACK, A),
    (200, {**B2C_ACK, "ConversationID": ""}, U),
    (200, {**B2C_ACK, "ResponseCode": "1"}, U),
    (200, {**B2C_ACK, "ResponseCode": "21"}, U),
    (200, {**B2C_ACK, "errorCode": "500.003.1001"}, U),
    (500, error("500.002.1001", "System internal error."), U),
    (500, error("500.003.1001", "Urls are already registered"), U),
    (400, error("400.003.02", "Bad Request"), U),
]
ALREADY = error("500.003.1001", "Urls are already registered")
REGISTERED = [
    (200, B2C_ACK, A),
    (200, {"OriginatorCoversationID": "7619-37765134-1", "ResponseCode": "0"}, A),
    (200, {"OriginatorCoversationID": "7619-37765134-1", "ResponseCode": "1"}, U),
    (200, {"OriginatorCoversationID": "a b", "ResponseCode": "0"}, U),
    (500, ALREADY, R),
    (200, ALREADY, U),
    (500, error("500.003.1001", "Internal Server Error"), U),
]
OPENED = {"ResponseRefID": "18633-7271215-1", "ResponseStatus": "1000", "ShortCode": "174379"}
OPENINGS = [
    (200, OPENED, A),
    (200, {"ResponseRefID": "a", "Response Status": 1000}, A),
    (200, {**OPENED, "ResponseStatus": "1001"}, R),
    (200, {**OPENED, "ResponseStatus": "1002"}, U),
    (200, {**OPENED, "Response Status": "1001"}, U),
    (200, {**OPENED, "errorCode": "500.003.1001"}, U),
    (500, OPENED, U),
    (500, {**OPENED, "ResponseStatus": "1001"}, U),
    (200, {"ResponseCode": "0"}, U),
]
LISTS = {
    client.BALANCE: ASKED,
    client.REVERSAL: ASKED,
    client.C2B_REGISTER: REGISTERED,
    client.PULL_REGISTER: OPENINGS,
}


@pytest.mark.fault("O02", "P16")
@pytest.mark.parametrize("path", LISTS)
def test_answers(stub, path):
    judge_all(stub, path, CALLS[path], EVERYWHERE)
    stub.seen.clear()
    for number, (status, body, outcome) in enumerate(LISTS[path], start=1):
        stub.say(path, Say(status, body))
        assert (CALLS[path]().outcome, len(stub.calls(path))) == (outcome, number), (status, body)


@pytest.mark.fault("O02")
def test_a_status_question_by_receipt_is_judged_as_the_other(stub):
    judge_all(stub, client.STATUS, by_receipt, [*EVERYWHERE, (400, error("400.003.02", "Bad Request"), R)])


def test_a_second_registration_is_refused_with_its_code(stub):
    stub.say(client.C2B_REGISTER, Say(500, ALREADY))
    answer = register()
    assert (answer.outcome, answer.code, answer.text) == (R, "500.003.1001", "Urls are already registered")
    stub.say(client.PULL_REGISTER, Say(body={**OPENED, "ResponseStatus": "1001"}))
    assert (open_pull().outcome, open_pull().code) == (R, "1001")


@pytest.mark.fault("O02")
@pytest.mark.parametrize(
    "say",
    [Say(raw=b""), Say(raw=CUT), Say(body=B2C_ACK, wait=0.3), Say(body=b'{"a":"' + b"a" * 70_000 + b'"}')],
    ids=["closed", "cut", "silent", "huge"],
)
def test_anything_less_than_an_answer_is_unknown(stub, monkeypatch, say):
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.15, connect=5.0, pool=5.0))
    for path, call in CALLS.items():
        stub.say(path, say)
        assert call().outcome == U
        assert len(stub.calls(path)) == 1, "it was sent again"


@pytest.mark.parametrize("path", CALLS)
def test_a_refused_token_is_renewed_and_the_same_request_sent_once_more(stub, path):
    refusal = error("404.001.03", "Invalid Access Token")
    good = OPENED if path == client.PULL_REGISTER else B2C_ACK
    stub.say(path, Say(404, refusal), Say(body=good))
    assert CALLS[path]().outcome == A
    first, second = stub.calls(path)
    assert first.raw == second.raw
    stub.say(path, Say(404, refusal))
    assert CALLS[path]().outcome == N


def test_without_a_certificate_nothing_is_sent(stub, settings):
    settings.DARAJA = {**settings.DARAJA, "certificate": "/nowhere.pem"}
    for path in SEALED:
        answer = CALLS[path]()
        assert (answer.outcome, answer.code) == (N, "certificate")
    assert stub.seen == []


def test_no_secret_is_kept(stub):
    for path, call in CALLS.items():
        body = {"initiator": "canary-initiator", "echo": "canary-password#7 canary-token-0001-abcdefghijkl"}
        stub.say(path, Say(500, body))
        answer = call()
        assert "canary" not in answer.body + answer.text


@pytest.mark.fault("O02")
def test_the_right_code_with_any_other_status_is_unknown():
    for row in answers.REGISTER:
        for status in {200, 201, 400, 403, 404, 405, 409, 429, 500, 502, 503} - row.statuses:
            said = http.Said(status, Say(body=error(row.code, row.words[0])).content())
            assert answers.register(answers.hear(said)).outcome == U, (row, status)
