import re

import pytest

from simulator.tests.tools import password


def refusal(answer):
    body = answer.json()
    assert set(body) == {"requestId", "errorCode", "errorMessage"}
    assert re.fullmatch(r"[0-9a-f]{4}(-[0-9a-f]{4}){2}-[0-9a-f]{12}[0-9]{7}", body["requestId"])
    return answer.status_code, body["errorCode"], body["errorMessage"]


def test_it_works(provider, phone):
    answer = provider.push(phone)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResponseCode",
        "ResponseDescription",
        "CustomerMessage",
    }
    assert body["ResponseCode"] == "0"
    assert body["ResponseDescription"] == "Success. Request accepted for processing"
    assert re.fullmatch(r"ws_CO_\d{14}\d{1,3}" + phone[-9:], body["CheckoutRequestID"])
    assert re.fullmatch(r"[0-9a-f]{4}(-[0-9a-f]{4}){2}-[0-9a-f]{12}[0-9]{7}", body["MerchantRequestID"])
    [prompt] = provider.control(f"prompts?phone={phone}")
    assert prompt["CheckoutRequestID"] == body["CheckoutRequestID"]
    assert (prompt["phone"], prompt["amount"]) == (phone, 1000)
    assert prompt["account_reference"] == "GW7KQ2M4X9PA"


def test_text_works_where_a_number_does(provider, phone):
    changes = {"BusinessShortCode": "174379", "PartyA": phone, "PartyB": "174379", "PhoneNumber": phone}
    assert provider.push(phone, Amount="1000", **changes).status_code == 200


BAD_FIELDS = [
    ("BusinessShortCode", None),
    ("BusinessShortCode", "12"),
    ("BusinessShortCode", "17437x"),
    ("BusinessShortCode", True),
    ("Password", None),
    ("Password", 7),
    ("Timestamp", "2026112110301"),
    ("Timestamp", "20261321103015"),
    ("Timestamp", None),
    ("TransactionType", "PayBill"),
    ("TransactionType", ["CustomerPayBillOnline"]),
    ("Amount", 0),
    ("Amount", -5),
    ("Amount", 1.5),
    ("Amount", "10.00"),
    ("Amount", "1e3"),
    ("Amount", "١٠"),
    ("Amount", 250_001),
    ("Amount", True),
    ("Amount", None),
    ("PartyA", "0712345678"),
    ("PartyB", "x"),
    ("PhoneNumber", "254812345678"),
    ("PhoneNumber", "+254712345678"),
    ("PhoneNumber", "25471234567"),
    ("CallBackURL", None),
    ("CallBackURL", "not an address"),
    ("CallBackURL", "http://example.com/hook"),
    ("CallBackURL", "https://Example.com/hook"),
    ("CallBackURL", "https://<your-host>/hook"),
    ("CallBackURL", "https://user@example.com/hook"),
    ("CallBackURL", "https://example.com/MPESA/hook"),
    ("CallBackURL", "https://example.com/stkquery"),
    ("CallBackURL", "ftp://example.com/hook"),
    ("CallBackURL", "https://a..b/hook"),
    ("AccountReference", None),
    ("AccountReference", ""),
    ("AccountReference", "1234567890123"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_bad_field_is_named(provider, phone, field, value):
    answer = provider.push(phone, **{field: value})
    assert refusal(answer) == (400, "400.002.02", f"Bad Request - Invalid {field}")
    assert provider.control(f"prompts?phone={phone}") == []


@pytest.mark.parametrize("value", [None, "", "12345678901234"])
def test_a_missing_description_is_called_remarks(provider, phone, value):
    answer = provider.push(phone, TransactionDesc=value)
    assert refusal(answer) == (400, "400.002.02", "Bad Request - Invalid Remarks")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hooks/daraja/stk/0a1b2c",
        "http://localhost:8000/hooks/a",
        "http://127.0.0.1:8000/hooks/a",
        "http://[::1]:8000/hooks/a",
        "http://192.168.1.20/hooks/a",
        "http://web:8000/hooks/a",
    ],
)
def test_addresses_that_are_fine(provider, phone, url):
    assert provider.push(phone, CallBackURL=url).status_code == 200


def test_another_shortcode_does_not_exist(provider, phone):
    answer = provider.push(phone, BusinessShortCode=174380, PartyB=174380)
    assert refusal(answer) == (500, "500.001.1001", "Merchant does not exist")


@pytest.mark.parametrize(
    "wrong", ["nonsense", password(passkey="other"), password(stamp="20261121103016"), "é"]
)
def test_a_wrong_password_is_refused(provider, phone, wrong):
    answer = provider.push(phone, Password=wrong)
    assert refusal(answer) == (500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


def test_one_live_prompt_for_a_phone(provider, phone):
    checkout_id = provider.pushed(phone)
    status, code, message = refusal(provider.push(phone, Amount=20))
    assert (status, code) == (500, "500.001.1001")
    assert message.startswith("Unable to lock subscriber")
    provider.decide(checkout_id, "decline")
    assert provider.push(phone, Amount=20).status_code == 200


def test_what_is_not_json_is_an_invalid_shortcode(provider):
    headers = {"Authorization": f"Bearer {provider.token()}"}
    path = "/mpesa/stkpush/v1/processrequest"
    answer = provider.http.post(path, data={"BusinessShortCode": "174379"}, headers=headers)
    assert refusal(answer) == (400, "400.002.02", "Bad Request - Invalid BusinessShortCode")


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b'{"Amount": NaN}', b"\xff", b"[" * 100_000])
def test_broken_json_is_an_invalid_payload(provider, raw):
    headers = {"Authorization": f"Bearer {provider.token()}", "Content-Type": "application/json"}
    answer = provider.http.post("/mpesa/stkpush/v1/processrequest", content=raw, headers=headers)
    assert refusal(answer) == (400, "400.002.05", "Invalid Request Payload")


def test_a_wrong_verb_and_a_wrong_path(provider):
    assert refusal(provider.http.get("/mpesa/stkpush/v1/processrequest")) == (
        405,
        "405.001",
        "GET Method Not Allowed",
    )
    assert refusal(provider.call("/mpesa/stkpush/v9/processrequest", {})) == (
        404,
        "404.001.01",
        "Resource not found",
    )
