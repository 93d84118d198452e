"""A pool's accounts in the ledger, a page at a time, for a range of days in Nairobi."""

import datetime as dt
from dataclasses import dataclass

from goldwallet.clock import midnight
from ledger.chart import Code
from ledger.listing import Period, period_of
from ledger.models import Account
from ledger.selectors import ZERO, Line, statement

PAGE = 50


@dataclass(frozen=True, slots=True)
class BookPage:
    """Newest first. `older`: the number of the line before which the next page begins; empty when there is none."""

    lines: list[Line]
    older: str


def book_range(code: Code, *, start: dt.date | None, end: dt.date | None) -> Period:
    """The entries from the morning of `start` to the night of `end`; both days count, None is without an end.

    The bounds are those of the account's page of the ledger: a stretch of lines without a gap.
    """
    found = Account.objects.filter(code=code.code).first()
    if found is None:
        return Period(0, 0, ZERO, ZERO)
    last_day = None if end is None or end == dt.date.max else end + dt.timedelta(days=1)
    return period_of(
        found,
        since=midnight(start) if start else None,
        until=midnight(last_day) if last_day else None,
    )


def book_page(code: Code, period: Period, *, after: str) -> BookPage:
    """A page of these entries. `after` is the `older` of the page before, as it came from outside; nonsense is page
    one.
    """
    seq = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else None
    first, last = period.first + 1, period.last
    lines = statement(code, after=seq, limit=PAGE + 1, newest_first=True, first=first, last=last)
    return BookPage(lines[:PAGE], str(lines[PAGE - 1].seq) if len(lines) > PAGE else "")
