import json

import pytest

from simulator.tests.tools import assert_books_balance


def refused(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    sentence = answer.json()["error"]
    assert sentence.endswith((".", "?"))
    return sentence


def test_prompts_oldest_first(provider, phone):
    other = f"2541{phone[4:]}"
    first, second = provider.pushed(phone), provider.pushed(other, Amount=5)
    ours = [one for one in provider.control("prompts") if one["phone"] in {phone, other}]
    assert [one["CheckoutRequestID"] for one in ours] == [first, second]
    assert provider.control(f"prompts?phone={other}") == [ours[1]]
    assert provider.control(f"prompts?phone=0{phone[3:]}") == [ours[0]]
    assert ours[0]["created_at"].endswith("+03:00")


def test_prompt_answers(provider, phone):
    checkout_id = provider.pushed(phone)
    refused(provider.decide(checkout_id, "pay"), 400)
    refused(provider.decide("ws_CO_1", "accept"), 404)
    refused(provider.http.post(f"/control/prompts/{checkout_id}", content=b"accept"), 400)
    refused(provider.http.post(f"/control/prompts/{checkout_id}"), 400)
    assert provider.decide(checkout_id, "accept").json()["receipt"]
    for action in ("accept", "decline", "ignore", "wrong_pin"):
        refused(provider.decide(checkout_id, action), 409)
    assert provider.balance(phone) == 299_000


def test_an_ignored_prompt_cannot_be_answered(variant, phone):
    provider = variant(ignore_seconds=20)
    checkout_id = provider.pushed(phone)
    assert provider.decide(checkout_id, "ignore").status_code == 200
    refused(provider.decide(checkout_id, "accept"), 409)


@pytest.mark.parametrize("typed", ["254812345678", "12", "abc", "25471234567", "2547123456789"])
def test_what_is_no_number(provider, typed):
    refused(provider.http.get(f"/control/phones/{typed}"), 400)
    refused(provider.http.post(f"/control/phones/{typed}", json={"balance": 1}), 400)
    refused(provider.http.get("/control/prompts", params={"phone": typed}), 400)


def test_a_new_phone(provider, phone):
    assert provider.control(f"phones/0{phone[3:]}") == {
        "phone": phone,
        "balance": 300_000,
        "registered": True,
        "pin_locked": False,
        "messages": [],
        "authenticator": [],
    }


def test_balance_and_registered(provider, phone):
    assert provider.control(f"phones/{phone}", {"balance": 0, "registered": False})["balance"] == 0
    assert provider.control(f"phones/{phone}", {"balance": 450_000})["balance"] == 450_000
    assert provider.control(f"phones/{phone}")["registered"] is False
    books = provider.books()
    assert books["accounts"][f"phone:{phone}"] == 450_000
    assert_books_balance(books)


def test_messages(provider, phone):
    mail = {"kind": "mail", "text": "Hello", "subject": "Welcome", "to": "alice@example.com"}
    provider.control(f"phones/{phone}", {"message": {"kind": "sms", "text": "Code 1"}})
    shown = provider.control(f"phones/{phone}", {"message": mail})["messages"]
    assert [(one["kind"], one["text"]) for one in shown] == [("sms", "Code 1"), ("mail", "Hello")]
    assert (shown[1]["subject"], shown[1]["to"]) == ("Welcome", "alice@example.com")
    assert all(one["at"] for one in shown)


def test_authenticator(provider, phone):
    account = {"account": "admin@example.com", "secret": "JBSWY3DPEHPK3PXP"}
    [code] = provider.control(f"phones/{phone}", {"authenticator": account})["authenticator"]
    assert code["account"] == "admin@example.com"
    assert len(code["code"]) == 6
    assert code["code"].isdigit()
    assert 0 < code["seconds_left"] <= 30
    changed = {"account": "admin@example.com", "secret": "jbsw y3dp ehpk 3pxq", "digits": 8, "period": 60}
    [code] = provider.control(f"phones/{phone}", {"authenticator": changed})["authenticator"]
    assert len(code["code"]) == 8


BAD_CHANGES = [
    {},
    {"balanse": 5},
    {"balance": -1},
    {"balance": "5"},
    {"balance": 1.5},
    {"balance": True},
    {"balance": 10**12},
    {"registered": "yes"},
    {"pin_locked": True},
    {"message": "hello"},
    {"message": {"kind": "fax", "text": "x"}},
    {"message": {"kind": "sms"}},
    {"message": {"kind": "sms", "text": "  "}},
    {"message": {"kind": "sms", "text": 5}},
    {"message": {"kind": "mail", "text": "x", "subject": 5}},
    {"authenticator": "x"},
    {"authenticator": {"account": "a"}},
    {"authenticator": {"account": "a", "secret": "not base32!"}},
    {"authenticator": {"account": "a", "secret": "=="}},
    {"authenticator": {"account": "a", "secret": "JBSWY3DP", "digits": 5}},
    {"authenticator": {"account": "a", "secret": "JBSWY3DP", "digits": "6"}},
    {"authenticator": {"account": "a", "secret": "JBSWY3DP", "period": 0}},
]


@pytest.mark.parametrize("change", BAD_CHANGES)
def test_a_bad_change_is_explained_and_changes_nothing(provider, phone, change):
    before = provider.control(f"phones/{phone}")
    refused(provider.http.post(f"/control/phones/{phone}", json=change), 400)
    # Nor does it change anything when it comes along with a good one.
    refused(
        provider.http.post(f"/control/phones/{phone}", json={"balance": 5, **change} if change else {}), 400
    )
    assert provider.control(f"phones/{phone}") == before


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"5"])
def test_a_body_that_is_no_object(provider, phone, raw):
    refused(provider.http.post(f"/control/phones/{phone}", content=raw), 400)


