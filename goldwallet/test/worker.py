"""The queue's worker inside a test: does what is due and comes back."""

import time
from collections.abc import Callable

from goldwallet.worker import worker_app


def work(*, concurrency: int = 4) -> None:
    """Run every job that is due now, periodic ones too, then return."""
    worker_app().run_worker(
        wait=False, install_signal_handlers=False, listen_notify=False, concurrency=concurrency
    )


def work_until(condition: Callable[[], bool], *, patience: float = 20) -> None:
    """Work in rounds until `condition` holds: callbacks arrive between the rounds."""
    end = time.monotonic() + patience
    while True:
        work()
        if condition():
            return
        if time.monotonic() > end:
            raise TimeoutError("what the test waits for did not happen")
        time.sleep(0.05)
