"""Where requests come from, and who knocks at doors that are not there: after many knocks nobody looks any more.

Knocks are counted in each process for itself, in bounded memory: a flood must cost nothing, also no question to the
database.
"""

import ipaddress
import threading
import time

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Where a request comes from: of what proxies have noted, only what our own have (TRUSTED_PROXY_COUNT)."""
    ours: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    noted = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    if ours and len(noted) >= ours and noted[-ours]:
        return noted[-ours]
    return str(request.META.get("REMOTE_ADDR", ""))


def ip_of(text: str) -> str | None:
    """An address as the database keeps it: without the zone of a link (`fe80::1%eth0`). None for what is none."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def network_of(request: HttpRequest) -> str:
    """What limits count as one place: an address, or for IPv6 the /64 that one line at home has 2^64 addresses of."""
    text = address_of(request)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


class Knocks:
    """At most `most` knocks of an address within `seconds`; of `addresses` addresses at a time."""

    def __init__(self, *, most: int, seconds: float, addresses: int = 10_000) -> None:
        self._most, self._seconds, self._addresses = most, seconds, addresses
        self._counts: dict[str, int] = {}
        self._since = time.monotonic()
        self._lock = threading.Lock()

    def too_many(self, address: str) -> bool:
        """Whether nobody needs to look for what this address asks for."""
        with self._lock:
            self._turn()
            return self._counts.get(address, 0) >= self._most

    def noted(self, address: str) -> int:
        """Count one more; answers how many there are now."""
        with self._lock:
            self._turn()
            if address not in self._counts and len(self._counts) >= self._addresses:
                self._counts.clear()
            self._counts[address] = self._counts.get(address, 0) + 1
            return self._counts[address]

    def forget(self) -> None:
        with self._lock:
            self._counts.clear()

    def _turn(self) -> None:
        """Begin a new stretch of time with nobody in it."""
        now = time.monotonic()
        if now - self._since >= self._seconds:
            self._counts.clear()
            self._since = now