def test_what_is_not_there_is_not_found(provider):
    assert provider.http.post("/control/nothing", json={}).status_code == 404
    assert provider.http.get("/control/nothing").status_code == 404


def test_a_wrong_verb(provider):
    assert provider.http.post("/control/books", json={}).status_code == 405
    assert json.loads(provider.http.post("/control/books", json={}).content)["error"]


def test_reset(variant, phone):
    provider = variant()
    fresh = provider.books()
    assert fresh["accounts"] == {"b2c:600991:utility": 5_000_000, "outside:cash": -5_000_000}
    own = provider.payout(phone).json()["OriginatorConversationID"]
    provider.payout_ended(own)
    provider.decide(provider.pushed(phone), "accept")
    open_prompt = provider.pushed(phone, Amount=3)
    provider.control(f"phones/{phone}", {"authenticator": {"account": "a", "secret": "JBSWY3DP"}})
    for _ in range(3):
        provider.payout(phone, SecurityCredential=provider.credential("wrong"))
    provider.control("reset", {})
    emptied = provider.books()
    assert emptied["accounts"] == fresh["accounts"]
    assert len(emptied["transactions"]) == 1
    assert provider.control("payouts") == []
    assert provider.control("prompts") == []
    refused(provider.decide(open_prompt, "accept"), 404)
    shown = provider.control(f"phones/{phone}")
    assert (shown["balance"], shown["messages"], shown["authenticator"]) == (300_000, [], [])
    # The token still works, and the operator is not locked.
    own = provider.payout(phone).json()["OriginatorConversationID"]
    assert provider.payout_ended(own)["state"] == "completed"


def test_another_site_may_not_press_buttons(provider, phone):
    checkout_id = provider.pushed(phone)
    for path in (f"/control/prompts/{checkout_id}", f"/phone/{phone}/prompts/{checkout_id}"):
        answer = provider.http.post(
            path, json={"action": "accept"}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403
    assert provider.balance(phone) == 300_000
