"""Every read of the pools that is more than a get."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.db.models import F, QuerySet

from accounts.models import User
from controls.selectors import request_makers
from goldwallet.clock import Now, now
from goldwallet.money import show_grams
from pools.models import (
    Bar,
    Movement,
    MovementKind,
    Pool,
    PoolStatus,
    Price,
)

ZERO = Decimal(0)


# --- prices ---------------------------------------------------------------------------------------
def _newest_first() -> QuerySet[Price]:
    return Price.objects.order_by(F("effective_from").desc(), F("id").desc())


def current_price() -> Price | None:
    """The pair in force by the database's clock, however old. One statement."""
    return _newest_first().filter(effective_from__lte=Now()).first()


def price_at(moment: dt.datetime) -> Price | None:
    """The pair in force at a moment, as far as it is known now."""
    return _newest_first().filter(effective_from__lte=moment).first()


def price_history(days: int) -> list[Price]:
    """The pairs in force in the last `days` days, oldest first; the first is the one that was in force
    before them.
    """
    end = now()
    start = end - dt.timedelta(days=days)
    prices = list(_newest_first().filter(effective_from__gt=start, effective_from__lte=end))
    before = price_at(start)
    if before is not None:
        prices.append(before)
    return prices[::-1]


def prices_scheduled() -> list[Price]:
    """The pairs that are not in force yet, next first. Of two for one moment only the later written will
    be.
    """
    found: dict[dt.datetime, Price] = {}
    for price in Price.objects.filter(effective_from__gt=Now()).select_related("created_by").order_by("id"):
        found[price.effective_from] = price
    return sorted(found.values(), key=lambda price: price.effective_from)


def prices_page(*, before: int | None = None, limit: int = 50) -> list[Price]:
    """Every pair ever written, newest first. For the next page pass the last one's id as `before`."""
    prices = Price.objects.select_related("created_by").order_by("-id")
    return list(prices.filter(id__lt=before)[:limit] if before else prices[:limit])


def price_standing(price: Price, current: Price | None, moment: dt.datetime) -> tuple[str, str]:
    """Tone and word for a pair in the list of all: in force, scheduled, or past."""
    if current is not None and price.pk == current.pk:
        return "done", "In force"
    if price.effective_from > moment:
        return "next", "Scheduled"
    return "ended", "Past"


# --- what can be bought ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OpenPool:
    """An open pool and the grams of it that nobody has bought or reserved."""

    pool_id: UUID
    available: Decimal


# Read on every buy. This and _FIGURES alone read the ledger's table from outside; they spell codes as
# ledger.chart does, and tests hold them against it and the ORM.
_OPEN = """
SELECT p.id, coalesce(a.balance, 0)
FROM pools_pool p
LEFT JOIN ledger_account a ON a.code = 'pool:' || p.id::text || ':available'
WHERE p.status = 'open'
ORDER BY p.priority, p.created_at, p.id
"""


def pools_open_with_available() -> list[OpenPool]:
    """The open pools in the admin's order, each with its free grams. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        return [OpenPool(*row) for row in cursor.fetchall()]


def grams_available() -> Decimal:
    """Grams that can be bought now, over all open pools."""
    return sum((row.available for row in pools_open_with_available()), ZERO)


# --- the desk -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool and its grams. `fine` lies in the vault; `available`, `reserved` and `sold` say whose it is."""

    pool: Pool
    bars: int
    fine: Decimal
    issued: Decimal
    available: Decimal
    reserved: Decimal
    sold: Decimal

    @property
    def difference(self) -> Decimal:
        """Grams in the vault that nobody accounts for. Anything but zero is an incident."""
        return self.fine - self.available - self.reserved - self.sold


# One statement, so that all figures are of one moment: read one after the other, they differ while people buy.
_FIGURES = """
SELECT p.id, bars.number, bars.fine, -coalesce(vault.balance, 0), coalesce(available.balance, 0),
       promised.reserved, promised.sold
FROM pools_pool p
LEFT JOIN ledger_account vault ON vault.code = 'pool:' || p.id::text || ':vault'
LEFT JOIN ledger_account available ON available.code = 'pool:' || p.id::text || ':available'
CROSS JOIN LATERAL (
    SELECT count(*) AS number, coalesce(sum(fine_grams), 0) AS fine
    FROM pools_bar WHERE pool_id = p.id AND status = 'active'
) bars
CROSS JOIN LATERAL (
    SELECT coalesce(sum(grams) FILTER (WHERE state = 'reserved'), 0) AS reserved,
           coalesce(sum(grams - returned) FILTER (WHERE state = 'sold'), 0) AS sold
    FROM pools_allocation WHERE pool_id = p.id AND state <> 'released'
) promised
WHERE %(pool)s::uuid IS NULL OR p.id = %(pool)s
ORDER BY p.priority, p.created_at, p.id
"""


