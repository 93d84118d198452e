"""Reading the account statement that staff export from the provider's portal (daraja.md 8).

There is no call for it, and importers disagree on its form, so the reader takes every form that was seen and
guesses none: a line is read whole, or it is a problem with its number and a sentence for a person. All text is
data, whatever it looks like.
"""

import contextlib
import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from goldwallet.clock import NAIROBI
from payments.rails.daraja.documents import plain, tidy
from payments.rails.daraja.kinds import LineKind, kind_of
from payments.rails.daraja.preamble import period_of, shortcode_of

MOST_BYTES = 10_000_000
MOST_ROWS = 200_000
MOST_PROBLEMS = 200

# Lines before the headings: the organisation and the period.
_MOST_PREAMBLE = 60
# One row may spread over lines, since Details may hold line breaks. Beyond this a quotation mark is astray.
_MOST_LINES = 20

# Our name of a column, and its headings: of the portal's export, and of the daily extract.
_COLUMNS = {
    "receipt": ("Receipt No.", "RECEIPT_NUMBER"),
    "at": ("Completion Time", "DATE"),
    "started": ("Initiation Time",),
    "details": ("Details",),
    "status": ("Transaction Status", "STATUS"),
    "paid_in": ("Paid In", "PAID_IN_AMOUNT"),
    "withdrawn": ("Withdrawn", "WITHDRAW_AMOUNT"),
    "balance": ("Balance",),
    "reason": ("Reason Type", "TRANSACTION_TYPE"),
    "other_party": ("Other Party Info",),
    "linked": ("Linked Transaction ID",),
    "account": ("A/C No.",),
}
_NEEDED = ("receipt", "at", "details", "status", "paid_in", "withdrawn")
_HEADINGS = {plain(heading): name for name, headings in _COLUMNS.items() for heading in headings}

_RECEIPT = re.compile(r"[A-Z0-9]{8,16}")
_AMOUNT = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}|[0-9]{1,15})(?:\.[0-9]{1,2})?")
_DAY_FIRST = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4}) ([0-9]{2}:[0-9]{2}:[0-9]{2})")
_YEAR_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
# Customers choose the account's text, so all that follows its first mark is theirs.
_ACCOUNT = re.compile(r"(?:Pay Bill|Pay Bill Online) from .{0,300}?\bAcc\. ?(.+)", re.IGNORECASE)
_REVERSAL_OF = re.compile(r"(?i:(?:Transaction )?Reversal of) ([A-Z0-9]{8,16})\b")
# A line within a cell that begins as rows begin.
_ROW_WITHIN = re.compile(r"[\r\n]\s{0,20}\"?[A-Z0-9]{8,16}\"?\s{0,20}[,;]\s{0,20}\"?[0-9]")


class NotAStatement(Exception):
    """The file is no statement that can be read; the text is a sentence for the person who sent it."""


class _Unread(Exception):
    """One row cannot be read; the text is the rest of a sentence that begins with its line."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row. KES; `withdrawn` is positive however it is written. Only a completed row moved money."""

    receipt: str
    at: dt.datetime  # aware; of a row that never completed: when it began
    started_at: dt.datetime | None
    details: str
    status: str
    paid_in: Decimal
    withdrawn: Decimal
    balance: Decimal | None
    reason: str
    other_party: str
    linked_receipt: str
    account_reference: str
    line_number: int

    @property
    def completed(self) -> bool:
        return _is_completed(self.status)


@dataclass(frozen=True, slots=True)
class Statement:
    """Rows in the order of the file. With `problems` it is not whole: a row that is missing here may be money.

    `shortcode_hint`, `start` and `end` are what the lines before the headings say; empty and None when they
    do not.
    """

    rows: tuple[Line, ...]
    problems: tuple[str, ...]
    shortcode_hint: str
    start: dt.datetime | None
    end: dt.datetime | None


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the headings stand and how the file is cut into cells. `places`: our name -> number of the cell."""

    line: int
    delimiter: str
    cells: tuple[str, ...]
    places: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of one row, None when it cannot be cut into any, and the first and last line it stands on."""

    cells: list[str] | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Read:
    """A row that was read, and whether its Withdrawn was written with a minus."""

    line: Line
    minus: bool


