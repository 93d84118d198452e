"""Races: real threads against one another, and the house with its guards taken away, one by one.

A race test that has never seen the race proves nothing. So each one runs twice: as the house is, and with guards off.
What is switched off in the database is committed, since the other threads must see it, and is put back exactly when
the block ends; `schema_kept` compares the whole schema before and after.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

from accounts import services
from goldwallet.states import move, sources
from ledger.tests.threads import at_work
from ledger.tests.threads import errors as errors
from ledger.tests.threads import together as together


class Meeting:
    """Where `count` threads wait for one another, each once: all have read, none has written yet.

    A guard that does its work keeps the others away: they wait for a lock of those who are here, or are done already.
    Then nobody else can come, and those who are here go on. So the same test may run with the guard and without it,
    however slow the machine is.
    """

    def __init__(self, count: int, *, patience: float = 20.0) -> None:
        self._count = count
        self._patience = patience
        self._been = threading.local()
        self._here: set[int] = set()
        self._open = threading.Event()

    def wait(self) -> None:
        if getattr(self._been, "here", False):
            return
        self._been.here = True
        connection.ensure_connection()
        self._here.add(connection.connection.info.backend_pid)
        end = time.monotonic() + self._patience
        # A connection of its own, which is in nobody's transaction.
        with closing(connection.copy()) as look:
            while not self._open.wait(0.01) and time.monotonic() < end:
                if len(self._here) >= self._count or self._nobody_else_comes(look):
                    self._open.set()

    def _nobody_else_comes(self, look: BaseDatabaseWrapper) -> bool:
        here = self._here.copy()
        with look.cursor() as cursor:
            cursor.execute("SELECT pid, pg_blocking_pids(pid) FROM pg_locks WHERE NOT granted")
            waiting = cursor.fetchall()
        kept: set[int] = set()
        while more := {pid for pid, by in waiting if not (here | kept).isdisjoint(by)} - kept:
            kept |= more
        return len(here) + len(kept - here) >= min(self._count, at_work() or self._count)


# --- guards in Python -----------------------------------------------------------------------------


def rows_unlocked(patch: pytest.MonkeyPatch) -> None:
    """Every `select_for_update` of the ORM reads without a lock, and so does the raw one of the person."""
    patch.setattr(QuerySet, "select_for_update", lambda self, *args, **kwargs: self)
    patch.setattr(services, "PERSON_LOCK", services.PERSON_LOCK.replace("FOR NO KEY UPDATE", ""))


def moves_unguarded(patch: pytest.MonkeyPatch, *modules: Any, meeting: Meeting) -> None:
    """`move` in these modules looks at the row as it was read, lets the others do the same, and then writes."""
    for module in modules:
        patch.setattr(module, "move", _checked_then_written(meeting))


def moves_meet(patch: pytest.MonkeyPatch, *modules: Any, meeting: Meeting) -> None:
    """The true `move`, after all threads have come so far."""

    def late(row: Model, target: str, **kwargs: Any) -> bool:
        meeting.wait()
        return move(row, target, **kwargs)

    for module in modules:
        patch.setattr(module, "move", late)


def _checked_then_written(meeting: Meeting) -> Callable[..., bool]:
    def naive(row: Model, target: str, *, moves: Any, field: str = "state", **changes: Any) -> bool:
        legal = getattr(row, field) in sources(moves, target)
        meeting.wait()
        if legal:
            type(row)._default_manager.filter(pk=row.pk).update(**{field: target}, **changes)
            setattr(row, field, target)
        return legal

    return naive


def without(text: str, part: str) -> str:
    """SQL without a part that must be there, so that a control never switches off what has moved elsewhere."""
    assert text.count(part) == 1, f"{part!r} stands {text.count(part)} times in {text!r}"
    return text.replace(part, "")


# --- guards in the database -----------------------------------------------------------------------


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


_SCHEMA = """
SELECT format('%s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT format('%s %s', tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND prokind IN ('f', 'p')
UNION ALL SELECT format('%s.%s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
ORDER BY 1
"""


@contextmanager
def schema_kept() -> Iterator[None]:
    """Whatever the block switches off, the schema afterwards is the one before, to the letter."""
    before = _rows(_SCHEMA)
    try:
        yield
    finally:
        assert _rows(_SCHEMA) == before


@contextmanager
def function_changed(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """A function of the database as `change` rewrites its text."""
    ((original,),) = _rows("SELECT pg_get_functiondef(%s::regproc)", name)
    changed = change(original)
    assert changed != original, f"{name} was not changed"
    _rows(changed)
    try:
        yield
    finally:
        _rows(original)


@contextmanager
def constraint_off(table: str, name: str) -> Iterator[None]:
    """The table without a constraint. Its rows may break it by the end, so they are thrown away first."""
    ((definition,),) = _rows(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
        table,
        name,
    )
    _rows(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    try:
        yield
    finally:
        _rows(f"TRUNCATE {table} CASCADE")
        _rows(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


@contextmanager
def _trigger_off(table: str, name: str) -> Iterator[None]:
    _rows(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    try:
        yield
    finally:
        _rows(f"ALTER TABLE {table} ENABLE TRIGGER {name}")


#: What stands between two posts that read the same balance and a book that gives away what is not there.
BOOK_GUARDS = ("lock", "sequence", "chain", "check", "supply")


@contextmanager
def book_unguarded(*off: str, pause: float = 0.3) -> Iterator[None]:
    """The ledger without some of its guards; between reading and writing each post rests for `pause` seconds.

    `lock`: FOR UPDATE in ledger_post. `sequence`: an entry's number is unique in its account. `chain`: an entry must
    follow the one before. `check`: no balance below zero. `supply`: no gold out of what is not a vault.
    """
    assert set(off) <= set(BOOK_GUARDS), off

    def changed(text: str) -> str:
        pausing = f"PERFORM pg_sleep({pause});\n    -- 5. Write, in one statement"
        assert text.count("-- 5. Write, in one statement") == 1
        text = text.replace("-- 5. Write, in one statement", pausing)
        return without(text, "FOR UPDATE") if "lock" in off else text

    with ExitStack() as stack:
        stack.enter_context(function_changed("ledger_post", changed))
        if "sequence" in off:
            stack.enter_context(constraint_off("ledger_entry", "ledger_entry_pkey"))
        if "chain" in off:
            ((name,),) = _rows("SELECT proname FROM pg_proc WHERE prosrc LIKE '%LD103%'")
            stack.enter_context(function_changed(name, _without_the_chain))
        if "check" in off:
            stack.enter_context(constraint_off("ledger_account", "ledger_account_not_negative"))
        if "supply" in off:
            stack.enter_context(_trigger_off("ledger_account", "pools_no_gram_without_a_bar"))
        yield


def _without_the_chain(text: str) -> str:
    where = "WHERE chain.seq <> chain.due_seq OR chain.balance <> chain.due_balance"
    assert text.count(where) == 1
    return text.replace(where, "WHERE false")


# --- the queue ------------------------------------------------------------------------------------


def queue_empty() -> None:
    """No job and no worker is left of the test before: the flush between tests does not know these tables."""
    _rows("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


def patiently(condition: Callable[[], bool], *, what: str, patience: float = 30) -> None:
    """Wait until something that another process does has happened."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.03)


def unique() -> str:
    return uuid.uuid4().hex
