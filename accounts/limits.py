"""How often somebody may try: counted for each account and for each address, by `controls.counting`.

The numbers stand in `settings.RATE_LIMITS`. They are strict for an account, where a thief would guess, and generous for
an address, since half of Nairobi shares a few of them. A name that is nobody's is counted like a person's, so that the
limits, too, tell no stranger who has an account.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django import forms
from django.conf import settings
from django.http import HttpRequest

from accounts.selectors import person_by_login
from controls.counting import forget, give_back, hit
from goldwallet.errors import TooOften
from goldwallet.knocks import network_of


def count(name: str, who: str) -> None:
    """One more of these. Raises TooOften; RuntimeError within a transaction."""
    most, seconds = settings.RATE_LIMITS[name]
    hit(name, who, most=most, seconds=seconds)


def count_address(name: str, request: HttpRequest) -> None:
    """One more from where this request comes. Raises TooOften."""
    count(name, network_of(request))


# --- guesses at a password or a code --------------------------------------------------------------


def account_of(login: str) -> str:
    """What guesses at this e-mail address or username count for: both are one account. For `guess_count`."""
    text = login.strip().lower()
    person = person_by_login(text)
    return account(person.pk) if person else f"nobody:{text}"


def account(person_id: uuid.UUID) -> str:
    return f"person:{person_id}"


def guess_count(name: str, request: HttpRequest, *, account: str = "") -> None:
    """Count a guess before it is looked at, so that guesses at the same moment do not all pass. Raises TooOften."""
    count_address(f"{name}_address", request)
    if account:
        count(f"{name}_account", account)


def guess_was_right(name: str, request: HttpRequest, *, account: str = "") -> None:
    """It was no guess: take it back. The wrong ones before it stay, or a thief would sign in now and then himself."""
    give_back(f"{name}_address", network_of(request))
    if account:
        give_back(f"{name}_account", account)


@contextmanager
def guessing(name: str, request: HttpRequest, *, account: str = "") -> Iterator[None]:
    """Round a check that raises when the guess is wrong."""
    guess_count(name, request, account=account)
    yield
    guess_was_right(name, request, account=account)


def guesses_forget(name: str, *, account: str) -> None:
    """The secret is a new one, and who set it has shown who they are."""
    forget(f"{name}_account", account)


def too_many(refusal: TooOften) -> forms.ValidationError:
    """The same for a form, which says it at its fields; `accounts.views` gives the page its status."""
    sentence = f"Too many tries. Wait {refusal.wait}, then try again."
    return forms.ValidationError(sentence, code="too_often", params={"seconds": refusal.seconds})


# --- mails ----------------------------------------------------------------------------------------


def mail_code_count(email: str) -> None:
    """One more mail with a code to this address, known or unknown. Raises TooOften."""
    to = email.strip().lower()
    count("mail_code_soon", to)
    count("mail_code", to)
