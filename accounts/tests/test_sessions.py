"""Where somebody is signed in: seeing it, ending it, new devices; and what the cookies are like."""

import re
from http.cookies import SimpleCookie

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client, override_settings

from accounts import devices
from accounts.browsers import device_of
from accounts.models import KnownDevice, Session
from accounts.session_store import SessionStore
from accounts.tests.people import PASSWORD, customer, read_mail, signed_in, staff, totp
from accounts.tests.test_factor import password_step
from goldwallet.test.clock import shift_clock
from notifications.models import Message

pytestmark = pytest.mark.django_db
SECURITY = "/accounts/security/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


def sign_in(person, *, agent=FIREFOX, address="41.90.12.7", browser=None) -> Client:
    browser = browser or Client()
    browser.defaults |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": address}
    answer = browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert answer["Location"] == "/"
    return browser


def is_in(browser) -> bool:
    return browser.get(SECURITY).status_code == 200


def names(browser) -> list[str]:
    return re.findall(r'name="session" value="([0-9a-f]+)"', browser.get(SECURITY).content.decode())


# --- seeing and ending ----------------------------------------------------------------------------


def test_the_page_lists_them_in_words():
    alice, other = customer(), customer()
    here, there = sign_in(alice), sign_in(alice, agent=CHROME, address="102.7.55.1")
    sign_in(other, agent=SAFARI, address="8.8.8.8")
    page = here.get(SECURITY).content.decode()
    assert "Firefox on Windows" in page and "41.90.x.x" in page
    assert "Chrome on an Android phone" in page and "102.7.x.x" in page
    assert "iPhone" not in page and "8.8" not in page, "nobody else's"
    assert "41.90.12" not in page and "SM-A155F" not in page
    assert page.count("this one") == 1 and len(names(here)) == 1
    keys = [browser.session.session_key for browser in (here, there)]
    assert not any(key in page for key in keys), "what the page names opens nothing"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (CHROME, "Chrome on an Android phone"),
        (SAFARI, "Safari on an iPhone"),
        (f"{CHROME} EdgA/140.0", "Edge on an Android phone"),
        ("<script>alert(1)</script>", "A browser"),
        ("", "A browser"),
    ],
)
def test_devices_are_told_in_our_words_alone(agent, words, rf):
    assert device_of(rf.get("/", headers={"User-Agent": agent})) == words


def test_ending_one_is_at_once_and_ends_no_other():
    alice = customer()
    here, stolen, third = sign_in(alice), sign_in(alice, agent=CHROME), sign_in(alice, agent=SAFARI)
    stolen_key = stolen.session.session_key
    name = next(one.name for one in devices.signed_in(user=alice, session_key="") if "Android" in one.device)
    answer = here.post("/accounts/security/sessions/end/", {"session": name})
    assert answer["Location"] == SECURITY
    assert not Session.objects.filter(pk=stolen_key).exists()
    assert not is_in(stolen) and is_in(here) and is_in(third)
    again = here.post("/accounts/security/sessions/end/", {"session": name}, follow=True)
    assert "over already" in again.content.decode()


def test_nobody_ends_somebody_elses():
    alice, bob = customer(), customer()
    mine, theirs = sign_in(alice), sign_in(bob)
    name = devices.signed_in(user=bob, session_key="")[0].name
    mine.post("/accounts/security/sessions/end/", {"session": name})
    mine.post("/accounts/security/sessions/end/", {"session": theirs.session.session_key})
    mine.post("/accounts/security/sessions/end-others/")
    assert is_in(theirs)
    for path in ("end", "end-others"):
        assert (
            Client().post(f"/accounts/security/sessions/{path}/")["Location"].startswith("/accounts/login/")
        )
        assert mine.get(f"/accounts/security/sessions/{path}/").status_code == 405


def test_ending_all_others():
    vera = staff("pricing")
    here, others = signed_in(vera), [signed_in(vera) for _ in range(3)]
    assert all(is_in(browser) for browser in (here, *others))
    here.post("/accounts/security/sessions/end-others/")
    assert is_in(here) and not any(is_in(browser) for browser in others)
    assert Session.objects.filter(user_id=vera.pk).count() == 1


def test_a_request_that_still_runs_does_not_bring_an_ended_session_back():
    alice = customer()
    browser = sign_in(alice)
    running = SessionStore(browser.session.session_key)
    running["late"] = True
    devices.sessions_end(user_id=alice.pk)
    with pytest.raises(UpdateError):
        running.save()
    assert not is_in(browser)


def test_what_is_over_is_not_listed():
    alice = customer()
    sign_in(alice)
    with shift_clock(minutes=31):
        assert devices.signed_in(user=alice, session_key="") == []
    sign_in(alice)
    alice.set_password("slow-mountain-tea-77")
    alice.save()
    assert devices.signed_in(user=alice, session_key="") == []


def test_a_new_password_leaves_one_row():
    alice = customer()
    here = sign_in(alice)
    sign_in(alice, agent=CHROME)
    new = {"oldpassword": PASSWORD, "password1": "slow-mountain-tea-77", "password2": "slow-mountain-tea-77"}
    assert here.post("/accounts/password/change/", new).status_code == 302
    assert is_in(here)
    assert [row.pk for row in Session.objects.filter(user_id=alice.pk)] == [here.session.session_key]


