"""The planted mistakes in short: all patches still fit, three are really run, and the verdicts tell the truth.

`make mutants` runs all of them; docs/reliability.md has what it said.
"""

from dataclasses import replace

import pytest

from trials.mutants.catalogue import MUTANTS
from trials.mutants.copies import CHECKOUT, Copies
from trials.mutants.mutant import Mutant
from trials.mutants.report import Caught, page_with
from trials.mutants.runs import Run, Verdict, run_tests

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
#: Tests that ask no database, so that nobody waits for one.
NO_DATABASE = "postgresql:///nobody_opens_this"


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    return Copies(tmp_path_factory.mktemp("mutants"))


def planted(mutant: Mutant, copies: Copies) -> Run:
    with copies.another(mutant.name) as folder:
        mutant.plant(folder)
        return run_tests(mutant.tests, folder=folder, url=NO_DATABASE)


def test_every_patch_fits_and_its_tests_are_there() -> None:
    assert [complaint for mutant in MUTANTS for complaint in mutant.complaints(CHECKOUT)] == []
    assert len(BY_NAME) == len(MUTANTS)


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("grams_rounded_to_the_nearest", "test_a_buy_gives_the_most_grams_that_the_money_pays_for"),
        ("more_to_come_is_an_end", "test_more_to_come_is_no_end"),
        ("queue_timeout_echo_is_failed", "test_a_queue_timeout_that_echoes_our_request_is_no_failure"),
    ],
)
def test_a_planted_mistake_is_caught(copies: Copies, name: str, test: str) -> None:
    run = planted(BY_NAME[name], copies)
    assert run.verdict == Verdict.CAUGHT, run.output
    assert run.failed.endswith(f"::{test}")


def test_what_changes_nothing_survives(copies: Copies) -> None:
    mutant = BY_NAME["more_to_come_is_an_end"]
    harmless = replace(mutant, name="harmless", new=f"{mutant.old}  # said again")
    assert planted(harmless, copies).verdict == Verdict.SURVIVED


def test_what_does_not_run_is_not_caught(copies: Copies) -> None:
    mutant = BY_NAME["more_to_come_is_an_end"]
    assert (
        planted(replace(mutant, name="no_program", new="    success = nothing"), copies).verdict
        == Verdict.BROKEN
    )


@pytest.mark.parametrize(
    ("code", "output"),
    [
        (None, "FAILED a.py::test_b - assert 1 == 2"),
        (1, "FAILED a.py::test_b - NameError: name 'x' is not defined"),
        (1, "ERROR a.py::test_b - OperationalError"),
        (2, "ERROR a.py - ImportError"),
        (4, "no tests ran"),
    ],
)
def test_neither_caught_nor_survived(code: int | None, output: str) -> None:
    assert Run(code, output, 1.0).verdict == Verdict.BROKEN


def test_a_patch_that_does_not_fit_is_named() -> None:
    mutant = BY_NAME["more_to_come_is_an_end"]
    assert mutant.complaints(CHECKOUT) == []
    for wrong in (
        replace(mutant, old="this stands nowhere"),
        replace(mutant, old="    "),
        replace(mutant, new=mutant.old),
        replace(mutant, new="    success = ("),
        replace(mutant, file="payments/nowhere.py"),
        replace(mutant, tests=("payments/tests/test_daraja_claims.py::test_nothing_at_all",)),
    ):
        assert len(wrong.complaints(CHECKOUT)) == 1


def test_the_page_keeps_what_stands_around_the_table() -> None:
    page = "before\n<!-- mutants: begin -->\nold\n<!-- mutants: end -->\nafter\n"
    found = [Caught(MUTANTS[0], "a.py::test_b")]
    written = page_with(page, found)
    assert written.startswith("before\n") and written.endswith("after\n") and "old" not in written
    assert f"| `{MUTANTS[0].name}` | {MUTANTS[0].world} | `a.py`: test_b |" in written
    assert page_with(written, found) == written
    with pytest.raises(ValueError):
        page_with("no marks", found)
