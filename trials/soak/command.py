"""`python -m trials soak --minutes 30`: lives of the machine until the time is over, and a report.

Each batch of lives comes from one seed, which is printed. `--seed N --lives M` plays the same batch again.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trials soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="go on for so long; 0: one batch")
    parser.add_argument("--least-steps", type=int, default=0, help="go on until there were so many")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch (default: %(default)s)")
    parser.add_argument("--lives", type=int, default=20, help="lives in a batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=60, help="most steps of a life (default: %(default)s)")
    parser.add_argument("--here", action="store_true", help="use the empty database of DATABASE_URL itself")
    parser.add_argument("--guard-off", metavar="NAME", help="take a guard of the house away (guards.py)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    options = arguments(given)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "goldwallet.test.settings")
    import django

    django.setup()
    from django.db import connection

    from trials.killsweep.database import database
    from trials.soak.guards import GUARDS
    from trials.soak.place import place

    if options.guard_off:
        GUARDS[options.guard_off]()

    # No server dies here, so no commit has to wait for the disk; and sessions are kept, as in production.
    connection.settings_dict["OPTIONS"]["options"] += " -c synchronous_commit=off"
    connection.settings_dict["CONN_MAX_AGE"] = 600
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        log = Path(folder) / "database.log"
        with database(here=options.here, log=log), place(Path(folder)) as found:
            report = _campaign(options, found)
    text = json.dumps(report, indent=1)
    if options.json:
        options.json.write_text(text)
    print(text)
    return 1 if report["violations"] else 0


def _campaign(options: argparse.Namespace, found: Any) -> dict[str, Any]:
    from trials.soak.machine import Machine, Violated

    Machine.place, Machine.counts = found, Counter()
    began, end = time.monotonic(), time.monotonic() + options.minutes * 60
    seeds: list[int] = []
    violated: list[dict[str, Any]] = []
    seed = options.seed
    while not seeds or time.monotonic() < end or Machine.counts["steps"] < options.least_steps:
        seeds.append(seed)
        found.empty(seed=seed)
        try:
            _batch(Machine, seed, options)
        except Violated as wrong:
            violated.append({"seed": seed, "replay": _replay(seed, options), "what": str(wrong)})
            print(f"\nseed {seed}: violated. {_replay(seed, options)}\n{wrong}", file=sys.stderr)
        found.count()
        _progress(Machine.counts, found, began, seed, len(violated))
        seed += 1
        if violated and not options.minutes:
            break
    counts = Machine.counts
    return {
        "seconds": round(time.monotonic() - began),
        "seeds": [seeds[0], seeds[-1]],
        "steps": counts["steps"],
        "lives": counts["lives"],
        "provider_calls": found.calls,
        "faulty": found.faulty,
        "faulty_share": round(found.faulty / found.calls, 3) if found.calls else 0,
        "faults": dict(sorted(found.hits.items())),
        "operations": dict(sorted(counts.items())),
        "violations": violated,
    }


def _batch(machine: Any, seed: int, options: argparse.Namespace) -> None:
    """The lives that come from one seed. Raises what the machine found."""
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis import seed as seeded
    from hypothesis.stateful import run_state_machine_as_test

    chosen = settings(
        max_examples=options.lives,
        stateful_step_count=options.steps,
        deadline=None,
        database=None,
        # No shrinking: a life leaves rows behind, so that a second playing is not the first. The seed tells it all.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(seeded(seed)(machine), settings=chosen)


def _replay(seed: int, options: argparse.Namespace) -> str:
    return (
        f"Play it again: python -m trials soak --seed {seed} --lives {options.lives} --steps {options.steps}"
    )


def _progress(counts: Counter[str], found: Any, began: float, seed: int, violated: int) -> None:
    share = found.faulty / found.calls if found.calls else 0
    print(
        f"{time.monotonic() - began:6.0f} s  seed {seed}  {counts['steps']} steps  {counts['lives']} lives  "
        f"{found.calls} calls, {share:.0%} faulty  {violated} violated",
        file=sys.stderr,
        flush=True,
    )
