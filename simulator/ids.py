"""Nairobi time, and identifiers that look like the provider's.

Formats: CheckoutRequestID, MerchantRequestID and ConversationID as captured in 2025-26; a receipt's first
three characters encode the day (year from A=2006, month from A, day 1-9 then A-V).
"""

import random
import string
from datetime import UTC, datetime, timedelta, timezone

from simulator.clock import CLOCK

# Kenya keeps no summer time, so a fixed offset is exact and needs no zone database.
NAIROBI = timezone(timedelta(hours=3), "EAT")

_RECEIPT_LETTERS = string.digits + string.ascii_uppercase
_DAYS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


def now() -> float:
    """Seconds since the epoch."""
    return CLOCK.now()


def nairobi(at: float) -> datetime:
    return datetime.fromtimestamp(at, NAIROBI)


def compact_time(at: float) -> int:
    """`YYYYMMDDHHmmss` as a number, as callbacks carry it."""
    return int(nairobi(at).strftime("%Y%m%d%H%M%S"))


def zulu(at: float) -> str:
    """`2026-11-21T07:00:00Z`: the one place where the provider writes a zone."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def midnight(at: float) -> float:
    """When the Nairobi day of `at` began: daily limits count from there."""
    return nairobi(at).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def checkout_request_id(*, phone: str, at: float) -> str:
    """`ws_CO_` + ddMMyyyyHHmmss + one to three digits + the last nine digits of the number."""
    moment = nairobi(at).strftime("%d%m%Y%H%M%S")
    return f"ws_CO_{moment}{CLOCK.chance.randrange(1000)}{phone[-9:]}"


def request_id() -> str:
    """Form of MerchantRequestID and of `requestId` in errors: three groups of four, then a long one."""
    digits = _hex(24)
    tail = "".join(CLOCK.chance.choices(string.digits, k=7))
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:12]}-{digits[12:]}{tail}"


def conversation_id(*, at: float) -> str:
    return f"AG_{nairobi(at):%Y%m%d}_{_hex(20)}"


def _hex(length: int) -> str:
    return f"{CLOCK.chance.getrandbits(4 * length):0{length}x}"


def day_prefix(at: float) -> str:
    day = nairobi(at)
    return f"{chr(ord('A') + day.year - 2006)}{chr(ord('A') + day.month - 1)}{_DAYS[day.day]}"


def receipt(*, at: float, chance: random.Random | None = None) -> str:
    """Ten characters. The caller makes it unique (the books refuse a second one)."""
    return day_prefix(at) + "".join((chance or CLOCK.chance).choices(_RECEIPT_LETTERS, k=7))


def no_receipt(*, at: float) -> str:
    """What stands in TransactionID when no money transaction was made."""
    return day_prefix(at) + "0000000"
