"""Customers set up a second factor, move it to another phone, and take it away."""

import re

import pytest
from django.test import Client

from accounts import second_factor
from accounts.factor import factor_remove, factor_set
from accounts.models import Authenticator, RecoveryCode, RecoveryKit
from accounts.stepup import StepUpNeeded
from accounts.tests.people import (
    PASSWORD,
    customer,
    mailed_code,
    read_mail,
    signed_in,
    staff,
    totp_of,
    wrong_code,
)
from accounts.tests.proofs import confirm_page, enter_code, fresh_totp
from goldwallet.errors import Refused

pytestmark = pytest.mark.django_db
PAGE = "/accounts/security/authenticator/"
REMOVE = "/accounts/security/authenticator/remove/"
SECURITY = "/accounts/security/"


def key_on(page) -> str:
    found = re.search(r'data-authenticator-key="([A-Z2-7]{32})"', page.content.decode())
    assert found, page.content.decode()
    return found.group(1)


def codes_on(page) -> list[str]:
    return re.findall(
        r"<code class=\"code\">([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{4})</code>", page.content.decode()
    )


def set_up(browser: Client) -> tuple[str, list[str]]:
    """By the pages: the code that proves who it is, the key, its code. Gives the key and the recovery codes."""
    assert enter_code(browser, browser.post(PAGE)) == PAGE
    key = key_on(browser.get(PAGE))
    done = browser.post(PAGE, {"code": totp_of(key)})
    assert done.status_code == 200, done.content.decode()
    return key, codes_on(done)


def password_step(person) -> tuple[Client, str]:
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    return browser, answer["Location"]


def confirmed(person):
    return Authenticator.objects.filter(user=person, confirmed=True)


# --- setting up -----------------------------------------------------------------------------------


def test_a_customer_sets_it_up_and_is_asked_from_then_on():
    alice = customer()
    here, elsewhere = signed_in(alice), signed_in(alice)
    assert here.get(SECURITY).status_code == elsewhere.get(SECURITY).status_code == 200
    before = here.session.session_key
    _, codes = set_up(here)
    assert len(set(codes)) == 10
    assert confirmed(alice).count() == 1
    assert here.session.session_key != before, "the session has a new key"
    assert elsewhere.get(SECURITY).status_code == 302, "signed out elsewhere"
    assert read_mail(alice.email).subject == "Your authenticator app is set up"

    browser, asked = password_step(alice)
    assert asked == "/accounts/code/"
    assert browser.get(SECURITY).status_code == 302, "the password alone opens nothing"
    assert browser.post("/accounts/code/", {"code": wrong_code(alice)}).status_code == 400
    assert browser.post("/accounts/code/", {"code": fresh_totp(alice)})["Location"] == "/"
    assert browser.get(SECURITY).status_code == 200

    browser, _ = password_step(alice)
    assert browser.post("/accounts/code/", {"code": codes[3]})["Location"] == "/"
    again, _ = password_step(alice)
    assert again.post("/accounts/code/", {"code": codes[3]}).status_code == 400, "each works once"


def test_the_session_alone_sees_no_key_and_sets_nothing_up():
    alice = customer()
    thief = signed_in(alice)
    page = thief.get(PAGE).content.decode()
    assert "data-authenticator-key" not in page
    assert not Authenticator.objects.exists(), "a look writes nothing"
    confirm_page(thief, thief.post(PAGE))
    assert "data-authenticator-key" not in thief.get(PAGE).content.decode()
    pending = Authenticator.objects.get(user=alice)
    answer = thief.post(PAGE, {"code": totp_of(pending.key)})
    confirm_page(thief, answer)
    with pytest.raises(StepUpNeeded):
        factor_set(user_id=alice.pk, code=totp_of(pending.key), session_key=thief.session.session_key)
    assert not confirmed(alice).exists()


def test_a_proof_is_for_one_session_and_one_key():
    alice = customer()
    here, other = signed_in(alice), signed_in(alice)
    enter_code(here, here.post(PAGE))
    assert "data-authenticator-key" in here.get(PAGE).content.decode()
    assert "data-authenticator-key" not in other.get(PAGE).content.decode()
    Authenticator.objects.filter(user=alice).delete()
    second_factor.authenticator_begin(user=alice)
    assert "data-authenticator-key" not in here.get(PAGE).content.decode(), "another key, another proof"


def test_a_wrong_code_costs_no_proof():
    alice = customer()
    browser = signed_in(alice)
    enter_code(browser, browser.post(PAGE))
    key = key_on(browser.get(PAGE))
    wrong = next(
        code for code in ("000000", "111111") if code not in {totp_of(key, step=n) for n in (-1, 0, 1)}
    )
    answer = browser.post(PAGE, {"code": wrong})
    assert answer.status_code == 400 and "That code is not right" in answer.content.decode()
    assert key_on(answer) == key
    assert browser.post(PAGE, {"code": ""}).status_code == 400
    assert browser.post(PAGE, {"code": totp_of(key)}).status_code == 200


