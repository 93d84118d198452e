"""The printed page: any text, any length, and nothing lost at the end of a page."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldwallet.pdf import WIDTH, Column, Sheet, latin
from goldwallet.test.pdf import pages, texts

AT = dt.datetime(2026, 11, 21, 11, 5, tzinfo=dt.UTC)


def sheet(
    title: str = "Extract", subtitle: str = "All of it", made_by: str = "treasury@example.com"
) -> Sheet:
    return Sheet(title, subtitle, made_by, AT)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Wanjirũ Ng’ang’a", "Wanjiru Ng'ang'a"),
        # The dash that is as wide as a figure stands for a minus.
        ("−5 – “gold”…", '–5 - "gold"...'),
        ("Zürich é", "Zürich é"),
        ("a\x00b\nc\u202ed", "ab cd"),
        ("👩🏽‍🌾 ذهب", "??? ???"),
        ("", ""),
    ],
)
def test_text_outside_of_latin_1_is_written_as_near_as_can_be(written, printed):
    assert latin(written) == printed


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_no_text_stops_a_document(text):
    one = sheet(text, text, text)
    one.heading(text)
    one.facts([(text, text)])
    one.table([Column(text, 60), Column("KES", 30, "right")], [(text, text)])
    one.note(text)
    assert texts(one.output())


def test_each_page_has_its_number_its_maker_and_the_heads_of_the_table():
    one = sheet()
    one.table([Column("No.", 30), Column("KES", 30, "right")], [(f"row {n}", str(n)) for n in range(200)])
    found = pages(one.output())
    assert len(found) > 2
    for number, page in enumerate(found, start=1):
        assert f"Page {number} of {len(found)}" in page
        assert "Made by treasury@example.com on Sat 21 Nov 2026, 14:05:00, Nairobi time" in page
        assert "KES" in page
    said = [text for page in found for text in page if text.startswith("row ")]
    assert said == [f"row {n}" for n in range(200)]


def test_a_long_text_goes_on_in_the_next_line_and_loses_nothing():
    one = sheet()
    one.table([Column("What", 40)], [("gold " * 40 + "x" * 200,)])
    said = texts(one.output())
    assert "".join(said).replace(" ", "").count("gold") == 40
    assert sum(text.count("x") for text in said if set(text) == {"x"}) == 200


@pytest.mark.parametrize("rows", range(30, 60))
def test_a_heading_stands_on_the_page_of_what_it_is_about(rows):
    one = sheet()
    one.table([Column("Filler", 60)], [(f"row {n}",) for n in range(rows)])
    one.heading("What follows")
    one.table([Column("A head of several words that go on in a second line", 30)], [("the first row " * 3,)])
    (page,) = (page for page in pages(one.output()) if "What follows" in page)
    assert any("the first row" in text for text in page)


def test_a_minus_is_as_wide_as_a_figure():
    one = sheet()
    one.note("−KES 90")
    assert "–KES 90" in texts(one.output())


def test_a_column_of_the_whole_width_fits():
    one = sheet()
    one.table([Column("What", WIDTH)], [("gold",)])
    assert "gold" in texts(one.output())
