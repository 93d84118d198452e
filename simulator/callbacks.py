"""Callbacks: written with the event they tell of, POSTed once when due, never again.

Seen in the field: one delivery, no retry, whatever the receiver answers; a query may know the result before
the callback arrives. A callback is claimed in the database before it is sent, so a process that dies in
between loses it: at most once, as with the real provider. The fault plan acts in `schedule`, where a callback
gets its body, address and time.
"""

import contextlib
import http.client
import json
import queue
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulator import callback_faults, ids
from simulator.callback_faults import Event, Message, Notice
from simulator.store import Db, Row, Store

# Enough that a slow receiver does not hold up the others.
_SENDERS = 16
_ANSWER_LIMIT = 64 * 1024
# What post_json raises when the receiver cannot be reached, or breaks off.
NO_ANSWER = (OSError, http.client.HTTPException)


def schedule(
    db: Db,
    *,
    kind: str,
    subject: str,
    url: str,
    shortcode: str,
    body: dict[str, Any],
    due_at: float,
    paid: Callable[[str], dict[str, Any]] | None = None,
    notice: Notice | None = None,
) -> None:
    """Write down a callback. `subject` is the id of what it tells of.

    For the fault plan: `paid` makes the body that would tell of success with the given receipt, and `notice`
    says where a QueueTimeOut notice would go.
    """
    message = Message(
        kind=kind, subject=subject, url=url, shortcode=shortcode, body=json.dumps(body), due_at=due_at
    )
    event = Event(message=message, body=body, paid=paid, notice=notice)
    db.executemany(
        "INSERT INTO callbacks (kind, subject, url, shortcode, body, due_at, state, outcome)"
        " VALUES (:kind, :subject, :url, :shortcode, :body, :due_at, :state, :outcome)",
        [asdict(one) for one in callback_faults.messages(db, event)],
    )


def bring_forward(db: Db, subject: str, *, at: float, within: float) -> list[int]:
    """Make due now what tells of `subject` and would be due `within` seconds; in the order of going out."""
    rows = db.execute(
        "UPDATE callbacks SET due_at = min(due_at, :at)"
        " WHERE subject = :subject AND state = 'pending' AND due_at <= :last RETURNING id",
        {"subject": subject, "at": at, "last": at + within},
    ).fetchall()
    return sorted(row["id"] for row in rows)


def release_held(db: Db, *, until: float | None = None) -> None:
    """Let go what the fault plan holds back: all of it, or what should have gone out by `until`."""
    db.execute(
        "UPDATE callbacks SET state = 'pending' WHERE state = 'held' AND (:until IS NULL OR due_at <= :until)",
        {"until": until},
    )


def abandon_interrupted(db: Db) -> None:
    """At a start: what the last process was sending when it died stays unsent."""
    db.execute("UPDATE callbacks SET state = 'failed', outcome = 'interrupted' WHERE state = 'sending'")


def due_ids(db: Db, *, at: float) -> list[int]:
    """Callbacks that are due, in the order in which they go out."""
    rows = db.execute(
        "SELECT id FROM callbacks WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, id", (at,)
    )
    return [row["id"] for row in rows]


def claim(store: Store, number: int) -> Row | None:
    """Take a callback for sending: once only. None when it is not there to be taken."""
    with store.write() as db:
        row: Row | None = db.execute(
            "UPDATE callbacks SET state = 'sending', sent_at = ? WHERE id = ? AND state = 'pending' RETURNING *",
            (ids.now(), number),
        ).fetchone()
    return row


def deliver(store: Store, row: Row, *, timeout: float) -> int | None:
    """POST a claimed callback and write down what became of it. The HTTP status, None when nobody answered."""
    status = None
    try:
        status, _ = post_json(row["url"], row["body"], headers=headers(row["shortcode"]), timeout=timeout)
        state, outcome = "sent", f"HTTP {status}"
    except NO_ANSWER as error:
        state, outcome = "failed", f"{type(error).__name__}: {error}"
    with store.write() as db:
        db.execute("UPDATE callbacks SET state = ?, outcome = ? WHERE id = ?", (state, outcome, row["id"]))
        release_held(db, until=ids.now())
    return status


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
        due = due_ids(db, at=at)
        with self._guard:
            for number in due:
                if number not in self._queued:
                    self._queued.add(number)
                    self._due.put(number)

    def stop(self) -> None:
        """Let each thread end after what it is sending now; what is queued stays due in the database."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._due.get_nowait()
        for _ in range(_SENDERS):
            self._due.put(None)

    def _work(self) -> None:
        while (number := self._due.get()) is not None:
            row = claim(self._store, number)
            if row is not None:  # else a reset took it away
                deliver(self._store, row, timeout=self._timeout)
            with self._guard:
                self._queued.discard(number)


def headers(shortcode: str) -> dict[str, str]:
    return {"Content-Type": "application/json;charset=UTF-8", "BusinessShortCode": shortcode}


def post_json(url: str, body: str, *, headers: dict[str, str], timeout: float) -> tuple[int, bytes]:
    """POST once, straight to the address: no proxy, no redirect. Status and body; raises one of NO_ANSWER."""
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
        return response.status, response.read(_ANSWER_LIMIT)
    finally:
        connection.close()
