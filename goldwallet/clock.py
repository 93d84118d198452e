"""The one clock of the house: the database's.

Deadlines are compared in the statement that uses them, with `Now()`; Python asks `now()` only for what it shows or
schedules. `wallet_now()` is a function in the database (migration 0001), so that tests can move it for every process
at once by replacing it (`goldwallet.test.clock`), and production code has no knob for that.
"""

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, Func, Value
from django.db.models.expressions import Combinable

NAIROBI = ZoneInfo("Africa/Nairobi")
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


class Now(Func):
    """The database's time, for use inside a query or as a column's default."""

    function = "wallet_now"
    template = "%(function)s()"
    output_field = DateTimeField()


def midnight(day: dt.date) -> dt.datetime:
    """When the day begins in Nairobi."""
    return dt.datetime.combine(day, dt.time(), NAIROBI)


def day_of_text(text: str) -> dt.date | None:
    """The day that somebody wrote like 2026-11-21, of a year that this house may see; None for anything else."""
    try:
        return dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


@lru_cache(maxsize=128)
def after(seconds: float) -> Combinable:
    """The database's time in so many seconds, for use inside a query. Kept: making one costs a tenth of a buy."""
    return ExpressionWrapper(Now() + Value(dt.timedelta(seconds=seconds)), output_field=DateTimeField())


def now() -> dt.datetime:
    """The database's time, aware, in UTC. One round trip."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT wallet_now()")
        row = cursor.fetchone()
    moment: dt.datetime = row[0]
    return moment.astimezone(dt.UTC)
