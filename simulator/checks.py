"""What the gateway checks in a request before it lets it through to M-Pesa."""

import ipaddress
import re
import urllib.parse
from datetime import datetime
from typing import Any

from simulator import phones
from simulator.tariff import MAXIMUM_AMOUNT

type Body = dict[str, Any]

# Words that the provider refuses in callback addresses, in any case.
FORBIDDEN_WORDS = ("m-pesa", "mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query")

_DIGITS = re.compile(r"[0-9]+")
_SHORTCODE = re.compile(r"[0-9]{5,7}")
_LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")


class Invalid(Exception):
    """A field cannot be used. Carries the name that the provider's message names."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def digits(body: Body, field: str) -> str:
    """The field as digits, whether it came as a JSON number or as text: both occur and both are taken."""
    value = body.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise Invalid(field)
    return value


def shortcode(body: Body, field: str) -> str:
    value = digits(body, field)
    if not _SHORTCODE.fullmatch(value):
        raise Invalid(field)
    return value


def msisdn(body: Body, field: str) -> str:
    value = digits(body, field)
    if not phones.is_msisdn(value):
        raise Invalid(field)
    return value


def amount(body: Body, *, at_most: int | None = MAXIMUM_AMOUNT) -> int:
    """Whole KES, at least 1."""
    value = digits(body, "Amount")
    if len(value) > 12 or int(value) < 1 or (at_most is not None and int(value) > at_most):
        raise Invalid("Amount")
    return int(value)


def text(body: Body, field: str, *, shortest: int = 1, longest: int, name: str = "") -> str:
    """Text of a length between the two, not blank. `name` is what the message calls the field."""
    value = body.get(field)
    if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.strip():
        raise Invalid(name or field)
    return value


def optional_text(body: Body, field: str, *, longest: int) -> str:
    value = body.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(field)
    return value


def choice(body: Body, field: str, choices: tuple[str, ...]) -> str:
    value = body.get(field)
    if value not in choices:
        raise Invalid(field)
    return str(value)


def timestamp(body: Body) -> str:
    """`YYYYMMDDHHmmss`. Not compared with the clock: one production client sends UTC and is served."""
    value = digits(body, "Timestamp")
    if len(value) != 14:
        raise Invalid("Timestamp")
    try:
        datetime.strptime(value, "%Y%m%d%H%M%S")  # noqa: DTZ007 - only whether it is a time at all
    except ValueError:
        raise Invalid("Timestamp") from None
    return value


def callback_url(body: Body, field: str) -> str:
    """An address that results may be sent to: https; plain http only to this machine or a private network."""
    value = body.get(field)
    if not isinstance(value, str) or not _url_is_fine(value):
        raise Invalid(field)
    return value


def _url_is_fine(url: str) -> bool:
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or re.search(r"[\s<>\"\\]", url):
        return False
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in {"https", "http"} or port == 0 or "@" in parts.netloc:
        return False
    if not _is_address(host) and not (_HOST.fullmatch(host) and len(host) <= 253):
        return False
    if parts.netloc != parts.netloc.lower():
        return False
    if any(word in url.lower() for word in FORBIDDEN_WORDS):
        return False
    return parts.scheme == "https" or _is_private(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_private(host: str) -> bool:
    """This machine, a private address, or a bare name as containers call each other."""
    if not _is_address(host):
        return "." not in host or host.endswith((".localhost", ".internal", ".local"))
    address = ipaddress.ip_address(host)
    return address.is_loopback or address.is_private
