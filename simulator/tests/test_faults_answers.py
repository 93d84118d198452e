"""Faults of answers that come late or are asked for: notices, status queries, confirmations, reversals, balances."""

import pytest

from simulator.tests.events import SEEDS, paid, paid_out, receipts
from simulator.tests.tools import assert_books_balance


@pytest.fixture
def provider(manual):
    yield manual
    assert_books_balance(manual.books())


# QueueTimeOut notices.


@pytest.mark.parametrize(
    ("fault", "delay_ms", "wait"),
    [
        ("queue_timeout_first", None, 1),
        ("queue_timeout_only_then_late", None, 60),
        ("queue_timeout_only_then_late", 600_000, 600),
    ],
)
def test_a_notice_then_the_result(provider, receiver, phone, fault, delay_ms, wait):
    provider.spoil({"api": "callback:payout", "fault": fault, "delay_ms": delay_ms})
    result_url, timeout_url = receiver.address(), receiver.address()
    conversation_id = paid_out(provider, phone, result_url, QueueTimeOutURL=timeout_url)
    [notice] = provider.advance(0.06)
    assert (notice["kind"], notice["subject"]) == ("b2c-timeout", conversation_id)
    assert receiver.count_after(timeout_url, 0) == 1
    assert receiver.count_after(result_url, 0) == 0
    assert provider.balance(phone) == 300_500
    provider.advance(wait - 0.1)
    assert receiver.count_after(result_url, 0) == 0
    provider.advance(1)
    assert receiver.next(result_url).result["ResultCode"] == 0
    assert receiver.count_after(timeout_url, 0) == 1


def test_a_notice_has_one_of_two_forms(provider, receiver, phone):
    forms = set()
    for seed in range(12):
        provider.spoil({"api": "callback:payout", "fault": "queue_timeout_first"}, seed=seed)
        timeout_url = receiver.address()
        answer = provider.payout(phone, QueueTimeOutURL=timeout_url, Remarks="Gold sold").json()
        provider.advance(0.1)
        body = receiver.next(timeout_url).body
        forms.add("echo" if "Result" not in body else "result")
        if "Result" in body:
            assert body["Result"]["OriginatorConversationID"] == answer["OriginatorConversationID"]
            assert body["Result"]["ConversationID"] == answer["ConversationID"]
        else:
            assert body["OriginatorConversationID"] == answer["OriginatorConversationID"]
            assert (body["InitiatorName"], body["Amount"], body["Remarks"]) == (
                "goldwallet",
                500,
                "Gold sold",
            )
            assert len(body["SecurityCredential"]) == 344
            assert body["QueueTimeOutURL"] == timeout_url
    assert forms == {"echo", "result"}


# What a status query is told.


def status_told(provider, receiver, **changes):
    address = receiver.address()
    provider.status(address, **changes)
    provider.advance(1)
    return receiver.next(address)


@pytest.mark.parametrize("api", ["status", "callback:status"])
def test_status_says_that_a_payout_failed(provider, receiver, phone, api):
    answer = provider.payout(phone).json()
    provider.advance(10)
    said = set()
    for seed in SEEDS:
        provider.spoil({"api": api, "fault": "lie_failed"}, seed=seed)
        call = status_told(provider, receiver, OriginalConversationID=answer["OriginatorConversationID"])
        said.add(call.parameters["TransactionStatus"])
        assert call.result["ResultCode"] == 0
    assert said == {"Failed", "Declined", "Cancelled", "Expired"}
    assert provider.balance(phone) == 300_500


def test_status_says_that_a_failed_payout_was_made(provider, receiver, phone):
    answer = provider.payout(phone, Amount=5).json()
    provider.advance(10)
    provider.spoil({"api": "status", "fault": "lie_paid"})
    call = status_told(provider, receiver, OriginalConversationID=answer["OriginatorConversationID"])
    assert call.parameters["TransactionStatus"] == "Completed"
    assert len(call.parameters["ReceiptNo"]) == 10
    assert provider.balance(phone) == 300_000


def test_status_says_that_an_open_payout_was_made(variant, receiver, phone):
    provider = variant(b2c_seconds=3600)
    own_id = provider.payout(phone).json()["OriginatorConversationID"]
    provider.spoil({"api": "status", "fault": "lie_paid"})
    address = receiver.address()
    provider.status(address, OriginalConversationID=own_id)
    told = receiver.next(address).parameters
    assert told["TransactionStatus"] == "Completed"
    assert len(told["ReceiptNo"]) == 10
    assert provider.payout_by(own_id)["state"] == "pending"


