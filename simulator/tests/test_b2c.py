import re
import uuid

import pytest

from simulator.tests.tools import PASSWORD, assert_books_balance


def refusal(answer):
    return answer.status_code, answer.json()["errorCode"], answer.json()["errorMessage"]


def test_it_works(provider, receiver, phone):
    address, own = receiver.address(), str(uuid.uuid4())
    before = provider.books()["accounts"]
    answer = provider.payout(phone, OriginatorConversationID=own, ResultURL=address)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "ConversationID",
        "OriginatorConversationID",
        "ResponseCode",
        "ResponseDescription",
    }
    assert (body["OriginatorConversationID"], body["ResponseCode"]) == (own, "0")
    assert re.fullmatch(r"AG_\d{8}_[0-9a-f]{20}", body["ConversationID"])
    call = receiver.next(address)
    result = call.result
    assert (result["ResultType"], result["ResultCode"]) == (0, 0)
    assert result["OriginatorConversationID"] == own
    assert result["ConversationID"] == body["ConversationID"]
    receipt = result["TransactionID"]
    assert call.parameters["TransactionReceipt"] == receipt
    assert call.parameters["TransactionAmount"] == 500
    assert call.parameters["B2CRecipientIsRegisteredCustomer"] == "Y"
    assert call.parameters["ReceiverPartyPublicName"].startswith(f"{phone} - ")
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", call.parameters["TransactionCompletedDateTime"])
    assert result["ReferenceData"]["ReferenceItem"]["Key"] == "QueueTimeoutURL"
    # The money: out of Utility, onto the phone; the charge of KES 5 out of Charges Paid.
    books = provider.books()
    after = books["accounts"]
    assert after["b2c:600991:utility"] == before["b2c:600991:utility"] - 500
    assert after["b2c:600991:charges"] == before.get("b2c:600991:charges", 0) - 5
    assert after["safaricom:fees"] == before.get("safaricom:fees", 0) + 5
    assert call.parameters["B2CUtilityAccountAvailableFunds"] == after["b2c:600991:utility"]
    assert call.parameters["B2CChargesPaidAccountAvailableFunds"] == after["b2c:600991:charges"]
    assert_books_balance(books)
    shown = provider.control(f"phones/{phone}")
    assert shown["balance"] == 300_500
    assert receipt in shown["messages"][0]["text"]
    assert provider.payout_by(own)["state"] == "completed"
    assert provider.payout_by(own)["receipt"] == receipt


def test_version_1_makes_its_own_id(provider, receiver, phone):
    address = receiver.address()
    own = str(uuid.uuid4())
    answers = [
        provider.payout(phone, version=1, OriginatorConversationID=own, ResultURL=address) for _ in range(2)
    ]
    ids = {answer.json()["OriginatorConversationID"] for answer in answers}
    assert len(ids) == 2
    assert own not in ids
    results = {receiver.next(address).result["OriginatorConversationID"] for _ in range(2)}
    assert results == ids


def test_an_id_works_once_in_flight_and_ever_after(provider, phone):
    own = str(uuid.uuid4())
    assert provider.payout(phone, OriginatorConversationID=own).status_code == 200
    duplicate = (500, "500.002.1001", "Duplicate OriginatorConversationID.")
    assert refusal(provider.payout(phone, OriginatorConversationID=own)) == duplicate
    assert provider.payout_ended(own)["state"] == "completed"
    assert refusal(provider.payout(phone, OriginatorConversationID=own, Amount=77)) == duplicate
    assert provider.balance(phone) == 300_500


def test_an_id_is_spent_by_a_failure_too(provider, phone):
    own = str(uuid.uuid4())
    provider.payout(phone, OriginatorConversationID=own, Amount=5)
    assert provider.payout_ended(own)["result_code"] == "2"
    assert refusal(provider.payout(phone, OriginatorConversationID=own))[1] == "500.002.1001"


def test_an_id_is_not_spent_by_a_request_that_was_never_taken(provider, phone):
    own = str(uuid.uuid4())
    assert provider.payout(phone, OriginatorConversationID=own, Remarks="").status_code == 400
    assert provider.payout(phone, OriginatorConversationID=own).status_code == 200


