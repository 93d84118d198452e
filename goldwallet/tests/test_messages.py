"""What a page says after a step ("The mail goes to ...") names people. It waits in the session, never in a cookie."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Session
from accounts.tests.people import customer, person_of, signed_in, staff
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

SAID = "alice@example.com is on hold"


def hold(desk: Client, person) -> str:
    """Put on hold; answers everything that the browser is told to keep."""
    answer = desk.post(reverse("desk_person_hold", args=[person.pk]), {"reason": "A stolen phone."})
    assert answer.status_code == 302, text(answer)
    return "".join(morsel.OutputString() for morsel in answer.cookies.values())


def test_what_is_said_about_a_customer_stands_in_no_cookie_and_is_said_once():
    alice, desk = customer(email="alice@example.com"), signed_in(staff("treasury"))
    kept = hold(desk, alice)
    assert "alice" not in kept and "messages" not in kept
    waits = desk.session["_messages"]
    assert "alice" not in waits and "hold" not in waits, "sealed"
    inbox = reverse("desk_approvals")
    assert SAID in text(desk.get(inbox))
    assert SAID not in text(desk.get(inbox))


def test_a_sentence_whose_key_is_gone_is_not_said_and_breaks_no_page():
    desk = signed_in(staff("treasury"))
    session = desk.session
    session["_messages"] = "gone:bm90aGluZw=="
    session.save()
    assert desk.get(reverse("desk_approvals")).status_code == 200


def test_whoever_signs_out_reads_so_and_nothing_that_waited_for_somebody_else():
    alice, desk = customer(email="alice@example.com"), signed_in(staff("treasury"))
    hold(desk, alice)
    assert desk.post(reverse("account_logout")).status_code == 302
    page = text(desk.get("/"))
    assert "You are signed out." in page and SAID not in page
    assert "You are signed out." not in text(desk.get("/"))
    assert desk.get(reverse("account_security")).status_code == 302
    assert not Session.objects.exclude(user_id=None).exists()


def test_a_stranger_to_whom_nothing_is_said_gets_no_session_and_costs_no_question_about_one():
    stranger = Client()
    stranger.get("/")
    with CaptureQueriesContext(connection) as queries:
        answer = stranger.get("/")
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies and not Session.objects.exists()
    assert not [query for query in queries if "accounts_session" in query["sql"]]


def test_a_page_that_says_nothing_reads_the_session_once_and_writes_none():
    desk = signed_in(staff("treasury"))
    url = reverse("desk_approvals")
    desk.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert desk.get(url).status_code == 200
    asked = [query["sql"] for query in queries if "accounts_session" in query["sql"]]
    assert len(asked) == 1 and asked[0].startswith("SELECT"), asked


def test_who_ends_the_very_session_that_asks_is_signed_out_and_reads_it():
    browser = signed_in(customer())
    browser.get(reverse("account_security"))
    elsewhere = signed_in(person_of(browser))
    names = elsewhere.get(reverse("account_security")).content.decode()
    name = names.partition('name="session" value="')[2].partition('"')[0]
    answer = browser.post(reverse("account_session_end"), {"session": name})
    assert answer.status_code == 302
    assert browser.get(reverse("account_security")).status_code == 302
    assert "Signed out there." in text(browser.get("/"))
