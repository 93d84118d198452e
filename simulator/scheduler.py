"""The clockwork. What is due stands in the database, so what fell due while stopped happens after."""

import threading

from simulator import balance, callbacks, ids, payouts, prompts, reversal, status
from simulator.config import Settings
from simulator.store import Db, Store

# A look at least this often, in case the machine's clock is moved.
_LONGEST_WAIT = 1.0

_NEXT = """
    SELECT min(due_at) AS due_at FROM (
        SELECT due_at FROM prompts WHERE state IN ('open', 'ignored')
        UNION ALL SELECT due_at FROM payouts WHERE state = 'pending'
        UNION ALL SELECT due_at FROM enquiries WHERE state = 'pending'
        UNION ALL SELECT due_at FROM callbacks WHERE state = 'pending' AND due_at > :callbacks_after)
"""


def next_due(db: Db, *, callbacks_after: float = 0) -> float | None:
    """When the next thing is due. Callbacks up to `callbacks_after` do not count: the senders have those."""
    due_at = db.execute(_NEXT, {"callbacks_after": callbacks_after}).fetchone()["due_at"]
    return None if due_at is None else float(due_at)


def do_due(db: Db, settings: Settings, *, at: float) -> None:
    """Everything that is due, but for the delivery of callbacks."""
    prompts.expire_due(db, settings, at=at)
    payouts.finish_due(db, settings, at=at)
    reversal.finish_due(db, settings, at=at)
    status.answer_due(db, settings, at=at)
    balance.answer_due(db, settings, at=at)


class Scheduler:
    """One thread: ends prompts, executes payouts, answers status queries, hands callbacks to the senders."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._senders = callbacks.Senders(store, timeout=settings.callback_timeout_seconds)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        with self._store.write() as db:
            callbacks.abandon_interrupted(db)
        if self._settings.manual:  # nothing happens by itself: `manual.advance` does it
            return
        self._senders.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._store.changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._senders.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._store.changed.clear()
            wait = self._step(ids.now())
            self._store.changed.wait(min(_LONGEST_WAIT, wait))

    def _step(self, at: float) -> float:
        """Do what is due at `at`; seconds until the next thing is."""
        if self._next(at) <= at:
            with self._store.write() as db:
                do_due(db, self._settings, at=at)
        with self._store.read() as db:
            self._senders.enqueue_due(db, at=at)
        return max(0.0, self._next(at) - ids.now())

    def _next(self, at: float) -> float:
        with self._store.read() as db:
            due_at = next_due(db, callbacks_after=at)
        return at + _LONGEST_WAIT if due_at is None else due_at
