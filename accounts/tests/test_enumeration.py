"""Who has an account here: a stranger learns it neither from what we say nor from how long we take (faults.md A01).

Each way in is asked for somebody known and for nobody, in fresh browsers from different addresses. Equal are: status,
address, headers, and page but for what was typed and what is random. Instead of the time, what takes it is compared:
passwords hashed, and mails written. `python -m trials enumeration` measures the time itself.
"""

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.tests.people import PASSWORD, customer
from notifications.models import Message

pytestmark = [pytest.mark.django_db, pytest.mark.fault("A01")]

KNOWN, UNKNOWN = "known@example.com", "nobody@example.com"
_numbers = itertools.count(1)


def sign_in(client: Client, email: str) -> HttpResponse:
    return client.post("/accounts/login/", {"login": email, "password": "wrong-harbour-1"})


def sign_in_by_name(client: Client, email: str) -> HttpResponse:
    return sign_in(client, email.partition("@")[0])


def sign_up(client: Client, email: str) -> HttpResponse:
    data = {
        "email": email,
        "username": f"wanjiku{next(_numbers)}",
        "phone": "0712345678",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    return client.post("/accounts/signup/", data)


def reset(client: Client, email: str) -> HttpResponse:
    return client.post("/accounts/password/reset/", {"email": email})


WAYS: list[Callable[[Client, str], HttpResponse]] = [sign_in, sign_in_by_name, sign_up, reset]


@pytest.fixture(params=["proven", "unproven"])
def known(request: pytest.FixtureRequest) -> User:
    """Somebody whose address is proven, and somebody who has just signed up."""
    person = customer(email=KNOWN, username="known")
    EmailAddress.objects.filter(user=person).update(verified=request.param == "proven")
    return person


@dataclass
class Hashes:
    """Passwords that were hashed, for comparing or for keeping."""

    count: int = 0


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Hashes:
    seen, encode = Hashes(), MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        seen.count += 1
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    return seen


def neutral(text: str, email: str) -> str:
    """A page without what the person typed and without what is random."""
    for typed in (email, email.partition("@")[0]):
        text = text.replace(typed, "TYPED")
    text = re.sub(r'(csrfmiddlewaretoken" value=|"X-CSRFToken": )"[^"]+"', r"\1TOKEN", text)
    return re.sub(r'nonce="[^"]+"', "NONCE", text)


def seen(answer: HttpResponse, email: str) -> tuple[object, ...]:
    """All that the asker gets, also the names of the cookies."""
    left_out = {"X-Request-ID", "Expires"}
    headers = {name: neutral(value, email) for name, value in answer.items() if name not in left_out}
    headers["Content-Security-Policy"] = re.sub(r"'nonce-[^']+'", "NONCE", headers["Content-Security-Policy"])
    headers.pop("Content-Length", None)  # of what was typed; the page is compared itself
    cookies = {name: (morsel["max-age"], morsel["path"]) for name, morsel in answer.cookies.items()}
    return answer.status_code, headers, cookies, neutral(answer.content.decode(), email)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_said_is_the_same(known: User, way: Callable[[Client, str], HttpResponse]) -> None:
    pages = []
    for number, email in enumerate((KNOWN, UNKNOWN)):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        answers = [way(client, email)]
        while answers[-1].status_code == 302:
            answers.append(client.get(answers[-1]["Location"]))
        pages.append([seen(answer, email) for answer in answers])
    assert pages[0] == pages[1]


@pytest.mark.parametrize("action", [{"code": "000000"}, {"action": "change", "email": "x@example.com"}])
def test_the_page_after_a_sign_up_goes_on_the_same(known: User, action: dict[str, str]) -> None:
    pages = []
    for number, email in enumerate((KNOWN, UNKNOWN)):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        sign_up(client, email)
        pages.append([seen(client.post("/accounts/confirm-email/", action), email) for _ in range(4)])
    assert pages[0] == pages[1]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_takes_time_is_the_same(
    known: User, hashes: Hashes, way: Callable[[Client, str], HttpResponse]
) -> None:
    """As many hashes, as many mails, and as many statements but for two."""
    costs = []
    for number, email in enumerate((KNOWN, UNKNOWN)):
        before, mails = hashes.count, Message.objects.count()
        with CaptureQueriesContext(connection) as queries:
            way(Client(REMOTE_ADDR=f"192.0.2.{number}"), email)
        costs.append((hashes.count - before, Message.objects.count() - mails, len(queries)))
    (known_hashes, known_mails, known_queries), (other_hashes, other_mails, other_queries) = costs
    assert known_hashes == other_hashes == (0 if way is reset else 1)
    assert known_mails == other_mails == (1 if way in {reset, sign_up} else 0)
    assert abs(known_queries - other_queries) <= 2, (known_queries, other_queries)


def test_a_closed_account_is_known_to_nobody_without_its_password(known: User) -> None:
    User.objects.filter(pk=known.pk).update(is_active=False)
    pages = [
        seen(sign_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), email), email)
        for number, email in enumerate((KNOWN, UNKNOWN))
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_neither_takes_longer_by_a_hash(known: User, settings, monkeypatch, way) -> None:
    """Coarse, so that a busy machine does not matter: a hash takes a fifth of a second, and the rest far less."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (10_000, 60))
    encode = MD5PasswordHasher.encode

    def slowly(self: MD5PasswordHasher, password: str, salt: str) -> str:
        time.sleep(0.2)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", slowly)
    quickest = {}
    for email in (KNOWN, UNKNOWN):
        times = []
        for number in range(4):
            client, began = Client(REMOTE_ADDR=f"192.0.2.{number}"), time.perf_counter()
            way(client, email if email == KNOWN else f"{number}{email}")
            times.append(time.perf_counter() - began)
        quickest[email] = min(times)
    assert abs(quickest[KNOWN] - quickest[UNKNOWN]) < 0.1, quickest
