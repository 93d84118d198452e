"""What became of a pool: who changed it, moved its bars, and added their certificates."""

import datetime as dt
from typing import Any, NamedTuple

from django.db.models import QuerySet

from controls.selectors import request_makers
from goldwallet.history import events_of
from goldwallet.money import show_grams
from goldwallet.paging import Page, page_of_several
from pools.models import Assay, Movement, MovementKind, Pool, PoolStatus


class Change(NamedTuple):
    """What somebody did, in words for the desk."""

    when: dt.datetime
    who: str
    what: str


class History(NamedTuple):
    """A page of what became of a pool, and how many lines there are in all."""

    page: Page[Change]
    total: int


def pool_history(pool: Pool, *, after: str = "", limit: int = 50) -> History:
    """Who changed the pool, moved its bars and added assays, newest first. `after`: the page's `older`."""
    changes = _pool_changes(pool)[::-1]
    moves = Movement.objects.filter(bar__pool=pool)
    assays = Assay.objects.filter(bar__pool=pool)

    def read(until: dt.datetime | None, most: int) -> list[Change]:
        moved, added = moves, assays
        if until is not None:
            moved, added = moved.filter(created_at__lte=until), added.filter(added_at__lte=until)
        found = [change for change in changes if until is None or change.when <= until]
        return found + _moved(moved, most) + _assays(added, most)

    page = page_of_several(read, by=lambda change: change.when, after=after, limit=limit)
    return History(page, len(changes) + moves.count() + assays.count())


def _moved(rows: QuerySet[Movement], most: int) -> list[Change]:
    moves = list(rows.select_related("bar", "created_by").order_by("-created_at", "-id")[:most])
    # Who asked for the movements that two people agreed.
    asked = request_makers(movement.key.removeprefix("request:") for movement in moves)
    return [_movement(movement, asked) for movement in moves]


def _movement(movement: Movement, asked: dict[str, str]) -> Change:
    """`asked`: by the request's id."""
    way = "came into" if movement.kind == MovementKind.ARRIVAL else "left"
    what = f"Bar {movement.bar.serial} {way} the vault: {show_grams(movement.grams)}. {movement.note}"
    maker = asked.get(movement.key.removeprefix("request:"))
    said = f"{what.rstrip('. ')}. Asked by {maker}." if maker else what
    return Change(movement.created_at, movement.created_by.email, said.strip())


def _assays(rows: QuerySet[Assay], most: int) -> list[Change]:
    found = rows.select_related("bar", "added_by").defer("content_sealed").order_by("-added_at", "-pk")
    return [
        Change(row.added_at, row.added_by.email, f"The assay {row.name} was added to bar {row.bar.serial}.")
        for row in found[:most]
    ]


_SHOWN = {"name": "Name", "priority": "Order of sale", "status": "State", "note": "Note"}


def _pool_changes(pool: Pool) -> list[Change]:
    """From the rows that the database's own trigger wrote, oldest first. What was done in one act is one line: closing
    also moves a pool to the end of the order.
    """
    acts: list[tuple[Change, str]] = []
    before: Any = None
    act: object = None
    for event in events_of(pool):
        what = (
            _difference(before, event)
            if before
            else f"The pool was made, with a purity of {event.purity.normalize():f}."
        )
        if acts and event.pgh_context_id is not None and event.pgh_context_id == act:
            change, why = acts.pop()
            acts.append((change._replace(what=f"{change.what}; {what}"), why))
        else:
            why = event.pgh_context.metadata.get("reason", "") if event.pgh_context else ""
            acts.append((Change(event.pgh_created_at, event.by.email if event.by else "", what), why))
        before, act = event, event.pgh_context_id
    return [
        change._replace(what=f"{change.what}. Why: {why}" if why else change.what) for change, why in acts
    ]


def _difference(before: Any, after: Any) -> str:
    parts = []
    for field, label in _SHOWN.items():
        old, new = getattr(before, field), getattr(after, field)
        if field == "status":
            old, new = PoolStatus(old).label, PoolStatus(new).label
        if old != new:
            parts.append(f"{label}: {old or 'nothing'} → {new or 'nothing'}")
    return "; ".join(parts)
