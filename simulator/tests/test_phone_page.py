"""The pages as a browser without script gets them."""

import re

import pytest


def page_of(provider, phone):
    answer = provider.http.get(f"/phone/{phone}/")
    assert answer.status_code == 200
    return answer.text


def press(provider, phone, checkout_id, **form):
    return provider.http.post(f"/phone/{phone}/prompts/{checkout_id}", data=form, follow_redirects=True)


def test_a_new_phone(provider, phone):
    page = page_of(provider, phone)
    assert "KES 300,000" in page
    assert 'data-balance="300000"' in page
    assert "data-prompt" not in page
    assert 'http-equiv="refresh"' in page


@pytest.mark.parametrize(
    ("form", "said", "balance"),
    [
        ({"action": "accept", "pin": "1234"}, "Paid", 299_000),
        ({"action": "accept", "pin": "4321"}, "Wrong PIN", 300_000),
        ({"action": "accept", "pin": ""}, "Wrong PIN", 300_000),
        ({"action": "accept"}, "Wrong PIN", 300_000),
        ({"action": "decline", "pin": "1234"}, "Cancelled", 300_000),
        ({"action": "ignore"}, "Ignored", 300_000),
    ],
)
def test_answering(provider, phone, form, said, balance):
    checkout_id = provider.pushed(phone)
    page = page_of(provider, phone)
    assert f'data-prompt="{checkout_id}"' in page
    question = re.sub(r"\s+", " ", page)
    assert "Do you want to pay KES 1,000 to Gold Wallet account no. GW7KQ2M4X9PA?" in question
    assert re.search(r'<input[^>]*name="pin"', page)
    for value in ("accept", "decline", "ignore"):
        assert f'name="action" value="{value}"' in page
    assert 'http-equiv="refresh"' not in page, "a PIN being typed must not be lost"
    after = press(provider, phone, checkout_id, **form)
    assert after.status_code == 200
    assert said in after.text
    assert "data-prompt" not in after.text
    assert f'data-balance="{balance}"' in after.text
    assert ("data-message" in after.text) is (balance != 300_000)


def test_answering_twice(provider, phone):
    checkout_id = provider.pushed(phone)
    press(provider, phone, checkout_id, action="decline")
    after = press(provider, phone, checkout_id, action="accept", pin="1234")
    assert "no longer open" in after.text
    assert provider.balance(phone) == 300_000


def test_a_prompt_is_answered_on_its_own_phone_only(provider, phone):
    checkout_id = provider.pushed(phone)
    assert press(provider, "254799999999", checkout_id, action="accept", pin="1234").status_code == 404
    assert press(provider, phone, "ws_CO_0", action="accept", pin="1234").status_code == 404
    assert press(provider, phone, checkout_id, action="pay", pin="1234").status_code == 400
    assert provider.balance(phone) == 300_000


def test_three_wrong_pins_and_unlocking(provider, phone):
    for amount in (1, 2, 3):
        after = press(provider, phone, provider.pushed(phone, Amount=amount), action="accept", pin="0000")
    assert "PIN locked" in after.text
    after = provider.http.post(f"/phone/{phone}/pin", follow_redirects=True)
    assert "The PIN is locked" not in after.text
    after = press(provider, phone, provider.pushed(phone, Amount=4), action="accept", pin="1234")
    assert 'data-balance="299996"' in after.text


def test_what_lies_in_the_inboxes(provider, phone):
    text = "Confirm: https://gold.test/accounts/confirm/abc/ <script>alert(1)</script>"
    mail = {"kind": "mail", "text": text, "subject": "Hi <b>", "to": "alice@example.com"}
    provider.control(f"phones/{phone}", {"message": mail})
    provider.control(f"phones/{phone}", {"message": {"kind": "mail", "text": "Second", "subject": "Later"}})
    provider.control(f"phones/{phone}", {"message": {"kind": "sms", "text": "Your code is 7 & 8"}})
    provider.control(f"phones/{phone}", {"authenticator": {"account": "a@b.c", "secret": "JBSWY3DP"}})
    page = page_of(provider, phone)
    assert 'href="https://gold.test/accounts/confirm/abc/"' in page
    assert "<script>alert" not in page
    assert "Hi &lt;b&gt;" in page
    assert page.index("Later") < page.index("Hi &lt;b&gt;"), "newest first"
    assert "Your code is 7 &amp; 8" in page
    assert re.search(r'data-code="\d{6}"', page)
    assert len(re.findall(r"data-mail=", page)) == 2
    assert len(re.findall(r"data-message=", page)) == 1


def test_a_reference_cannot_carry_markup(provider, phone):
    provider.pushed(phone, AccountReference="<i>x</i>")
    assert "&lt;i&gt;x&lt;/i&gt;" in page_of(provider, phone)


def test_no_inline_script_or_style(provider, phone):
    provider.pushed(phone)
    for path in ("/", f"/phone/{phone}/", "/books"):
        answer = provider.http.get(path)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)


def test_choosing_a_phone(provider, phone):
    page_of(provider, phone)
    assert f"/phone/{phone}/" in provider.http.get("/").text
    chosen = provider.http.get("/", params={"phone": f"0{phone[3:]}"})
    assert chosen.status_code == 303
    assert chosen.headers["Location"] == f"/phone/{phone}/"
    wrong = provider.http.get("/", params={"phone": "<12>"})
    assert "Type a Kenyan mobile number" in wrong.text
    assert "&lt;12&gt;" in wrong.text
    assert provider.http.get(f"/phone/0{phone[3:]}/").headers["Location"] == f"/phone/{phone}/"
    assert provider.http.get("/phone/12/").status_code == 404


def test_the_script_and_style_are_served(provider):
    for name in ("phone.js", "phone.css"):
        assert provider.http.get(f"/static/{name}").status_code == 200
