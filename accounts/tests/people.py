"""Helpers for tests of any app: people, and browsers in which they are signed in."""

import base64
import itertools
import re
import time

import django_otp
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.test import Client
from django_otp.oath import hotp

from accounts import second_factor, services
from accounts.models import Authenticator, User
from notifications.services import messages_sweep

PASSWORD = "quiet-harbour-lamp-42"
BACKEND = settings.AUTHENTICATION_BACKENDS[0]
_numbers = itertools.count(1)


def customer(**changes) -> User:
    number = next(_numbers)
    values = {
        "email": f"customer{number}@example.com",
        "phone": f"2547{number:08d}",
        "password": PASSWORD,
        **changes,
    }
    return services.person_create(**values)


def staff(*roles: str, enrolled: bool = True, **changes) -> User:
    number = next(_numbers)
    values = {"email": f"staff{number}@example.com", "password": PASSWORD, "roles": roles, **changes}
    if enrolled:
        values.setdefault("totp_secret", second_factor.new_key())
    return services.staff_create(**values)


def signed_in(person: User, *, verified: bool = True, client: Client | None = None) -> Client:
    """A browser with this person's session; for staff with the second factor shown, unless `verified` says
    no.
    """
    browser = client or Client()
    browser.force_login(person, backend=BACKEND)
    device = Authenticator.objects.filter(user=person, confirmed=True).first()
    if device and verified:
        session = browser.session
        session[django_otp.DEVICE_ID_SESSION_KEY] = device.persistent_id
        session.save()
    return browser


def totp(person: User, *, step: int = 0) -> str:
    """The code that the person's authenticator shows now, or `step` periods later."""
    device = Authenticator.objects.get(user=person, confirmed=True)
    return totp_of(device.key, step=step)


def code_now(person: User) -> str:
    """A code of the person's authenticator that is still good, as if the last one had been used long ago."""
    Authenticator.objects.filter(user=person, confirmed=True).update(last_step=0)
    return totp(person)


def person_of(browser: Client) -> User:
    """Who is signed in there."""
    return User.objects.get(pk=browser.session[SESSION_KEY])


def totp_of(key: str, *, step: int = 0) -> str:
    now = int(time.time()) // second_factor.PERIOD_SECONDS
    return f"{hotp(base64.b32decode(key), now + step, 6):06d}"


def wrong_code(person: User) -> str:
    right = {totp(person, step=step) for step in (-2, -1, 0, 1, 2)}
    return next(
        code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in right
    )


def read_mail(to: str, *, about: str = "") -> mail.EmailMessage:
    """The newest mail to this address, with these words in its subject, after the outbox was emptied."""
    messages_sweep(most=1000)
    found = [message for message in mail.outbox if message.to == [to] and about in message.subject]
    assert found, f"no mail to {to}; there is mail to {[message.to for message in mail.outbox]}"
    return found[-1]


def mailed_code(to: str) -> str:
    found = re.search(r"^([0-9]{6})$", str(read_mail(to).body), re.MULTILINE)
    assert found, read_mail(to).body
    return found.group(1)
