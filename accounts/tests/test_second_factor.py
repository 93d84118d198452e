"""The second factor of staff."""

import re
import threading

import pytest
from django.db import connection
from django.test import Client

from accounts import second_factor
from accounts.models import Authenticator, RecoveryCode, RecoveryKit
from accounts.tests.people import (
    PASSWORD,
    customer,
    read_mail,
    signed_in,
    staff,
    totp,
    totp_of,
    wrong_code,
)
from goldwallet.errors import Refused
from goldwallet.test.clock import shift_clock

pytestmark = pytest.mark.django_db


def password_step(client, person):
    return client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})


def test_staff_stop_at_the_code_and_go_on_with_it(client):
    vera = staff("pricing")
    answer = password_step(client, vera)
    assert answer["Location"] == "/accounts/code/"
    assert client.get("/accounts/security/").status_code == 302, "the password alone opens nothing"
    page = client.get("/accounts/code/").content.decode()
    assert 'name="code"' in page and 'autocomplete="one-time-code"' in page and 'inputmode="numeric"' in page
    answer = client.post("/accounts/code/", {"code": totp(vera)})
    assert answer["Location"] == "/desk/"
    assert client.get("/accounts/security/").status_code == 200


def test_customers_are_not_asked(client):
    assert password_step(client, customer())["Location"] == "/"


def test_a_role_without_the_staff_mark_is_asked_too(client):
    vera = staff("auditor")
    type(vera).objects.filter(pk=vera.pk).update(is_staff=False)
    assert password_step(client, vera)["Location"] == "/accounts/code/"


def test_wrong_code_is_refused(client):
    vera = staff("pricing")
    password_step(client, vera)
    answer = client.post("/accounts/code/", {"code": wrong_code(vera)})
    assert answer.status_code == 400 and "That code is not right" in answer.content.decode()
    assert client.get("/accounts/security/").status_code == 302


def test_a_code_works_once(client):
    vera = staff("pricing")
    code = totp(vera)
    password_step(client, vera)
    assert client.post("/accounts/code/", {"code": code}).status_code == 302
    other = Client()
    password_step(other, vera)
    answer = other.post("/accounts/code/", {"code": code})
    assert answer.status_code == 400 and "That code has been used" in answer.content.decode()
    assert other.post("/accounts/code/", {"code": totp(vera, step=1)}).status_code == 302
    third = Client()
    password_step(third, vera)
    assert third.post("/accounts/code/", {"code": totp(vera)}).status_code == 400, (
        "nor does an older one, after it"
    )


def test_far_codes_are_refused():
    vera = staff("pricing")
    for step in (-3, 3):
        with pytest.raises(Refused):
            second_factor.code_check(user=vera, code=totp(vera, step=step))


def test_wrong_codes_take_longer_and_longer_and_the_owner_is_told(client):
    vera = staff("pricing")
    password_step(client, vera)
    for _ in range(3):
        assert client.post("/accounts/code/", {"code": wrong_code(vera)}).status_code == 400
    answer = client.post("/accounts/code/", {"code": totp(vera)})
    assert answer.status_code == 429 and "Too many wrong codes. Wait" in answer.content.decode()
    for failures in range(3, 9):
        with shift_clock(hours=failures):
            assert client.post("/accounts/code/", {"code": wrong_code(vera)}).status_code == 400
    device = Authenticator.objects.get(user=vera)
    assert device.failures == 9
    with shift_clock(hours=10):
        assert read_mail(vera.email).subject == "Wrong sign-in codes"
        assert client.post("/accounts/code/", {"code": totp(vera)}).status_code == 302
    device.refresh_from_db()
    assert device.failures == 0 and device.locked_until is None


def test_ten_thousand_guesses_stand_in_front_of_the_lock():
    vera = staff("pricing")
    tried = 0
    for guess in range(200):
        try:
            second_factor.code_check(user=vera, code=f"{guess:06d}")
        except Refused as refusal:
            tried += refusal.code == "code"
    assert tried <= 4


def test_wrong_totp_codes_do_not_lock_the_recovery_codes(client):
    vera = staff("pricing", enrolled=False)
    codes = second_factor.authenticator_give(user=vera, key=second_factor.new_key())
    password_step(client, vera)
    for _ in range(4):
        client.post("/accounts/code/", {"code": wrong_code(vera)})
    assert client.post("/accounts/code/", {"code": codes[0].replace("-", " ")})["Location"] == "/desk/"
    assert client.get("/accounts/security/").status_code == 200
    assert "9 recovery codes are left" in read_mail(vera.email, about="recovery code").body
    again = Client()
    password_step(again, vera)
    assert again.post("/accounts/code/", {"code": codes[0]}).status_code == 400, "each works once"


def test_recovery_codes_are_guarded_and_hashed():
    vera = staff("pricing", enrolled=False)
    codes = second_factor.authenticator_give(user=vera, key=second_factor.new_key())
    assert len(set(codes)) == 10
    plain = codes[0].replace("-", "")
    assert not RecoveryCode.objects.filter(code_hash__icontains=plain).exists()
    for _ in range(3):
        with pytest.raises(Refused):
            second_factor.code_check(user=vera, code="ABCD-1234-5678-9012")
    with pytest.raises(Refused) as refused:
        second_factor.code_check(user=vera, code=codes[0])
    assert refused.value.status == 429


def test_recovery_code_of_somebody_else_is_worth_nothing():
    vera, otto = staff("pricing"), staff("vault", enrolled=False)
    codes = second_factor.authenticator_give(user=otto, key=second_factor.new_key())
    with pytest.raises(Refused):
        second_factor.code_check(user=vera, code=codes[0])


