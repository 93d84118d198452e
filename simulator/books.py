"""Double-entry books: phones, the organisation's accounts, Safaricom's fees, and cash outside M-Pesa.

A transaction's entries sum to zero; phones and utility accounts never go below zero. Whole KES.
"""

import sqlite3
from dataclasses import dataclass
from typing import TypedDict

from simulator import ids
from simulator.config import Settings
from simulator.store import Db

OUTSIDE = "outside:cash"
FEES = "safaricom:fees"


class NotEnough(Exception):
    """The paying account holds less than the transaction takes."""


class EntryView(TypedDict):
    account: str
    amount: int
    balance: int


class TransactionView(TypedDict):
    id: int
    receipt: str | None
    kind: str
    memo: str
    at: str
    entries: list[EntryView]


@dataclass(frozen=True)
class Transfer:
    """`amount` KES, above zero, out of `source` into `destination`."""

    source: str
    destination: str
    amount: int


def phone_account(number: str) -> str:
    return f"phone:{number}"


def paybill_account(shortcode: str) -> str:
    return f"paybill:{shortcode}:utility"


def utility_account(shortcode: str) -> str:
    return f"b2c:{shortcode}:utility"


def charges_account(shortcode: str) -> str:
    """Charges Paid: runs negative until the organisation settles it."""
    return f"b2c:{shortcode}:charges"


def is_ours(settings: Settings, shortcode: str) -> bool:
    """Whether the one organisation here owns the shortcode."""
    return shortcode in {settings.shortcode, settings.b2c_shortcode}


def utility(settings: Settings, shortcode: str) -> str:
    """The account that money comes in to, and goes out of, on one of our shortcodes."""
    return paybill_account(shortcode) if shortcode == settings.shortcode else utility_account(shortcode)


def charges(settings: Settings, shortcode: str) -> str:
    """Charges Paid of one of our shortcodes."""
    return f"paybill:{shortcode}:charges" if shortcode == settings.shortcode else charges_account(shortcode)


def _may_go_negative(account: str) -> bool:
    return account == OUTSIDE or account.endswith(":charges")


def balance(db: Db, account: str) -> int:
    """KES now on the account; an account nobody has used yet holds nothing."""
    row = db.execute("SELECT balance FROM accounts WHERE name = ?", (account,)).fetchone()
    return int(row["balance"]) if row else 0


def balance_at(db: Db, account: str, *, at: float) -> int:
    """KES on the account at a moment, with all that happened up to it."""
    row = db.execute(
        "SELECT entries.balance FROM entries JOIN transactions ON transactions.id = entries.transaction_id"
        " WHERE account = ? AND at <= ? ORDER BY entries.id DESC LIMIT 1",
        (account, at),
    ).fetchone()
    return int(row["balance"]) if row else 0


def post(
    db: Db, *, kind: str, memo: str, at: float, transfers: list[Transfer], receipt: str | None = None
) -> int:
    """Book one transaction and return its number. Balanced by construction.

    Raises NotEnough when an account that may not go below zero would; the caller's transaction must then end
    without a commit, or must post nothing further.
    """
    cursor = db.execute(
        "INSERT INTO transactions (receipt, kind, memo, at) VALUES (?, ?, ?, ?)", (receipt, kind, memo, at)
    )
    number = cursor.lastrowid
    assert number is not None
    for transfer in transfers:
        if transfer.amount <= 0:
            raise ValueError(f"a transfer moves more than nothing, not {transfer.amount}")
        _enter(db, number, transfer.source, -transfer.amount)
        _enter(db, number, transfer.destination, transfer.amount)
    return number


def _enter(db: Db, number: int, account: str, amount: int) -> None:
    db.execute(
        "INSERT OR IGNORE INTO accounts (name, may_go_negative) VALUES (?, ?)",
        (account, _may_go_negative(account)),
    )
    try:
        db.execute("UPDATE accounts SET balance = balance + ? WHERE name = ?", (amount, account))
    except sqlite3.IntegrityError:
        raise NotEnough(account) from None
    db.execute(
        "INSERT INTO entries (transaction_id, account, amount, balance) VALUES (?, ?, ?, ?)",
        (number, account, amount, balance(db, account)),
    )


def new_receipt(db: Db, *, at: float) -> str:
    """A receipt that no transaction and no payout carries yet."""
    while True:
        receipt = ids.receipt(at=at)
        if not receipt_is_taken(db, receipt):
            return receipt


def receipt_is_taken(db: Db, receipt: str) -> bool:
    """Whether a transaction or a failed payout carries it."""
    taken = db.execute(
        "SELECT 1 FROM transactions WHERE receipt = :code"
        " UNION ALL SELECT 1 FROM payouts WHERE transaction_code = :code",
        {"code": receipt},
    ).fetchone()
    return taken is not None


def open_float(db: Db, *, shortcode: str, amount: int, at: float) -> None:
    """Book the opening money of the paying shortcode, on books that are still empty."""
    empty = db.execute("SELECT 1 FROM transactions").fetchone() is None
    if empty and amount:
        transfers = [Transfer(OUTSIDE, utility_account(shortcode), amount)]
        post(db, kind="opening", memo="Opening float", at=at, transfers=transfers)


def paid_today(db: Db, account: str, *, at: float) -> int:
    """KES that payments took out since Nairobi midnight. Openings and corrections do not count."""
    row = db.execute(_OUT_SINCE, (account, ids.midnight(at))).fetchone()
    return -int(row["total"])


def received_today(db: Db, account: str, *, at: float) -> int:
    """KES that payments brought in since Nairobi midnight."""
    row = db.execute(_IN_SINCE, (account, ids.midnight(at))).fetchone()
    return int(row["total"])


_SINCE = """
    SELECT coalesce(sum(entries.amount), 0) AS total
    FROM entries JOIN transactions ON transactions.id = entries.transaction_id
    WHERE account = ? AND at >= ? AND receipt IS NOT NULL
"""
_OUT_SINCE = _SINCE + " AND entries.amount < 0"
_IN_SINCE = _SINCE + " AND entries.amount > 0"


def accounts(db: Db) -> dict[str, int]:
    return {
        row["name"]: row["balance"] for row in db.execute("SELECT name, balance FROM accounts ORDER BY name")
    }


def transactions(db: Db, *, newest: int | None = None) -> list[TransactionView]:
    """All transactions, oldest first; or the `newest` ones, newest first."""
    if newest is None:
        rows = db.execute("SELECT * FROM transactions ORDER BY id")
    else:
        rows = db.execute("SELECT * FROM transactions ORDER BY id DESC LIMIT ?", (newest,))
    found: dict[int, TransactionView] = {}
    for row in rows:
        found[row["id"]] = TransactionView(
            id=row["id"],
            receipt=row["receipt"],
            kind=row["kind"],
            memo=row["memo"],
            at=ids.nairobi(row["at"]).isoformat(),
            entries=[],
        )
    first = min(found, default=0)
    for row in db.execute("SELECT * FROM entries WHERE transaction_id >= ? ORDER BY id", (first,)):
        entry = EntryView(account=row["account"], amount=row["amount"], balance=row["balance"])
        found[row["transaction_id"]]["entries"].append(entry)
    return list(found.values())
