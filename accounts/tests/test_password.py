"""Changing and resetting the password."""

import re
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client

from accounts import second_factor
from accounts.models import Authenticator, RecoveryKit, Session
from accounts.stepup import step_up_proven
from accounts.tests.people import PASSWORD, customer, read_mail, signed_in, staff, totp, wrong_code
from accounts.tests.proofs import confirm_page, enter_code, prove
from goldwallet.errors import Refused
from goldwallet.test.clock import shift_clock
from notifications.models import Message

pytestmark = pytest.mark.django_db
NEW = "slow-mountain-tea-77"


def change(browser, **changes):
    return browser.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW, **changes}
    )


def sign_in(client, person, password):
    return client.post("/accounts/login/", {"login": person.email, "password": password})


def test_change_keeps_this_session_and_ends_all_others():
    alice = customer()
    here, elsewhere = signed_in(alice), signed_in(alice)
    key = here.session.session_key
    answer = change(here)
    assert answer.status_code == 302 and answer["Location"] == "/accounts/security/"
    assert here.get("/accounts/security/").status_code == 200
    assert here.session.session_key != key
    assert elsewhere.get("/accounts/security/").status_code == 302
    assert sign_in(Client(), alice, PASSWORD).status_code == 400
    letter = read_mail(alice.email)
    assert letter.subject == "Your password was changed" and "127.0.0.1" in letter.body
    assert sign_in(Client(), alice, NEW).status_code == 302


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"oldpassword": "something else"}, "That is not your password now."),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password2": "different-harbour-12"}, "same password"),
    ],
)
def test_change_refuses_in_words(changes, sentence):
    alice = customer()
    browser = signed_in(alice)
    answer = change(browser, **changes)
    assert answer.status_code == 400 and sentence in answer.content.decode()
    assert sign_in(Client(), alice, PASSWORD).status_code == 302


def reset_link(email):
    path = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", str(read_mail(email).body))
    assert path
    return path.group(1)


@pytest.mark.fault("A07")
def test_reset_by_mail_ends_every_session_and_works_once(client):
    alice = customer()
    elsewhere = signed_in(alice)
    answer = client.post("/accounts/password/reset/", {"email": alice.email.upper()})
    assert answer["Location"] == "/accounts/password/reset/done/"
    link = reset_link(alice.email)
    form_at = client.get(link)["Location"]
    assert "set-password" in form_at, "the key does not stay in the address bar"
    answer = client.post(form_at, {"password1": NEW, "password2": NEW})
    assert answer["Location"] == "/accounts/password/reset/key/done/"
    assert client.get(answer["Location"]).status_code == 200
    assert client.get("/accounts/security/").status_code == 302, "a reset signs nobody in"
    assert elsewhere.get("/accounts/security/").status_code == 302
    assert read_mail(alice.email).subject == "Your password was set anew"
    assert sign_in(Client(), alice, NEW).status_code == 302
    page = Client().get(link)
    assert "This link does not work any more" in page.content.decode()


@pytest.mark.fault("A07")
def test_a_reset_does_not_skip_the_second_factor(client):
    vera = staff("treasury")
    client.post("/accounts/password/reset/", {"email": vera.email})
    client.post(client.get(reset_link(vera.email))["Location"], {"password1": NEW, "password2": NEW})
    assert sign_in(client, vera, NEW)["Location"] == "/accounts/code/"
    assert client.get("/desk/")["Location"].startswith("/accounts/login/"), "not signed in before the code"
    client.post("/accounts/code/", {"code": totp(vera)})
    assert client.get("/desk/").status_code == 200


@pytest.mark.fault("A07")
@pytest.mark.parametrize("enrolled", [True, False])
def test_a_sign_in_that_waits_for_the_code_ends_with_its_password(client, enrolled):
    """Whoever has shown the old password waits at the code, or at the set-up of the app; a new one sends them off."""
    vera = staff("treasury", enrolled=enrolled)
    thief = Client()
    waits_at = sign_in(thief, vera, PASSWORD)["Location"]
    assert waits_at == ("/accounts/code/" if enrolled else "/accounts/code/enrol/")
    assert thief.get(waits_at).status_code == 200
    client.post("/accounts/password/reset/", {"email": vera.email})
    client.post(client.get(reset_link(vera.email))["Location"], {"password1": NEW, "password2": NEW})
    answer = thief.post(waits_at, {"code": totp(vera) if enrolled else "123456"})
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")
    assert thief.get("/desk/")["Location"].startswith("/accounts/login/")


