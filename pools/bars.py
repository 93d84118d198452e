"""Reading bars at the desk: a page of a pool's bars, how each came into the vault, and its certificates."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from pools.models import Assay, Bar, BarStatus, Movement, MovementKind

#: As many as may be asked for at once, so that one page can be chosen whole.
PAGE = 50
#: What the list is sorted by -> the column, and whether the largest stand first. The serial number decides ties.
SORTS: dict[str, tuple[str, bool]] = {
    "serial": ("serial", False),
    "refiner": ("refiner", False),
    "heaviest": ("fine_grams", True),
    "newest": ("created_at", True),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a bar came into the vault last. `request`: the id of the request by which, if two people agreed it."""

    at: dt.datetime
    by: str
    request: UUID | None
    transaction_id: int


@dataclass(frozen=True, slots=True)
class Row:
    """A bar in the list, and how many certificates it has."""

    bar: Bar
    assays: int
    arrival: Arrival | None


@dataclass(frozen=True, slots=True)
class BarsPage:
    """`older`: the bar after which the next page begins; empty when there is none."""

    rows: list[Row]
    older: str


def bars_page(
    pool_id: UUID, *, words: str = "", status: str = BarStatus.ACTIVE, assay: str = "", sort: str, after: str
) -> BarsPage:
    """A pool's bars, filtered. `words`: part of the serial number or the refiner; `status` "all" for both; `assay`
    "with" or "without"; `sort` one of SORTS; `after` as it came from outside, nonsense is page one.
    """
    bars = Bar.objects.filter(pool=pool_id)
    if words:
        bars = bars.filter(Q(serial__icontains="".join(words.split())) | Q(refiner__icontains=words))
    if status != "all":
        bars = bars.filter(status=status)
    if assay:
        has = Exists(Assay.objects.filter(bar=OuterRef("pk")))
        bars = bars.filter(has if assay == "with" else ~has)
    found = list(_after(bars, pool_id, sort, after)[: PAGE + 1])
    older = str(found[PAGE - 1].pk) if len(found) > PAGE else ""
    return BarsPage(_rows(found[:PAGE]), older)


def _after(bars: QuerySet[Bar], pool_id: UUID, sort: str, after: str) -> QuerySet[Any]:
    """The bars in their order, those behind the bar `after`; each with `kept`, the number of its certificates.

    What they are sorted by never changes.
    """
    column, downwards = SORTS[sort]
    last = Bar.objects.filter(pool=pool_id, pk=after).first() if _is_uuid(after) else None
    if last is not None:
        value, way = getattr(last, column), "lt" if downwards else "gt"
        beyond = Q(**{f"{column}__{way}": value})
        bars = bars.filter(beyond | Q(**{column: value, "serial__gt": last.serial}))
    kept = Assay.objects.filter(bar=OuterRef("pk")).order_by().values("bar").annotate(n=Count("pk"))
    bars = bars.annotate(kept=Subquery(kept.values("n")))
    return bars.order_by(f"{'-' if downwards else ''}{column}", "serial")


def _rows(bars: Sequence[Any]) -> list[Row]:
    came = arrivals_of([bar.pk for bar in bars])
    return [Row(bar, bar.kept or 0, came.get(bar.pk)) for bar in bars]


def arrivals_of(bar_ids: Sequence[UUID]) -> dict[UUID, Arrival]:
    """How each of these bars came into the vault last. One statement."""
    moves = Movement.objects.filter(bar__in=bar_ids, kind=MovementKind.ARRIVAL).select_related("created_by")
    return {
        move.bar_id: Arrival(move.created_at, move.created_by.email, request_of(move), move.transaction_id)
        for move in moves.order_by("bar", "-id").distinct("bar")
    }


def request_of(move: Movement) -> UUID | None:
    """The request by which two people agreed a movement (`pools.requests`), if it was one."""
    text = move.key.removeprefix("request:")
    return UUID(text) if move.key.startswith("request:") and _is_uuid(text) else None


def movements_of(bar: Bar) -> list[tuple[Movement, UUID | None]]:
    """Into the vault and out of it, newest first; each with its request."""
    moves = bar.movements.select_related("created_by").order_by("-id")
    return [(move, request_of(move)) for move in moves[:PAGE]]


def assays_of(bar: Bar) -> list[Assay]:
    """The bar's certificates without what is in them, newest first."""
    return list(bar.assays.select_related("added_by").defer("content_sealed").order_by("-added_at", "-pk"))


def bars_chosen(pool_id: UUID, ids: Sequence[str]) -> list[Bar]:
    """Those of this pool among the ids, by serial number; what is no id is no bar."""
    wanted = {text for text in ids if _is_uuid(text)}
    return list(Bar.objects.filter(pool=pool_id, pk__in=wanted).order_by("serial"))


def _is_uuid(text: Any) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
