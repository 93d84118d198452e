"""The machine in short: thousands of steps with a quarter of the provider's calls and callbacks faulty, none violated.

`make soak MINUTES=30` is the long one.
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

STEPS = 2000


@pytest.fixture
def soak(transactional_db: None, tmp_path: Path):
    """`soak(*options)`: the exit code and the report of a run on this test's database, in a process of its own."""

    def run(*options: str) -> tuple[int, dict]:
        queue_empty()
        report = tmp_path / "report.json"
        environment = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "CRITICAL"}
        environment["DJANGO_SETTINGS_MODULE"] = "goldwallet.test.settings"
        command = [sys.executable, "-m", "trials", "soak", "--here", "--json", str(report), *options]
        done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True)
        assert report.exists(), done.stdout + done.stderr
        return done.returncode, json.loads(report.read_text())

    yield run
    queue_empty()


@pytest.mark.race
@pytest.mark.simulator
@pytest.mark.fault("P03", "P04", "P05", "P16", "O01", "O02", "O09", "W15")
def test_two_thousand_steps_with_faults_violate_nothing(soak) -> None:
    code, report = soak("--least-steps", str(STEPS), "--lives", "20", "--steps", "101")
    assert [violation["what"] for violation in report["violations"]] == []
    assert code == 0
    assert report["steps"] >= STEPS
    assert report["faulty_share"] >= 0.2
    did = report["operations"]
    assert all(
        did.get(name, 0)
        for name in ("died", "commit broke", "forged callbacks", "refund", "resolve", "callbacks")
    )


@pytest.mark.race
@pytest.mark.simulator
def test_without_a_guard_the_machine_finds_it_and_tells_the_seed(soak) -> None:
    """A payout that nobody knows about, called not paid at once: the gold goes back and the money goes out."""
    code, report = soak("--lives", "15", "--steps", "60", "--guard-off", "released_when_unknown")
    assert code == 1
    (violation, *_) = report["violations"]
    assert f"--seed {violation['seed']}" in violation["replay"]
    assert "The life was:" in violation["what"]


@pytest.mark.race
@pytest.mark.simulator
def test_a_seed_plays_the_same_life_again(soak) -> None:
    told = [soak("--lives", "2", "--steps", "25", "--seed", "7")[1] for _ in range(2)]
    assert told[0]["operations"] == told[1]["operations"]
    assert told[0]["faults"] == told[1]["faults"]
