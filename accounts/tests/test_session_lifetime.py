"""Sessions end when idle, and after a day."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.people import PASSWORD, customer, signed_in
from goldwallet.test.clock import shift_clock

pytestmark = pytest.mark.django_db
PAGE = "/accounts/security/"


def is_open(browser, path=PAGE, **headers):
    return browser.get(path, **headers).status_code == 200


def test_idle_session_ends_with_a_sentence_and_the_way_back():
    browser = signed_in(customer())
    assert is_open(browser)
    with shift_clock(minutes=29):
        assert is_open(browser)
    with shift_clock(minutes=29 + 29):
        assert is_open(browser), "each request begins the half hour anew"
    with shift_clock(minutes=29 + 29 + 30):
        answer = browser.get(PAGE)
    assert answer["Location"] == f"/accounts/login/?next={PAGE}"
    page = browser.get(answer["Location"]).content.decode()
    assert "You were signed out because nothing happened for 30 minutes." in page
    assert f'name="next" value="{PAGE}"' in page


def test_session_ends_after_a_day_however_busy():
    browser = signed_in(customer())
    assert is_open(browser)
    for minutes in range(20, 24 * 60, 20):
        with shift_clock(minutes=minutes):
            assert is_open(browser)
    with shift_clock(hours=24):
        assert not is_open(browser)
    assert "You signed in a day ago" in browser.get("/accounts/login/").content.decode()


def test_polling_keeps_nobody_signed_in():
    browser = signed_in(customer())
    assert is_open(browser)
    for minutes in range(2, 30, 2):
        with shift_clock(minutes=minutes):
            assert is_open(browser, f"{PAGE}?poll=1", headers={"HX-Request": "true"})
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/orders/7/"}
    with shift_clock(minutes=30):
        answer = browser.get(f"{PAGE}?poll=1", headers=page)
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/accounts/login/?next=%2Forders%2F7%2F"


def test_both_clocks_start_at_sign_in(client):
    alice = customer()
    client.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    with shift_clock(minutes=30):
        assert not is_open(client)


def test_activity_is_noted_once_a_minute_at_most():
    browser = signed_in(customer())
    is_open(browser)

    def writes(**delta):
        with shift_clock(**delta), CaptureQueriesContext(connection) as queries:
            assert is_open(browser)
        return sum('UPDATE "accounts_session"' in query["sql"] for query in queries)

    assert writes(seconds=30) == 0
    assert writes(seconds=61) == 1
    assert writes(seconds=90) == 0


def test_ended_session_still_sees_pages_for_everybody():
    browser = signed_in(customer())
    is_open(browser)
    with shift_clock(hours=1):
        assert browser.get("/accounts/signup/").status_code == 200
