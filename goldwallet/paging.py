"""Long lists a page at a time, by keyset: a page costs the same however far back it lies, and none repeats a row."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Model, Q, QuerySet

_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclass(frozen=True, slots=True)
class Page[M: Model]:
    """One page, newest first, and the key of the next; empty when there is none."""

    rows: list[M]
    older: str


def page_of[M: Model](rows: QuerySet[M], *, by: str, after: str, limit: int) -> Page[M]:
    """A page of `rows` (whose key is a UUID), newest first by the time in the column `by`, which is never null.

    `after` is the `older` of the page before (`<microseconds>-<uuid>`) as it came from outside; nonsense is page one.
    """
    moment, _, key = after.partition("-")
    if moment.isascii() and moment.isdigit() and len(moment) < 18 and _is_uuid(key):
        at = _EPOCH + dt.timedelta(microseconds=int(moment))
        rows = rows.filter(Q(**{f"{by}__lt": at}) | Q(**{by: at, "pk__lt": key}))
    found = list(rows.order_by(f"-{by}", "-pk")[: limit + 1])
    if len(found) <= limit:
        return Page(found, "")
    last = found[limit - 1]
    micros = (getattr(last, by) - _EPOCH) // dt.timedelta(microseconds=1)
    return Page(found[:limit], f"{micros}-{last.pk}")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
