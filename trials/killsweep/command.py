"""`python -m trials killsweep`, `make killsweep`: all boundaries on a database of its own, and a report."""

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trials killsweep", description=__doc__)
    parser.add_argument("--scenario", action="append", help="only this one; may be given several times")
    parser.add_argument(
        "--sample",
        type=int,
        metavar="N",
        help="all around commits and calls, N of each scenario's other kills",
    )
    parser.add_argument("--seed", type=int, default=1, help="which N (default: %(default)s)")
    parser.add_argument("--only", metavar="NUMBER:WHEN", help="one kill, as a report names it: 37:after")
    parser.add_argument("--guard-off", metavar="NAME", help="take a guard of the house away (guards.py)")
    parser.add_argument(
        "--here", action="store_true", help="use the database of DATABASE_URL itself: it is empty"
    )
    parser.add_argument("--keep", action="store_true", help="keep what the runs left, and say where")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    options = arguments(given)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "goldwallet.test.settings")
    import django

    django.setup()
    from trials.killsweep.guards import GUARDS
    from trials.killsweep.scenarios import SCENARIOS

    names = options.scenario or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        print(f"There is no scenario {sorted(unknown)}; there are {', '.join(SCENARIOS)}.", file=sys.stderr)
        return 2
    if options.guard_off:
        GUARDS[options.guard_off]()
    with _folder(keep=options.keep) as folder:
        return _sweep(options, names, folder)


def _sweep(options: argparse.Namespace, names: list[str], folder: Path) -> int:
    from goldwallet.test.provider import Simulator
    from trials.killsweep import report, sweep
    from trials.killsweep.database import database
    from trials.killsweep.postbox import Postbox
    from trials.killsweep.scenarios import SCENARIOS

    began = time.monotonic()
    postbox = Postbox(folder)
    postbox.start()
    simulator = Simulator(folder / "simulator", **sweep.PROVIDER)
    try:
        simulator.start()
        with database(here=options.here, log=folder / "log"):
            trial = sweep.Sweep(folder, simulator, postbox)
            trial.prepare()
            gc.freeze()  # a child copies only what it touches
            results = [
                trial.scenario(SCENARIOS[name], partial(_choose, options), report.progress) for name in names
            ]
    finally:
        simulator.stop()
        postbox.stop()
    print(report.table(results, seconds=time.monotonic() - began))
    if options.json:
        options.json.write_text(json.dumps(sweep.as_rows(results), indent=1))
    return 1 if any(result.violations for result in results) else 0


def _choose(options: argparse.Namespace, boundaries: "list[Boundary]") -> "list[Kill]":
    from trials.killsweep.boundaries import Kill
    from trials.killsweep.sweep import all_kills, sampled

    if options.only:
        number, _, when = options.only.partition(":")
        return [Kill(int(number), "after" if when == "after" else "before")]
    if options.sample is None:
        return all_kills(boundaries)
    return sampled(boundaries, seed=options.seed, others=options.sample)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.mkdtemp(prefix="killsweep-"))
        print(f"What the runs leave: {folder}")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="killsweep-", ignore_cleanup_errors=True) as name:
        yield Path(name)
