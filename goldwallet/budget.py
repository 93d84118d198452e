"""A question to the database that must not take long: a list that staff filter as they like (faults.md X10)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

from goldwallet.errors import Refused

_CANCELED = "57014"


@contextmanager
def in_time(seconds: float = 5.0) -> Iterator[None]:
    """Reads inside may take so long each. Raises Refused with a sentence that says how to ask for less."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('statement_timeout')")
                before = cursor.fetchone()[0]
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true)", [str(round(seconds * 1000))]
                )
            yield
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != _CANCELED:
            raise
        raise Refused(
            "This looks through too much at once. Say which days, or more about it.", code="too_much"
        ) from error
