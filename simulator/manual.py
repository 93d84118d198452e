"""The clock moved by hand: everything that falls due on the way happens in order, before the call returns."""

import threading
from typing import TypedDict

from simulator import callbacks, scheduler
from simulator.clock import CLOCK, machine_time
from simulator.config import Settings
from simulator.store import Db, Store

_BUSY = threading.Lock()


class AlreadyMoving(Exception):
    """The clock is being moved by another call, which has not ended."""


class Delivery(TypedDict):
    """One callback. `status` is the receiver's HTTP status, None when nobody answered."""

    kind: str
    subject: str
    status: int | None


def start(store: Store) -> None:
    """Hold the clock where the last process left it, or at the machine's time."""
    with store.write() as db:
        row = db.execute("SELECT now FROM clock").fetchone()
        _set(db, row["now"] if row else machine_time())


def restart(db: Db, *, at: float, seed: int | None) -> None:
    """Begin anew at `at`, on books that were just emptied."""
    _set(db, at)
    if seed is not None:
        CLOCK.seed(seed)


def advance(store: Store, settings: Settings, *, seconds: float) -> list[Delivery]:
    """Move the clock, stopping at each moment when something is due. Raises AlreadyMoving.

    At one moment: prompts that run out, payouts, answers to queries; then the callbacks that are due, one after
    the other. After each callback everything is looked at again, because its receiver may have asked for more.
    """
    if not _BUSY.acquire(blocking=False):
        raise AlreadyMoving
    try:
        target = CLOCK.now() + seconds
        delivered: list[Delivery] = []
        while (due_at := _next(store)) is not None and due_at <= target:
            with store.write() as db:
                _set(db, max(due_at, CLOCK.now()))
                scheduler.do_due(db, settings, at=CLOCK.now())
            delivered += _deliver_one(store, settings)
        with store.write() as db:
            _set(db, target)
        return delivered
    finally:
        _BUSY.release()


def _set(db: Db, at: float) -> None:
    db.execute("INSERT OR REPLACE INTO clock (id, now) VALUES (1, ?)", (at,))
    CLOCK.hold(at)


def _next(store: Store) -> float | None:
    with store.read() as db:
        return scheduler.next_due(db)


def _deliver_one(store: Store, settings: Settings) -> list[Delivery]:
    with store.read() as db:
        due = callbacks.due_ids(db, at=CLOCK.now())
    if not due:
        return []
    row = callbacks.claim(store, due[0])
    if row is None:  # a reset took it away
        return []
    status = callbacks.deliver(store, row, timeout=settings.callback_timeout_seconds)
    return [Delivery(kind=row["kind"], subject=row["subject"], status=status)]
