"""What becomes of a prompt: the money, the callback, the query and the phone tell the same."""

import pytest

from simulator.tests.tools import assert_books_balance, until


def test_accepted(provider, receiver, phone):
    address = receiver.address()
    answer = provider.push(phone, CallBackURL=address).json()
    before = provider.books()["accounts"].get("paybill:174379:utility", 0)
    decided = provider.decide(answer["CheckoutRequestID"], "accept")
    assert decided.status_code == 200
    assert decided.json()["state"] == "completed"
    call = receiver.next(address)
    assert call.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert call.headers["BusinessShortCode"] == "174379"
    stk = call.stk
    assert stk["MerchantRequestID"] == answer["MerchantRequestID"]
    assert stk["CheckoutRequestID"] == answer["CheckoutRequestID"]
    assert stk["ResultCode"] == 0
    assert isinstance(stk["ResultCode"], int)
    items = {item["Name"]: item["Value"] for item in stk["CallbackMetadata"]["Item"]}
    assert items["Amount"] == 1000
    assert items["PhoneNumber"] == int(phone)
    assert len(str(items["TransactionDate"])) == 14
    receipt = items["MpesaReceiptNumber"]
    assert receipt == decided.json()["receipt"]
    shown = provider.control(f"phones/{phone}")
    assert shown["balance"] == 299_000
    assert receipt in shown["messages"][0]["text"]
    assert "299,000" in shown["messages"][0]["text"]
    books = provider.books()
    assert books["accounts"]["paybill:174379:utility"] == before + 1000
    [booked] = [one for one in books["transactions"] if one["receipt"] == receipt]
    assert {entry["account"]: entry["amount"] for entry in booked["entries"]} == {
        f"phone:{phone}": -1000,
        "paybill:174379:utility": 1000,
    }
    assert_books_balance(books)


@pytest.mark.parametrize(
    ("action", "code", "text"),
    [
        ("decline", 1032, "Request cancelled by user"),
        ("wrong_pin", 2001, "The initiator information is invalid."),
        ("ignore", 1037, "No response from user."),
    ],
)
def test_refused(provider, receiver, phone, action, code, text):
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    assert provider.decide(checkout_id, action).status_code == 200
    stk = receiver.next(address).stk
    assert (stk["ResultCode"], stk["ResultDesc"]) == (code, text)
    assert "CallbackMetadata" not in stk
    assert provider.balance(phone) == 300_000
    assert provider.control(f"prompts?phone={phone}") == []


def test_ignored_stays_pending_and_holds_the_phone_until_the_network_gives_up(variant, phone):
    provider = variant(ignore_seconds=1.5)
    checkout_id = provider.pushed(phone)
    assert provider.decide(checkout_id, "ignore").json()["state"] == "ignored"
    assert provider.control("prompts") == []
    assert provider.query(checkout_id).json()["ResultCode"] == "4999"
    assert "Unable to lock" in provider.push(phone, Amount=7).json()["errorMessage"]
    until(lambda: provider.query(checkout_id).json()["ResultCode"] == "1037")
    assert provider.push(phone, Amount=7).status_code == 200


def test_nobody_answers(variant, receiver, phone):
    provider = variant(prompt_seconds=0.5)
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    assert receiver.next(address).stk["ResultCode"] == 1037
    assert provider.decide(checkout_id, "accept").status_code == 409
    assert provider.balance(phone) == 300_000


def test_not_enough_money(provider, receiver, phone):
    provider.control(f"phones/{phone}", {"balance": 999})
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    assert provider.decide(checkout_id, "accept").json()["state"] == "failed"
    assert receiver.next(address).stk["ResultCode"] == 1
    assert provider.balance(phone) == 999


def test_the_whole_balance_can_be_paid(provider, phone):
    provider.control(f"phones/{phone}", {"balance": 1000})
    assert provider.decide(provider.pushed(phone), "accept").json()["state"] == "completed"
    assert provider.balance(phone) == 0


def test_the_days_limit(provider, phone):
    for amount in (250_000, 249_999):
        provider.control(f"phones/{phone}", {"balance": 300_000})
        assert provider.decide(provider.pushed(phone, Amount=amount), "accept").json()["state"] == "completed"
    last = provider.decide(provider.pushed(phone, Amount=2), "accept").json()
    assert last["result_code"] == "4"
    assert provider.decide(provider.pushed(phone, Amount=1), "accept").json()["state"] == "completed"


def test_three_wrong_pins_lock_the_phone(provider, receiver, phone):
    address = receiver.address()
    codes = []
    for amount in (10, 20, 30):
        provider.decide(provider.pushed(phone, Amount=amount, CallBackURL=address), "wrong_pin")
        codes.append(receiver.next(address).stk["ResultCode"])
    assert codes == [2001, 2001, 8006]
    assert provider.control(f"phones/{phone}")["pin_locked"] is True
    # The right PIN on the page does not help; unlocking does.
    checkout_id = provider.pushed(phone, Amount=40, CallBackURL=address)
    page = f"/phone/{phone}/prompts/{checkout_id}"
    assert provider.http.post(page, data={"action": "accept", "pin": "1234"}).status_code == 303
    assert receiver.next(address).stk["ResultCode"] == 8006
    provider.control(f"phones/{phone}", {"pin_locked": False})
    checkout_id = provider.pushed(phone, Amount=50, CallBackURL=address)
    provider.http.post(f"/phone/{phone}/prompts/{checkout_id}", data={"action": "accept", "pin": "1234"})
    assert receiver.next(address).stk["ResultCode"] == 0


def test_a_right_pin_forgives_wrong_ones(provider, phone):
    for amount, action in ((10, "wrong_pin"), (20, "wrong_pin"), (30, "accept"), (40, "wrong_pin")):
        last = provider.decide(provider.pushed(phone, Amount=amount), action).json()
    assert last["result_code"] == "2001"


def test_the_same_payment_again_too_soon(provider, receiver, phone):
    address = receiver.address()
    # A prompt that was declined is no payment: again at once is fine.
    provider.decide(provider.pushed(phone, Amount=700), "decline")
    provider.decide(provider.pushed(phone, Amount=700), "accept")
    checkout_id = provider.pushed(phone, Amount=700, CallBackURL=address)
    assert receiver.next(address).stk["ResultCode"] == 17
    assert provider.query(checkout_id).json()["ResultCode"] == "17"
    assert provider.control(f"prompts?phone={phone}") == []
    assert provider.balance(phone) == 299_300
    # Another amount is another payment.
    assert provider.decide(provider.pushed(phone, Amount=701), "accept").json()["state"] == "completed"


@pytest.mark.parametrize("changes", [{"TransactionType": "CustomerBuyGoodsOnline"}, {"PartyB": 600991}])
def test_the_receiver_must_fit_the_product(provider, receiver, phone, changes):
    address = receiver.address()
    provider.pushed(phone, CallBackURL=address, **changes)
    assert receiver.next(address).stk["ResultCode"] == 2028


def test_a_phone_without_mpesa_cannot_be_reached(provider, receiver, phone):
    provider.control(f"phones/{phone}", {"registered": False})
    address = receiver.address()
    provider.pushed(phone, CallBackURL=address)
    assert provider.control(f"prompts?phone={phone}") == []
    assert receiver.next(address).stk["ResultCode"] == 1037
