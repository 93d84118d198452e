"""The phones: which numbers exist, their money and PIN, and what lies in their inboxes."""

import re
from typing import NotRequired, TypedDict

from simulator import books, ids
from simulator.config import Settings
from simulator.store import Db, Row

PIN = "1234"
PIN_TRIES = 3

_NUMBER = re.compile(r"254[17][0-9]{8}")
_TYPED = re.compile(r"(?:\+?254|0)([17][0-9]{8})")

# Names that a receiver or payer goes by in results. Picked by number, so a phone keeps its name.
_FIRST = (
    "AMINA",
    "BRIAN",
    "CHEBET",
    "DAVID",
    "ESTHER",
    "FAITH",
    "GEORGE",
    "HALIMA",
    "JOHN",
    "KEMUNTO",
    "MERCY",
)
_LAST = ("ACHIENG", "BARASA", "GITAU", "KARIUKI", "KIPTOO", "MUTUA", "NJERI", "ODHIAMBO", "OMONDI", "WANJIRU")


class MessageView(TypedDict):
    kind: str
    text: str
    at: str
    sender: str
    subject: NotRequired[str]
    to: NotRequired[str]


def is_msisdn(text: str) -> bool:
    """Twelve digits, 2547... or 2541...: the only form that the APIs take."""
    return _NUMBER.fullmatch(text) is not None


def number_from(typed: str) -> str | None:
    """The 254 form of a number as people type it (07.., 01.., +254.., with blanks or dashes), or None."""
    match = _TYPED.fullmatch(re.sub(r"[\s()-]", "", typed))
    return f"254{match[1]}" if match else None


def spoken(number: str) -> str:
    """`0712 345 678`."""
    return f"0{number[3:6]} {number[6:9]} {number[9:]}"


def kes(amount: int) -> str:
    return f"KES {amount:,}"


def owner_name(number: str) -> str:
    seed = int(number[3:])
    return f"{_FIRST[seed % len(_FIRST)]} {_LAST[seed // 7 % len(_LAST)]}"


def public_name(number: str) -> str:
    return f"{number} - {owner_name(number)}"


def open_phone(db: Db, settings: Settings, number: str, *, at: float) -> Row:
    """The phone's row. A number seen for the first time gets its opening money now."""
    row: Row | None = db.execute("SELECT * FROM phones WHERE number = ?", (number,)).fetchone()
    if row is None:
        db.execute("INSERT INTO phones (number, seen_at) VALUES (?, ?)", (number, at))
        set_balance(db, number, settings.phone_opening, kind="opening", memo="Money on a new phone", at=at)
        row = db.execute("SELECT * FROM phones WHERE number = ?", (number,)).fetchone()
    assert row is not None
    return row


def set_balance(db: Db, number: str, wanted: int, *, kind: str, memo: str, at: float) -> None:
    """Bring the phone to `wanted` KES by booking the difference against outside cash."""
    account = books.phone_account(number)
    difference = wanted - books.balance(db, account)
    if difference > 0:
        transfers = [books.Transfer(books.OUTSIDE, account, difference)]
    elif difference < 0:
        transfers = [books.Transfer(account, books.OUTSIDE, -difference)]
    else:
        return
    books.post(db, kind=kind, memo=memo, at=at, transfers=transfers)


def pin_is_locked(phone: Row) -> bool:
    return int(phone["wrong_pins"]) >= PIN_TRIES


def pin_wrong(db: Db, number: str) -> bool:
    """Count a wrong PIN; True when this one locks the PIN."""
    db.execute("UPDATE phones SET wrong_pins = wrong_pins + 1 WHERE number = ?", (number,))
    count = db.execute("SELECT wrong_pins FROM phones WHERE number = ?", (number,)).fetchone()["wrong_pins"]
    return int(count) >= PIN_TRIES


def pin_reset(db: Db, number: str) -> None:
    db.execute("UPDATE phones SET wrong_pins = 0 WHERE number = ?", (number,))


def message_add(
    db: Db,
    number: str,
    *,
    kind: str,
    text: str,
    at: float,
    sender: str = "M-PESA",
    subject: str = "",
    recipient: str = "",
) -> None:
    db.execute(
        "INSERT INTO messages (phone, kind, sender, subject, recipient, text, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (number, kind, sender, subject, recipient, text, at),
    )
    db.execute("UPDATE phones SET seen_at = ? WHERE number = ?", (at, number))


def messages(db: Db, number: str) -> list[MessageView]:
    """Everything the phone received, oldest first."""
    rows = db.execute("SELECT * FROM messages WHERE phone = ? ORDER BY id", (number,))
    return [_message_view(row) for row in rows]


def _message_view(row: Row) -> MessageView:
    view = MessageView(
        kind=row["kind"], text=row["text"], at=ids.nairobi(row["at"]).isoformat(), sender=row["sender"]
    )
    if row["kind"] == "mail":
        view["subject"] = row["subject"]
        view["to"] = row["recipient"]
    return view
