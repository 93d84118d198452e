"""One person's page at the desk: what stands there, and its forms sent as the page has them."""

import re
from typing import Any

from django.test import Client

from accounts.models import User
from goldwallet.once import form_key


def page_of(person: User) -> str:
    return f"/desk/people/{person.pk}/"


def shown(browser: Client, person: User) -> str:
    answer = browser.get(page_of(person))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def post(browser: Client, person: User, act: str, **fields: str) -> Any:
    """A form as its page has it: with a key of its own."""
    return browser.post(f"{page_of(person)}{act}/", {"key": form_key()} | fields)


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)
