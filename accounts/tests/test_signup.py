"""Opening an account."""

import threading

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from accounts.models import User
from accounts.selectors import person_by_email
from accounts.tests.people import PASSWORD, customer, mailed_code, read_mail

pytestmark = pytest.mark.django_db


def form(**changes):
    return {
        "email": "wanjiku@example.com",
        "username": "wanjiku",
        "phone": "0712 345 678",
        "password1": PASSWORD,
        "password2": PASSWORD,
        **changes,
    }


def test_sign_up_then_the_code_from_the_mail_opens_the_account(client):
    answer = client.post("/accounts/signup/", form())
    assert answer.status_code == 302 and answer["Location"] == "/accounts/confirm-email/"
    assert client.get("/accounts/security/").status_code == 302, "not signed in before the code"

    answer = client.post("/accounts/confirm-email/", {"code": mailed_code("wanjiku@example.com")})
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert client.get("/accounts/security/").status_code == 200
    person = person_by_email("wanjiku@example.com")
    assert person.phone == "254712345678"
    assert "712345678" not in person.phone_sealed and "712345678" not in person.phone_lookup


def test_page_after_sign_up_says_where_the_code_is(client):
    page = client.post("/accounts/signup/", form(), follow=True)
    assert page.status_code == 200
    assert b"wanjiku@example.com" in page.content and b'name="code"' in page.content


def test_wrong_code_is_refused_and_three_of_them_end_the_try(client):
    client.post("/accounts/signup/", form())
    for _ in range(2):
        answer = client.post("/accounts/confirm-email/", {"code": "000000"})
        assert answer.status_code == 400 and "That code is not right" in answer.content.decode()
    assert client.post("/accounts/confirm-email/", {"code": "000000"})["Location"] == "/accounts/login/"
    answer = client.post("/accounts/confirm-email/", {"code": mailed_code("wanjiku@example.com")})
    assert answer["Location"] == "/accounts/login/"
    assert client.get("/accounts/security/").status_code == 302


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("0712345678", "254712345678"),
        ("0112 345 678", "254112345678"),
        ("254712345678", "254712345678"),
        ("+254 712-345-678", "254712345678"),
    ],
)
def test_kenyan_numbers_are_kept_in_one_form(client, typed, kept):
    client.post("/accounts/signup/", form(phone=typed))
    assert User.objects.get().phone == kept


@pytest.mark.parametrize(
    "typed", ["", "12345", "+255712345678", "0212345678", "07123456789", "٠٧١٢٣٤٥٦٧٨", "0712x45678"]
)
def test_other_numbers_are_refused_in_words(client, typed):
    answer = client.post("/accounts/signup/", form(phone=typed))
    assert answer.status_code == 400
    assert not User.objects.exists()
    assert ("Write a Kenyan mobile number" if typed else "Please fill this in") in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"email": "no address"}, "Write a whole e-mail address"),
        ({"email": '";=1+1;"@example.com'}, "Write an e-mail address without quotation marks"),
        ({"username": "a"}, "Use 3 to 30 letters and digits"),
        ({"username": "alice@example.com"}, "Use 3 to 30 letters and digits"),
        ({"username": "аlice"}, "Use 3 to 30 letters and digits"),  # the first letter is Cyrillic
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "wanjiku@example", "password2": "wanjiku@example"}, "too much like your name"),
        ({"password1": "1234567890123", "password2": "1234567890123"}, "easy to guess|only digits"),
        ({"password2": "another-harbour-lamp"}, "same password"),
    ],
)
def test_bad_input_is_named_and_nothing_is_kept(client, changes, sentence):
    answer = client.post("/accounts/signup/", form(**changes))
    assert answer.status_code == 400
    assert any(part in answer.content.decode() for part in sentence.split("|"))
    assert not User.objects.exists()


def test_two_people_may_give_the_same_number(client):
    customer(phone="254712345678")
    assert client.post("/accounts/signup/", form()).status_code == 302
    assert User.objects.count() == 2


def test_known_address_answers_as_an_unknown_one_and_its_owner_is_told(client):
    customer(email="wanjiku@example.com", username="owner")
    known = client.post("/accounts/signup/", form(email="Wanjiku@Example.com"))
    unknown = Client().post("/accounts/signup/", form(email="other@example.com", username="other"))
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert client.get("/accounts/confirm-email/").status_code == 200
    assert User.objects.filter(email="wanjiku@example.com").count() == 1
    letter = read_mail("wanjiku@example.com")
    assert letter.subject == "You have an account already"
    assert "/accounts/password/reset/" in letter.body


def test_taken_username_is_said_whatever_its_capitals(client):
    customer(username="Wanjiku")
    answer = client.post("/accounts/signup/", form())
    assert answer.status_code == 400 and "Somebody has this username" in answer.content.decode()


def test_new_code_on_request_replaces_the_old_one(client, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "mail_code_soon": (5, 10)}
    client.post("/accounts/signup/", form())
    first = mailed_code("wanjiku@example.com")
    assert client.post("/accounts/confirm-email/", {"action": "resend"}).status_code == 302
    second = mailed_code("wanjiku@example.com")
    assert len(mail.outbox) == 2
    if first != second:
        assert client.post("/accounts/confirm-email/", {"code": first}).status_code == 400
    assert client.post("/accounts/confirm-email/", {"code": second})["Location"] == "/"


def test_new_codes_are_limited(client):
    client.post("/accounts/signup/", form())
    answer = client.post("/accounts/confirm-email/", {"action": "resend"})
    assert answer.status_code == 429 and "We have just sent you a mail" in answer.content.decode()
    code = mailed_code("wanjiku@example.com")
    assert client.post("/accounts/confirm-email/", {"code": code})["Location"] == "/", "the code still counts"


@pytest.mark.django_db(transaction=True)
@pytest.mark.race
def test_same_address_at_the_same_moment_makes_one_account():
    barrier, answers = threading.Barrier(4), []

    def sign_up(number):
        barrier.wait()
        answers.append(Client().post("/accounts/signup/", form(username=f"wanjiku{number}")).status_code)
        connection.close()

    threads = [threading.Thread(target=sign_up, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.count() == 1
    # The mail limit of ten seconds an address answers 429; nobody sees an error of ours.
    assert set(answers) <= {302, 429} and 302 in answers
