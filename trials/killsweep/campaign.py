"""One sweep from its database to its report."""

import argparse
import gc
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goldwallet.test.provider import Simulator
from trials.killsweep import report
from trials.killsweep.boundaries import Boundary, Kill
from trials.killsweep.database import database
from trials.killsweep.plan import Sample, all_kills
from trials.killsweep.postbox import Postbox
from trials.killsweep.scenarios import SCENARIOS, Scenario
from trials.killsweep.sweep import PROVIDER, Sweep

type Choose = Callable[[Scenario, list[Boundary]], list[Kill]]


def run(options: argparse.Namespace) -> int:
    """Carry out what the command line asks for; 1 when something was found."""
    began = time.monotonic()
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # and take the simulator along
    choose = _choose(options)
    with (
        _folder(keep=options.keep) as folder,
        _provider(folder) as (simulator, postbox),
        database(here=options.here, log=folder / "log"),
    ):
        sweep = Sweep(folder, simulator, postbox, first=options.first)
        sweep.prepare()
        gc.freeze()  # a child copies only what it touches
        results = [sweep.scenario(SCENARIOS[name], choose, report.progress) for name in options.scenario]
    print(report.table(results, seconds=time.monotonic() - began))
    if options.json:
        options.json.write_text(json.dumps([result.as_row() for result in results], indent=1))
    return 1 if any(result.violations for result in results) else 0


def _choose(options: argparse.Namespace) -> Choose:
    if options.only:
        only = [_kill(text) for text in options.only]
        return lambda scenario, boundaries: only
    if options.sample is not None:
        return Sample(options.seed, options.sample).kills
    return lambda scenario, boundaries: all_kills(boundaries)


def _kill(text: str) -> Kill:
    number, _, when = text.partition(":")
    return Kill(int(number), "after" if when == "after" else "before")


@contextmanager
def _provider(folder: Path) -> Iterator[tuple[Simulator, Postbox]]:
    postbox = Postbox(folder)
    postbox.start()
    simulator = Simulator(folder / "simulator", **PROVIDER)
    try:
        simulator.start()
        yield simulator, postbox
    finally:
        simulator.stop()
        postbox.stop()


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.mkdtemp(prefix="killsweep-"))
        print(f"What the runs leave: {folder}")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="killsweep-", ignore_cleanup_errors=True) as name:
        yield Path(name)
