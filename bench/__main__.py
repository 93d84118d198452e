"""`python -m bench`, `make bench`: build a cluster, measure in interleaved pairs, write the table."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench.cluster import CHECKOUT, RESULTS, Cluster, Problem, cluster
from bench.report import Count, Ratio, Result, machine, table, write_chart, write_json, write_page

THREADS = 16


@dataclass(frozen=True)
class Size:
    repetitions: int
    seconds: float
    pools: int
    holders: int
    entries: int
    orders: int


FULL = Size(repetitions=5, seconds=4, pools=100, holders=10_000, entries=1_000_000, orders=200_000)
# pgbench counts whole seconds, and takes one at least.
QUICK = Size(repetitions=1, seconds=0.2, pools=4, holders=200, entries=8000, orders=200)
ROWS = (1, 2, 8, 15)

type Measure = Callable[[], float]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds, to see that it works; writes no page"
    )
    parser.add_argument(
        "--rows", default=",".join(map(str, ROWS)), help="which rows of the table, for example 1,8"
    )
    parser.add_argument("--repetitions", type=int, help=f"pairs of each row; {FULL.repetitions} unless told")
    parser.add_argument("--from", dest="pattern", metavar="URL", help="a migrated database to begin with")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    rows = {int(row) for row in options.rows.split(",")}
    if unknown := rows - set(ROWS):
        known, unknown_said = (", ".join(map(str, sorted(some))) for some in (ROWS, unknown))
        raise Problem(f"There are rows {known}, and no {unknown_said}.")
    size = QUICK if options.quick else FULL
    repetitions = options.repetitions or size.repetitions
    with cluster() as house:
        if rows & {1, 2} and house.pgbench_program() is None:
            raise Problem(
                "pgbench is not installed here (Debian: postgresql-contrib). Without it: make bench ARGS='--rows 8,15'"
            )
        if options.pattern:
            house.begin_with(options.pattern)
        results, version = measure(house, rows, size, repetitions)
    about = machine(version)
    print(f"\n{table(results)}\n")
    name = "quick" if options.quick else "results"
    write_json(RESULTS / f"{name}.json", results, about)
    write_chart(RESULTS / f"{name}.svg", results)
    if not options.quick and rows == set(ROWS):
        write_page(CHECKOUT / "docs" / "performance.md", results, about)
    return 0


def measure(house: Cluster, rows: set[int], size: Size, repetitions: int) -> tuple[list[Result], str]:
    """Measure on a house of our own; Django is set up only now, with that house's address."""
    os.environ |= {"DATABASE_URL": house.url, "DJANGO_SETTINGS_MODULE": "goldwallet.settings"}
    import django

    django.setup()
    from django.db import connection

    from bench import buying, data, pages, posting

    made = data.make(pool_count=size.pools, holders=size.holders)
    pairs: list[tuple[Ratio, Measure, Measure]] = []
    if 1 in rows:
        for pools, title, reach, beyond in (
            (1, "post() / pgbench, one hot pool", 0.80, 0.95),
            (size.pools, f"post() / pgbench, {size.pools} pools", 0.60, 0.75),
        ):
            pairs.append(
                (
                    Ratio(1, title, reach, beyond),
                    partial(posting.django, made, pools=pools, clients=THREADS, seconds=size.seconds),
                    partial(posting.pgbench, house, made, pools=pools, clients=THREADS, seconds=size.seconds),
                )
            )
    if 2 in rows:
        pairs.append(
            (
                Ratio(2, "buy_confirm / pgbench, its statements", 0.45, 0.65),
                partial(buying.service, clients=THREADS, seconds=size.seconds),
                partial(buying.pgbench, house, clients=THREADS, seconds=size.seconds),
            )
        )
    results: list[Result] = [*run_pairs(pairs, repetitions)]
    if 8 in rows:
        buy, _ = buying.confirm_seen(buying.quotes_make(1)[0])
        results.append(Count(8, "statements of buy_confirm", 9, 6, len(buy)))
        results.append(Count(8, "statements of settling a buy", 7, 5, len(buying.settle_seen())))
    if 15 in rows:
        # After the others, whose tables it would make larger.
        book = pages.fill(made, entries=size.entries, orders=size.orders)
        results += run_pairs(
            [
                (
                    Ratio(15, f"desk page / its SQL: {title}", 0.25, 0.50),
                    partial(pages.view, book, address, seconds=size.seconds / 2),
                    partial(pages.raw, pages.statements_of(book, address), seconds=size.seconds / 2),
                )
                for title, address in pages.pages(made).items()
            ],
            repetitions,
        )
    check_books()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    assert fsync == "on"
    connection.close()
    return results, version


def run_pairs(pairs: list[tuple[Ratio, Measure, Measure]], repetitions: int) -> list[Ratio]:
    """Every pair once, then every pair again: what else the machine does falls on all of them alike."""
    for repetition in range(repetitions):
        for result, ours, theirs in pairs:
            # Who goes first changes, so that neither always finds the tables smaller.
            if repetition % 2:
                result.theirs.append(theirs())
                result.ours.append(ours())
            else:
                result.ours.append(ours())
                result.theirs.append(theirs())
            check_books()
            print(
                f"{repetition + 1}/{repetitions}  {result.title:<50} {result.ours[-1]:6.0f} / "
                f"{result.theirs[-1]:6.0f}  = {result.ratios[-1]:.2f}",
                flush=True,
            )
    return [result for result, _, _ in pairs]


def check_books() -> None:
    """A fast book that is wrong is not fast. Lost updates and overdrafts are among what this finds."""
    from ledger.services import verify

    if broken := verify():
        raise Problem("The book is broken after the run:\n" + "\n".join(broken))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        sys.exit(1)