@pytest.mark.fault("A05", "A07")
def test_a_reset_ends_the_wait_for_wrong_codes_once_a_day(client):
    """Whoever had the old password could lock the owner out until it is too late to call something off. Whoever has the
    mail gets no new tries by it.
    """
    vera = staff("treasury")

    def locked_then_reset() -> int:
        for code in [wrong_code(vera)] * 4 + ["0000-0000-0000-0001"] * 4:
            with pytest.raises(Refused):
                second_factor.code_check(user=vera, code=code)
        client.post("/accounts/password/reset/", {"email": vera.email})
        client.post(client.get(reset_link(vera.email))["Location"], {"password1": NEW, "password2": NEW})
        return Authenticator.objects.get(user=vera).failures + RecoveryKit.objects.get(user=vera).failures

    assert locked_then_reset() == 0
    second_factor.code_check(user=vera, code=totp(vera))
    assert locked_then_reset() > 0
    with shift_clock(days=1, seconds=5):
        assert locked_then_reset() == 0


@pytest.mark.fault("A07")
def test_a_reset_proves_no_sale_and_no_new_number(client):
    """Proofs hang on a session, and a reset ends them all; a new session has none."""
    alice = customer()
    before = signed_in(alice)
    facts = {"operation": "phone", "digest": "d" * 64}
    prove(alice, **facts, session_key=before.session.session_key)
    client.post("/accounts/password/reset/", {"email": alice.email})
    client.post(client.get(reset_link(alice.email))["Location"], {"password1": NEW, "password2": NEW})
    sign_in(client, alice, NEW)
    assert not step_up_proven(user_id=alice.pk, **facts, session_key=client.session.session_key)
    assert before.get("/accounts/phone/").status_code == 302


@pytest.mark.fault("A07")
def test_reset_link_is_built_from_the_configured_address(client, settings):
    alice = customer()
    client.post("/accounts/password/reset/", {"email": alice.email}, HTTP_HOST="evil.example")
    body = str(read_mail(alice.email).body)
    assert "evil.example" not in body and f"{settings.BASE_URL}/accounts/password/reset/key/" in body


@pytest.mark.fault("A07")
def test_a_reset_asks_customers_who_have_a_second_factor_as_well(client):
    alice = customer()
    second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    client.post("/accounts/password/reset/", {"email": alice.email})
    client.post(client.get(reset_link(alice.email))["Location"], {"password1": NEW, "password2": NEW})
    assert sign_in(client, alice, NEW)["Location"] == "/accounts/code/"
    assert client.get("/accounts/security/").status_code == 302
    client.post("/accounts/code/", {"code": totp(alice)})
    assert client.get("/accounts/security/").status_code == 200
    assert Session.objects.filter(user_id=alice.pk).count() == 1


@pytest.mark.fault("A07")
def test_a_reset_link_is_good_for_an_hour_and_tells_nobody(client):
    alice = customer()
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = reset_link(alice.email)
    answer = client.get(link)
    assert answer.status_code == 302 and answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    form = client.get(answer["Location"])
    assert form["Referrer-Policy"] == "same-origin", "without an Origin browsers could not send it"
    later = datetime.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 1)
    with patch.object(default_token_generator, "_now", return_value=later):
        page = Client().get(link)
    assert "does not work any more" in page.content.decode()
    assert page["Referrer-Policy"] == "no-referrer"
    assert Client().get(link).status_code == 302, "it was the time alone"


@pytest.mark.fault("A07")
def test_a_reset_leads_to_no_other_site(client):
    alice = customer()
    path = "/accounts/password/reset/?next=https://evil.example/"
    answer = client.post(path, {"email": alice.email, "next": "https://evil.example/"})
    assert answer["Location"] == "/accounts/password/reset/done/"
    assert "evil.example" not in read_mail(alice.email).body
    form_at = client.get(f"{reset_link(alice.email)}?next=https://evil.example/")["Location"]
    answer = client.post(form_at, {"password1": NEW, "password2": NEW, "next": "https://evil.example/"})
    assert answer["Location"] == "/accounts/password/reset/key/done/"


