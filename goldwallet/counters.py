"""Counters that all processes share and that a rollback does not take back: sequences of the database.

A refusal rolls its transaction back, so a row could not count it; a counter in the memory of one web process
would know a part of the truth. `/metrics` reads them.
"""

from enum import StrEnum

from django.db import connection


class Counter(StrEnum):
    """Each is a sequence of that name, made by a migration of `goldwallet`."""

    GOLD_SHORTAGES = "count_gold_shortages"


def count(counter: Counter) -> None:
    """One more. Costs a round trip, so it is for what is rare."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass)", [counter.value])


def counted(counter: Counter) -> int:
    """How often it happened since the database was made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_sequence_last_value(%s::regclass), 0)", [counter.value])
        return int(cursor.fetchone()[0])
