"""Signing in and out."""

import pytest
from django.contrib.auth.hashers import identify_hasher
from django.test import Client

import goldwallet.settings
from accounts.models import User
from accounts.tests.people import PASSWORD, customer, mailed_code, signed_in

pytestmark = pytest.mark.django_db


def sign_in(client, login, password=PASSWORD, path="/accounts/login/", **headers):
    return client.post(path, {"login": login, "password": password}, **headers)


@pytest.mark.parametrize("login", ["alice@example.com", "Alice@Example.COM", "alice", "ALICE", "  alice "])
def test_sign_in_by_address_or_username(client, login):
    customer(email="alice@example.com", username="alice")
    answer = sign_in(client, login)
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert client.get("/accounts/security/").status_code == 200


def test_sign_in_goes_on_to_the_page_asked_for(client):
    alice = customer()
    answer = client.get("/accounts/security/")
    assert answer.status_code == 302 and answer["Location"] == "/accounts/login/?next=/accounts/security/"
    page = client.get(answer["Location"])
    assert b'name="next" value="/accounts/security/"' in page.content
    assert b'name="login"' in page.content and b'name="password"' in page.content
    answer = client.post(
        "/accounts/login/", {"login": alice.email, "password": PASSWORD, "next": "/accounts/security/"}
    )
    assert answer["Location"] == "/accounts/security/"


def test_next_never_leaves_the_house(client):
    alice = customer()
    answer = client.post(
        "/accounts/login/", {"login": alice.email, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/"


def test_wrong_password_and_unknown_person_hear_the_same(client):
    alice = customer(email="alice@example.com", username="alice")
    wrong = sign_in(client, alice.email, "not-the-password")
    unknown = sign_in(Client(), "nobody@example.com", "not-the-password")
    assert wrong.status_code == unknown.status_code == 400
    sentence = "That e-mail address or username and that password do not belong together."
    assert sentence in wrong.content.decode() and sentence in unknown.content.decode()


def test_five_wrong_tries_shut_the_account_for_a_while_also_for_the_right_password(client):
    alice = customer(email="alice@example.com", username="alice")
    other = customer()
    for number in range(5):
        # By address and by username: it is the same account, so it is the same count. Another Host changes
        # nothing.
        login = alice.email if number % 2 else "Alice"
        assert sign_in(client, login, "not-the-password", HTTP_HOST=f"h{number}.example").status_code == 400
    answer = sign_in(client, alice.email)
    assert answer.status_code == 429
    assert "Too many tries. Wait 5 minutes, then try again." in answer.content.decode()
    assert sign_in(Client(), alice.username).status_code == 429, "from another browser"
    assert sign_in(Client(), other.email).status_code == 302, "other people are not shut out"


def test_an_address_nobody_has_is_limited_the_same_way(client):
    codes = [sign_in(client, "nobody@example.com", "x").status_code for _ in range(6)]
    assert codes == [400] * 5 + [429]


def test_forged_forwarding_header_does_not_escape_the_limit_per_address(client, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "sign_in_address": (3, 300)}
    codes = [
        sign_in(
            client, f"nobody{number}@example.com", "x", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}"
        ).status_code
        for number in range(4)
    ]
    assert codes == [400, 400, 400, 429]


def test_unproven_address_gets_a_code_at_sign_in(client):
    client.post(
        "/accounts/signup/",
        {
            "email": "otieno@example.com",
            "username": "otieno",
            "phone": "0712345678",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    mailed_code("otieno@example.com")
    later = Client()
    # The limit of one mail in ten seconds holds here, too.
    assert sign_in(later, "otieno@example.com").status_code == 429
    assert later.get("/accounts/security/").status_code == 302


def test_sign_out_needs_a_post(client):
    browser = signed_in(customer())
    assert browser.get("/accounts/logout/").status_code == 200
    assert browser.get("/accounts/security/").status_code == 200, "looking at the page signs nobody out"
    assert browser.post("/accounts/logout/")["Location"] == "/"
    assert browser.get("/accounts/security/").status_code == 302


def test_sign_in_makes_a_new_session(client):
    alice = customer()
    client.get("/accounts/login/?next=/x/")
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    sign_in(client, alice.email)
    assert client.session.session_key != before


def test_closed_account_does_not_open(client):
    alice = customer(email="alice@example.com")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    answer = sign_in(client, alice.email)
    assert answer["Location"] == "/accounts/inactive/"
    assert client.get("/accounts/inactive/").status_code == 200
    assert client.get("/accounts/security/").status_code == 302


def test_cookies_keep_their_distance(client):
    cookie = sign_in(client, customer().email).cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


def test_passwords_are_hashed_by_argon2_outside_tests(settings):
    settings.PASSWORD_HASHERS = goldwallet.settings.PASSWORD_HASHERS
    alice = customer()
    assert identify_hasher(alice.password).algorithm == "argon2"
    assert alice.password.startswith("argon2$argon2id$")
    assert sign_in(Client(), alice.email).status_code == 302


def test_pages_carry_no_inline_style_or_script(client):
    for path in ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]:
        page = client.get(path).content.decode()
        assert " style=" not in page and "onclick" not in page
