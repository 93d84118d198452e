"""Callbacks: written with the event they tell of, POSTed once when due, never again.

Seen in the field: one delivery, no retry, whatever the receiver answers; a query may know the result before
the callback arrives. A callback is claimed in the database before it is sent, so a process that dies in
between loses it: at most once, as with the real provider. A fault plan (drop, repeat, delay, reorder, forge)
has its place in `schedule`, where a callback gets its body, address and time.
"""

import contextlib
import http.client
import json
import queue
import ssl
import threading
import urllib.parse
from typing import Any

from simulator import ids
from simulator.store import Db, Row, Store

# Enough that a slow receiver does not hold up the others.
_SENDERS = 16
_ANSWER_LIMIT = 64 * 1024


def schedule(
    db: Db, *, kind: str, subject: str, url: str, shortcode: str, body: dict[str, Any], due_at: float
) -> None:
    """Write down a callback. `subject` is the id of what it tells of."""
    db.execute(
        "INSERT INTO callbacks (kind, subject, url, shortcode, body, due_at) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, subject, url, shortcode, json.dumps(body), due_at),
    )


def abandon_interrupted(db: Db) -> None:
    """At a start: what the last process was sending when it died stays unsent."""
    db.execute("UPDATE callbacks SET state = 'failed', outcome = 'interrupted' WHERE state = 'sending'")


class Senders:
    """Threads that POST what is due."""

    def __init__(self, store: Store, *, timeout: float) -> None:
        self._store = store
        self._timeout = timeout
        self._due: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._queued: set[int] = set()
        self._guard = threading.Lock()

    def start(self) -> None:
        for number in range(_SENDERS):
            threading.Thread(target=self._work, name=f"callback-{number}", daemon=True).start()

    def enqueue_due(self, db: Db, *, at: float) -> None:
        rows = db.execute(
            "SELECT id FROM callbacks WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, id", (at,)
        )
        with self._guard:
            for row in rows:
                if row["id"] not in self._queued:
                    self._queued.add(row["id"])
                    self._due.put(row["id"])

    def stop(self) -> None:
        """Let each thread end after what it is sending now; what is queued stays due in the database."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._due.get_nowait()
        for _ in range(_SENDERS):
            self._due.put(None)

    def _work(self) -> None:
        while (number := self._due.get()) is not None:
            self._send(number)
            with self._guard:
                self._queued.discard(number)

    def _send(self, number: int) -> None:
        with self._store.write() as db:
            row: Row | None = db.execute(
                "UPDATE callbacks SET state = 'sending', sent_at = ?"
                " WHERE id = ? AND state = 'pending' RETURNING *",
                (ids.now(), number),
            ).fetchone()
        if row is None:  # a reset took it away
            return
        state, outcome = self._post(row)
        with self._store.write() as db:
            db.execute("UPDATE callbacks SET state = ?, outcome = ? WHERE id = ?", (state, outcome, number))

    def _post(self, row: Row) -> tuple[str, str]:
        headers = {"Content-Type": "application/json;charset=UTF-8", "BusinessShortCode": row["shortcode"]}
        try:
            status = post_json(row["url"], row["body"], headers=headers, timeout=self._timeout)
        except (OSError, http.client.HTTPException) as error:
            return "failed", f"{type(error).__name__}: {error}"
        return "sent", f"HTTP {status}"


def post_json(url: str, body: str, *, headers: dict[str, str], timeout: float) -> int:
    """POST once, straight to the address: no proxy, no redirect. Returns the status."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    try:
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("POST", target, body=body.encode(), headers=headers)
        response = connection.getresponse()
        response.read(_ANSWER_LIMIT)
        return response.status
    finally:
        connection.close()
