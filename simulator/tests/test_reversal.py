import pytest

from simulator.tests.tools import assert_books_balance

PHONE = "254712345678"


def reversed_(provider, receiver, receipt, amount, **changes):
    """The result of asking for a reversal."""
    address = receiver.address()
    assert provider.reverse(address, receipt, amount, **changes).json()["ResponseCode"] == "0"
    provider.advance(1)
    return receiver.next(address)


@pytest.mark.parametrize("how", ["paid", "paybill"])
def test_a_payment_goes_back_to_its_phone(manual, receiver, how):
    receipt = getattr(manual, how)(PHONE, 1000)
    assert manual.balance(PHONE) == 299_000
    call = reversed_(manual, receiver, receipt, 1000)
    own = call.result["TransactionID"]
    assert call.result["ResultCode"] == 0
    assert own != receipt
    assert len(own) == 10
    assert call.parameters == {
        "DebitAccountBalance": "Utility Account|KES|0.00|0.00|0.00|0.00",
        "Amount": 1000,
        "TransCompletedTime": 20261121100000,
        "OriginalTransactionID": receipt,
        "Charge": 0,
        "CreditPartyPublicName": call.parameters["CreditPartyPublicName"],
        "DebitPartyPublicName": "174379 - Gold Wallet",
    }
    assert call.parameters["CreditPartyPublicName"].startswith(PHONE)
    assert manual.balance(PHONE) == 300_000
    books = manual.books()
    assert_books_balance(books)
    assert books["accounts"]["paybill:174379:utility"] == 0
    assert books["transactions"][-1]["receipt"] == own
    assert receipt in books["transactions"][-1]["memo"]
    text = manual.control(f"phones/{PHONE}")["messages"][-1]["text"]
    assert text.startswith(own)
    assert receipt in text


def test_only_once(manual, receiver):
    receipt = manual.paid(PHONE, 1000)
    manual.paybill(PHONE, 5000)
    address = receiver.address()
    for _ in range(2):  # also when both are on their way at once
        manual.reverse(address, receipt, 1000)
    manual.advance(1)
    assert [receiver.next(address).result["ResultCode"] for _ in range(2)] == [0, "R000001"]
    again = reversed_(manual, receiver, receipt, 1000).result
    assert again["ResultCode"] == "R000001"
    assert again["TransactionID"].endswith("0000000")
    assert manual.balance(PHONE) == 295_000


def test_what_cannot_be_reversed(manual, receiver):
    paid = manual.paid(PHONE, 1000)
    own = manual.payout(PHONE).json()["OriginatorConversationID"]
    manual.advance(1)
    payout = manual.payout_by(own)["receipt"]
    for receipt, amount, party in (
        ("UKL0000001", 1000, 174379),
        (payout, 500, 174379),
        (payout, 500, 600991),
        (paid, 999, 174379),
        (paid, 1000, 600991),
    ):
        result = reversed_(manual, receiver, receipt, amount, ReceiverParty=party).result
        assert result["ResultCode"] == "R000002"
        assert "ResultParameters" not in result
    reversal = reversed_(manual, receiver, paid, 1000).result["TransactionID"]
    assert reversed_(manual, receiver, reversal, 1000).result["ResultCode"] == "R000002"
    assert_books_balance(manual.books())


def test_refused_by_the_core(manual, receiver):
    receipt = manual.paid(PHONE, 1000)
    assert reversed_(manual, receiver, receipt, 1000, Initiator="x").result["ResultCode"] == 2001
    assert reversed_(manual, receiver, receipt, 1000, ReceiverParty=600000).result["ResultCode"] == 21
    assert manual.balance(PHONE) == 299_000


def test_not_enough_on_the_shortcode(variant, receiver):
    provider = variant(float_opening=0)
    receipt = provider.paybill(PHONE, 1000, shortcode="600991")
    provider.control("foreign-payout", {"phone": "254722000002", "amount": 10})
    address = receiver.address()
    provider.reverse(address, receipt, 1000, ReceiverParty=600991)
    assert receiver.next(address).result["ResultCode"] == 1
    answer = provider.http.post("/control/reverse", json={"receipt": receipt})
    assert answer.status_code == 409
    assert provider.books()["accounts"]["b2c:600991:utility"] == 990


def test_status_of_a_payment_and_of_its_reversal(manual, receiver):
    receipt = manual.paybill(PHONE, 1000, "HELLO")
    own = reversed_(manual, receiver, receipt, 1000).result["TransactionID"]
    address = receiver.address()
    manual.status(address, TransactionID=receipt, PartyA=174379)
    manual.status(address, TransactionID=own, PartyA=174379)
    manual.status(address, TransactionID=own, PartyA=600991)
    manual.advance(1)
    payment, reversal, other = (receiver.next(address) for _ in range(3))
    assert payment.parameters["TransactionStatus"] == "Completed"
    assert payment.parameters["ReasonType"] == "Pay Bill"
    assert payment.parameters["Amount"] == 1000
    assert payment.parameters["DebitPartyName"].startswith(PHONE)
    assert reversal.parameters["ReceiptNo"] == own
    assert reversal.parameters["TransactionStatus"] == "Completed"
    assert reversal.parameters["CreditPartyName"].startswith(PHONE)
    assert other.result["ResultCode"] == 2032


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Initiator", ""),
        ("SecurityCredential", None),
        ("CommandID", "Reversal"),
        ("TransactionID", ""),
        ("Amount", "1.5"),
        ("ReceiverParty", "x"),
        ("RecieverIdentifierType", 1),
        ("ResultURL", None),
        ("QueueTimeOutURL", None),
        ("Remarks", "x"),
    ],
)
def test_a_bad_field_is_named(manual, field, value):
    answer = manual.reverse("http://127.0.0.1:9/nobody", "UKL7A2B3C4", 5, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


def test_a_bad_token(manual):
    answer = manual.call("/mpesa/reversal/v1/request", {}, token="nonsense")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.03")


def test_the_provider_reverses_by_itself(manual):
    receipt = manual.paid(PHONE, 1000)
    said = manual.control("reverse", {"receipt": receipt})
    assert said["original"] == receipt
    assert said["receipt"] != receipt
    assert manual.balance(PHONE) == 300_000
    assert manual.advance(60)[-1]["kind"] == "stk"  # nobody is told of the reversal
    assert_books_balance(manual.books())
    for body, status in (
        ({"receipt": receipt}, 409),
        ({"receipt": said["receipt"]}, 404),
        ({"receipt": "UKL0000001"}, 404),
        ({}, 400),
        ({"receipt": receipt, "amount": 5}, 400),
    ):
        answer = manual.http.post("/control/reverse", json=body)
        assert (answer.status_code, answer.json()["error"][-1]) == (status, ".")
    assert manual.balance(PHONE) == 300_000
