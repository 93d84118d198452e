"""Counts of tries: exact whatever comes at the same moment, in every process, and over after their time."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection, transaction

from controls.counting import counts_tidy, forget, give_back, hit, peek
from controls.models import Count
from goldwallet.errors import TooOften
from goldwallet.sealing import fingerprint
from goldwallet.test.clock import shift_clock
from goldwallet.test.house import database_url
from goldwallet.test.race import Meeting
from ledger.tests.threads import errors, together

CHECKOUT = Path(__file__).resolve().parents[2]


def tries(count: int, *, who: str = "amina", most: int = 5) -> list[int | str]:
    """What each of so many tries, one after the other, came to."""
    found: list[int | str] = []
    for _ in range(count):
        try:
            found.append(hit("test", who, most=most, seconds=60))
        except TooOften as refusal:
            found.append(refusal.code)
    return found


@pytest.mark.django_db
def test_so_many_pass_and_no_more() -> None:
    assert tries(7) == [1, 2, 3, 4, 5, "too_often", "too_often"]
    assert tries(1, who="brian") == [1], "somebody else"
    assert hit("other", "amina", most=1, seconds=60) == 1, "something else"
    assert peek("test", "amina") == 7
    assert peek("test", "nobody") == 0


@pytest.mark.django_db
def test_the_refusal_says_how_long_to_wait() -> None:
    hit("test", "amina", most=1, seconds=300)
    with pytest.raises(TooOften, match="Wait 5 minutes, then try again") as caught:
        hit("test", "amina", most=1, seconds=300)
    assert caught.value.status == 429
    assert 295 < caught.value.seconds <= 300


@pytest.mark.django_db
def test_a_window_ends_whatever_comes_meanwhile() -> None:
    assert tries(8)[-1] == "too_often"
    with shift_clock(seconds=59):
        assert tries(1) == ["too_often"]
    with shift_clock(seconds=61):
        assert peek("test", "amina") == 0
        assert tries(1) == [1]


@pytest.mark.django_db
def test_a_rightful_try_is_given_back_and_a_count_forgotten() -> None:
    tries(5)
    give_back("test", "amina")
    assert tries(2) == [5, "too_often"]
    forget("test", "amina")
    assert tries(1) == [1]
    give_back("test", "amina")
    give_back("test", "amina")
    assert peek("test", "amina") == 0, "never below nothing"


@pytest.mark.django_db
def test_nothing_in_the_table_says_who_it_was() -> None:
    hit("test", "amina@example.com", most=5, seconds=60)
    row = Count.objects.get()
    assert "amina" not in row.key
    assert row.key == "test:" + fingerprint("amina@example.com", kind="count:test")


@pytest.mark.django_db
def test_what_rolls_back_would_not_be_counted_so_it_is_refused() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        hit("test", "amina", most=5, seconds=60)


@pytest.mark.django_db
def test_counts_that_are_over_are_deleted() -> None:
    hit("test", "amina", most=5, seconds=60)
    hit("test", "brian", most=5, seconds=600)
    with shift_clock(seconds=120):
        assert counts_tidy() == 1
    assert peek("test", "brian") == 1


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_threads_at_one_moment_pass_exactly_so_often() -> None:
    results = together(16, lambda number: tries(5, most=30))
    assert errors(results) == []
    seen = Counter(one for result in results for one in result)
    assert seen.pop("too_often") == 16 * 5 - 30
    assert seen == dict.fromkeys(range(1, 31), 1), "each number is given out once"


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_looking_first_and_counting_afterwards_lets_all_of_them_pass() -> None:
    """Why it is one statement: the race that it closes."""
    meeting = Meeting(8)

    def look_then_count(number: int) -> bool:
        free = peek("test", "amina") < 1
        meeting.wait()
        hit("test", "amina", most=1000, seconds=60)
        return free

    assert together(8, look_then_count) == [True] * 8


_PROGRAM = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "goldwallet.test.house_settings"
django.setup()
from controls.counting import hit
from goldwallet.errors import TooOften
passed = 0
for _ in range(50):
    try:
        hit("processes", "amina", most=60, seconds=600)
        passed += 1
    except TooOften:
        pass
print(passed)
"""


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_processes_share_the_count() -> None:
    environment = {**os.environ, "DATABASE_URL": database_url()}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    passed = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(passed) == 60
    assert peek("processes", "amina") == 150, "also in this process"
    connection.close()
    assert peek("processes", "amina") == 150, "and in a new connection"