def test_recovery_codes_are_shown_once_and_can_be_kept_as_a_file():
    alice = customer()
    browser = signed_in(alice)
    enter_code(browser, browser.post(PAGE))
    page = browser.post(PAGE, {"code": totp_of(key_on(browser.get(PAGE)))})
    text = page.content.decode()
    codes = codes_on(page)
    file = re.search(r'href="data:text/plain;charset=utf-8,([^"]+)" download=', text)
    assert file and all(code in file.group(1) for code in codes)
    assert "no-store" in page["Cache-Control"]
    for path in (SECURITY, PAGE):
        assert not any(code in browser.get(path).content.decode() for code in codes)
    assert not any(RecoveryCode.objects.filter(code_hash__icontains=code.replace("-", "")) for code in codes)


# --- another phone --------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["customer", "staff"])
def test_moving_takes_the_old_one_and_ends_it(who):
    person = staff("pricing") if who == "staff" else customer()
    if who == "customer":
        second_factor.authenticator_give(user=person, key=second_factor.new_key())
    old = confirmed(person).get()
    browser, elsewhere = signed_in(person), signed_in(person)
    assert elsewhere.get(SECURITY).status_code == 200
    answer = browser.post(PAGE)
    page = confirm_page(browser, answer)
    assert "authenticator app shows" in browser.get(page).content.decode(), "no mail is enough here"
    assert browser.post(page, {"code": wrong_code(person)}).status_code == 400
    assert browser.post(page, {"code": fresh_totp_of(old)}).status_code == 302
    key = key_on(browser.get(PAGE))
    assert key != old.key
    done = browser.post(PAGE, {"code": totp_of(key)})
    assert done.status_code == 200 and len(codes_on(done)) == 10
    assert confirmed(person).get().key == key
    assert browser.get(SECURITY).status_code == 200 and elsewhere.get(SECURITY).status_code == 302
    assert read_mail(person.email).subject == "You have a new authenticator app"
    browser, _ = password_step(person)
    assert browser.post("/accounts/code/", {"code": totp_of(old.key, step=1)}).status_code == 400
    assert browser.post("/accounts/code/", {"code": totp_of(key, step=1)}).status_code == 302


def fresh_totp_of(device: Authenticator) -> str:
    Authenticator.objects.filter(pk=device.pk).update(last_step=-1)
    return totp_of(device.key)


def test_a_mailed_code_does_not_move_an_authenticator():
    """Proven by mail, and then an authenticator is there: the proof was for something else."""
    alice = customer()
    browser = signed_in(alice)
    enter_code(browser, browser.post(PAGE))
    key = key_on(browser.get(PAGE))
    second_factor.authenticator_give(user=alice, key=second_factor.new_key())
    confirm_page(browser, browser.post(PAGE, {"code": totp_of(key)}))
    assert confirmed(alice).get().key != key


# --- taking it away -------------------------------------------------------------------------------


def test_a_customer_removes_it_with_a_code():
    alice = customer()
    browser = signed_in(alice)
    key, codes = set_up(browser)
    assert "Go on" in browser.get(REMOVE).content.decode()
    answer = browser.post(REMOVE)
    assert confirmed(alice).exists(), "the session alone removes nothing"
    assert enter_code(browser, answer) == REMOVE
    assert "Remove it now" in browser.get(REMOVE).content.decode()
    assert browser.post(REMOVE)["Location"] == SECURITY
    assert not Authenticator.objects.filter(user=alice).exists()
    assert not RecoveryKit.objects.filter(user=alice).exists() and not RecoveryCode.objects.exists()
    assert read_mail(alice.email).subject == "Your authenticator app was removed"
    assert password_step(alice)[1] == "/"
    for code in (totp_of(key, step=1), codes[0]):
        with pytest.raises(Refused):
            second_factor.code_check(user=alice, code=code)
    assert browser.post(REMOVE).status_code == 409 and browser.get(REMOVE).status_code == 409


def test_a_proof_for_another_act_removes_nothing():
    alice = customer()
    browser = signed_in(alice)
    set_up(browser)
    enter_code(browser, browser.post(PAGE))
    confirm_page(browser, browser.post(REMOVE))
    with pytest.raises(StepUpNeeded):
        factor_remove(user_id=alice.pk, session_key=browser.session.session_key)
    assert confirmed(alice).exists()


def test_staff_never_remove_it():
    vera = staff("pricing")
    browser = signed_in(vera)
    assert REMOVE not in browser.get(SECURITY).content.decode()
    for answer in (browser.get(REMOVE), browser.post(REMOVE)):
        assert answer.status_code == 403 and "needs an authenticator app" in answer.content.decode()
    assert confirmed(vera).exists()


def test_the_code_by_mail_says_what_it_is_for():
    alice = customer()
    browser = signed_in(alice)
    page = confirm_page(browser, browser.post(PAGE))
    assert "how you sign in" in browser.get(page).content.decode()
    assert mailed_code(alice.email)
    assert "Authenticator app: Is set up" in read_mail(alice.email).body
