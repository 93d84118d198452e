"""What goes out, and what never may (daraja.md 2.1, 4.1, 5.1, 6)."""

import base64
import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from django.db import transaction

from goldwallet.clock import NAIROBI, now
from payments.rails import Outcome, rail
from payments.rails.daraja import client, fields
from payments.tests.daraja_stub import (
    B2C_ACK,
    KEY,
    PHONE,
    STK_ACK,
    URLS,
    Say,
    serving,
    write_certificate,
)

pytestmark = pytest.mark.django_db

COLLECT = {
    "amount": Decimal(1000),
    "phone": PHONE,
    "reference": "GW7K2",
    "description": "Gold",
    "callback_url": "https://wallet.example/hooks/c/abc123/",
}
PAY_OUT = {
    "originator_id": "payout-1",
    "amount": Decimal(500),
    "phone": PHONE,
    "remarks": "Gold sold",
    **URLS,
}


@pytest.fixture
def stub(settings, tmp_path):
    with serving(settings, tmp_path) as stub:
        stub.say(client.STK_PUSH, Say(body=STK_ACK))
        stub.say(client.STK_QUERY, Say(body=STK_ACK))
        stub.say(client.B2C, Say(body=B2C_ACK))
        stub.say(client.STATUS, Say(body=B2C_ACK))
        yield stub


def check_signature(sent):
    stamp = sent["Timestamp"]
    passkey = "canary-passkey-0123456789abcdef"
    assert base64.b64decode(sent["Password"]).decode() == f"174379{passkey}{stamp}"
    moment = dt.datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI)
    assert abs(now() - moment) < dt.timedelta(seconds=10)


def open_credential(text):
    assert len(text) == 344
    return KEY.decrypt(base64.b64decode(text), PKCS1v15()).decode()


def test_collect(stub):
    rail("daraja").collect(**COLLECT)
    seen = stub.calls(client.STK_PUSH)[0]
    sent = seen.fields
    check_signature(sent)
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Authorization"] == "Bearer canary-token-0001-abcdefghijkl"
    del sent["Password"], sent["Timestamp"]
    assert sent == {
        "BusinessShortCode": 174379,
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 1000,
        "PartyA": 254712345678,
        "PartyB": 174379,
        "PhoneNumber": 254712345678,
        "CallBackURL": "https://wallet.example/hooks/c/abc123/",
        "AccountReference": "GW7K2",
        "TransactionDesc": "Gold",
    }


def test_query(stub):
    rail("daraja").collect_report(request_id="ws_CO_1")
    sent = stub.calls(client.STK_QUERY)[0].fields
    check_signature(sent)
    assert (sent["BusinessShortCode"], sent["CheckoutRequestID"]) == (174379, "ws_CO_1")
    assert len(sent) == 4


def test_pay_out(stub):
    rail("daraja").pay_out(**PAY_OUT)
    sent = stub.calls(client.B2C)[0].fields
    assert open_credential(sent.pop("SecurityCredential")) == "canary-password#7"
    assert sent == {
        "OriginatorConversationID": "payout-1",
        "InitiatorName": "canary-initiator",
        "CommandID": "BusinessPayment",
        "Amount": 500,
        "PartyA": 600991,
        "PartyB": 254712345678,
        "Remarks": "Gold sold",
        "Occassion": "Gold sold",
        "QueueTimeOutURL": URLS["timeout_url"],
        "ResultURL": URLS["result_url"],
    }


def test_pay_out_ask(stub):
    rail("daraja").pay_out_ask(originator_id="payout-1", **URLS)
    sent = stub.calls(client.STATUS)[0].fields
    assert open_credential(sent.pop("SecurityCredential")) == "canary-password#7"
    assert sent["OriginalConversationID"] == "payout-1"
    assert (sent["CommandID"], sent["Initiator"]) == ("TransactionStatusQuery", "canary-initiator")
    assert (sent["PartyA"], sent["IdentifierType"]) == (600991, "4")
    assert "TransactionID" not in sent


@pytest.mark.parametrize("amount", [Decimal(1), Decimal(250_000), Decimal("1000.00"), Decimal("1E+3")])
def test_amounts_that_may_go(stub, amount):
    assert rail("daraja").collect(**{**COLLECT, "amount": amount}).outcome == Outcome.ACCEPTED
    assert stub.calls(client.STK_PUSH)[0].fields["Amount"] == int(amount)


