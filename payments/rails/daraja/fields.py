"""What may go into a request (daraja.md 2.1, 4.1, 6). A violation is our bug: ValueError, and nothing is
sent.

No message here carries the value, which may be a phone.
"""

import base64
import datetime as dt
import ipaddress
import re
from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings

from goldwallet.clock import NAIROBI

MOST = 250_000
LEAST_IN = 1
LEAST_OUT = 10

# Safaricom refuses addresses with these in them, in any case.
_FORBIDDEN = ("mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query")  # "exec" holds "exe"
_URL = re.compile(r"https?://[a-z0-9.\-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~\-/]*)?")


def shillings(amount: Decimal, *, least: int) -> int:
    """Whole KES for the wire."""
    if not isinstance(amount, Decimal):
        raise ValueError("an amount must be a Decimal")
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError("M-Pesa moves whole shillings")
    if not least <= amount <= MOST:
        raise ValueError(f"M-Pesa moves {least} to {MOST} shillings at once")
    return int(amount)


def msisdn(phone: str) -> int:
    """A JSON number: as a string it has ended silently in 1037 in production (daraja.md C6)."""
    if not re.fullmatch(r"254[17][0-9]{8}", phone):
        raise ValueError("not a Kenyan mobile number in the form 2547XXXXXXXX or 2541XXXXXXXX")
    return int(phone)


def shortcode(text: str) -> int:
    if not re.fullmatch(r"[0-9]{5,7}", text):
        raise ValueError("a shortcode has five to seven digits")
    return int(text)


def words(text: str, *, name: str, least: int, most: int) -> str:
    """Text that a person or a statement shows: printable ASCII, no blank ends."""
    if not re.fullmatch(r"[ -~]*", text) or text != text.strip() or not least <= len(text) <= most:
        raise ValueError(f"{name} must have {least} to {most} plain characters")
    return text


def identifier(text: str, *, name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", text):
        raise ValueError(f"{name} must have 1 to 64 letters, digits, dots, dashes or underscores")
    return text


def receipt(text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]{8,16}", text):
        raise ValueError("a receipt has 8 to 16 capital letters and digits")
    return text


def address(url: str) -> str:
    """A public address of ours for callbacks: https, lowercase host, none of the words that Safaricom
    refuses.

    The demo may use plain http within one machine or one container network, where only the simulator calls.
    """
    if not _URL.fullmatch(url):
        raise ValueError("a callback's address must be plain, with a lowercase host and no query")
    if any(word in url.lower() for word in _FORBIDDEN):
        raise ValueError("a callback's address holds a word that Safaricom refuses")
    parts = urlsplit(url)
    if parts.scheme == "http" and not (settings.DEMO and _is_near(parts.hostname or "")):
        raise ValueError("a callback's address must begin with https://")
    return url


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host  # localhost, or a container's name


def timestamp(moment: dt.datetime) -> str:
    """Nairobi time, 14 digits."""
    return moment.astimezone(NAIROBI).strftime("%Y%m%d%H%M%S")


def clock_time(moment: dt.datetime) -> str:
    """Nairobi time as Pull wants it, YYYY-MM-DD HH:mm:ss."""
    return moment.astimezone(NAIROBI).strftime("%Y-%m-%d %H:%M:%S")


def password(*, code: int, passkey: str, stamp: str) -> str:
    return base64.b64encode(f"{code}{passkey}{stamp}".encode()).decode()
