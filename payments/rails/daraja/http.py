"""The wire: one client per process, bounded in time and size, never inside a database transaction."""

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx
from django.conf import settings

from goldwallet.outside import refuse_in_transaction as refuse_in_transaction
from payments.rails.daraja.documents import MOST_BYTES

# Seconds. Reading is generous: an answer that we do not wait for is an unknown outcome, which costs far more.
TIMEOUT = httpx.Timeout(connect=5.0, read=30.0, write=10.0, pool=5.0)
# The whole answer, since a read timeout alone never ends a body that drips.
MOST_SECONDS = 45.0

type Fields = Mapping[str, str | int]


class Trouble(StrEnum):
    """Why there is no whole answer."""

    NONE = ""
    UNSENT = "unsent"  # no connection was made, so nothing can have been carried out
    TIMEOUT = "timeout"
    BROKEN = "broken"  # cut, reset, or not HTTP
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Said:
    """What came back. `status` is None when no status line did."""

    status: int | None
    body: bytes = b""
    trouble: Trouble = Trouble.NONE


_lock = threading.Lock()
_clients: dict[int, httpx.Client] = {}


def _client() -> httpx.Client:
    """The process's own client: a connection that crossed a fork would mix two conversations."""
    pid = os.getpid()
    with _lock:
        if pid not in _clients:
            _clients[pid] = httpx.Client(
                timeout=TIMEOUT,
                # Idle connections go soon: one that the other side has just closed turns a request into an
                # unknown outcome.
                limits=httpx.Limits(max_connections=50, max_keepalive_connections=10, keepalive_expiry=3.0),
                follow_redirects=False,
                # A proxy or a .netrc of the environment must not move where the credentials go.
                trust_env=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            )
        return _clients[pid]


def send(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    fields: Fields | None = None,
    timeout: httpx.Timeout | None = None,
    most: int = MOST_BYTES,
) -> Said:
    """One request, sent at most once. Never raises for what the network or the provider does.

    An answer longer than `most` bytes is cut off there.
    """
    refuse_in_transaction()
    content = None if fields is None else json.dumps(fields).encode()
    kind = {} if content is None else {"Content-Type": "application/json"}
    started = time.monotonic()
    status: int | None = None
    try:
        with _client().stream(
            method,
            settings.DARAJA["base_url"] + path,
            params=params,
            content=content,
            headers={**headers, **kind},
            timeout=timeout or TIMEOUT,
        ) as response:
            status = response.status_code
            return _read(response, started, most)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        # These three alone come before the first byte of the request: no name, no connection (TLS included),
        # no free connection in time. Every other error leaves the outcome open.
        return Said(status=None, trouble=Trouble.UNSENT)
    except httpx.TimeoutException:
        return Said(status=status, trouble=Trouble.TIMEOUT)
    except httpx.RequestError:
        return Said(status=status, trouble=Trouble.BROKEN)


def _read(response: httpx.Response, started: float, most: int) -> Said:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most:
            return Said(status=response.status_code, body=bytes(body[:most]), trouble=Trouble.LARGE)
        if time.monotonic() - started > MOST_SECONDS:
            return Said(status=response.status_code, body=bytes(body), trouble=Trouble.TIMEOUT)
    return Said(status=response.status_code, body=bytes(body))