def pools_with_figures(pool_id: UUID | None = None) -> list[PoolFigures]:
    """Every pool in the admin's order (or one): what lies in the vault, and what ledger and allocations say."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, {"pool": pool_id})
        rows = cursor.fetchall()
    pools = Pool.objects.in_bulk([row[0] for row in rows])
    return [PoolFigures(pools[row[0]], *row[1:]) for row in rows]


@dataclass(frozen=True, slots=True)
class Totals:
    """The same grams over all pools."""

    fine: Decimal
    available: Decimal
    reserved: Decimal
    sold: Decimal
    difference: Decimal


def total_of(rows: Sequence[PoolFigures]) -> Totals:
    """The sums under the list of pools."""
    return Totals(
        *(
            sum((getattr(row, name) for row in rows), ZERO)
            for name in ("fine", "available", "reserved", "sold", "difference")
        )
    )


def bars_of(pool_id: UUID, status: str = "") -> list[Bar]:
    """A pool's bars by serial number: all, or those of one status."""
    bars = Bar.objects.filter(pool=pool_id).select_related("created_by").order_by("serial")
    return list(bars.filter(status=status) if status else bars)


class Change(NamedTuple):
    """What somebody did, in words for the desk."""

    when: dt.datetime
    who: str
    what: str


def pool_history(pool_id: UUID, *, limit: int = 50) -> list[Change]:
    """Who changed the pool and moved its bars, newest first."""
    moves = list(
        Movement.objects.filter(bar__pool=pool_id).select_related("bar", "created_by").order_by("-id")[:limit]
    )
    asked = request_makers(movement.key.removeprefix("request:") for movement in moves)
    changes = _pool_changes(pool_id) + [_moved(movement, asked) for movement in moves]
    return sorted(changes, key=lambda change: change.when, reverse=True)[:limit]


def _moved(movement: Movement, asked: dict[str, str]) -> Change:
    """`asked`: who asked for the movements that two people agreed, by the request's id."""
    way = "came into" if movement.kind == MovementKind.ARRIVAL else "left"
    what = f"Bar {movement.bar.serial} {way} the vault: {show_grams(movement.grams)}. {movement.note}"
    maker = asked.get(movement.key.removeprefix("request:"))
    said = f"{what.rstrip('. ')}. Asked by {maker}." if maker else what
    return Change(movement.created_at, movement.created_by.email, said.strip())


_SHOWN = {"name": "Name", "priority": "Order of sale", "status": "State", "note": "Note"}


def _pool_changes(pool_id: UUID) -> list[Change]:
    """From the rows that the database's own trigger wrote, oldest first."""
    recorded = apps.get_model("pools", "PoolEvent")._default_manager
    events = list(recorded.filter(pgh_obj_id=pool_id).select_related("pgh_context").order_by("pgh_id"))
    actors = [(event.pgh_context.metadata.get("user") if event.pgh_context else None) for event in events]
    people = User.objects.in_bulk({UUID(actor) for actor in actors if actor})
    changes = []
    before = None
    for event, actor in zip(events, actors, strict=True):
        who = people[UUID(actor)].email if actor and UUID(actor) in people else ""
        what = (
            _difference(before, event)
            if before
            else f"The pool was made, with a purity of {event.purity.normalize():f}."
        )
        changes.append(Change(event.pgh_created_at, who, what))
        before = event
    return changes


def _difference(before: Any, after: Any) -> str:
    parts = []
    for field, label in _SHOWN.items():
        old, new = getattr(before, field), getattr(after, field)
        if field == "status":
            old, new = PoolStatus(old).label, PoolStatus(new).label
        if old != new:
            parts.append(f"{label}: {old or 'nothing'} → {new or 'nothing'}")
    return "; ".join(parts)