def read_statement(data: bytes) -> Statement:
    """Raises NotAStatement, and nothing else whatever the bytes."""
    if len(data) > MOST_BYTES:
        raise NotAStatement("This file is larger than 10 MB. Export a shorter period.")
    lines = io.StringIO(_decoded(data), newline="").readlines()
    head = _head(lines)
    reads: list[_Read] = []
    problems: list[str] = []
    for row in _rows(lines, head):
        try:
            if _says_nothing(row, head):
                continue
            reads.append(_read(row, head))
        except _Unread as unread:
            problems.append(f"{_place(row)} cannot be read: {unread}.")
        if len(reads) > MOST_ROWS:
            raise NotAStatement("This file has more than 200,000 rows. Export a shorter period.")
    rows, doubtful = _of_one_sign(reads)
    before = [line[:1000] for line in lines[: head.line]]
    start, end = period_of(before)
    return Statement(
        rows=tuple(rows),
        problems=_bounded([*problems, *doubtful]),
        shortcode_hint=shortcode_of(before),
        start=start,
        end=end,
    )


def line_kind(line: Line) -> LineKind:
    """What this line is about; "other" when that is not surely known."""
    return kind_of(
        details=line.details,
        reason=line.reason,
        incoming=line.paid_in > 0,
        outgoing=line.withdrawn > 0,
        linked=bool(line.linked_receipt),
    )


