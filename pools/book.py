"""A pool's accounts in the ledger, a page at a time, for a range of days in Nairobi."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from goldwallet.clock import NAIROBI
from ledger.chart import Code
from ledger.models import Entry
from ledger.selectors import Line, statement

PAGE = 50
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Span:
    """The entries of some days: those after the line `first` up to the line `last` (None: to the newest).

    `opening` and `closing` are the balances before and after them.
    """

    first: int
    last: int | None
    opening: Decimal
    closing: Decimal


@dataclass(frozen=True, slots=True)
class BookPage:
    """Newest first. `older`: the number of the line before which the next page begins; empty when there is none."""

    lines: list[Line]
    older: str


def book_range(code: Code, *, start: dt.date | None, end: dt.date | None) -> Span:
    """The entries from the morning of `start` to the night of `end`; both days count, None is without an end."""
    first, opening = _before(code, _morning(start)) if start else (0, _ZERO)
    if end is None or end == dt.date.max:
        newest = _entries(code).first()
        return Span(first, None, opening, newest[1] if newest else _ZERO)
    last, closing = _before(code, _morning(end + dt.timedelta(days=1)))
    return Span(first, last, opening, closing)


def book_page(code: Code, span: Span, *, after: str) -> BookPage:
    """A page of these entries. `after` is the `older` of the page before, as it came from outside; nonsense is page
    one.
    """
    upper = None if span.last is None else span.last + 1
    if after.isascii() and after.isdigit() and len(after) < 19:
        upper = int(after) if upper is None else min(upper, int(after))
    found = statement(code, after=upper, limit=PAGE + 1, newest_first=True)
    lines = [line for line in found if line.seq > span.first]
    return BookPage(lines[:PAGE], str(lines[PAGE - 1].seq) if len(lines) > PAGE else "")


def _entries(code: Code) -> "QuerySet[Any, tuple[int, Decimal]]":
    return Entry.objects.filter(account__code=code.code).order_by("-seq").values_list("seq", "balance")


def _before(code: Code, moment: dt.datetime) -> tuple[int, Decimal]:
    """The number of the last line before a moment, and the balance that it left."""
    found = _entries(code).filter(transaction__created_at__lt=moment).first()
    return (found[0], found[1]) if found else (0, _ZERO)


def _morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=NAIROBI)
