"""A question to the database that must not take long: a list that staff filter as they like (faults.md X10)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from goldwallet.errors import Refused

_CANCELED = "57014"
#: How long one question of a list may take.
SECONDS = 5.0
_LESS = "Say which days, or more about it."


def canceled(error: DatabaseError) -> bool:
    """Whether the database gave up because it took too long."""
    return getattr(error.__cause__, "sqlstate", None) == _CANCELED


def too_much(less: str = _LESS) -> Refused:
    """`less`: how to ask for less, as a sentence."""
    return Refused(f"This looks through too much at once. {less}", code="too_much")


@contextmanager
def in_time(seconds: float | None = None, *, less: str = _LESS) -> Iterator[None]:
    """Reads inside may take so long each, `SECONDS` unless told. Raises Refused with `less`, a sentence that says how
    to ask for less.
    """
    inside = connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # It ends with the transaction; within one that goes on it is put back.
            before = _timeout(cursor) if inside else ""
            _limit(cursor, str(round((SECONDS if seconds is None else seconds) * 1000)))
            yield
            if inside:
                _limit(cursor, before)
    except OperationalError as error:
        if not canceled(error):
            raise
        raise too_much(less) from error


def _timeout(cursor: CursorWrapper) -> str:
    cursor.execute("SELECT current_setting('statement_timeout')")
    return str(cursor.fetchone()[0])


def _limit(cursor: CursorWrapper, value: str) -> None:
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [value])
