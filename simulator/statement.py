"""The statement that the organisation's portal exports: CSV, 13 columns, newest first.

Every row that moved money comes from the books; payouts that failed are listed too, and moved nothing.
"""

import csv
import io
from dataclasses import dataclass

from simulator import books, ids, phones
from simulator.config import Settings
from simulator.status import REASONS, REVERSAL_REASON
from simulator.store import Db, Row

DAY = 86_400
#: `payouts` lists the charges with the payouts they are for; `charges` lists them alone.
ACCOUNTS = ("collections", "payouts", "charges")
COLUMNS = (
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
)
CHARGE = "Fee For B2C Payment"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row. `amount` is signed whole KES; a row that is not Completed moved nothing all the same."""

    receipt: str
    at: float
    initiated_at: float
    details: str
    amount: int
    balance: int
    reason: str
    other_party: str
    status: str = "Completed"
    linked: str = ""
    reference: str = ""


def export(db: Db, settings: Settings, account: str, *, start: float, end: float) -> str:
    """CSV of what was completed from `start` to `end`, a whole second and included."""
    found = [line for line in lines(db, settings, account) if start <= line.at < end + 1]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows(_preamble(settings, account, start=start, end=end))
    writer.writerow(COLUMNS)
    writer.writerows(_row(line) for line in reversed(found))
    return text.getvalue()


def _preamble(settings: Settings, account: str, *, start: float, end: float) -> list[list[str]]:
    shortcode = settings.shortcode if account == "collections" else settings.b2c_shortcode
    name = "Charges Paid Account" if account == "charges" else "Utility Account"
    return [
        ["M-PESA Organization Statement"],
        ["Organization:", settings.organisation],
        ["Short Code:", shortcode],
        ["Account:", name],
        ["Time Period:", f"From {_time(start)} to {_time(end)}"],
        [],
    ]


def _row(line: Line) -> list[str]:
    return [
        line.receipt,
        _time(line.at),
        _time(line.initiated_at),
        line.details,
        line.status,
        _money(line.amount) if line.amount > 0 else "",
        _money(line.amount) if line.amount < 0 else "",
        _money(line.balance),
        "true",
        line.reason,
        line.other_party,
        line.linked,
        line.reference,
    ]


def _time(at: float) -> str:
    return f"{ids.nairobi(at):%d-%m-%Y %H:%M:%S}"


def _money(amount: int) -> str:
    return f"{amount:,}.00"


def lines(db: Db, settings: Settings, account: str) -> list[Line]:
    """Everything on the account, oldest first. Opening money has no receipt, and shows only in the balance."""
    if account == "collections":
        return [_line(row) for row in _entries(db, books.utility(settings, settings.shortcode))]
    charges = books.charges(settings, settings.b2c_shortcode)
    charged = [_charge(row) for row in _entries(db, charges)]
    if account == "charges":
        return charged
    paid = [_line(row) for row in _entries(db, books.utility(settings, settings.b2c_shortcode))]
    failed = [_failed(db, settings, row) for row in _declined(db, settings.b2c_shortcode)]
    # Sorting keeps the order of what happened in one instant: a charge comes after its payout.
    return sorted([*paid, *charged, *failed], key=lambda line: line.at)


_ENTRIES = """
    SELECT transactions.receipt, transactions.kind, transactions.at, entries.amount, entries.balance,
        coalesce(payments.phone, payouts.phone, reversed.phone) AS phone,
        coalesce(payments.initiated_at, payouts.created_at, reversals.initiated_at) AS initiated_at,
        coalesce(payments.reference, '') AS reference,
        coalesce(reversals.original, '') AS original,
        payouts.command
    FROM entries JOIN transactions ON transactions.id = entries.transaction_id
    LEFT JOIN payments ON payments.receipt = transactions.receipt
    LEFT JOIN payouts ON payouts.transaction_code = transactions.receipt
    LEFT JOIN reversals ON reversals.receipt = transactions.receipt
    LEFT JOIN payments AS reversed ON reversed.receipt = reversals.original
    WHERE entries.account = ? AND transactions.receipt IS NOT NULL
    ORDER BY entries.id
"""


def _entries(db: Db, account: str) -> list[Row]:
    return db.execute(_ENTRIES, (account,)).fetchall()


def _declined(db: Db, shortcode: str) -> list[Row]:
    # What was refused before the core (its code ends in zeros) is no transaction, and on no statement.
    return db.execute(
        "SELECT * FROM payouts WHERE shortcode = ? AND state = 'failed' AND transaction_code NOT LIKE '%0000000'"
        " ORDER BY finished_at, rowid",
        (shortcode,),
    ).fetchall()


def _line(row: Row) -> Line:
    details, reason = _words(row)
    return Line(
        receipt=row["receipt"],
        at=row["at"],
        initiated_at=row["initiated_at"],
        details=details,
        amount=row["amount"],
        balance=row["balance"],
        reason=reason,
        other_party=_party(row["phone"]),
        linked=row["original"],
        reference=row["reference"],
    )


def _words(row: Row) -> tuple[str, str]:
    """Details and Reason Type."""
    party = _party(row["phone"])
    match row["kind"]:
        case "pay bill online":
            return f"Pay Bill Online from {party} Acc. {row['reference']}", "Pay Bill Online"
        case "pay bill":
            return f"Pay Bill from {party} Acc. {row['reference']}", "Pay Bill"
        case "reversal":
            return f"Transaction Reversal of {row['original']} to {party}", REVERSAL_REASON
        case "business payment":
            return f"Business Payment to {party} via API", REASONS[row["command"]]
        case kind:
            raise ValueError(f"no statement line is known for {kind!r}")


def _charge(row: Row) -> Line:
    return Line(
        receipt=row["receipt"],
        at=row["at"],
        initiated_at=row["initiated_at"],
        details=CHARGE,
        amount=row["amount"],
        balance=row["balance"],
        reason=CHARGE,
        other_party="",
    )


def _failed(db: Db, settings: Settings, payout: Row) -> Line:
    return Line(
        receipt=payout["transaction_code"],
        at=payout["finished_at"],
        initiated_at=payout["created_at"],
        details=f"Business Payment to {_party(payout['phone'])} via API",
        status="Declined",
        amount=-payout["amount"],
        balance=books.balance_at(db, books.utility(settings, payout["shortcode"]), at=payout["finished_at"]),
        reason=REASONS[payout["command"]],
        other_party=_party(payout["phone"]),
    )


def _party(phone: str) -> str:
    """`2547****123 - NAME`."""
    return f"{phone[:4]}****{phone[-3:]} - {phones.owner_name(phone)}"
