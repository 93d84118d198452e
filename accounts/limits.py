"""How often somebody may try: counted for each account and for each address, by `controls.counting`.

The numbers stand in `settings.RATE_LIMITS`. They are strict for an account from one place, where a thief would guess;
generous for the account from everywhere, or strangers would shut its owner out; and generous for a place, since half of
Nairobi shares a few of them. A browser in which the person has signed in before has a count of its own, which
nobody else can fill, and so has a session. A name that is nobody's is counted like a person's, so that the limits, too,
tell no stranger who has an account.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.http import HttpRequest

from accounts.devices import known_mark
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


@dataclass(frozen=True)
class Account:
    """Whose secret is guessed at. `name` is what it counts for; a name that is nobody's has no person."""

    name: str
    person_id: uuid.UUID | None = None


def account_of(login: str) -> Account:
    """What guesses at this e-mail address or username count for: both are one account."""
    text = login.strip().lower()
    person = person_by_login(text)
    return account(person.pk) if person else Account(f"nobody:{text}")


def account(person_id: uuid.UUID) -> Account:
    return Account(f"person:{person_id}", person_id)


def _account_counts(name: str, request: HttpRequest, account: Account) -> list[tuple[str, str]]:
    """Where one try at this account is counted: pairs of a limit and of who it is. The strict one comes first, so that
    what it refuses does not fill the one that all places share.
    """
    if mark := known_mark(request=request, person_id=account.person_id):
        return [(f"{name}_device", f"{account.name}|{mark}")]
    place = network_of(request)
    return [(f"{name}_account", f"{account.name}|{place}"), (f"{name}_everywhere", account.name)]


def _guess_counts(name: str, request: HttpRequest, account: Account | None) -> list[tuple[str, str]]:
    place = (f"{name}_address", network_of(request))
    if account is None:
        return [place]
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and user.pk == account.person_id:
        return [(f"{name}_session", f"{account.name}|{request.session.session_key}")]
    counts = _account_counts(name, request, account)
    return counts if counts[0][0] == f"{name}_device" else [place, *counts]


def guess_count(name: str, request: HttpRequest, *, account: Account | None = None) -> None:
    """Count a guess before it is looked at, so that guesses at the same moment do not all pass. Raises TooOften."""
    for limit, who in _guess_counts(name, request, account):
        count(limit, who)


def guess_was_right(name: str, request: HttpRequest, *, account: Account | None = None) -> None:
    """It was no guess: take it back. The wrong ones before it stay, or a thief would sign in now and then himself."""
    for limit, who in _guess_counts(name, request, account):
        give_back(limit, who)


@contextmanager
def guessing(name: str, request: HttpRequest, *, account: Account | None = None) -> Iterator[None]:
    """Round a check that raises when the guess is wrong."""
    guess_count(name, request, account=account)
    yield
    guess_was_right(name, request, account=account)


def guesses_forget(name: str, request: HttpRequest, *, account: Account) -> None:
    """The secret is a new one, and who set it here has shown who they are."""
    for limit, who in [*_account_counts(name, request, account), (f"{name}_everywhere", account.name)]:
        forget(limit, who)


def reset_count(request: HttpRequest, email: str) -> None:
    """One more mail with a link to a new password, for a known or unknown address. Raises TooOften."""
    for limit, who in _account_counts("reset", request, account_of(email)):
        count(limit, who)


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