BAD_AMOUNTS = [
    Decimal(text) for text in ("0", "-1", "250001", "10.5", "0.99", "NaN", "Infinity", "-Infinity")
]
BAD_URLS = [
    "http://wallet.example/hooks/c/",
    "https://Wallet.example/hooks/c/",
    "https://wallet.example/hooks/c/?a=1",
    "https://wallet.example/hooks/c/#a",
    "https://user:pass@wallet.example/hooks/",
    "https://wallet.example/<token>/",
    "https://wallet.example/a b/",
    "https:///hooks/",
    "ftp://wallet.example/",
    "//wallet.example/",
    "",
    *[
        f"https://wallet.example/{word}/"
        for word in ["mpesa", "M-Pesa", "SAFARICOM", "exe", "exec", "cmd", "Sql", "query", "myqueryx"]
    ],
    "https://mpesa.example/hooks/",
]
BAD_COLLECT = [
    *[{"amount": amount} for amount in (*BAD_AMOUNTS, 1000, 1000.0, "1000")],
    *[
        {"phone": phone}
        for phone in (
            "",
            "0712345678",
            "+254712345678",
            "254212345678",
            "25471234567",
            "2547123456789",
            "254712345678\n",
            "25471234567८",
            " 254712345678",
        )
    ],
    *[{"reference": text} for text in ("", "1234567890123", "a\nb", " ab", "é")],
    *[{"description": text} for text in ("", "12345678901234", "gold\x00")],
    *[{"callback_url": url} for url in BAD_URLS],
]
BAD_PAY_OUT = [
    *[{"amount": amount} for amount in (*BAD_AMOUNTS, Decimal(9), 500)],
    {"phone": "0712345678"},
    {"originator_id": ""},
    {"originator_id": "x" * 65},
    {"originator_id": "a b"},
    {"remarks": "x"},
    {"remarks": "x" * 101},
    {"result_url": "https://wallet.example/query/"},
    {"timeout_url": "http://wallet.example/a/"},
]


def test_what_must_not_be_sent_is_not_sent(stub):
    for change in BAD_COLLECT:
        with pytest.raises(ValueError, match=r".") as caught:
            rail("daraja").collect(**{**COLLECT, **change})
        assert not change.get("phone") or change["phone"] not in str(caught.value)
    for change in BAD_PAY_OUT:
        with pytest.raises(ValueError, match=r"."):
            rail("daraja").pay_out(**{**PAY_OUT, **change})
    with pytest.raises(ValueError, match=r"."):
        rail("daraja").pay_out_ask(originator_id="a/b", **URLS)
    with pytest.raises(ValueError, match=r"."):
        rail("daraja").collect_report(request_id="")
    assert stub.seen == []


NEAR = "http://127.0.0.1:8000/a/", "http://localhost:8000/a/", "http://web:8000/a/", "http://10.0.0.7/a/"


def test_plain_http_only_near_and_only_in_the_demo(settings):
    for url in NEAR:
        assert fields.address(url) == url
    for url in ("http://8.8.8.8/a/", "http://wallet.example/a/"):
        with pytest.raises(ValueError, match="https"):
            fields.address(url)
    settings.DEMO = False
    for url in NEAR:
        with pytest.raises(ValueError, match="https"):
            fields.address(url)


def test_timestamps_are_nairobi_s():
    late = dt.datetime(2026, 11, 21, 22, 30, 5, tzinfo=dt.UTC)
    assert fields.timestamp(late) == "20261122013005"


def test_a_new_certificate_is_taken_at_once(stub, settings):
    rail("daraja").pay_out(**PAY_OUT)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = settings.DARAJA["certificate"]
    before = Path(path).stat().st_mtime_ns
    write_certificate(Path(path), key=other)
    os.utime(path, ns=(before + 10**9, before + 10**9))
    rail("daraja").pay_out(**PAY_OUT)
    text = stub.calls(client.B2C)[1].fields["SecurityCredential"]
    assert other.decrypt(base64.b64decode(text), PKCS1v15()) == b"canary-password#7"


@pytest.mark.parametrize(
    "content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_without_a_certificate_nothing_is_sent(stub, settings, tmp_path, content):
    path = tmp_path / "none.pem"
    if content is not None:
        path.write_bytes(content)
    settings.DARAJA = {**settings.DARAJA, "certificate": str(path)}
    answer = rail("daraja").pay_out(**PAY_OUT)
    assert (answer.outcome, answer.code, stub.seen) == (Outcome.NOT_EXECUTED, "certificate", [])


def test_a_certificate_without_rsa_is_none(stub, settings, tmp_path):
    write_certificate(tmp_path / "ec.pem", key=ec.generate_private_key(ec.SECP256R1()))
    settings.DARAJA = {**settings.DARAJA, "certificate": str(tmp_path / "ec.pem")}
    assert rail("daraja").pay_out(**PAY_OUT).code == "certificate"


def test_no_call_inside_a_transaction(stub):
    calls = (
        lambda: rail("daraja").collect(**COLLECT),
        lambda: rail("daraja").collect_report(request_id="ws_CO_1"),
        lambda: rail("daraja").pay_out(**PAY_OUT),
        lambda: rail("daraja").pay_out_ask(originator_id="payout-1", **URLS),
    )
    for call in calls:
        with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
            call()
    assert stub.seen == []


@pytest.mark.django_db(transaction=True)
def test_no_call_inside_a_transaction_without_a_test_s_wrapper(stub):
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        rail("daraja").collect(**COLLECT)
    transaction.set_autocommit(False)
    try:
        with pytest.raises(RuntimeError, match="transaction"):
            rail("daraja").collect(**COLLECT)
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert stub.seen == []
    assert rail("daraja").collect(**COLLECT).outcome == Outcome.ACCEPTED


def test_a_redirect_is_not_followed(stub):
    stub.say(client.B2C, Say(raw=b"HTTP/1.1 307 T\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
    assert rail("daraja").pay_out(**PAY_OUT).outcome == Outcome.UNKNOWN
    assert stub.calls("/elsewhere") == []
