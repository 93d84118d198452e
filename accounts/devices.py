"""Where somebody is signed in, how that ends, and which browsers of theirs we have seen before."""

import datetime as dt
import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import constant_time_compare

from accounts import messages
from accounts.browsers import device_of, place_of
from accounts.models import KnownDevice, Session, User
from accounts.sessions import DEVICE, LAST_SEEN_AT, PLACE, SIGNED_IN_AT, over
from goldwallet import clock
from goldwallet.clock import Now
from goldwallet.sealing import fingerprint

#: How long a browser keeps its cookie after the last sign-in in it.
REMEMBERED = dt.timedelta(days=400)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


# --- sessions -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A place where the person is signed in. `name` tells it from the others, and opens nothing."""

    name: str
    device: str
    place: str
    since: dt.datetime
    seen: dt.datetime
    here: bool


def _name(session_key: str) -> str:
    return fingerprint(session_key, kind="session-name")[:24]


def signed_in(*, user: User, session_key: str, moment: dt.datetime | None = None) -> list[SignedIn]:
    """Where the person is signed in now: this session first, then the one that was used last. `moment`: the database's
    time, for who has just asked it.
    """
    moment = moment or clock.now()
    rows = Session.objects.filter(user_id=user.pk, expire_date__gt=Now())
    found = [(row.session_key, row.get_decoded()) for row in rows]
    alive = [_shown(key, data, session_key) for key, data in found if _alive(user, data, moment)]
    return sorted(alive, key=lambda one: (one.here, one.seen), reverse=True)


def _alive(user: User, data: dict[str, Any], moment: dt.datetime) -> bool:
    """Not over by the clock, and of the password that the person has now. One that was never used shows nothing."""
    if not constant_time_compare(str(data.get(HASH_SESSION_KEY, "")), user.get_session_auth_hash()):
        return False
    return SIGNED_IN_AT in data and over(data, moment) is None


def _shown(key: str, data: dict[str, Any], session_key: str) -> SignedIn:
    return SignedIn(
        name=_name(key),
        device=data.get(DEVICE, "A browser"),
        place=data.get(PLACE, "unknown"),
        since=dt.datetime.fromisoformat(data[SIGNED_IN_AT]),
        seen=dt.datetime.fromisoformat(data[LAST_SEEN_AT]),
        here=key == session_key,
    )


def session_end(*, user_id: uuid.UUID, name: str) -> bool:
    """End one session of this person at once; False: there is none of this name any more."""
    keys = Session.objects.filter(user_id=user_id).values_list("session_key", flat=True)
    found = [key for key in keys if constant_time_compare(_name(key), name)]
    return Session.objects.filter(user_id=user_id, session_key__in=found).delete()[0] > 0


def sessions_end(*, user_id: uuid.UUID, keep: str = "") -> int:
    """End all sessions of this person, but for the one with the key `keep`; answers how many."""
    return Session.objects.filter(user_id=user_id).exclude(session_key=keep).delete()[0]


# --- browsers that we have seen before ------------------------------------------------------------


def _mark(account: str, token: str) -> str:
    return fingerprint(f"{account}|{token}", kind="device")


def known_mark(*, request: HttpRequest, person_id: uuid.UUID | None) -> str:
    """The mark of this browser, if the person has signed in with it before; else empty, and for nobody as well."""
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not _TOKEN.fullmatch(token):
        return ""
    # Nobody is looked for, too: it takes as long as for somebody.
    account = person_id or uuid.UUID(int=0)
    mark = _mark(str(account), token)
    return mark if KnownDevice.objects.filter(user_id=account, mark=mark).exists() else ""


def known_here(*, request: HttpRequest, people: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these people have signed in with this browser. One question, and none without the browser's cookie."""
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not _TOKEN.fullmatch(token):
        return set()
    marks = {_mark(str(person), token): person for person in people}
    known = KnownDevice.objects.filter(user_id__in=marks.values(), mark__in=marks).values_list(
        "mark", flat=True
    )
    return {marks[mark] for mark in known}


def device_note(*, request: HttpRequest, response: HttpResponseBase, user: User, signing_up: bool) -> None:
    """Remember this browser at a sign-in, by a cookie, and tell the person when it is a new one.

    The one in which the account was just made is told to nobody. Another first one is: the person may have been silent
    for so long that we have forgotten their browsers.
    """
    token = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    if not _TOKEN.fullmatch(token):
        token = secrets.token_urlsafe(24)
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        token,
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    mark = _mark(str(user.pk), token)
    with transaction.atomic():
        known = KnownDevice.objects.filter(user=user)
        if known.filter(mark=mark).update(seen_at=Now()):
            return
        KnownDevice.objects.bulk_create([KnownDevice(user=user, mark=mark)], ignore_conflicts=True)
        if not signing_up:
            messages.new_device(user, device=device_of(request), place=place_of(request), when=clock.now())
