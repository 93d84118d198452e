"""The access token, one for all processes (daraja.md 1).

A new token may end the one before it, so processes share one row of PostgreSQL. It is renewed five minutes
before it ends, by one process, which claims that with a conditional UPDATE; the others go on with the old
token while it is good, and wait a little when it is not. Nothing here runs inside a transaction.
"""

import base64
import datetime as dt
import re
import time
from dataclasses import dataclass

import httpx
from django.conf import settings
from django.db.models import Q

from goldwallet.clock import Now
from goldwallet.sealing import SealBroken, seal, unseal
from payments.models import RailToken
from payments.rails.daraja import http, scrub
from payments.rails.daraja.documents import Number, Reader, parse

METHOD = "daraja"
EARLY = dt.timedelta(minutes=5)
# A token that ends while it travels would be refused; this is the least that must be left.
SPARE = dt.timedelta(seconds=5)
# Longer than a mint can take; then a claim whose process died is nobody's.
CLAIM = dt.timedelta(seconds=30)
# After a failed early renewal the old token serves this long before the next try.
PAUSE = dt.timedelta(seconds=10)
WAIT_SECONDS = 15.0
MINT_TIMEOUT = httpx.Timeout(connect=5.0, read=10.0, write=5.0, pool=5.0)

_LONGEST = 3600
_SHORT = 300  # when `expires_in` makes no sense


class NoToken(Exception):
    """There is no token to be had, so the call was not made. The text is free of secrets."""

    def __init__(self, text: str, *, status: int | None = None, code: str = "token") -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class _Held:
    """The row as it was read, at `now` by the database's clock."""

    token: str
    minted_at: dt.datetime | None
    expires_at: dt.datetime | None
    now: dt.datetime

    @property
    def good(self) -> bool:
        return bool(self.token) and self.expires_at is not None and self.expires_at - SPARE > self.now

    @property
    def due(self) -> bool:
        if not self.good or self.minted_at is None or self.expires_at is None:
            return True
        # A token that lives shortly is renewed at half of its life, or it would be due from the start.
        early = min(EARLY, (self.expires_at - self.minted_at) / 2)
        return self.expires_at - early <= self.now


def _place() -> dict[str, str]:
    """Where the token is sealed to: host and key too, so a token of other credentials does not open."""
    daraja = settings.DARAJA
    return {
        "table": RailToken._meta.db_table,
        "row": f"{METHOD}|{daraja['base_url']}|{daraja['consumer_key']}",
        "field": "token_sealed",
    }


def _held() -> _Held:
    row = RailToken.objects.annotate(now=Now()).filter(pk=METHOD).first()
    if row is None:
        RailToken.objects.bulk_create([RailToken(method=METHOD)], ignore_conflicts=True)
        row = RailToken.objects.annotate(now=Now()).get(pk=METHOD)
    try:
        token = unseal(row.token_sealed, **_place())
    except SealBroken:
        # Other credentials, or a field key that is gone. It is a cache: fetch a new one.
        token = ""
    return _Held(token=token, minted_at=row.minted_at, expires_at=row.expires_at, now=row.now)


def bearer(*, refused: str = "") -> str:
    """A token that should be good; `refused` is one that was just turned down. Raises NoToken."""
    http.refuse_in_transaction()
    give_up = time.monotonic() + WAIT_SECONDS
    while True:
        held = _held()
        usable = held.token if held.good and held.token != refused else ""
        if usable and not held.due:
            return usable
        if _claim(held):
            token = _renew(held, usable)
            if token:
                return token
        elif usable:
            return usable
        elif time.monotonic() > give_up:
            raise NoToken("Another process is fetching the access token and has not finished.")
        else:
            time.sleep(0.05)


def _seen(held: _Held) -> Q:
    """The row is still the one that was read; else somebody has renewed it meanwhile."""
    return Q(pk=METHOD) & (
        Q(minted_at__isnull=True) if held.minted_at is None else Q(minted_at=held.minted_at)
    )


def _claim(held: _Held) -> bool:
    free = Q(renewing_until__isnull=True) | Q(renewing_until__lte=Now())
    return RailToken.objects.filter(_seen(held) & free).update(renewing_until=held.now + CLAIM) == 1


def _renew(held: _Held, usable: str) -> str:
    """Fetch the next token under our claim. Empty when the claim ran out meanwhile: then look again."""
    ours = RailToken.objects.filter(_seen(held), renewing_until=held.now + CLAIM)
    try:
        token, seconds = _mint()
    except NoToken:
        ours.update(renewing_until=held.now + PAUSE if usable else None)
        if usable:
            return usable
        raise
    kept = ours.update(
        token_sealed=seal(token, **_place()),
        minted_at=Now(),
        # Counted from before the request, so never too long.
        expires_at=held.now + dt.timedelta(seconds=seconds),
        renewing_until=None,
    )
    return token if kept == 1 else ""


def _mint() -> tuple[str, int]:
    daraja = settings.DARAJA
    pair = f"{daraja['consumer_key']}:{daraja['consumer_secret']}"
    said = http.send(
        "GET",
        "/oauth/v1/generate",
        headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
        params={"grant_type": "client_credentials"},
        timeout=MINT_TIMEOUT,
    )
    if said.trouble:
        raise NoToken(f"No access token: {said.trouble}.", status=said.status)
    reader = Reader()
    document = parse(said.body)
    if said.status != 200:
        # Wrong credentials are a 400 with an empty body (daraja.md 1).
        text = scrub.line(reader.text(reader.field(document, "errorMessage")))
        raise NoToken(f"No access token: HTTP {said.status}. {text}".strip(), status=said.status)
    given = reader.field(document, "access_token")
    token = reader.identifier(given, most=2000)
    if not token or isinstance(given, Number):
        raise NoToken("No access token in the answer.", status=said.status)
    return token, _life(reader.field(document, "expires_in"))


def _life(value: object) -> int:
    """Seconds. It comes as text or as a number."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return min(int(value), _LONGEST) or _SHORT
    return _SHORT
