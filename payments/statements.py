"""Taking in the account statement that staff export from M-Pesa's portal (daraja.md 8).

A line is kept once however many files show it. What could not be read stays with the file as a sentence, and such a
file never shows that something is missing: the line that we lack may be the one that could not be read.
"""

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from controls.audit import record
from goldwallet.clock import NAIROBI, now
from goldwallet.errors import Refused
from goldwallet.papers import name_kept
from goldwallet.sealing import fingerprint, seal
from payments.models import Float, StatementFile, StatementLine
from payments.rails.daraja.statement import (
    MOST_BYTES,
    Line,
    NotAStatement,
    Statement,
    line_kind,
    read_statement,
)

#: How the comparison knows a line that moved money, whatever case the export wrote it in.
COMPLETED = "Completed"


class Imported(NamedTuple):
    """The file as it is stored, whether it is new, and the sentence for the person who sent it."""

    file: StatementFile
    new: bool
    sentence: str


def statement_import(
    *,
    account: str,
    name: str,
    data: bytes,
    by: Any,
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
) -> Imported:
    """Read and keep a statement of one of our accounts (`Float`). The same bytes twice: the first file comes back.

    `starts_at` and `ends_at` say what it covers when its lines alone do not (a quiet morning has no line). Raises
    Refused with a sentence for a file that is no statement, or another account's.
    """
    if account not in Float.values:
        raise Refused("Choose the account that the statement is of.", code="account")
    digest = hashlib.sha256(data).hexdigest()
    if (known := StatementFile.objects.filter(sha256=digest).first()) is not None:
        _record(known, 0, by)
        return _known(known)
    statement = _read(data, account)
    start, end = _span(statement, starts_at, ends_at)
    file = StatementFile(
        account=account,
        name=name_kept(name, nameless="statement.csv"),
        sha256=digest,
        starts_at=start,
        ends_at=end,
        lines_count=len(statement.rows),
        problems=[*statement.problems, *_repeated(statement.rows), *_charges_alone(statement.rows)],
        uploaded_by=by,
    )
    with transaction.atomic():
        # Two people send the same file at once: the second waits here, and gets the first one's.
        made, created = StatementFile.objects.get_or_create(sha256=digest, defaults=_columns(file))
        kept = _lines_keep(made, statement.rows) if created else 0
        _record(made, kept, by)
        if not created:
            return _known(made)
    return Imported(made, True, _sentence(made, kept))


def _record(file: StatementFile, kept: int, by: Any) -> None:
    """Who sent it: in the transaction that keeps its lines, if any of them is new."""
    after = {"account": str(file.account), "lines": file.lines_count, "new": kept}
    record("statement_upload", subject=f"statement:{file.pk}", after=after, by=getattr(by, "pk", None))


def _columns(file: StatementFile) -> dict[str, Any]:
    names = ("id", "account", "name", "starts_at", "ends_at", "lines_count", "problems", "uploaded_by")
    return {name: getattr(file, name) for name in names}


def _known(file: StatementFile) -> Imported:
    day = file.uploaded_at.astimezone(NAIROBI)
    return Imported(
        file,
        False,
        f"This very file was taken in on {day.day} {day:%B %Y} at {day:%H:%M}. Nothing has changed.",
    )


def _sentence(file: StatementFile, kept: int) -> str:
    known = file.lines_count - kept
    said = f"{kept:,} new lines were taken in"
    said += f", {known:,} were known from another file." if known else "."
    if file.problems:
        said += (
            " It is not the whole statement, so it does not show that a payment is missing. See below why."
        )
    return said


def _read(data: bytes, account: str) -> Statement:
    if len(data) > MOST_BYTES:
        raise Refused(
            "This file is larger than 10 MB. Export a shorter period.", code="statement", status=413
        )
    try:
        statement = read_statement(data)
    except NotAStatement as error:
        raise Refused(str(error), code="statement") from error
    ours = shortcode_of(account)
    if statement.shortcode_hint and statement.shortcode_hint != ours:
        raise Refused(
            f"This statement is of {statement.shortcode_hint}. {Float(account).label} is {ours}. "
            "Choose the other account, or export the right one.",
            code="shortcode",
        )
    return statement


def shortcode_of(account: str) -> str:
    """Our number at M-Pesa for one of the two accounts."""
    name = "shortcode" if account == Float.COLLECTIONS else "b2c_shortcode"
    return str(settings.DARAJA[name])


