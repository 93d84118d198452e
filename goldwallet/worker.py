"""The queue's worker, with one thing set right.

`manage.py procrastinate worker` swaps the connector of the whole app while it runs. A job that enqueues another
would then do so on a connection of its own: seen by other workers before the transaction around it has committed, and
kept when that is rolled back. Here only the worker gets a connector of its own; jobs enqueue through Django's
connection, in their transaction, as pages do.
"""

from typing import Any

from procrastinate import App
from procrastinate.contrib.django import app


def worker_app() -> App:
    """An app of the same tasks whose connector fetches jobs; `app` itself stays with Django's connection."""
    connector: Any = app.connector
    worker: App = app.with_connector(connector.get_worker_connector())
    return worker