# --- devices --------------------------------------------------------------------------------------


def told(person) -> int:
    return Message.objects.filter(user=person, kind="new-device").count()


def test_a_new_device_is_told_and_a_known_one_is_not():
    alice = customer()
    home = sign_in(alice)
    assert told(alice) == 1, "nobody has seen it yet"
    home.post("/accounts/logout/")
    sign_in(alice, browser=home, address="102.7.55.1")
    assert told(alice) == 1, "the same browser, at another place"
    sign_in(alice, agent=SAFARI, address="102.7.55.1")
    assert told(alice) == 2
    letter = read_mail(alice.email)
    assert letter.subject == "A sign-in from a new device"
    assert (
        "Safari on an iPhone" in letter.body and "102.7.x.x" in letter.body and "102.7.55" not in letter.body
    )


def test_after_a_silence_in_which_all_were_forgotten_the_next_one_is_told():
    alice = customer()
    sign_in(alice)
    KnownDevice.objects.all().delete()
    sign_in(alice, agent=SAFARI)
    assert told(alice) == 2
    assert "Safari on an iPhone" in read_mail(alice.email).body


def test_a_cookie_of_one_person_is_none_of_another():
    alice, bob = customer(), customer()
    home = sign_in(alice)
    sign_in(bob)
    home.post("/accounts/logout/")
    sign_in(bob, browser=home)
    assert told(bob) == 2
    token = home.cookies[settings.DEVICE_COOKIE_NAME].value
    assert not KnownDevice.objects.filter(mark__icontains=token).exists(), "kept as a hash alone"


def test_with_a_second_factor_the_device_is_told_after_the_code():
    vera = staff("pricing")
    browser, _ = password_step(vera)
    browser.post("/accounts/code/", {"code": totp(vera)})
    other, _ = password_step(vera)
    assert KnownDevice.objects.filter(user=vera).count() == 1 and told(vera) == 1
    other.post("/accounts/code/", {"code": totp(vera, step=1)})
    assert told(vera) == 2


def test_a_made_up_cookie_is_replaced():
    alice = customer()
    browser = Client()
    browser.cookies[settings.DEVICE_COOKIE_NAME] = "x" * 5000
    sign_in(alice, browser=browser)
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", browser.cookies[settings.DEVICE_COOKIE_NAME].value)


# --- cookies and keys -----------------------------------------------------------------------------

#: As production sets them (goldwallet.tests.test_checks).
COOKIES = {
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "CSRF_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_PATH": "/",
    "CSRF_COOKIE_PATH": "/",
    "SESSION_COOKIE_DOMAIN": None,
    "CSRF_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_NAME": "__Host-session",
    "CSRF_COOKIE_NAME": "__Host-csrf",
    "DEVICE_COOKIE_NAME": "__Host-device",
}


@pytest.mark.fault("A10")
def test_every_cookie_is_for_this_host_and_https_alone():
    alice = customer()
    with override_settings(**COOKIES):
        browser = Client(enforce_csrf_checks=True)
        page = browser.get("/accounts/login/", secure=True)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.content.decode()).group(1)
        form = {"login": alice.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        headers = {"Referer": "https://testserver/accounts/login/"}
        answer = browser.post("/accounts/login/", form, secure=True, headers=headers)
    assert answer.status_code == 302
    cookies = SimpleCookie()
    for one in (page, answer):
        cookies.update(one.cookies)
    assert {"__Host-session", "__Host-csrf", "__Host-device"} <= set(cookies)
    for name, cookie in cookies.items():
        assert name.startswith("__Host-") or name == "messages", name
        assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"], name
        assert cookie["samesite"] == "Lax" and cookie["httponly"], name


@pytest.mark.fault("A10")
def test_a_planted_key_is_not_the_one_that_signs_in():
    alice = customer()
    thief = Client()
    thief.get("/accounts/login/")
    session = thief.session
    session["planted"] = "yes"
    session.save()
    planted = session.session_key
    victim = Client()
    victim.cookies[settings.SESSION_COOKIE_NAME] = planted
    sign_in(alice, browser=victim)
    assert victim.session.session_key != planted
    thief.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert is_in(victim) and not is_in(thief)
    made_up = Client()
    made_up.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    sign_in(alice, browser=made_up)
    assert made_up.session.session_key != "a" * 32, "nor one that nobody has ever given out"


@pytest.mark.fault("A10")
def test_the_key_changes_at_the_password_and_at_the_second_factor():
    vera = staff("pricing")
    browser, _ = password_step(vera)
    half = browser.session.session_key
    browser.post("/accounts/code/", {"code": totp(vera)})
    whole = browser.session.session_key
    assert whole != half and not Session.objects.filter(pk=half).exists()
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = half
    assert not is_in(stale) and is_in(browser)


@pytest.mark.fault("A10")
def test_signing_out_ends_the_session_on_the_server():
    alice = customer()
    browser = sign_in(alice)
    key = browser.session.session_key
    answer = browser.post("/accounts/logout/")
    assert answer.cookies[settings.SESSION_COOKIE_NAME].value != key
    copy = Client()
    copy.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_in(copy) and not Session.objects.filter(pk=key).exists()
