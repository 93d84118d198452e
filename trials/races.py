"""Races with real processes. `python -m trials races --rounds 10000` runs them all for as long as they take.

Processes live through all rounds of a race; a barrier lets them go in each. A round has rows of its own, made before in
bulk, so what it left behind is judged afterwards exactly as it would have been at its end. That no balance was below
zero in between shows the book itself: every entry carries the balance after it, and `verify` reads them all.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from goldwallet.errors import Refused
from trials.processes import Crew, Together

#: Rounds that are prepared, run and judged at a time.
BATCH = 200
#: Of so many violations the report tells the text.
TOLD = 20


class Violation(Exception):
    """What must never be, in a sentence."""


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise Violation(otherwise)


class Race:
    """One race. A subclass says what a round needs, what process `number` does in it, and what must hold after it.

    Instances go to other processes, so they carry no state.
    """

    name = ""
    processes = 4
    #: Grams in the vault when the race begins.
    stock = Decimal(1000)
    #: Each process begins up to so many seconds late, so that now this one is first and now that one.
    spread = 0.0
    #: Ends that must all be seen when there are rounds enough: a race that the same one always wins shows half.
    ends: frozenset[str] = frozenset()

    def prepare(self, rounds: int) -> Sequence[Any]:
        """The rows of so many rounds; each item is handed to every process of its round, and to `judge`."""
        raise NotImplementedError

    def before(self, number: int, item: Any) -> None:
        """What must be set right before everybody is let go."""

    def act(self, number: int, item: Any) -> str:
        """What this process does. Answers a word; a refusal that a person may read counts as its code."""
        raise NotImplementedError

    def judge(self, item: Any, words: list[str]) -> str:
        """How the round ended, in a word. Raises Violation."""
        raise NotImplementedError


@dataclass
class Report:
    """What became of a race."""

    name: str
    processes: int
    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    deadlocks: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        ends = ", ".join(f"{end} {count}" for end, count in sorted(self.ends.items()))
        return (
            f"{self.name:<16} {self.rounds:>6} rounds of {self.processes} processes, {self.seconds:6.1f} s: "
            f"{ends}; {self.deadlocks} deadlocks, {len(self.violations)} violations"
        )


type Progress = Callable[[Report], None]


def race_run(
    race: Race, rounds: int, *, progress: Progress = lambda report: None, whole: bool = True
) -> Report:
    """Run so many rounds on a house that stands. `whole`: audit book, pools and holds after each batch, too."""
    report = Report(race.name, race.processes)
    began, deadlocks = time.monotonic(), deadlocks_seen()
    with Crew(race.processes) as crew:
        while report.rounds < rounds:
            items = race.prepare(min(BATCH, rounds - report.rounds))
            by_process = crew.each(_rounds, race, items, report.rounds)
            for item, words in zip(items, zip(*by_process, strict=True), strict=True):
                _judge(report, race, item, list(words))
            if whole:
                report.violations += books_wrong()
            report.seconds = time.monotonic() - began
            progress(report)
    report.deadlocks = deadlocks_seen() - deadlocks
    if report.deadlocks:
        report.violations.append(f"PostgreSQL saw {report.deadlocks} deadlocks")
    if missing := race.ends - set(report.ends):
        report.violations.append(f"never seen: {', '.join(sorted(missing))}")
    return report


def _judge(report: Report, race: Race, item: Any, words: list[str]) -> None:
    report.rounds += 1
    try:
        if errors := [word for word in words if word.startswith(ERROR)]:
            raise Violation(f"{len(errors)} errors reached somebody, the first: {errors[0]}")
        report.ends[race.judge(item, words)] += 1
    except Violation as violation:
        report.ends["wrong"] += 1
        report.violations.append(f"round {report.rounds}: {violation}")


ERROR = "error: "


def _rounds(together: Together, race: Race, items: Sequence[Any], first: int) -> list[str]:
    """In a child: all rounds of a batch, one word for each."""
    dice = random.Random(f"{race.name}:{first}:{together.number}")
    words = []
    for item in items:
        together.wait()  # the round before is over for everybody
        race.before(together.number, item)
        together.wait()
        if race.spread:
            time.sleep(dice.uniform(0, race.spread))
        words.append(_act(race, together.number, item))
    # What this session has to tell about deadlocks, now and not in a second.
    _scalar("SELECT pg_stat_force_next_flush()::text")
    return words


def _act(race: Race, number: int, item: Any) -> str:
    try:
        return race.act(number, item)
    except Refused as refused:
        return refused.code
    except Exception as error:  # noqa: BLE001 - a person would see it: the race is lost
        return f"{ERROR}{type(error).__name__}: {error}"


def _scalar(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (value,) = cursor.fetchone()
    return value


def deadlocks_seen() -> int:
    """Deadlocks of this database since its statistics began."""
    return int(_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


def books_wrong() -> list[str]:
    """What `assert_books` has to say, as sentences; none when everything holds."""
    from goldwallet.test.books import assert_books

    try:
        assert_books()
    except AssertionError as wrong:
        return [f"books: {wrong}"]
    return []


# --- the long run ---------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m trials races", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="rounds of each race; 50 unless told")
    parser.add_argument("--only", default="", help="names of races, for example last-gram,two-sales")
    options = parser.parse_args(arguments)
    from bench.cluster import cluster

    with cluster("races") as own:
        # Incidents are part of the game here, thousands of them.
        os.environ |= {"LOG_LEVEL": "CRITICAL", "DJANGO_SETTINGS_MODULE": "goldwallet.test.settings"}
        os.environ["DATABASE_URL"] = own.url
        import django

        django.setup()
        reports = _run_all(options.rounds, [name for name in options.only.split(",") if name])
        connection.close()
    for report in reports:
        for violation in report.violations[:TOLD]:
            print(f"{report.name}: {violation}", file=sys.stderr)
    return 1 if any(report.violations for report in reports) else 0


def _run_all(rounds: int, names: list[str]) -> list[Report]:
    from django.core.management import call_command

    from trials.contests import RACES
    from trials.contests.rows import house_create

    call_command("migrate", verbosity=0, interactive=False)
    reports = []
    for name in names or RACES:
        call_command("flush", verbosity=0, interactive=False)
        house_create(RACES[name].stock)
        reports.append(race_run(RACES[name], rounds, progress=_say))
        print(f"\r{reports[-1]}", flush=True)
    return reports


def _say(report: Report) -> None:
    print(f"\r{report}", end="", flush=True)
