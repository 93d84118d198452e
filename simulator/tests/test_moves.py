"""Money that moves without a client: paid by hand, taken by a stranger; and the form in the browser."""

from datetime import datetime, timedelta

import pytest

from simulator.tests.tools import assert_books_balance

PHONE, OTHER = "254712345678", "254722000002"


def refused(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].endswith(".")
    return answer.json()["error"]


def test_a_payment_by_hand(manual):
    said = manual.control("paybill", {"phone": "0712 345 678", "amount": 1000, "account_reference": "Rent"})
    receipt = said.pop("receipt")
    assert said == {"phone": PHONE, "amount": 1000, "account_reference": "Rent", "shortcode": "174379"}
    assert receipt.startswith("UKL")
    books = manual.books()
    assert_books_balance(books)
    assert books["accounts"]["paybill:174379:utility"] == 1000
    assert books["accounts"][f"phone:{PHONE}"] == 299_000
    assert books["transactions"][-1]["receipt"] == receipt
    [message] = manual.control(f"phones/{PHONE}")["messages"]
    assert receipt in message["text"]


def test_it_can_fill_the_paying_shortcode(manual):
    manual.paybill(PHONE, 1000, shortcode="600991")
    assert manual.books()["accounts"]["b2c:600991:utility"] == 5_001_000


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"phone": "12"}, 400),
        ({"phone": None}, 400),
        ({"amount": 0}, 400),
        ({"amount": "10"}, 400),
        ({"amount": True}, 400),
        ({"amount": 10.5}, 400),
        ({"account_reference": 5}, 400),
        ({"account_reference": "x" * 21}, 400),
        ({"shortcode": 174379}, 400),
        ({"colour": "red"}, 400),
        ({"shortcode": "600000"}, 409),
        ({"amount": 250_001}, 409),
        ({"amount": 10**15}, 409),
    ],
)
def test_a_bad_payment_changes_nothing(manual, change, status):
    before = manual.books()["accounts"]
    refused(manual.http.post("/control/paybill", json={"phone": PHONE, "amount": 10} | change), status)
    assert {**before, **manual.books()["accounts"]} == manual.books()["accounts"]
    assert "paybill:174379:utility" not in manual.books()["accounts"]


def test_what_the_phone_cannot_pay(manual):
    manual.control(f"phones/{PHONE}", {"balance": 9})
    body = {"phone": PHONE, "amount": 10}
    assert "KES 9" in refused(manual.http.post("/control/paybill", json=body), 409)
    manual.control(f"phones/{PHONE}", {"balance": 10, "registered": False})
    assert "not registered" in refused(manual.http.post("/control/paybill", json=body), 409)
    for _ in range(2):
        manual.control(f"phones/{OTHER}", {"balance": 250_000})
        manual.paybill(OTHER, 250_000)
    manual.control(f"phones/{OTHER}", {"balance": 10})
    refused(manual.http.post("/control/paybill", json={"phone": OTHER, "amount": 1}), 409)
    manual.advance(86_400)
    assert manual.paybill(OTHER, 1)


def test_a_foreign_payout(manual, receiver):
    said = manual.control("foreign-payout", {"phone": PHONE, "amount": 2000, "remarks": "Salary"})
    assert said["state"] == "completed"
    assert said["receipt"].startswith("UKL")
    assert manual.advance(60) == []
    books = manual.books()
    assert_books_balance(books)
    assert books["accounts"]["b2c:600991:utility"] == 4_998_000
    assert books["accounts"]["b2c:600991:charges"] == -9
    assert books["accounts"][f"phone:{PHONE}"] == 302_000
    assert "Salary" in books["transactions"][-1]["memo"]
    assert said in manual.control("payouts")
    address = receiver.address()
    manual.status(address, TransactionID=said["receipt"])
    manual.advance(1)
    assert receiver.next(address).parameters["Amount"] == 2000


def test_a_foreign_payout_with_a_receipt_of_choice(manual):
    body = {"phone": PHONE, "amount": 50, "receipt": "UKLSTOLEN1"}
    assert manual.control("foreign-payout", body)["receipt"] == "UKLSTOLEN1"
    refused(manual.http.post("/control/foreign-payout", json=body), 409)
    assert manual.books()["accounts"]["b2c:600991:utility"] == 4_999_950


