"""`python -m trials killsweep`, `make killsweep`: all boundaries on a database of its own, and a report."""

import argparse
import os
import sys
from pathlib import Path


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trials killsweep", description=__doc__)
    parser.add_argument("--scenario", action="append", help="only this one; may be given several times")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="all around commits and calls, and N others of each scenario"
    )
    parser.add_argument("--seed", type=int, default=1, help="which others (default: %(default)s)")
    parser.add_argument(
        "--only", metavar="NUMBER:WHEN", action="append", help="one kill, as a report names it: 37:after"
    )
    parser.add_argument("--first", action="store_true", help="stop a scenario at its first violation")
    parser.add_argument("--guard-off", metavar="NAME", help="take a guard of the house away (guards.py)")
    parser.add_argument("--here", action="store_true", help="use the empty database of DATABASE_URL itself")
    parser.add_argument("--keep", action="store_true", help="keep what the runs left, and say where")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    options = arguments(given)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "goldwallet.test.settings")
    import django

    django.setup()
    from django.db import connection

    from trials.killsweep import campaign
    from trials.killsweep.guards import GUARDS
    from trials.killsweep.scenarios import SCENARIOS

    options.scenario = options.scenario or list(SCENARIOS)
    if unknown := set(options.scenario) - set(SCENARIOS):
        print(f"There is no scenario {sorted(unknown)}; there are {', '.join(SCENARIOS)}.", file=sys.stderr)
        return 2
    if options.guard_off:
        GUARDS[options.guard_off]()
    # No server dies here, so no commit has to wait for the disk.
    connection.settings_dict["OPTIONS"]["options"] += " -c synchronous_commit=off"
    return campaign.run(options)
