import hashlib
import json

import pytest

from simulator.tests.tools import assert_books_balance

PHONE = "254712345678"
NOBODY = "http://127.0.0.1:9/nobody"


def test_registering(manual, receiver):
    for version in (1, 2):  # the sandbox lets one register again
        answer = manual.register_urls(NOBODY, version=version)
        assert answer.status_code == 200
        assert set(answer.json()) == {"OriginatorCoversationID", "ResponseCode", "ResponseDescription"}
        assert answer.json()["ResponseCode"] == "0"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ShortCode", 600000),
        ("ShortCode", None),
        ("ResponseType", "completed"),
        ("ConfirmationURL", None),
        ("ConfirmationURL", "https://example.com/mpesa"),
        ("ValidationURL", "https://Example.com/"),
    ],
)
def test_a_bad_field_is_named(manual, field, value):
    answer = manual.register_urls(NOBODY, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


def test_a_bad_token(manual):
    answer = manual.call("/mpesa/c2b/v2/registerurl", {}, token="nonsense")
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.003.01")


def test_one_registration_as_in_production(variant):
    provider = variant(c2b_one_registration=True)
    assert provider.register_urls(NOBODY).status_code == 200
    again = provider.register_urls(NOBODY)
    assert (again.status_code, again.json()["errorCode"]) == (500, "500.003.1001")
    assert again.json()["errorMessage"] == "Urls are already registered"
    provider.control("reset", {})
    assert provider.register_urls(NOBODY).status_code == 200


def test_the_word_after_a_payment_by_hand(manual, receiver):
    address = receiver.address(status=500)
    manual.register_urls(address)
    manual.paybill(PHONE, 40)
    receipt = manual.paybill(PHONE, 10, "GW7KQ2M4X9PA")
    told = manual.advance(1)
    assert [(one["kind"], one["status"]) for one in told] == [("c2b", 500)] * 2
    receiver.next(address)
    call = receiver.next(address)
    assert call.headers["BusinessShortCode"] == "174379"
    assert call.body == {
        "TransactionType": "Pay Bill",
        "TransID": receipt,
        "TransTime": "20261121100000",
        "TransAmount": "10.00",
        "BusinessShortCode": "174379",
        "BillRefNumber": "GW7KQ2M4X9PA",
        "InvoiceNumber": "",
        "OrgAccountBalance": "50.00",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 678",
        "FirstName": call.body["FirstName"],
        "MiddleName": "",
        "LastName": "",
    }
    assert call.body["FirstName"].isalpha()
    assert manual.advance(86_400) == []  # whatever was answered: no second time


def test_version_1_hashes_the_number(manual, receiver):
    address = receiver.address()
    manual.register_urls(address, version=1)
    manual.paybill(PHONE, 10)
    manual.advance(1)
    assert receiver.next(address).body["MSISDN"] == hashlib.sha256(PHONE.encode()).hexdigest()


def test_a_prompt_is_told_on_both_ways(manual, receiver):
    prompt, collection = receiver.address(), receiver.address()
    manual.register_urls(collection)
    receipt = manual.paid(PHONE, 1000, CallBackURL=prompt, AccountReference="ABC")
    manual.decide(manual.pushed(PHONE, Amount=5), "decline")
    assert [one["kind"] for one in manual.advance(1)].count("c2b") == 1
    body = receiver.next(collection).body
    assert (body["TransID"], body["BillRefNumber"], body["TransAmount"]) == (receipt, "ABC", "1000.00")
    items = {item["Name"]: item["Value"] for item in receiver.next(prompt).stk["CallbackMetadata"]["Item"]}
    assert items["MpesaReceiptNumber"] == receipt


def test_a_payout_and_another_shortcode_are_not_told(manual, receiver):
    manual.register_urls(receiver.address())
    manual.payout(PHONE)
    manual.paybill(PHONE, 10, shortcode="600991")
    assert [one["kind"] for one in manual.advance(60)] == ["b2c"]


def test_nobody_registered(manual):
    manual.paybill(PHONE, 10)
    assert manual.advance(60) == []


# Validation


@pytest.fixture
def asked(variant):
    """A simulator that asks before a payment by hand."""
    return variant(c2b_validation=True, validation_seconds=0.3)


def refused(provider, amount=10):
    answer = provider.http.post("/control/paybill", json={"phone": PHONE, "amount": amount})
    assert answer.status_code == 409, answer.text
    return answer.json()["error"]


def test_the_question_and_the_word(asked, receiver):
    question = receiver.address(body=json.dumps({"ResultCode": "0", "ThirdPartyTransID": "mine-1"}).encode())
    word = receiver.address()
    asked.register_urls(word, ValidationURL=question)
    receipt = asked.paybill(PHONE, 10, "ABC")
    first, second = receiver.next(question).body, receiver.next(word).body
    assert first["TransID"] == second["TransID"] == receipt
    assert (first["OrgAccountBalance"], second["OrgAccountBalance"]) == ("", "10.00")
    assert (first["ThirdPartyTransID"], second["ThirdPartyTransID"]) == ("", "mine-1")


@pytest.mark.parametrize("code", ["C2B00011", "C2B00012", "C2B00013", "C2B00014", "C2B00015", "C2B00016"])
def test_a_refusal_stops_the_payment(asked, receiver, code):
    word = receiver.address()
    question = receiver.address(body=json.dumps({"ResultCode": code, "ResultDesc": "Rejected"}).encode())
    asked.register_urls(word, ValidationURL=question)
    assert "did not accept it" in refused(asked)
    assert receiver.count_after(word, 0.1) == 0
    books = asked.books()
    assert_books_balance(books)
    assert books["accounts"][f"phone:{PHONE}"] == 300_000
    assert "paybill:174379:utility" not in books["accounts"]


@pytest.mark.parametrize("kind", ["Completed", "Cancelled"])
def test_no_answer_in_time_leaves_it_to_the_registered_type(asked, receiver, kind):
    for question in (
        NOBODY,
        receiver.address(pause=1, body=b'{"ResultCode": "0"}'),
        receiver.address(status=500, body=b'{"ResultCode": "0"}'),
        receiver.address(body=b"<html>"),
        receiver.address(body=b'{"ResultCode": "C2B99999"}'),
    ):
        asked.register_urls(NOBODY, ValidationURL=question, ResponseType=kind)
        if kind == "Completed":
            assert asked.paybill(PHONE, 10)
        else:
            assert "in time" in refused(asked)


def test_a_prompt_is_not_asked_about(asked, receiver):
    question = receiver.address(body=b'{"ResultCode": "C2B00016"}')
    asked.register_urls(receiver.address(), ValidationURL=question)
    assert asked.paid(PHONE, 10)
    assert receiver.count_after(question, 0.1) == 0
