import uuid

import pytest


def test_a_payout_by_the_callers_id(provider, receiver, phone):
    own = provider.payout(phone).json()["OriginatorConversationID"]
    receipt = provider.payout_ended(own)["receipt"]
    for field in ("OriginalConversationID", "OriginatorConversationID"):
        address = receiver.address()
        answer = provider.status(address, **{field: own}).json()
        assert answer["ResponseCode"] == "0"
        assert answer["OriginatorConversationID"] == own
        call = receiver.next(address)
        assert call.result["ResultCode"] == 0
        assert call.result["ConversationID"] == answer["ConversationID"]
        assert call.result["OriginatorConversationID"] == own
        assert call.result["TransactionID"].endswith("0000000")
        assert call.parameters["TransactionStatus"] == "Completed"
        assert call.parameters["ReceiptNo"] == receipt
        assert call.parameters["Amount"] == 500
        assert call.parameters["OriginatorConversationID"] == own
        assert call.parameters["DebitPartyName"] == "600991 - Gold Wallet"
        assert call.parameters["CreditPartyName"].startswith(f"{phone} - ")
        assert call.parameters["DebitPartyCharges"] == "Fee For B2C Payment|KES|5.00"
        assert call.parameters["TransactionReason"] is None
        assert call.parameters["ReasonType"] == "Business Payment to Customer via API"
        assert len(str(call.parameters["FinalisedTime"])) == 14


def test_a_payout_by_its_receipt(provider, receiver, phone):
    own = provider.payout(phone).json()["OriginatorConversationID"]
    receipt = provider.payout_ended(own)["receipt"]
    address = receiver.address()
    answer = provider.status(address, TransactionID=receipt, Occasion="Look").json()
    assert answer["OriginatorConversationID"] != own
    call = receiver.next(address)
    assert call.parameters["OriginatorConversationID"] == own
    assert call.result["ReferenceData"]["ReferenceItem"] == {"Key": "Occasion", "Value": "Look"}


def test_a_payment_by_its_receipt(provider, receiver, phone):
    receipt = provider.decide(provider.pushed(phone), "accept").json()["receipt"]
    address = receiver.address()
    provider.status(address, TransactionID=receipt, PartyA=174379)
    call = receiver.next(address)
    assert call.parameters["TransactionStatus"] == "Completed"
    assert call.parameters["ReceiptNo"] == receipt
    assert call.parameters["Amount"] == 1000
    assert call.parameters["CreditPartyName"] == "174379 - Gold Wallet"


def test_in_flight(variant, receiver, phone):
    provider = variant(b2c_seconds=60)
    own = provider.payout(phone).json()["OriginatorConversationID"]
    address = receiver.address()
    provider.status(address, OriginalConversationID=own)
    call = receiver.next(address)
    assert call.result["ResultCode"] == 0
    assert call.parameters["TransactionStatus"] == "Authorized"
    assert "ReceiptNo" not in call.parameters


def test_a_refused_payout(provider, receiver, phone):
    own = provider.payout(phone, Amount=5).json()["OriginatorConversationID"]
    provider.payout_ended(own)
    address = receiver.address()
    provider.status(address, OriginalConversationID=own)
    assert receiver.next(address).parameters["TransactionStatus"] == "Declined"


@pytest.mark.parametrize("party", [600991, 174379])
def test_unknown(provider, receiver, party):
    for key in ({"OriginalConversationID": str(uuid.uuid4())}, {"TransactionID": "UKL0000001"}):
        address = receiver.address()
        provider.status(address, PartyA=party, **key)
        result = receiver.next(address).result
        assert result["ResultCode"] == 2032
        assert "ResultParameters" not in result


def test_a_payout_that_never_reached_the_core_is_unknown(provider, receiver, phone):
    own = provider.payout(phone, InitiatorName="somebody").json()["OriginatorConversationID"]
    provider.payout_ended(own)
    address = receiver.address()
    provider.status(address, OriginalConversationID=own)
    assert receiver.next(address).result["ResultCode"] == 2032


def test_another_organisations_payout_is_unknown(provider, receiver, phone):
    own = provider.payout(phone).json()["OriginatorConversationID"]
    provider.payout_ended(own)
    address = receiver.address()
    provider.status(address, OriginalConversationID=own, PartyA=600000)
    assert receiver.next(address).result["ResultCode"] == 2032


def test_no_key_at_all(provider, receiver):
    address = receiver.address()
    assert provider.status(address).status_code == 200
    assert receiver.next(address).result["ResultCode"] == 25


def test_a_wrong_credential(provider, receiver):
    address = receiver.address()
    provider.status(address, TransactionID="UKL7A2B3C4", Initiator="somebody")
    assert receiver.next(address).result["ResultCode"] == 2001


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Initiator", ""),
        ("SecurityCredential", None),
        ("CommandID", "AccountBalance"),
        ("PartyA", "x"),
        ("IdentifierType", 3),
        ("ResultURL", "http://example.com/"),
        ("QueueTimeOutURL", None),
        ("Remarks", ""),
        ("TransactionID", 7),
    ],
)
def test_a_bad_field_is_named(provider, field, value):
    answer = provider.status("http://127.0.0.1:9/nobody", **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "400.003.02"
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"
