"""The authenticator on a phone: time-based one-time codes (RFC 6238, SHA-1) for the accounts handed to it."""

import base64
import binascii
import hashlib
import hmac
from typing import TypedDict

from simulator.store import Db


class CodeView(TypedDict):
    account: str
    code: str
    seconds_left: int


def secret_bytes(secret: str) -> bytes:
    """Decode a base32 secret as apps show it: any case, blanks, no padding. ValueError when it is none."""
    text = "".join(secret.split()).upper().rstrip("=")
    if not text:
        raise ValueError("the secret is empty")
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise ValueError("the secret is not base32") from None


def code_at(secret: str, *, at: float, digits: int, period: int) -> str:
    """The code that is valid at `at`."""
    counter = int(at // period).to_bytes(8, "big")
    digest = hmac.new(secret_bytes(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def account_add(db: Db, number: str, *, account: str, secret: str, digits: int, period: int) -> None:
    """Put an account on the phone; the same account again replaces its secret."""
    db.execute(
        "INSERT OR REPLACE INTO authenticators (phone, account, secret, digits, period)"
        " VALUES (?, ?, ?, ?, ?)",
        (number, account, secret, digits, period),
    )


def codes(db: Db, number: str, *, at: float) -> list[CodeView]:
    rows = db.execute("SELECT * FROM authenticators WHERE phone = ? ORDER BY account", (number,))
    return [
        CodeView(
            account=row["account"],
            code=code_at(row["secret"], at=at, digits=row["digits"], period=row["period"]),
            seconds_left=int(row["period"] - at % row["period"]) or row["period"],
        )
        for row in rows
    ]
