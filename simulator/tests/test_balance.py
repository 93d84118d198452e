import pytest

PHONE = "254712345678"


def accounts(call):
    """Name to the four amounts."""
    found = {}
    for text in call.parameters["AccountBalance"].split("&"):
        name, currency, *amounts = text.split("|")
        assert currency == "KES"
        found[name] = amounts
    return found


def test_the_collecting_paybill(manual, receiver):
    manual.paid(PHONE, 1000)
    manual.paybill(PHONE, 250)
    address = receiver.address()
    answer = manual.ask_balance(address).json()
    assert set(answer) == {
        "ConversationID",
        "OriginatorConversationID",
        "ResponseCode",
        "ResponseDescription",
    }
    manual.advance(1)
    call = receiver.next(address)
    assert accounts(call) == {
        "Working Account": ["0.00"] * 4,
        "Float Account": ["0.00"] * 4,
        "Utility Account": ["1250.00", "1250.00", "0.00", "0.00"],
        "Charges Paid Account": ["0.00"] * 4,
        "Organization Settlement Account": ["0.00"] * 4,
    }
    assert call.parameters["BOCompletedTime"] == "20261121100000"
    assert (call.result["ResultType"], call.result["ResultCode"]) == ("0", "0")
    assert call.result["ConversationID"] == answer["ConversationID"]
    assert call.result["OriginatorConversationID"] == answer["OriginatorConversationID"]
    assert call.result["TransactionID"] == "UKL0000000"


def test_the_paying_shortcode_after_a_payout(manual, receiver):
    manual.payout(PHONE, Amount=500)
    manual.advance(1)
    address = receiver.address()
    manual.ask_balance(address, PartyA=600991)
    manual.advance(1)
    held = accounts(receiver.next(address))
    assert held["Utility Account"][0] == "4999500.00"
    assert held["Charges Paid Account"][:2] == ["-5.00", "-5.00"]


def test_it_tells_what_is_true_when_it_answers(manual, receiver):
    address = receiver.address()
    manual.ask_balance(address)
    manual.paybill(PHONE, 77)
    manual.advance(1)
    assert accounts(receiver.next(address))["Utility Account"][0] == "77.00"


@pytest.mark.parametrize(
    ("change", "code"), [({"Initiator": "somebody"}, "2001"), ({"PartyA": 600000}, "21")]
)
def test_refused_by_the_core(manual, receiver, change, code):
    address = receiver.address()
    assert manual.ask_balance(address, **change).status_code == 200
    manual.advance(1)
    result = receiver.next(address).result
    assert result["ResultCode"] == code
    assert "ResultParameters" not in result


def test_three_wrong_passwords_lock_the_operator(manual, receiver):
    address = receiver.address()
    for _ in range(3):
        manual.ask_balance(address, SecurityCredential=manual.credential("wrong"))
    manual.ask_balance(address)
    manual.advance(1)
    codes = [receiver.next(address).result["ResultCode"] for _ in range(4)]
    assert codes == ["2001", "2001", "8006", "8006"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Initiator", ""),
        ("SecurityCredential", None),
        ("CommandID", "TransactionStatusQuery"),
        ("PartyA", "x"),
        ("IdentifierType", 1),
        ("Remarks", "x"),
        ("QueueTimeOutURL", None),
        ("ResultURL", "http://example.com/"),
    ],
)
def test_a_bad_field_is_named(manual, field, value):
    answer = manual.ask_balance("http://127.0.0.1:9/nobody", **{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


def test_a_bad_token(manual):
    answer = manual.call("/mpesa/accountbalance/v1/query", {}, token="nonsense")
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "401.002.01")
