import pytest

from simulator.tests.tools import password, until


def test_pending_then_paid(provider, phone):
    checkout_id = provider.pushed(phone)
    pending = provider.query(checkout_id)
    assert pending.status_code == 200
    assert pending.json()["ResultCode"] == "4999"
    assert pending.json()["ResultDesc"] == "The transaction is still under processing"
    provider.decide(checkout_id, "accept")
    paid = provider.query(checkout_id).json()
    assert set(paid) == {
        "ResponseCode",
        "ResponseDescription",
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResultCode",
        "ResultDesc",
    }
    assert (paid["ResponseCode"], paid["ResultCode"]) == ("0", "0")


@pytest.mark.parametrize(("action", "code"), [("decline", "1032"), ("wrong_pin", "2001")])
def test_refused(provider, phone, action, code):
    checkout_id = provider.pushed(phone)
    provider.decide(checkout_id, action)
    assert provider.query(checkout_id).json()["ResultCode"] == code


def test_no_answer_has_another_text_than_in_the_callback(provider, receiver, phone):
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    provider.decide(checkout_id, "ignore")
    found = until(lambda: (body := provider.query(checkout_id).json())["ResultCode"] == "1037" and body)
    assert found["ResultDesc"] == "DS timeout user cannot be reached."
    assert receiver.next(address).stk["ResultDesc"] == "No response from user."


def test_an_unknown_id(provider):
    answer = provider.query("ws_CO_21112026103015712345678")
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "500.001.1001"
    assert answer.json()["errorMessage"] == "The transaction does not Exist"


@pytest.mark.parametrize("value", ["", "nonsense", 7, None, "ws_CO_" + "1" * 80])
def test_what_is_no_id(provider, value):
    answer = provider.query(value)
    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == "Bad Request - Invalid CheckoutRequestID"


def test_wrong_password(provider, phone):
    answer = provider.query(provider.pushed(phone), Password=password(passkey="other"))
    assert answer.status_code == 500
    assert answer.json()["errorMessage"] == "[MerchantValidate] - Wrong credentials"


def test_spurious_errors_also_for_what_has_ended(variant, phone):
    provider = variant(query_errors=0.5)
    checkout_id = provider.pushed(phone)
    provider.decide(checkout_id, "accept")
    answers = [provider.query(checkout_id) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200, 500}
    assert {one.json()["errorCode"] for one in answers if one.status_code == 500} == {"500.001.1001"}
    assert {one.json()["ResultCode"] for one in answers if one.status_code == 200} == {"0"}


def test_the_older_way_to_say_pending(variant, phone):
    provider = variant(legacy_query=True)
    checkout_id = provider.pushed(phone)
    answer = provider.query(checkout_id)
    assert answer.status_code == 500
    assert answer.json()["errorCode"] == "500.001.1001"
    assert answer.json()["errorMessage"] == "The transaction is being processed"
    provider.decide(checkout_id, "accept")
    assert provider.query(checkout_id).json()["ResultCode"] == "0"
