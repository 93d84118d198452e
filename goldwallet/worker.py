"""The queue's worker, with one thing set right.

`manage.py procrastinate worker` swaps the connector of the whole app while it runs. A job that enqueues another
would then do so on a connection of its own: seen by other workers before the transaction around it has committed, and
kept when that is rolled back. Here only the worker gets a connector of its own; jobs enqueue through Django's
connection, in their transaction, as pages do.
"""

import asyncio
import signal
from contextlib import suppress
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException

log = structlog.get_logger(__name__)

#: Between two tries to reach a database that went away.
_AGAIN_SECONDS = 2


def worker_app() -> App:
    """An app of the same tasks whose connector fetches jobs; `app` itself stays with Django's connection."""
    connector: Any = app.connector
    worker: App = app.with_connector(connector.get_worker_connector())
    return worker


async def work_on(*, again_seconds: float = _AGAIN_SECONDS) -> None:
    """Do jobs until SIGINT or SIGTERM. A database that goes away is waited for: it is back in seconds, and whoever
    waits for gold or money should not wait for somebody to start a program again.

    The library ends a worker whose periodic jobs cannot be enqueued, and leaves the broken connection behind.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not await _worked_until(stop):
        log.warning("the worker lost the database and tries again")
        await sync_to_async(close_old_connections)()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), again_seconds)


async def _worked_until(stop: asyncio.Event) -> bool:
    """Work until `stop` (True) or until the database is lost (False)."""
    working = asyncio.create_task(_work())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    # A worker that is cancelled finishes the jobs in its hands.
    (working if stop.is_set() else stopping).cancel()
    with suppress(asyncio.CancelledError, ConnectorException, DatabaseError):
        await working
    return stop.is_set()


async def _work() -> None:
    worker = worker_app()
    async with worker.open_async():
        await worker.run_worker_async(install_signal_handlers=False)
