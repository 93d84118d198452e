"""Real threads, each with a database connection of its own, let go at the same moment."""

import threading
from collections.abc import Callable

from django.db import connection

_at_work: set[int] = set()


def at_work() -> int:
    """How many of those who were let go last are not done yet."""
    return len(_at_work)


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Run `work(0)` to `work(count - 1)` at once; answer what each returned or the exception it raised."""
    results: list[object] = [None] * count
    _at_work.clear()
    _at_work.update(range(count))
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[number] = error
        finally:
            _at_work.discard(number)
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return results


def errors(results: list[object]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]
