"""What people write about themselves: what is taken, and what a refusal says."""

import datetime as dt

import pytest

from goldwallet.errors import Refused
from kyc.facts import age, birth_date_parse, id_number_parse, name_parse, name_words

TODAY = dt.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Amina Wanjiru Otieno", "Amina Wanjiru Otieno"),
        ("  amina \t wanjiru ", "amina wanjiru"),
        ("Ng'ang'a", "Ng'ang'a"),
        ("Ng’ang’a Jean-Luc St. Clair", "Ng’ang’a Jean-Luc St. Clair"),
        ("José Müller", "José Müller"),
        ("Jose\u0301", "José"),
        ("Wu", "Wu"),
    ],
)
def test_names_as_papers_have_them(typed: str, kept: str) -> None:
    assert name_parse(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", "   ", "A", "R2 D2", "<script>", "a" * 101, "\x00", "amina@example.com", "., - '", "🙂🙂"]
)
def test_what_is_no_name(typed: str) -> None:
    with pytest.raises(Refused, match="name"):
        name_parse(typed)


def born(day: str, month: str, year: str) -> dt.date:
    return birth_date_parse(day=day, month=month, year=year, today=TODAY)


def test_a_date_of_birth() -> None:
    assert born("27", "3", "1990") == dt.date(1990, 3, 27)
    assert born(" 07 ", "03", "1990") == dt.date(1990, 3, 7)


@pytest.mark.parametrize(
    ("day", "month", "year", "sentence"),
    [
        ("31", "2", "1990", "There is no such day"),
        ("0", "1", "1990", "There is no such day"),
        ("1", "13", "1990", "There is no such day"),
        ("1", "1", "90", "in digits"),
        ("1.", "1", "1990", "in digits"),
        ("-1", "1", "1990", "in digits"),
        ("١", "1", "1990", "in digits"),
        ("1", "1", "0000", "There is no such day"),
        ("1", "1", "1880", "Look at the year"),
        ("22", "11", "2026", "Look at the year"),
        ("22", "11", "2008", "from 18 years on"),
    ],
)
def test_dates_that_are_none(day: str, month: str, year: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        born(day, month, year)


def test_eighteen_on_the_birthday_and_not_a_day_before() -> None:
    assert born("21", "11", "2008") == dt.date(2008, 11, 21)
    leap = dt.date(2008, 2, 29)
    assert age(leap, today=dt.date(2026, 2, 28)) == 17
    assert age(leap, today=dt.date(2026, 3, 1)) == 18


@pytest.mark.parametrize(
    ("id_type", "typed", "kept"),
    [
        ("national_id", " 12 345-678 ", "12345678"),
        ("national_id", "123456", "123456"),
        ("passport", "ak 0123456", "AK0123456"),
        ("passport", "123456789", "123456789"),
        ("alien_id", "98765", "98765"),
    ],
)
def test_numbers_of_ids(id_type: str, typed: str, kept: str) -> None:
    assert id_number_parse(id_type, typed) == kept


@pytest.mark.parametrize(
    ("id_type", "typed", "sentence"),
    [
        ("national_id", "12345", "6 to 9 digits"),
        ("national_id", "1234567890", "6 to 9 digits"),
        ("national_id", "1234567A", "6 to 9 digits"),
        ("national_id", "１２３４５６７８", "6 to 9 digits"),
        ("passport", "ABCDEFG", "6 to 9 letters and digits"),
        ("passport", "AK01", "6 to 9 letters and digits"),
        ("passport", "AK01234567890", "6 to 9 letters and digits"),
        ("alien_id", "1234", "5 to 9 digits"),
        ("alien_id", "", "5 to 9 digits"),
        ("driver", "12345678", "Choose which ID"),
        ("", "12345678", "Choose which ID"),
    ],
)
def test_numbers_that_are_none(id_type: str, typed: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        id_number_parse(id_type, typed)


def test_names_are_compared_without_accents_and_order() -> None:
    assert name_words("OTIENO, José A.") == name_words("jose otieno")
    assert name_words("") == frozenset()
