"""Every fault that must be shown is shown by a test, says the source; and the reader of the source can tell."""

from pathlib import Path

import pytest

from goldwallet.test import faults
from goldwallet.test.catalogue import FAMILIES, LATER, ROWS
from goldwallet.test.faults import Shown

SAMPLE = """
import pytest
pytestmark = [pytest.mark.django_db, pytest.mark.fault("W05")]

@pytest.mark.fault("P01", "P02")
@pytest.mark.race
def test_one(): ...

class TestTwo:
    @pytest.mark.fault("L01")
    async def test_in_class(self): ...

@pytest.mark.fault("P03")
def helper(): ...

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.fault("O01"))])
def test_three(n): ...
"""


@pytest.fixture(scope="module")
def shown() -> list[Shown]:
    return faults.shown()


def test_every_row_of_tier_s_is_named_by_a_test(shown: list[Shown]) -> None:
    assert faults.missing(shown) == []


def test_no_test_names_a_row_that_does_not_exist(shown: list[Shown]) -> None:
    assert faults.unheard_of(shown) == []


def test_the_page_is_up_to_date(shown: list[Shown]) -> None:
    text = faults.PAGE.read_text(encoding="utf-8")
    assert text == faults.page_with(text, shown), "python -m goldwallet.test.faults --write"


def test_the_catalogue_is_sound() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids)) == 105
    assert sorted(LATER) == ["L15", "L16"]
    assert {row.id for row in ROWS if row.tier == "S"} > LATER
    assert all(row.id[0] in FAMILIES and row.id[1:].isdigit() for row in ROWS)
    assert [row.id for row in ROWS] == sorted(ids, key=lambda one: ("POLQWAZKXD".index(one[0]), one))


def test_the_reader_sees_every_way_to_mark(tmp_path: Path) -> None:
    place = tmp_path / "app" / "tests" / "test_sample.py"
    place.parent.mkdir(parents=True)
    place.write_text(SAMPLE)
    here = "app/tests/test_sample.py"
    assert faults.shown(tmp_path) == [
        Shown("P01", f"{here}::test_one"),
        Shown("P02", f"{here}::test_one"),
        Shown("W05", f"{here}::test_one"),
        Shown("L01", f"{here}::TestTwo::test_in_class"),
        Shown("W05", f"{here}::TestTwo::test_in_class"),
        Shown("O01", f"{here}::test_three"),
        Shown("W05", f"{here}::test_three"),
    ]


def test_what_is_missing_or_unheard_of_is_named() -> None:
    all_but_one = [Shown(row.id, "t") for row in ROWS if row.id not in LATER | {"P01", "P11"}]
    assert faults.missing(all_but_one) == ["P01"]
    assert faults.unheard_of([Shown("P99", "x.py::test_y")]) == ["x.py::test_y names P99"]


def test_a_row_that_is_computed_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "tests" / "test_sample.py"
    place.parent.mkdir()
    place.write_text("@pytest.mark.fault(*ROWS)\ndef test_x(): ...\n")
    with pytest.raises(ValueError, match="plain strings"):
        faults.shown(tmp_path)


def test_writing_keeps_what_stands_around_the_table() -> None:
    text = "before\n<!-- rows: begin -->\nOLD TABLE\n<!-- rows: end -->\nafter\n"
    written = faults.page_with(text, [Shown("P01", "a/tests/test_x.py::test_y")])
    assert written.startswith("before\n") and written.endswith("after\n") and "OLD TABLE" not in written
    assert "`a/tests/test_x.py`: test_y" in written
    assert faults.page_with(written, [Shown("P01", "a/tests/test_x.py::test_y")]) == written
    with pytest.raises(ValueError, match="marks"):
        faults.page_with("no marks", [])