def test_status_says_that_a_payout_is_still_open(provider, receiver, phone):
    answer = provider.payout(phone).json()
    provider.advance(10)
    provider.spoil({"api": "status", "fault": "pending"})
    told = status_told(
        provider, receiver, OriginalConversationID=answer["OriginatorConversationID"]
    ).parameters
    assert told["TransactionStatus"] == "Authorized"
    assert not {"ReceiptNo", "FinalisedTime"} & told.keys()


def test_there_is_nothing_to_say_of_what_is_unknown(provider, receiver):
    provider.spoil({"api": "status", "fault": "lie_paid"})
    assert status_told(provider, receiver, TransactionID="UKL0000001").result["ResultCode"] == 2032
    assert provider.control("faults")["faulty"] == 0


# The other callbacks.


def registered(provider, receiver):
    address = receiver.address()
    body = {
        "ShortCode": 174379,
        "ResponseType": "Completed",
        "ConfirmationURL": address,
        "ValidationURL": address,
    }
    assert provider.call("/mpesa/c2b/v2/registerurl", body).status_code == 200
    return address


def test_a_confirmation_of_a_collection(provider, receiver, phone):
    address = registered(provider, receiver)
    spoilt = {}
    for fault in ("wrong_amount", "wrong_receipt", "forge", "duplicate", "drop"):
        provider.spoil({"api": "callback:c2b", "fault": fault})
        paid(provider, phone, receiver.address(), amount=1000 + len(spoilt))
        provider.advance(1)
        spoilt[fault] = [receiver.next(address).body for _ in range(receiver.count_after(address, 0))]
    real = receipts(provider)
    [amount], [receipt] = spoilt["wrong_amount"], spoilt["wrong_receipt"]
    assert amount["TransAmount"] in {"1001.00", "999.00", "10000.00"}
    assert amount["TransID"] in real
    assert (receipt["TransID"] in real, receipt["TransAmount"]) == (False, "1001.00")
    forged, true = spoilt["forge"]
    assert (forged["TransID"] in real, true["TransID"] in real) == (False, True)
    assert forged | {"TransID": true["TransID"]} == true
    assert len(spoilt["duplicate"]) >= 2
    assert spoilt["drop"] == []


@pytest.mark.parametrize("fault", ["contradict", "wrong_amount", "wrong_receipt", "masked_phone", "drop"])
def test_the_result_of_a_reversal(provider, receiver, phone, fault):
    paid(provider, phone, receiver.address())
    provider.advance(1)
    [receipt] = receipts(provider)
    provider.spoil({"api": "callback:reversal", "fault": fault})
    address = receiver.address()
    body = {
        "Initiator": "goldwallet",
        "SecurityCredential": provider.credential(),
        "CommandID": "TransactionReversal",
        "TransactionID": receipt,
        "Amount": 1000,
        "ReceiverParty": 174379,
        "RecieverIdentifierType": 11,
        "ResultURL": address,
        "QueueTimeOutURL": address,
        "Remarks": "Wrong person",
    }
    assert provider.call("/mpesa/reversal/v1/request", body).status_code == 200
    delivered = provider.advance(30)
    assert provider.balance(phone) == 300_000
    assert provider.control("faults")["rules"][0]["hits"] == 1
    if fault == "drop":
        assert delivered == []
        return
    call = receiver.next(address)
    if fault == "contradict":
        assert call.result["ResultCode"] == 1
        assert "ResultParameters" not in call.result
        return
    told, known = call.parameters, call.result["TransactionID"] in receipts(provider)
    assert told["OriginalTransactionID"] == receipt
    assert (told["Amount"] == 1000) == (fault != "wrong_amount")
    assert known == (fault != "wrong_receipt")
    assert ("****" in told["CreditPartyPublicName"]) == (fault == "masked_phone")


def test_the_result_of_a_balance_query(provider, receiver):
    provider.spoil({"api": "callback:balance", "fault": "delay", "delay_ms": 5_000})
    address = receiver.address()
    body = {
        "Initiator": "goldwallet",
        "SecurityCredential": provider.credential(),
        "CommandID": "AccountBalance",
        "PartyA": 600991,
        "IdentifierType": 4,
        "Remarks": "Control",
        "QueueTimeOutURL": address,
        "ResultURL": address,
    }
    assert provider.call("/mpesa/accountbalance/v1/query", body).status_code == 200
    assert provider.advance(4) == []
    assert [one["kind"] for one in provider.advance(5)] == ["balance"]
    assert "Utility Account" in receiver.next(address).parameters["AccountBalance"]