BAD_FIELDS = [
    ("OriginatorConversationID", None),
    ("OriginatorConversationID", ""),
    ("InitiatorName", None),
    ("SecurityCredential", None),
    ("SecurityCredential", ""),
    ("CommandID", "BusinessPayments"),
    ("Amount", 0),
    ("Amount", 10.5),
    ("Amount", "ten"),
    ("PartyA", "1"),
    ("PartyB", None),
    ("Remarks", None),
    ("Remarks", "x"),
    ("Remarks", "x" * 101),
    ("QueueTimeOutURL", None),
    ("ResultURL", "http://example.com/hook"),
    ("Occassion", "x" * 101),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_bad_field_is_named(provider, phone, field, value):
    answer = provider.payout(phone, **{field: value})
    assert refusal(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")


def test_a_bad_receiver_is_named(provider):
    answer = provider.payout("0712345678", PartyB="0712345678")
    assert refusal(answer) == (400, "400.002.02", "Bad Request - Invalid PartyB")


LIMITS = [
    (9, {}, 2),
    (250_001, {}, 3),
    (1000, {"registered": False}, 2040),
    (1001, {"balance": 499_000}, 8),
]


@pytest.mark.parametrize(("amount", "setting", "code"), LIMITS)
def test_limits_are_told_in_the_result(provider, receiver, phone, amount, setting, code):
    if setting:
        provider.control(f"phones/{phone}", setting)
    before = provider.balance(phone)
    address = receiver.address()
    provider.payout(phone, Amount=amount, ResultURL=address)
    result = receiver.next(address).result
    assert result["ResultCode"] == code
    assert "ResultParameters" not in result
    assert len(result["TransactionID"]) == 10
    assert provider.balance(phone) == before


@pytest.mark.parametrize("amount", [10, 1000])
def test_amounts_at_the_limits_are_paid(provider, phone, amount):
    provider.control(f"phones/{phone}", {"balance": 500_000 - amount})
    own = provider.payout(phone, Amount=amount).json()["OriginatorConversationID"]
    assert provider.payout_ended(own)["state"] == "completed"
    assert provider.balance(phone) == 500_000


def test_the_receivers_day(provider, phone):
    for amount, code in ((250_000, "0"), (249_995, "0"), (10, "4")):
        provider.control(f"phones/{phone}", {"balance": 0})
        own = provider.payout(phone, Amount=amount).json()["OriginatorConversationID"]
        assert provider.payout_ended(own)["result_code"] == code


def test_another_shortcode_may_not_pay(provider, receiver, phone):
    address = receiver.address()
    provider.payout(phone, PartyA=174379, ResultURL=address)
    result = receiver.next(address).result
    assert result["ResultCode"] == 2028
    assert result["TransactionID"].endswith("0000000")


def test_the_float_runs_out(variant, receiver, phone):
    provider = variant(float_opening=1200)
    address = receiver.address()
    codes = []
    for _ in range(3):
        provider.payout(phone, ResultURL=address)
        codes.append(receiver.next(address).result["ResultCode"])
    assert codes == [0, 0, 1]
    books = provider.books()
    assert books["accounts"]["b2c:600991:utility"] == 200
    assert_books_balance(books)


def test_wrong_passwords_lock_the_operator_until_it_is_unlocked(variant, receiver, phone):
    provider = variant()
    address = receiver.address()

    def outcome(**changes):
        assert provider.payout(phone, ResultURL=address, **changes).status_code == 200
        return receiver.next(address).result["ResultCode"]

    wrong = {"SecurityCredential": provider.credential("wrong")}
    assert [outcome(**wrong), outcome(**wrong), outcome()] == [2001, 2001, 0]  # a right one forgives
    assert [outcome(**wrong), outcome(SecurityCredential="????"), outcome(**wrong)] == [2001, 2001, 8006]
    assert outcome() == 8006
    assert provider.balance(phone) == 300_500
    assert provider.http.post("/books/operator").status_code == 303
    assert outcome() == 0


def test_an_unknown_operator_is_refused_and_locks_nobody(provider, receiver, phone):
    address = receiver.address()
    for _ in range(4):
        provider.payout(phone, InitiatorName="somebody", ResultURL=address)
        assert receiver.next(address).result["ResultCode"] == 2001
    provider.payout(phone, ResultURL=address)
    assert receiver.next(address).result["ResultCode"] == 0


def test_the_password_with_a_timestamp_is_taken_unless_strict(variant, receiver, phone):
    address = receiver.address()
    provider = variant()
    provider.payout(
        phone, SecurityCredential=provider.credential(PASSWORD + "20261121103015"), ResultURL=address
    )
    assert receiver.next(address).result["ResultCode"] == 0
    strict = variant(strict_credential=True)
    strict.payout(phone, SecurityCredential=strict.credential(PASSWORD + "20261121103015"), ResultURL=address)
    assert receiver.next(address).result["ResultCode"] == 2001
