"""Long lists a page at a time, by keyset: a page costs the same however far back it lies, and none repeats a row."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import IntegerField, Model, Q, QuerySet

_EPOCH = dt.datetime.fromtimestamp(0, dt.UTC)


@dataclass(frozen=True, slots=True)
class Page[R]:
    """One page, newest first, and the key of the next; empty when there is none."""

    rows: list[R]
    older: str


def page_of[M: Model, R](
    rows: QuerySet[M, R], *, by: str, after: str, limit: int, oldest_first: bool = False
) -> Page[R]:
    """A page of `rows`, newest first by the time in the column `by`, which is never null, and by their key. Rows are
    models, or named tuples that have both.

    `after` is the `older` of the page before (`<microseconds>-<key>`) as it came from outside; nonsense is page one.
    `oldest_first`: the other way round, and `older` leads to newer ones.
    """
    beyond, order = ("gt", "") if oldest_first else ("lt", "-")
    at, key = _place(after)
    if at is not None and _is_key(rows.model, key):
        # The first condition follows from the second. It is what an index can start at: an OR it would read through.
        rows = rows.filter(
            Q(**{f"{by}__{beyond}e": at}), Q(**{f"{by}__{beyond}": at}) | Q(**{by: at, f"pk__{beyond}": key})
        )
    found = list(rows.order_by(f"{order}{by}", f"{order}pk")[: limit + 1])
    if len(found) <= limit:
        return Page(found, "")
    last: Any = found[limit - 1]
    return Page(found[:limit], f"{_micros(getattr(last, by))}-{last.pk}")


def page_of_several[R](
    read: Callable[[dt.datetime | None, int], Iterable[R]],
    *,
    by: Callable[[R], dt.datetime],
    after: str,
    limit: int,
) -> Page[R]:
    """A page of rows that stand in several tables and have no key in common, newest first by the time `by`.

    `read(until, most)` answers the newest rows of each table from `until` back (None: from the newest), at least `most`
    if there are so many; those of one moment always in the same order. `after` is `<microseconds>-<how many of that
    moment stood on the pages before>`, from outside as for `page_of`.
    """
    until, seen = _place(after)
    if until is None or not (seen.isascii() and seen.isdigit() and len(seen) < 5):
        until, seen = None, "0"
    start = int(seen)
    end = start + limit
    # Sorting keeps the order of what is equal, also the other way round.
    rows = sorted(read(until, end + 1), key=by, reverse=True)
    if len(rows) <= end:
        return Page(rows[start:], "")
    last = by(rows[end - 1])
    return Page(rows[start:end], f"{_micros(last)}-{sum(by(row) == last for row in rows[:end])}")


def page_by_number[M: Model](rows: QuerySet[M], *, after: str, limit: int) -> Page[M]:
    """The same for rows whose key is a growing number, newest first. `after` is the last number of the page before."""
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: limit + 1])
    return Page(found[:limit], str(found[limit - 1].pk) if len(found) > limit else "")


def every[R](page: Callable[[str], Page[R]]) -> Iterator[R]:
    """All rows, a page at a time: for exports, which must not hold them all. `page("")` is the first."""
    after = ""
    while True:
        found = page(after)
        yield from found.rows
        if not found.older:
            return
        after = found.older


#: Read at once for a file: few enough to hold, many enough that a million rows take a thousand questions.
_STEP = 1000


def all_of[M: Model, R](rows: QuerySet[M, R], *, by: str) -> Iterator[R]:
    """All of `rows`, newest first as `page_of` has them, for exports."""
    return every(lambda after: page_of(rows, by=by, after=after, limit=_STEP))


def more_than(rows: QuerySet[Any, Any], most: int) -> bool:
    """Whether there are more rows than that. Counts no further."""
    return rows.order_by()[: most + 1].count() > most


def _micros(at: dt.datetime) -> int:
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


def _place(after: str) -> tuple[dt.datetime | None, str]:
    """The moment and the key of an `older`; None for nonsense."""
    moment, _, key = after.partition("-")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 18):
        return None, ""
    return _EPOCH + dt.timedelta(microseconds=int(moment)), key


def _is_key(model: type[Model], text: str) -> bool:
    """Whether the model could have this key: a number of at most 18 digits, or a UUID."""
    if isinstance(model._meta.pk, IntegerField):
        return text.isascii() and text.isdigit() and len(text) < 19
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
