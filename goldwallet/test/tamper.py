"""A row as somebody leaves it who owns the tables: for tests of what notices it all the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def guard_off(model: Any, name: str) -> Iterator[None]:
    """One guard of a table is switched off, as only its owner can do it."""
    (guard,) = [trigger for trigger in model._meta.triggers if trigger.name == name]
    _run("SET CONSTRAINTS ALL IMMEDIATE")
    _run(f"ALTER TABLE {model._meta.db_table} DISABLE TRIGGER {guard.get_pgid(model)}")
    try:
        yield
    finally:
        _run(f"ALTER TABLE {model._meta.db_table} ENABLE TRIGGER {guard.get_pgid(model)}")
        _run("SET CONSTRAINTS ALL DEFERRED")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
