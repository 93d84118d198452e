"""A period of an account on paper: the same lines as on its page, oldest first, with a hash that tells them apart.

The hash is SHA-256 over one line of text for each line of the extract, oldest first: the cells Line, Posted,
Transaction, Amount and Balance as the CSV of the account has them (`controls.exports`: times of Nairobi to the second,
two places for shillings and six for grams, no signs between thousands), with "|" between them and a line feed at the
end. So whoever has the CSV of the same days can make it again (docs/runbook.md has the command), and so can who has the
paper: it prints all five. Names, words and memos are in no hash: an address may change, and a person be erased. The
transaction's number stands for them, and the book lets no transaction change.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from decimal import Decimal

from accounts.models import User
from controls.audit import record
from goldwallet import clock
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.pdf import Column, Sheet
from goldwallet.sheets import csv_cell
from ledger.chart import GOLD
from ledger.listing import period_of
from ledger.models import Account
from ledger.selectors import Line, statement
from oversight.book.forms import Days
from oversight.exports import in_places
from oversight.naming import account_names, kind_words

MOST_LINES = 5000


def extract_made(found: Account, days: Days, *, by: User, person_id: uuid.UUID | None) -> bytes:
    """The PDF of the account in these days, with its line in the audit trail. Raises Refused for too many lines."""
    period = period_of(found, since=days.begins, until=days.ends)
    if period.lines > MOST_LINES:
        raise Refused(
            f"These days have {period.lines:,} lines, and a PDF holds {MOST_LINES:,}. Choose fewer days, or take "
            "the list as a CSV file.",
            code="lines",
        )
    lines = statement(found.code, limit=MOST_LINES, first=period.first + 1, last=period.last)
    names = account_names([found.code, *(line.counterpart for line in lines)])
    made_at = clock.now()
    said = period_said(days)
    sheet = Sheet("Ledger extract", said, by.email, made_at)
    unit = "g" if found.asset == GOLD else "KES"
    sheet.facts(
        [
            ("Account", names[found.code]),
            ("Code", found.code),
            ("Kept in", "grams of fine gold" if found.asset == GOLD else "Kenyan shillings (KES)"),
            ("Opening balance", f"{amount(period.opening, found.asset)} {unit}"),
            ("Closing balance", f"{amount(period.closing, found.asset)} {unit}"),
            ("Lines", f"{period.lines:,}"),
        ]
    )
    # Each is as wide as its head, or two lines of what stands in it.
    columns = [
        Column("Line", 16.5, "right"),
        Column("Posted", 22.5),
        Column("Transaction", 22, "right"),
        Column("Kind, memo", 30.5),
        Column("Other account", 34.5),
        Column(f"Amount ({unit})", 26, "right"),
        Column(f"Balance ({unit})", 26, "right"),
    ]
    opening = ("", "", "", "Opening balance", "", "", amount(period.opening, found.asset))
    closing = ("", "", "", "Closing balance", "", "", amount(period.closing, found.asset))
    rows = ((_row(line, names[line.counterpart], found.asset)) for line in lines)
    sheet.table(columns, (opening, *rows, closing))
    digest = hash_of(lines, found.asset)
    sheet.note(f"SHA-256 of the lines: {digest}")
    sheet.note(
        "It is of Line, Posted, Transaction, Amount and Balance, as the CSV of the same days has them, oldest first: "
        'with "|" between them and a line feed after each line.'
    )
    sheet.note(
        "Times are Nairobi's. A line counts to the day whose closing balance holds it. What left the account stands "
        "with a minus sign."
    )
    content = sheet.output()
    record(
        "export",
        subject=f"account:{found.code}",
        person_id=person_id,
        after={"format": "pdf", "rows": len(lines), "days": said, "sha256": digest},
    )
    return content


def hash_of(lines: Iterable[Line], asset: str) -> str:
    """See the module: what the extract ends with. `lines`: oldest first."""
    told = hashlib.sha256()
    for line in lines:
        amounts = in_places(line.amount, asset), in_places(line.balance, asset)
        cells = (line.seq, line.at, line.transaction_id, *amounts)
        told.update(f"{'|'.join(map(csv_cell, cells))}\n".encode())
    return told.hexdigest()


def _row(line: Line, other: str, asset: str) -> tuple[str | tuple[str, ...], ...]:
    local, kind = line.at.astimezone(NAIROBI), kind_words(line.kind)
    return (
        str(line.seq),
        (f"{local.day} {local:%b %Y},", f"{local:%H:%M:%S}"),
        str(line.transaction_id),
        (kind, line.memo) if line.memo else kind,
        other,
        amount(line.amount, asset),
        amount(line.balance, asset),
    )


def amount(value: Decimal, asset: str) -> str:
    """In the unit of the column's head: six places for grams, two for shillings."""
    return f"{value:,.6f}" if asset == GOLD else f"{value:,.2f}"


def period_said(days: Days) -> str:
    """`1 Nov 2026 to 30 Nov 2026`, or as much of it as was asked for."""
    asked = days.cleaned_data if days.is_bound else {}
    since, until = asked.get("since"), asked.get("until")
    if since and until:
        return _day(since) if since == until else f"{_day(since)} to {_day(until)}"
    if since:
        return f"From {_day(since)} on"
    return f"Up to {_day(until)}" if until else "From the first line to the last"


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%b %Y}"
