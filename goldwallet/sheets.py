"""Rows as a file that a spreadsheet opens: CSV and XLSX, in pieces, so that a million rows take little memory.

A spreadsheet runs what begins like a formula (OWASP ASVS V1.2.10, CWE-1236), and customers choose their own names. So
text that begins so gets an apostrophe before it, in both formats: an XLSX is soon saved as a CSV by whoever got it. A
program that cuts a file at other separators than ours begins a cell in the middle of a text, so what follows a
separator or a quote counts as a beginning, too.
Numbers come as Decimal or int and stay numbers, also below zero. A time is Nairobi's.
"""

import csv
import datetime as dt
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

import xlsxwriter  # type: ignore[import-untyped]

from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused

type Row = Sequence[object]

# What a spreadsheet passes over before it looks for a formula: white space, what is not seen (zero-width, marks of
# direction, the byte order mark), control characters. Tabs and the ends of lines are separators.
_PASSED_OVER = re.compile(
    r"(?:[^\S\t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff])+"
)
#: The signs that begin a formula, and their full-width twins, which a Japanese or Chinese Excel takes for the same.
_FORMULA = re.compile(r"""\A[\t\r\n]|(?:\A|[;,|"'\t\r\n])[=+\-@\uff1d\uff0b\uff0d\uff20]""")
# Most cells have none of these, and then neither a formula nor what is no text.
_TO_LOOK_AT = re.compile("[\x00\t\r\n=+\\-@\uff1d\uff0b\uff0d\uff20\ud800-\udfff\ufffe\uffff]")
# No text of a file: NUL, halves of a pair, and what XML does not know.
_NO_TEXT = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")

_BOM = b"\xef\xbb\xbf"
_CHUNK = 64 * 1024
#: A sheet of Excel has 1,048,576 rows, and the titles take one; a cell takes so many characters.
MOST_SHEET_ROWS = 1_048_575
_MOST_CELL = 32_767
#: Excel computes in doubles: a longer number would be another one.
_EXACT_DIGITS = 15


def safe(value: object) -> str | Decimal | int | dt.datetime:
    """A cell as it may go out: text without its formula, a number, or a time of Nairobi."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return value
        case Decimal() if value.is_finite():
            return value
        case dt.datetime():
            return value.astimezone(NAIROBI)
        case dt.date():
            return value.isoformat()
    text = str(value)
    if not _TO_LOOK_AT.search(text):
        return text
    text = _NO_TEXT.sub("", text)
    return f"'{text}" if _FORMULA.search(_PASSED_OVER.sub("", text)) else text


def csv_bytes(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """The file in pieces of about 64 KB: UTF-8 with the mark that Excel needs, every cell in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([csv_cell(title) for title in columns])
    head = _BOM
    for row in rows:
        writer.writerow([csv_cell(value) for value in row])
        if text.tell() >= _CHUNK:
            yield head + text.getvalue().encode()
            head = b""
            text.seek(0)
            text.truncate()
    if head or text.tell():
        yield head + text.getvalue().encode()


def csv_cell(value: object) -> str:
    """A cell as the CSV has it between its quotes."""
    return _plain(safe(value))


def _plain(cell: str | Decimal | int | dt.datetime) -> str:
    match cell:
        case Decimal():
            return f"{cell:f}"
        case dt.datetime():
            return cell.isoformat(timespec="seconds")
    return str(cell)


def xlsx_file(columns: Sequence[str], rows: Iterable[Row], title: str) -> IO[bytes]:
    """The workbook in a temporary file that goes when it is closed, at its beginning.

    Raises Refused for more rows than a sheet has.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller reads it)
    try:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(file, {**options, "strings_to_numbers": False}) as book:
            _sheet(book, columns, rows, title)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _sheet(book: Any, columns: Sequence[str], rows: Iterable[Row], title: str) -> None:
    sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", title)[:31])
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for number, name in enumerate(columns):
        sheet.set_column(number, number, max(12, min(len(name) + 4, 40)))
        sheet.write_string(0, number, csv_cell(name), bold)
    write = _writer(book, sheet)
    for line, row in enumerate(rows, start=1):
        if line > MOST_SHEET_ROWS:
            raise Refused("This list has more rows than a sheet of Excel holds. Take it as CSV.", code="rows")
        for number, value in enumerate(row):
            write(line, number, value)


def _writer(book: Any, sheet: Any) -> Callable[[int, int, object], None]:
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    numbers = {
        0: book.add_format({"num_format": "0"}),
        2: book.add_format({"num_format": "#,##0.00"}),
        6: book.add_format({"num_format": "#,##0.000000"}),
    }

    def write(line: int, number: int, value: object) -> None:
        cell = safe(value)
        if isinstance(cell, dt.datetime):
            sheet.write_datetime(line, number, cell.replace(tzinfo=None), moment)
        elif isinstance(cell, (int, Decimal)) and _exact(cell):
            sheet.write_number(line, number, cell, numbers.get(_places(cell), numbers[6]))
        else:
            sheet.write_string(line, number, _plain(cell)[:_MOST_CELL])

    return write


def _exact(number: Decimal | int) -> bool:
    return len(Decimal(number).normalize().as_tuple().digits) <= _EXACT_DIGITS


def _places(number: Decimal | int) -> int:
    return max(0, -int(number.as_tuple().exponent)) if isinstance(number, Decimal) else 0
