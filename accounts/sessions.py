"""How long a session lasts: until nothing happened for a while, and never more than a day."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest

from accounts.browsers import device_of, place_of
from accounts.models import User
from accounts.selectors import standing

SIGNED_IN_AT = "signed_in_at"
LAST_SEEN_AT = "last_seen_at"
ROLES_SEEN = "roles_seen"
DEVICE = "device"
PLACE = "place"
ENDED = "session_ended"
LONGEST = dt.timedelta(days=1)
# Each note of activity writes the session, so it is made at most this often.
_NOTE_EVERY = dt.timedelta(minutes=1)
POLL_PARAMETER = "poll"


class Ended(StrEnum):
    """Why a session ended, and what the sign-in page says about it."""

    IDLE = "idle"
    DAY = "day"
    ROLES = "roles"

    @property
    def sentence(self) -> str:
        if self is Ended.DAY:
            return "You signed in a day ago. Please sign in again."
        if self is Ended.ROLES:
            return "Your roles were changed. Please sign in again."
        return f"You were signed out because nothing happened for {idle_minutes()} minutes."


def idle_minutes() -> int:
    return int(settings.SESSION_IDLE_SECONDS) // 60


def begin(request: HttpRequest) -> None:
    """Start both clocks, at sign-in, and note which roles the person has."""
    moment, event = standing(cast(User, request.user))
    request.session[SIGNED_IN_AT] = request.session[LAST_SEEN_AT] = moment.isoformat()
    request.session[ROLES_SEEN] = event
    request.session[DEVICE] = device_of(request)
    request.session[PLACE] = place_of(request)


def over(data: Mapping[str, Any], moment: dt.datetime) -> Ended | None:
    """Whether the time of a session that holds this is over, and which of the two."""
    if moment - dt.datetime.fromisoformat(data[SIGNED_IN_AT]) >= LONGEST:
        return Ended.DAY
    seen = dt.datetime.fromisoformat(data[LAST_SEEN_AT])
    idle = dt.timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    return Ended.IDLE if moment - seen >= idle else None


def check(request: HttpRequest) -> None:
    """End the signed-in session of this request if its time is over; else note that its person is active."""
    signed_in_at, last_seen_at = request.session.get(SIGNED_IN_AT), request.session.get(LAST_SEEN_AT)
    if signed_in_at is None or last_seen_at is None:
        begin(request)
        return
    # A session holds no roles, they are read each time. Whose roles change proves all the same who they are.
    moment, event = standing(cast(User, request.user))
    ended = over(request.session, moment)
    if ended is not Ended.DAY and request.session.get(ROLES_SEEN, 0) != event:
        ended = Ended.ROLES
    if ended:
        _end(request, ended)
    elif moment - dt.datetime.fromisoformat(last_seen_at) >= _NOTE_EVERY and not is_poll(request):
        request.session[LAST_SEEN_AT] = moment.isoformat()


def is_poll(request: HttpRequest) -> bool:
    """A request that a page makes by itself: it says so by `?poll=1`. It shows no person at the screen."""
    return POLL_PARAMETER in request.GET


def _end(request: HttpRequest, why: Ended) -> None:
    logout(request)
    request.session[ENDED] = why.value


def why_ended(request: HttpRequest) -> str:
    """The sentence for the sign-in page, or nothing."""
    found = request.session.get(ENDED, "")
    return Ended(found).sentence if found in list(Ended) else ""