def _decoded(data: bytes) -> str:
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise NotAStatement("This is an Excel file. Save it as CSV, or export the statement as CSV.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _head(lines: list[str]) -> _Head:
    """The line with the headings. Raises NotAStatement when there is none."""
    for number, line in enumerate(lines[: _MOST_PREAMBLE + 1]):
        for delimiter in ",;":
            try:
                cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
            except csv.Error:
                continue
            names = [_HEADINGS.get(plain(cell[:100]), "") for cell in cells]
            known = [name for name in names if name]
            if set(_NEEDED) <= set(known) and len(known) == len(set(known)):
                places = {name: place for place, name in enumerate(names) if name}
                return _Head(number, delimiter, tuple(cells), places)
    raise NotAStatement(
        "This file has no line with the headings Receipt No., Completion Time, Details, Transaction Status, "
        "Paid In and Withdrawn. Export the account's statement from the M-Pesa portal as CSV."
    )


def _rows(lines: list[str], head: _Head) -> Iterator[_Row]:
    """Everything after the headings, cut into cells.

    A damaged row takes all the lines that it seems to hold with it: to begin anew within it could take a
    customer's text for a payment.
    """
    at = head.line + 1
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        reader = csv.reader(lines[at : at + _MOST_LINES], delimiter=head.delimiter, strict=True)
        cells: list[str] | None = None
        with contextlib.suppress(csv.Error):
            cells = next(reader)
        used = max(reader.line_num, 1)
        yield _Row(cells, at + 1, at + used)
        at += used


def _place(row: _Row) -> str:
    return f"Line {row.first}" if row.first == row.last else f"Lines {row.first} to {row.last}"


def _says_nothing(row: _Row, head: _Head) -> bool:
    """An empty row, the headings again, the totals, a remark: no row of money."""
    if row.cells is None:
        return False
    cells = [cell.strip() for cell in row.cells]
    filled = [cell for cell in cells if cell]
    if not filled or tuple(row.cells) == head.cells:
        return True
    if len(filled) == 1 and not re.search(r"[0-9]", filled[0]):
        return True
    place = head.places["receipt"]
    receipt = cells[place] if place < len(cells) else ""
    return not _RECEIPT.fullmatch(receipt) and bool(
        re.match(r"(?:grand |page )?totals?\b", filled[0], re.IGNORECASE)
    )


def _read(row: _Row, head: _Head) -> _Read:
    """Raises _Unread."""
    cells = _whole(row, head)

    def text(name: str, most: int) -> str:
        return tidy(cells.get(name, ""), most)

    receipt = cells["receipt"].strip()
    if not _RECEIPT.fullmatch(receipt):
        raise _Unread("it has no receipt number")
    status = text("status", 40)
    if not status:
        raise _Unread("it does not say whether the transaction completed")
    started = _moment(cells.get("started", ""), "Initiation Time")
    at = _moment(cells["at"], "Completion Time") or (None if _is_completed(status) else started)
    if at is None:
        raise _Unread("it has no Completion Time")
    paid_in, withdrawn = _moved(cells, completed=_is_completed(status))
    details = text("details", 500)
    line = Line(
        receipt=receipt,
        at=at,
        started_at=started,
        details=details,
        status=status,
        paid_in=paid_in,
        withdrawn=abs(withdrawn),
        balance=_amount(cells.get("balance", ""), "Balance"),
        reason=text("reason", 100),
        other_party=text("other_party", 200),
        linked_receipt=text("linked", 64) or _within(_REVERSAL_OF, details, "linked", head),
        account_reference=text("account", 64) or _within(_ACCOUNT, details, "account", head),
        line_number=row.first,
    )
    return _Read(line, minus=withdrawn < 0)


def _within(form: re.Pattern[str], details: str, name: str, head: _Head) -> str:
    """What a short export, which lacks the column, has among the details; empty when the column is there."""
    found = None if name in head.places else form.match(details)
    return found.group(1)[:64] if found else ""


def _whole(row: _Row, head: _Head) -> dict[str, str]:
    """The cells by our names. A row with fewer than the headings was cut off, perhaps within an amount."""
    if row.cells is None:
        raise _Unread("its quotation marks do not match")
    if len(row.cells) < len(head.cells):
        raise _Unread("it has fewer cells than there are headings")
    if any(cell.strip() for cell in row.cells[len(head.cells) :]):
        raise _Unread("it has more cells than there are headings")
    if row.first != row.last and any(_holds_a_row(cell, head) for cell in row.cells):
        raise _Unread("another row seems to stand within one of its cells")
    return {name: row.cells[place] for name, place in head.places.items()}


def _holds_a_row(cell: str, head: _Head) -> bool:
    further = re.split(r"[\r\n]", cell)[1:]
    return bool(_ROW_WITHIN.search(cell)) or any(
        part.count(head.delimiter) >= len(head.cells) - 1 for part in further
    )


def _moment(cell: str, heading: str) -> dt.datetime | None:
    """Nairobi's time, in one of the two forms; None for an empty cell."""
    written = " ".join(cell.split())
    if not written:
        return None
    ordered = _DAY_FIRST.sub(r"\3-\2-\1 \4", written)
    if _YEAR_FIRST.fullmatch(ordered):
        with contextlib.suppress(ValueError):
            return dt.datetime.fromisoformat(ordered).replace(tzinfo=NAIROBI)
    raise _Unread(f"the time under {heading} is in no known form")


def _amount(cell: str, heading: str) -> Decimal | None:
    """KES; None for an empty cell."""
    written = cell.strip(" \t\xa0\"'")
    if not written:
        return None
    if not _AMOUNT.fullmatch(written):
        raise _Unread(f"the amount under {heading} is in no known form")
    return Decimal(written.replace(",", ""))


def _moved(cells: dict[str, str], *, completed: bool) -> tuple[Decimal, Decimal]:
    """Paid In and Withdrawn, which one alone of a row may hold."""
    paid_in = _amount(cells["paid_in"], "Paid In")
    withdrawn = _amount(cells["withdrawn"], "Withdrawn")
    if completed and paid_in is None and withdrawn is None:
        raise _Unread("it has no amount")
    if paid_in and paid_in < 0:
        raise _Unread("the amount under Paid In is below nothing")
    if paid_in and withdrawn:
        raise _Unread("it has an amount under Paid In and another under Withdrawn")
    return paid_in or Decimal(0), withdrawn or Decimal(0)


def _of_one_sign(reads: list[_Read]) -> tuple[list[Line], list[str]]:
    """Some exports write Withdrawn with a minus, others without. In a file with both, the rarer sign may mean
    money that came back, so those rows are left to a person; with as many of each, all of them.
    """
    out = [read for read in reads if read.line.withdrawn]
    minus = sum(read.minus for read in out)
    plus = len(out) - minus
    if not minus or not plus:
        return [read.line for read in reads], []
    rows, problems = [], []
    for read in reads:
        usual = minus > plus if read.minus else plus > minus
        if read.line.withdrawn and not usual:
            number = read.line.line_number
            problems.append(
                f"Line {number} cannot be read: its Withdrawn has another sign than in other rows."
            )
        else:
            rows.append(read.line)
    return rows, problems


def _bounded(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return tuple(problems)
    return (*problems[:MOST_PROBLEMS], f"{more} more rows cannot be read.")


def _is_completed(status: str) -> bool:
    return status.casefold() == "completed"