def test_a_foreign_payout_of_some_time_ago(manual):
    """The statement lists it under its time, before what came since."""
    now = datetime.fromisoformat(manual.control("advance", {"seconds": 0})["now"])
    before = (now - timedelta(minutes=50)).replace(microsecond=0)
    young = manual.control("foreign-payout", {"phone": PHONE, "amount": 60})
    old = manual.control("foreign-payout", {"phone": PHONE, "amount": 50, "at": before.isoformat()})
    text = manual.http.get("/control/statement", params={"account": "payouts"}).text
    assert text.index(young["receipt"]) < text.index(old["receipt"])
    assert f"{before:%d-%m-%Y %H:%M:%S}" in text
    later = {"phone": PHONE, "amount": 50, "at": (now + timedelta(minutes=1)).isoformat()}
    refused(manual.http.post("/control/foreign-payout", json=later), 400)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"phone": "x"}, 400),
        ({"at": "yesterday"}, 400),
        ({"at": 5}, 400),
        ({"amount": -5}, 400),
        ({"receipt": "short"}, 400),
        ({"receipt": 5}, 400),
        ({"remarks": 5}, 400),
        ({"nothing": 1}, 400),
        ({"amount": 5}, 409),
        ({"amount": 250_001}, 409),
    ],
)
def test_a_bad_foreign_payout_changes_nothing(manual, change, status):
    body = {"phone": PHONE, "amount": 50} | change
    refused(manual.http.post("/control/foreign-payout", json=body), status)
    assert manual.control("payouts") == []
    assert manual.books()["accounts"]["b2c:600991:utility"] == 5_000_000


def test_reset_forgets_it_all(manual, receiver):
    address = receiver.address()
    manual.register_urls(address)
    manual.pull_register()
    receipt = manual.paybill(PHONE, 10)
    manual.reverse(address, receipt, 10)
    manual.ask_balance(address)
    manual.control("reset", {})
    assert manual.advance(3600) == []
    assert manual.books()["accounts"] == {"b2c:600991:utility": 5_000_000, "outside:cash": -5_000_000}
    manual.paybill(PHONE, 10)
    assert manual.advance(1) == []
    assert manual.pull_register().json()["ResponseStatus"] == "1000"
    refused(manual.http.post("/control/reverse", json={"receipt": receipt}), 404)


# The form


def filled(provider, **changes):
    form = {"shortcode": "174379", "reference": "Rent", "amount": "1,000", "pin": "1234"} | changes
    return provider.http.post(f"/phone/{PHONE}/paybill", data=form)


def test_the_form_pays(manual):
    page = manual.http.get(f"/phone/{PHONE}/").text
    assert f'href="/phone/{PHONE}/paybill"' in page
    assert 'value="174379"' in manual.http.get(f"/phone/{PHONE}/paybill").text
    answer = filled(manual)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/phone/{PHONE}/")
    assert manual.balance(PHONE) == 299_000
    assert "account Rent" in manual.http.get(f"/phone/{PHONE}/").text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pin": "9999"}, "Wrong PIN"),
        ({"amount": "1.5"}, "whole shillings"),
        ({"amount": ""}, "whole shillings"),
        ({"amount": "0"}, "KES 1"),
        ({"amount": "300001"}, "KES 250,000"),
        ({"shortcode": "600000"}, "No business"),
        ({"shortcode": "<b>"}, "No business"),
        ({"reference": "x" * 21}, "20 characters"),
    ],
)
def test_what_the_form_refuses_it_says_and_keeps_what_was_typed(manual, change, says):
    answer = filled(manual, **change)
    assert answer.status_code == 422
    assert says in answer.text
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    if "reference" not in change:
        assert 'value="Rent"' in answer.text
    assert 'value="9999"' not in answer.text
    assert manual.balance(PHONE) == 300_000


def test_three_wrong_pins_lock_it(manual):
    for _ in range(3):
        answer = filled(manual, pin="0000")
    assert "locked" in answer.text
    assert "locked" in filled(manual).text
    manual.control(f"phones/{PHONE}", {"pin_locked": False})
    assert filled(manual).status_code == 303


@pytest.mark.parametrize("number", ["0712345678", "abc"])
def test_no_such_phone(manual, number):
    assert manual.http.get(f"/phone/{number}/paybill").status_code == 404
    assert manual.http.post(f"/phone/{number}/paybill").status_code == 404
