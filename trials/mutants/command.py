"""`python -m trials mutants`, `make mutants`: plant each mistake in a scratch copy and run the tests that catch it."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from trials.mutants.catalogue import MUTANTS
from trials.mutants.copies import CHECKOUT, Copies
from trials.mutants.databases import Databases, from_environment
from trials.mutants.mutant import Mutant
from trials.mutants.report import Caught, page_with, table
from trials.mutants.runs import Run, Verdict, run_tests

PAGE = CHECKOUT / "docs" / "reliability.md"


@dataclass(frozen=True, slots=True)
class Result:
    mutant: Mutant
    run: Run

    @property
    def line(self) -> str:
        by = f"by {self.run.failed}" if self.run.verdict == Verdict.CAUGHT else ""
        return f"  {self.mutant.name:<34} {self.run.seconds:6.1f} s   {self.run.verdict} {by}".rstrip()


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trials mutants", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only this one; may be given several times"
    )
    parser.add_argument(
        "--at-once", type=int, default=2, metavar="N", help="runs side by side (default: %(default)s)"
    )
    parser.add_argument("--why", action="store_true", help="show what the failed test complained about")
    parser.add_argument(
        "--no-baseline", action="store_true", help="do not show first that the tests pass unpatched"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"renew the table in {PAGE.name}; only of a full run"
    )
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    options = arguments(given)
    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := set(options.only or ()) - set(known):
        print(f"There is no mutant {sorted(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    chosen = [known[name] for name in options.only or known]
    if complaints := [one for mutant in chosen for one in mutant.complaints(CHECKOUT)]:
        print("\n".join(complaints), file=sys.stderr)
        return 2
    databases = from_environment()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        try:
            return _campaign(chosen, Copies(Path(place)), databases, options)
        finally:
            databases.drop_all()


def _campaign(
    chosen: Sequence[Mutant], copies: Copies, databases: Databases, options: argparse.Namespace
) -> int:
    print(f"{len(chosen)} planted mistakes", flush=True)
    databases.template(copies.pristine)
    if not options.no_baseline and not _baseline(chosen, copies, databases):
        return 1
    results = list(_all(chosen, copies, databases, options))
    escaped = [result.mutant.name for result in results if result.run.verdict != Verdict.CAUGHT]
    print(f"\n{table(_caught(results))}")
    print(f"{len(results) - len(escaped)} of {len(results)} caught. {' '.join(escaped)}".rstrip())
    if options.write and not options.only and not escaped:
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), _caught(results)), encoding="utf-8")
    return 1 if escaped else 0


def _all(
    chosen: Sequence[Mutant], copies: Copies, databases: Databases, options: argparse.Namespace
) -> Iterator[Result]:
    """Each in its turn, told as soon as it and those before it are done."""
    with ThreadPoolExecutor(options.at_once) as pool:
        try:
            for result in pool.map(lambda mutant: _one(mutant, copies, databases), chosen):
                print(result.line, flush=True)
                if result.run.verdict == Verdict.BROKEN:
                    print(result.run.output[-2000:], flush=True)
                elif options.why and result.run.why:
                    print(f"{'':37}{result.run.why}", flush=True)
                yield result
        finally:
            # Somebody pressed Ctrl-C: what has not begun does not begin.
            pool.shutdown(cancel_futures=True)


def _caught(results: Sequence[Result]) -> list[Caught]:
    return [Caught(one.mutant, one.run.failed or str(one.run.verdict)) for one in results]


def _baseline(chosen: Sequence[Mutant], copies: Copies, databases: Databases) -> bool:
    """Whether all of their tests pass when nothing is planted: else a failure would prove nothing."""
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    databases.copy("baseline")
    with copies.another("baseline") as folder:
        found = run_tests(tests, folder=folder, url=databases.url("baseline"), seconds=3600)
    passed = found.verdict == Verdict.SURVIVED
    print(
        f"  {'(nothing planted)':<34} {found.seconds:6.1f} s   {'passed' if passed else 'FAILED'}", flush=True
    )
    if not passed:
        print(found.output[-4000:])
    return passed


def _one(mutant: Mutant, copies: Copies, databases: Databases) -> Result:
    with copies.another(mutant.name) as folder:
        mutant.plant(folder)
        if mutant.changes_schema:
            made = databases.migrate(mutant.name, folder)
            if made.code != 0:
                return Result(mutant, made)
        else:
            databases.copy(mutant.name)
        try:
            return Result(mutant, run_tests(mutant.tests, folder=folder, url=databases.url(mutant.name)))
        finally:
            databases.drop(mutant.name)