def _span(
    statement: Statement, starts_at: dt.datetime | None, ends_at: dt.datetime | None
) -> tuple[dt.datetime, dt.datetime]:
    """From the first to the last completed line, widened by what staff say, or else by what the file says.

    A day is believed when it is over: what was exported in a day that goes on shows it until its last line.
    """
    current = now()
    today = current.astimezone(NAIROBI).replace(hour=0, minute=0, second=0, microsecond=0)
    said_start = starts_at or statement.start
    said_end = ends_at or statement.end
    if said_end is not None and (ends_at is None or ends_at > current):
        said_end = min(said_end, today - dt.timedelta(seconds=1))
        said_end = None if said_start and said_end < said_start else said_end
    times = [line.at for line in statement.rows if line.completed]
    starts = [*times, *([said_start] if said_start else [])]
    ends = [*times, *([min(said_end, current)] if said_end else [])]
    if not starts or not ends:
        raise Refused(
            "This statement has no completed line and does not say which days it covers. Write them in the form.",
            code="span",
        )
    if min(starts) > max(ends):
        raise Refused("The period ends before it starts. Write the first and the last day.", code="span")
    return min(starts), max(ends)


def _repeated(rows: Sequence[Line]) -> Iterator[str]:
    """The same line again with another balance: kept once, and a person must look what really moved."""
    seen: dict[tuple[Any, ...], Line] = {}
    for line in rows:
        first = seen.setdefault(_identity(line), line)
        if first.balance != line.balance:
            yield f"Line {line.line_number} repeats line {first.line_number} with another balance."


def _charges_alone(rows: Sequence[Line]) -> Iterator[str]:
    """The statement of the account that charges are taken from: it shows no payment, so none is missing on it."""
    kinds = {line_kind(line) for line in rows if line.completed}
    if kinds == {"charge"}:
        yield "It lists charges alone, so it does not cover payments. Take in the Utility Account's statement too."


def _identity(line: Line) -> tuple[Any, ...]:
    return (line.receipt, line.status, line.details, line.paid_in, line.withdrawn)


# --- the lines ------------------------------------------------------------------------------------

_COLUMNS = (
    "id",
    "file_id",
    "account",
    "receipt",
    "kind",
    "status",
    "completed_at",
    "paid_in",
    "withdrawn",
    "balance",
    "details_sealed",
    "fingerprint",
    "reason",
    "reference",
    "linked_receipt",
)
_NAMES = ", ".join(_COLUMNS)
_TABLE = StatementLine._meta.db_table
# Plain text: the middleware that notes who acts reads every statement.
_BESIDE = f"CREATE TEMP TABLE statement_lines_new ON COMMIT DROP AS SELECT {_NAMES} FROM {_TABLE} LIMIT 0"  # noqa: S608
_COPY = f"COPY statement_lines_new ({_NAMES}) FROM STDIN"
_TAKE = f"INSERT INTO {_TABLE} ({_NAMES}) SELECT {_NAMES} FROM statement_lines_new ON CONFLICT DO NOTHING"  # noqa: S608


def _lines_keep(file: StatementFile, lines: Iterable[Line]) -> int:
    """Copy them beside the table, then take over what is not there yet: 200,000 lines in seconds. Answers how many."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS statement_lines_new")
        cursor.execute(_BESIDE)
        with cursor.copy(_COPY) as copy:
            for line in lines:
                copy.write_row(_row(file, line))
        cursor.execute(_TAKE)
        return int(cursor.rowcount)


def _row(file: StatementFile, line: Line) -> tuple[Any, ...]:
    status = COMPLETED if line.completed else line.status[:20]
    # As the model's own property seals it; a model for each of 200,000 lines would take as long as all the rest.
    key = uuid.uuid4()
    details = seal(line.details, table=StatementLine._meta.db_table, row=str(key), field="details_sealed")
    return (
        key,
        file.pk,
        file.account,
        line.receipt,
        line_kind(line),
        status,
        line.at,
        line.paid_in,
        line.withdrawn,
        line.balance,
        details,
        # The state too: a line that was under way in one export has completed in the next.
        fingerprint(f"{status}|{line.details}", kind="statement"),
        line.reason[:80],
        line.account_reference[:40],
        line.linked_receipt[:20],
    )


_NUMBER = re.compile(r"\b(?:254|0)[0-9*]{7,9}\b|\b254[0-9]\*+[0-9]{3}\b")


def payer_of(details: str) -> str:
    """The number of who paid, as M-Pesa writes it (masked); empty when the line names none."""
    found = _NUMBER.search(details)
    return found.group(0) if found else ""
