"""How many operations a second some threads of one process reach."""

import threading
import time
from collections.abc import Callable

from django.db import connection


def threads(count: int, seconds: float, work: Callable[[int, int], object]) -> float:
    """Run `work(thread, turn)` in so many threads for so long; answer operations a second.

    Every thread has a database connection of its own, opened before the clock starts. The first exception ends all.
    """
    done = [0] * count
    failures: list[BaseException] = []
    barrier = threading.Barrier(count + 1)
    stop = threading.Event()

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            turn = 0
            while not stop.is_set():
                work(number, turn)
                turn += 1
                done[number] = turn
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)
            stop.set()
            barrier.abort()
        finally:
            connection.close()

    running = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in running:
        thread.start()
    try:
        barrier.wait()
    except threading.BrokenBarrierError:
        raise failures[0] from None
    began = time.perf_counter()
    stop.wait(seconds)
    stop.set()
    for thread in running:
        thread.join()
    elapsed = time.perf_counter() - began
    if failures:
        raise failures[0]
    return sum(done) / elapsed
