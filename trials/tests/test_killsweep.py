"""The kill sweep in short: each way's commits, calls and callbacks, some of the rest; and that it finds what is there.

`make killsweep` has all boundaries; docs/reliability.md has its figures.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from goldwallet.test.kill import database_url
from goldwallet.test.race import queue_empty
from trials.killsweep.boundaries import KINDS, Boundary, Kill, label
from trials.killsweep.plan import Sample, all_kills
from trials.killsweep.scenarios import SCENARIOS


@pytest.fixture
def sweep(transactional_db: None, tmp_path: Path):
    """`sweep(*options)`: the exit code and each scenario's figures.

    It is a process of its own on this test's database: pytest has threads, and what has threads must not fork.
    """

    def run(*options: str) -> tuple[int, list[dict]]:
        queue_empty()
        report = tmp_path / "report.json"
        environment = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "ERROR"}
        environment["DJANGO_SETTINGS_MODULE"] = "goldwallet.test.settings"
        command = [sys.executable, "-m", "trials", "killsweep", "--here", "--json", str(report), *options]
        done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True)
        assert report.exists(), done.stdout + done.stderr
        return done.returncode, json.loads(report.read_text())

    yield run
    queue_empty()


@pytest.mark.race
@pytest.mark.simulator
@pytest.mark.fault("W01", "W02", "O03", "O04", "W05")
def test_killed_at_every_commit_and_call_the_house_converges(sweep) -> None:
    code, results = sweep("--sample", "1", "--seed", "1")
    assert [sentence for result in results for sentence in result["violations"]] == []
    assert code == 0
    assert [result["scenario"] for result in results] == list(SCENARIOS)
    assert {kind for result in results for kind in result["boundaries"]} == set(KINDS)
    assert all(result["kills"] >= 3 for result in results)
    # Claimed, and killed before the call: of a prompt as of a payout people have to decide.
    waited = {result["scenario"] for result in results if result["waited"]}
    assert {"buy", "sale"} <= waited


@pytest.mark.race
@pytest.mark.simulator
@pytest.mark.parametrize(
    ("guard", "said"),
    [
        ("call_inside_the_transaction", "was called 2 times"),
        ("settled_in_pieces", "0 mails say order_completed"),
    ],
)
def test_without_a_guard_the_sweep_finds_it(sweep, guard: str, said: str) -> None:
    code, (result,) = sweep("--scenario", "buy", "--sample", "0", "--first", "--guard-off", guard)
    assert code == 1
    assert any(said in sentence for sentence in result["violations"]), result["violations"]


def boundaries() -> list[Boundary]:
    kinds = ["statement", "commit", "call", "read", "write", "statement", "commit"]
    return [
        Boundary(kind, "confirm" if number < 2 else "settle", str(number))
        for number, kind in enumerate(kinds)
    ]


def test_a_sample_always_has_what_is_decisive() -> None:
    scenario = SCENARIOS["buy"]
    sample = Sample(seed=3, others=2)
    kills = sample.kills(scenario, boundaries())
    assert {(kill.number, kill.when) for kill in kills} >= {
        (number, when) for number in (1, 2, 6) for when in ("before", "after")
    }
    assert len(kills) == 8
    assert Sample(seed=3, others=2).kills(scenario, boundaries()) == kills


def test_a_sample_does_not_kill_twice_where_two_ways_are_one() -> None:
    sample = Sample(seed=3, others=0)
    way = boundaries()
    assert {kill.number for kill in sample.kills(SCENARIOS["buy"], way)} == {1, 2, 6}
    other = [*way[:5], Boundary("read", "settle", "another"), *way[1:]]
    # Up to 4 they are one; 6 is the confirmation's commit, the same behind both; 7 and 11 belong to the other way.
    assert {kill.number for kill in sample.kills(SCENARIOS["buy declined"], other)} == {7, 11}
    assert {kill.number for kill in sample.kills(SCENARIOS["sale"], [*other, way[1]])} == {12}


def test_a_sample_does_not_kill_twice_where_nothing_lasts_in_between() -> None:
    kinds = ["statement", "commit", "read", "call", "statement", "commit", "write", "read", "commit"]
    way = [Boundary(kind, "send", str(number)) for number, kind in enumerate(kinds)]
    kills = Sample(seed=3, others=0).kills(SCENARIOS["buy"], [*way, Boundary("commit", "settle", "its own")])
    assert kills == [
        Kill(1, "before"),
        Kill(1, "after"),
        Kill(3, "after"),
        Kill(5, "after"),
        Kill(8, "before"),
        Kill(8, "after"),
        Kill(9, "before"),
        Kill(9, "after"),
    ]


def test_all_kills_are_before_and_after_each() -> None:
    assert len(all_kills(boundaries())) == 14
    assert all_kills(boundaries())[:2] == [Kill(0, "before"), Kill(0, "after")]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ('SELECT "a"."id" FROM "trading_order" WHERE x = %s', "SELECT trading_order"),
        ("\n UPDATE trading_quote SET used_at = wallet_now() WHERE id = %s", "UPDATE trading_quote"),
        ("INSERT INTO pools_allocation (a) VALUES (%s)", "INSERT pools_allocation"),
        ("SELECT ledger_post(%s)", "SELECT ledger_post"),
        ("SAVEPOINT s1", "SAVEPOINT"),
    ],
)
def test_a_label_is_the_same_in_each_run(sql: str, words: str) -> None:
    assert label(sql) == words