def test_reset_for_an_unknown_address_answers_the_same(client):
    known = client.post("/accounts/password/reset/", {"email": customer().email})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert read_mail("nobody@example.com").subject == "There is no account with this address"


def test_reset_takes_away_the_count_of_failed_tries_of_its_account(client):
    alice = customer()
    for _ in range(6):
        answer = sign_in(client, alice, "wrong")
    assert answer.status_code == 429
    client.post("/accounts/password/reset/", {"email": alice.email})
    client.post(client.get(reset_link(alice.email))["Location"], {"password1": NEW, "password2": NEW})
    assert sign_in(Client(), alice, NEW).status_code == 302


def mailed_to() -> set[str]:
    return {row.to for row in Message.objects.all()}


@pytest.mark.fault("O12")
def test_who_has_the_password_alone_changes_no_address():
    """No code goes to the new address, and nothing changes, before the one that went to the old address is entered."""
    customer(email="alice@example.com")
    browser = Client()
    browser.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    wanted = {"email": "thief@example.com", "action_add": "1"}
    answer = browser.post("/accounts/email/", wanted)
    answer = browser.post(answer["Location"], {"password": PASSWORD})
    page = confirm_page(browser, answer)
    assert "thief@example.com" not in mailed_to()
    assert "thief@example.com" in read_mail("alice@example.com").body, "it says what it is for"
    assert browser.post(page, {"code": "000000"}).status_code == 400
    confirm_page(browser, browser.post("/accounts/email/", wanted))
    assert "thief@example.com" not in mailed_to()


def test_the_proof_is_for_that_one_address():
    customer(email="alice@example.com")
    browser = Client()
    browser.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    answer = browser.post("/accounts/email/", {"email": "new@example.com", "action_add": "1"})
    enter_code(browser, browser.post(answer["Location"], {"password": PASSWORD}))
    other = browser.post("/accounts/email/", {"email": "other@example.com", "action_add": "1"})
    confirm_page(browser, other)
    assert "other@example.com" not in mailed_to()


def test_change_of_address_asks_for_the_password_and_a_code_of_each_address(settings):
    alice = customer(email="alice@example.com")
    browser = signed_in(alice)
    answer = browser.post("/accounts/email/", {"email": "new@example.com", "action_add": "1"})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert browser.post(answer["Location"], {"password": "wrong"}).status_code == 400
    answer = browser.post(answer["Location"], {"password": PASSWORD})
    assert enter_code(browser, answer) == "/accounts/email/"
    assert 'value="new@example.com"' in browser.get("/accounts/email/").content.decode(), "one press goes on"
    answer = browser.post("/accounts/email/", {"email": "new@example.com", "action_add": "1"})
    assert answer["Location"] == "/accounts/confirm-email/"
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    code = re.search(r"^([0-9]{6})$", str(read_mail("new@example.com").body), re.MULTILINE).group(1)
    assert browser.post("/accounts/confirm-email/", {"code": code})["Location"] == "/accounts/security/"
    alice.refresh_from_db()
    assert alice.email == "new@example.com"
    assert "new@example.com" in read_mail("alice@example.com").body


def test_an_address_with_a_quoted_part_is_neither_changed_to_nor_given_to_staff():
    alice = customer(email="alice@example.com")
    browser = signed_in(alice)
    reauthenticate = browser.post("/accounts/email/", {"email": "new@example.com", "action_add": "1"})[
        "Location"
    ]
    browser.post(reauthenticate, {"password": PASSWORD})
    answer = browser.post("/accounts/email/", {"email": '";=1+1;"@example.com', "action_add": "1"})
    assert answer.status_code == 400
    assert "Write an e-mail address without quotation marks." in answer.content.decode()
    assert not EmailAddress.objects.exclude(email="alice@example.com").exists()
    with pytest.raises(Refused, match="without quotation marks"):
        staff("vault", email='"a;=1"@example.com')


def test_a_reset_where_its_own_person_is_signed_in_signs_them_out_and_says_so():
    alice = customer()
    browser = signed_in(alice)
    browser.post("/accounts/password/reset/", {"email": alice.email})
    form_at = browser.get(reset_link(alice.email))["Location"]
    answer = browser.post(form_at, {"password1": NEW, "password2": NEW})
    assert answer["Location"] == "/accounts/password/reset/key/done/"
    assert browser.get("/accounts/security/").status_code == 302
    assert sign_in(Client(), alice, NEW).status_code == 302
