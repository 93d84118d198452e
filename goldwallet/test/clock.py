"""Moving the house's one clock: the database function is replaced, so every process and thread sees it at once."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_FUNCTION = """
CREATE OR REPLACE FUNCTION wallet_now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT {} $$
"""


def clock_shift(shift: dt.timedelta) -> None:
    """Set the house's clock so far ahead, until it is set again."""
    body = f"clock_timestamp() + interval '{shift.total_seconds()} seconds'" if shift else "clock_timestamp()"
    with connection.cursor() as cursor:
        cursor.execute(_FUNCTION.format(body))


@contextmanager
def shift_clock(**by: float) -> Iterator[None]:
    """`with shift_clock(minutes=4):` the house lives four minutes later. Give the arguments of a timedelta."""
    clock_shift(dt.timedelta(**by))
    try:
        yield
    finally:
        clock_shift(dt.timedelta())