def test_key_is_sealed_to_its_row():
    vera, otto = staff("pricing"), staff("vault")
    mine, other = Authenticator.objects.get(user=vera), Authenticator.objects.get(user=otto)
    assert mine.key not in mine.key_sealed
    other.key_sealed = mine.key_sealed
    with pytest.raises(Exception, match="does not open"):
        _ = other.key


def test_staff_without_an_authenticator_set_one_up_first(client):
    vera = staff("pricing", enrolled=False)
    assert password_step(client, vera)["Location"] == "/accounts/code/enrol/"
    assert client.get("/accounts/security/").status_code == 302
    assert client.get("/accounts/code/")["Location"] == "/accounts/code/enrol/"
    page = client.get("/accounts/code/enrol/").content.decode()
    key = re.search(r'data-authenticator-key="([A-Z2-7]{32})"', page).group(1)
    assert "<svg" in page and " style=" not in page and "<script>" not in page
    assert key in client.get("/accounts/code/enrol/").content.decode(), "a reload keeps the key"

    answer = client.post("/accounts/code/enrol/", {"code": "000000"})
    assert answer.status_code == 400 and not Authenticator.objects.filter(confirmed=True).exists()
    answer = client.post("/accounts/code/enrol/", {"code": totp_of(key)})
    assert answer.status_code == 200
    codes = re.findall(r">([0-9]{4}(?:-[0-9]{4}){3})<", answer.content.decode())
    assert len(codes) == 10 and 'href="/desk/"' in answer.content.decode()
    assert client.get("/accounts/security/").status_code == 200
    assert not any(code in client.get("/accounts/security/").content.decode() for code in codes)
    with pytest.raises(Refused):
        second_factor.code_check(user=vera, code=totp_of(key))
    assert "when you sign in" in read_mail(vera.email, about="Your authenticator app is set up").body


def test_enrolment_needs_the_password_first(client):
    vera = staff("pricing", enrolled=False)
    assert client.get("/accounts/code/enrol/")["Location"] == "/accounts/login/"
    browser = signed_in(vera)
    answer = browser.get("/accounts/code/?next=/desk/")
    assert answer["Location"] == "/accounts/login/?next=/desk/"
    assert "Please sign in again" in browser.get(answer["Location"]).content.decode()
    assert browser.get("/accounts/security/").status_code == 302


def test_enrolled_staff_cannot_enrol_over_it(client):
    vera = staff("pricing")
    password_step(client, vera)
    assert client.get("/accounts/code/enrol/")["Location"] == "/accounts/code/"
    assert client.post("/accounts/code/enrol/", {"code": "000000"})["Location"] == "/accounts/code/"
    with pytest.raises(Refused, match="already"):
        second_factor.authenticator_confirm(user=vera, code="000000")


def test_session_without_the_code_can_show_it_later_and_gets_a_new_key():
    vera = staff("pricing")
    browser = signed_in(vera, verified=False)
    before = browser.session.session_key
    assert browser.get("/accounts/code/?next=/accounts/security/").status_code == 200
    answer = browser.post("/accounts/code/?next=/accounts/security/", {"code": totp(vera)})
    assert answer["Location"] == "/accounts/security/"
    assert browser.session.session_key != before


def test_cancel_leaves_the_sign_in(client):
    vera = staff("pricing")
    password_step(client, vera)
    assert client.get("/accounts/login/")["Location"] == "/accounts/code/"
    client.post("/accounts/logout/", {"next": "/accounts/login/"})
    assert client.get("/accounts/login/").status_code == 200
    assert client.get("/accounts/code/")["Location"].startswith("/accounts/login/")


def test_password_reset_does_not_skip_the_code(client):
    vera = staff("pricing")
    client.post("/accounts/password/reset/", {"email": vera.email})
    link = re.search(r"(/accounts/password/reset/key/\S+)", str(read_mail(vera.email).body)).group(1)
    client.post(
        client.get(link)["Location"], {"password1": "slow-mountain-tea", "password2": "slow-mountain-tea"}
    )
    answer = client.post("/accounts/login/", {"login": vera.email, "password": "slow-mountain-tea"})
    assert answer["Location"] == "/accounts/code/"


def test_new_recovery_codes_need_a_code_and_replace_the_old(client):
    vera = staff("pricing", enrolled=False)
    old = second_factor.authenticator_give(user=vera, key=second_factor.new_key())
    browser = signed_in(vera)
    assert browser.post("/accounts/security/recovery-codes/", {"code": ""}).status_code == 400
    assert browser.post("/accounts/security/recovery-codes/", {"code": wrong_code(vera)}).status_code == 400
    answer = browser.post("/accounts/security/recovery-codes/", {"code": totp(vera)})
    assert answer.status_code == 200
    codes = re.findall(r">([0-9]{4}(?:-[0-9]{4}){3})<", answer.content.decode())
    assert len(codes) == 10 and not set(codes) & set(old)
    with pytest.raises(Refused):
        second_factor.code_check(user=vera, code=old[0])
    assert isinstance(second_factor.code_check(user=vera, code=codes[0]), RecoveryKit)


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_one_code_at_the_same_moment_lets_one_in(kind):
    vera = staff("pricing", enrolled=False)
    codes = second_factor.authenticator_give(user=vera, key=second_factor.new_key())
    code = totp(vera) if kind == "totp" else codes[0]
    barrier, let_in = threading.Barrier(8), []

    def show():
        barrier.wait()
        try:
            let_in.append(second_factor.code_check(user=vera, code=code))
        except Refused:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=show) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 1
