"""X04: nothing that leaves the house as a file is a formula, and every cell reads back as what it was."""

import csv
import datetime as dt
import io
import re
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from goldwallet.errors import Refused
from goldwallet.sheets import csv_bytes, safe, xlsx_file

_SIGNS = "=+-@\t\r\n\x00\uff1d\uff0b\uff0d\uff20"
_SPACES = " \u00a0\u200b\ufeff\u3000\x0b"
_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

#: Any text, and often text that begins like a formula behind something that is not seen.
texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.builds(
        lambda spaces, sign, rest: spaces + sign + rest,
        st.text(_SPACES, max_size=3),
        st.sampled_from(_SIGNS),
        st.text(st.characters(codec="utf-8"), max_size=20),
    ),
)
formulas = st.builds(
    lambda spaces, sign, rest: spaces + sign + rest,
    st.text(_SPACES, max_size=3),
    st.sampled_from(_SIGNS.replace("\x00", "")),
    st.text(max_size=20),
)
#: What a spreadsheet may be told to cut a file at, or to take for the end of a text.
_CUTS = ";,|\t\r\n\"'"
cut_formulas = st.builds(
    lambda before, cut, spaces, sign, rest: before + cut + spaces + sign + rest,
    st.text(max_size=20),
    st.sampled_from(_CUTS),
    st.text(_SPACES, max_size=3),
    st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20"),
    st.text(max_size=20),
)


def _csv(cells: list[object]) -> list[str]:
    data = b"".join(csv_bytes(["A"] * len(cells), [cells]))
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1]


def _unescaped(text: str) -> str:
    """Excel's own way to write what XML has no character for."""
    return re.sub("_x([0-9a-fA-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def _xlsx(cells: list[object]) -> list[ElementTree.Element]:
    with xlsx_file(["A"] * len(cells), [cells], "List") as file, zipfile.ZipFile(file) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = sheet.findall(f".//{_NS}row")
    return rows[1].findall(f"{_NS}c") if len(rows) > 1 else []


def _text(cell: ElementTree.Element) -> str:
    return _unescaped("".join(part.text or "" for part in cell.iter(f"{_NS}t")))


def _kept(text: str) -> str:
    return re.sub("[\x00\ufffe\uffff]", "", text)


@pytest.mark.fault("X04")
@given(texts)
@example('=HYPERLINK("http://evil",A1)')
@example('a"\r\n=1+1')
@example("\x00=1")
def test_any_text_reads_back_from_a_csv_as_itself_or_behind_an_apostrophe(text: str) -> None:
    (cell,) = _csv([text])

    assert cell in {_kept(text), "'" + _kept(text)}
    seen = cell.lstrip(_SPACES)
    assert seen[:1] not in set(_SIGNS) or not seen


@pytest.mark.fault("X04")
@given(formulas)
def test_text_that_begins_like_a_formula_always_gets_its_apostrophe(text: str) -> None:
    assert str(safe(text)).startswith("'")


@pytest.mark.fault("X04")
@given(cut_formulas)
@example('";=1+1;"@example.com')
@example("Alice;=cmd|'/c calc'!A0")
@example("a|=1+1@example.com")
@example('x"\u200b \uff1d1+1')
def test_a_formula_behind_a_separator_or_a_quote_gets_its_apostrophe(text: str) -> None:
    assert str(safe(text)).startswith("'")


@pytest.mark.parametrize(
    "text", ["alice@example.com", "a.b+c@example.com", "10:30-11:00", "Paid, then sent; done"]
)
def test_an_address_and_a_sentence_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_a_long_run_of_what_is_passed_over_costs_no_more_than_its_length() -> None:
    started = time.process_time()
    for letter in ("\t", ";", " ", "\u200b"):
        safe(letter * 200_000 + "x")
    assert time.process_time() - started < 1


@pytest.mark.fault("X04")
@settings(max_examples=60, deadline=None)
@given(texts)
@example("=1+1")
@example("_x0041_")
@example("http://example.com")
@example("12345")
def test_any_text_reads_back_from_an_xlsx_as_text_and_never_as_a_formula(text: str) -> None:
    cells = _xlsx(["first", text])

    assert all(cell.find(f"{_NS}f") is None for cell in cells)
    assert [cell.get("t") for cell in cells] == ["inlineStr"] * len(cells)
    read = _text(cells[1]) if len(cells) > 1 else ""
    assert read in {_kept(text), "'" + _kept(text)}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**13), max_value=10**13))
def test_a_number_stays_a_number_also_below_zero(number: Decimal) -> None:
    (cell,) = _csv([number])

    assert Decimal(cell) == number
    assert "E" not in cell


def test_a_number_in_an_xlsx_is_one_that_excel_can_add_up() -> None:
    small, negative, long, count = _xlsx(
        [Decimal("0.000001"), Decimal("-1500.50"), Decimal("12345678901234.123456"), 7]
    )

    assert Decimal(small.findtext(f"{_NS}v", "")) == Decimal("0.000001")
    assert Decimal(negative.findtext(f"{_NS}v", "")) == Decimal("-1500.5")
    assert count.findtext(f"{_NS}v") == "7"
    # More digits than Excel computes with: as text it stays what it is.
    assert _text(long) == "12345678901234.123456"


def test_times_are_those_of_nairobi_and_nothing_is_empty() -> None:
    moment = dt.datetime(2026, 11, 20, 22, 30, tzinfo=dt.UTC)

    assert _csv([moment, None, dt.date(2026, 11, 21), True]) == [
        "2026-11-21T01:30:00+03:00",
        "",
        "2026-11-21",
        "yes",
    ]


def _many(count: int) -> Iterator[tuple[object, ...]]:
    moment = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    for number in range(count):
        yield number, moment, Decimal("1.500000"), f"customer {number}"


@pytest.mark.fault("X10")
def test_a_long_list_takes_no_more_memory_than_a_short_one() -> None:
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in csv_bytes(["No", "At", "Grams", "Who"], _many(40_000)))
        csv_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        xlsx_file(["No", "At", "Grams", "Who"], _many(5000), "Many").close()
        xlsx_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert size > 2_400_000
    assert csv_peak < 1_000_000
    assert xlsx_peak < 1_500_000


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldwallet.sheets.MOST_SHEET_ROWS", 3)

    with pytest.raises(Refused, match="CSV"):
        xlsx_file(["No"], ((number,) for number in range(4)), "Too many")
