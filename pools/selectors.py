"""Every read of the pools that is more than a get."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from goldwallet.clock import Now, now
from pools.models import Pool, Price

ZERO = Decimal(0)
#: The smallest step of the database's time.
_TICK = dt.timedelta(microseconds=1)


# --- prices ---------------------------------------------------------------------------------------
def _newest_first() -> QuerySet[Price]:
    return Price.objects.order_by(F("effective_from").desc(), F("id").desc())


# However many pairs in a row were taken back: each is passed over in the index, and none is asked for by itself.
_IN_FORCE = """
SELECT p.* FROM pools_price p
WHERE p.effective_from <= coalesce(%(moment)s::timestamptz, wallet_now()) AND NOT p.takes_back AND NOT EXISTS (
    SELECT 1 FROM pools_price later
    WHERE later.effective_from = p.effective_from AND later.id > p.id AND later.takes_back
)
ORDER BY p.effective_from DESC, p.id DESC LIMIT 1
"""


def _in_force(moment: dt.datetime | None) -> Price | None:
    """The newest pair that begins by then (None: by now) and was not taken back. One statement."""
    return next(iter(Price.objects.raw(_IN_FORCE, {"moment": moment})), None)


def current_price() -> Price | None:
    """The pair in force by the database's clock, however old. One statement."""
    return _in_force(None)


def price_at(moment: dt.datetime) -> Price | None:
    """The pair in force at a moment, as far as it is known now. One statement."""
    return _in_force(moment)


def price_before(moment: dt.datetime) -> Price | None:
    """The pair in force until a moment: what stays when the one for this moment is taken back. One statement."""
    return _in_force(moment - _TICK)


def price_history(days: int, *, end: dt.datetime | None = None) -> list[Price]:
    """The pairs in force in the last `days` days (until `end`, or now), oldest first; the first is the one that was in
    force before them. One statement, and one for the time.
    """
    end = end or now()
    start = end - dt.timedelta(days=days)
    before = _not_taken_back(_newest_first().filter(effective_from__lte=start)).values("pk")[:1]
    asked = Q(effective_from__gt=start, effective_from__lte=end) | Q(pk=Subquery(before))
    return _last_of_each(_newest_first().filter(asked))[::-1]


def _not_taken_back(prices: QuerySet[Price]) -> QuerySet[Price]:
    later = Price.objects.filter(effective_from=OuterRef("effective_from"), pk__gt=OuterRef("pk"))
    return prices.filter(~Exists(later.filter(takes_back=True)), takes_back=False)


def prices_between(start: dt.datetime, end: dt.datetime) -> list[Price]:
    """The pair in force when this stretch of time begins, and those that begin in it, oldest first. One statement."""
    before = _not_taken_back(_newest_first().filter(effective_from__lt=start)).values("pk")[:1]
    asked = Q(effective_from__gte=start, effective_from__lt=end) | Q(pk=Subquery(before))
    return _last_of_each(_newest_first().filter(asked))[::-1]


def prices_scheduled() -> list[Price]:
    """The pairs that are not in force yet, next first. Of two for one moment only the later written will
    be; one that was taken back will not.
    """
    ahead = _newest_first().filter(effective_from__gt=Now()).select_related("created_by")
    return _last_of_each(ahead)[::-1]


def price_line(start: dt.datetime) -> list[Price]:
    """The pair in force at a moment, and all that begin after it, scheduled ones too; oldest first. Two statements."""
    first = price_at(start)
    later = _last_of_each(_newest_first().filter(effective_from__gt=start))[::-1]
    return [first, *later] if first else later


def _last_of_each(prices: Iterable[Price]) -> list[Price]:
    """Of `prices`, newest first, those that count: the last written for each moment, unless it takes back."""
    found: dict[dt.datetime, Price] = {}
    for price in prices:
        found.setdefault(price.effective_from, price)
    return [price for price in found.values() if not price.takes_back]


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A pair in the list of all. `buy_move` and `sell_move`: percent against the pair before it, None for the first."""

    price: Price
    buy_move: Decimal | None
    sell_move: Decimal | None
    tone: str
    word: str


def prices_page(*, before: int | None = None, limit: int = 50) -> list[PriceRow]:
    """Every pair ever written, by when it begins, newest first. For the next page pass the last one's id as `before`.

    Three statements at most, however far back the page lies.
    """
    rows = _with_fate(_newest_first()).select_related("created_by")
    last = Price.objects.filter(pk=before).first() if before else None
    if last is not None:
        at = last.effective_from
        rows = rows.filter(Q(effective_from__lt=at) | Q(effective_from=at, pk__lt=last.pk))
    found, current, moment = list(rows[:limit]), current_price(), now()
    return [
        PriceRow(
            price,
            percent_moved(price.was_buy, price.buy),
            percent_moved(price.was_sell, price.sell),
            *_standing(price, current, moment),
        )
        for price in found
    ]


def _with_fate(prices: QuerySet[Price]) -> QuerySet[Any]:
    """Each with the pair before it (`was_buy`, `was_sell`), and whether another for its moment was written later."""
    later = Price.objects.filter(effective_from=OuterRef("effective_from"), pk__gt=OuterRef("pk"))
    earlier = _not_taken_back(_newest_first().filter(effective_from__lt=OuterRef("effective_from")))
    return prices.annotate(
        was_buy=Subquery(earlier.values("buy")[:1]),
        was_sell=Subquery(earlier.values("sell")[:1]),
        replaced=Exists(later),
        taken_back=Exists(later.filter(takes_back=True)),
    )


def percent_moved(old: Decimal | None, new: Decimal) -> Decimal | None:
    """By how many percent a price moved, with two places; None where there was none before."""
    return None if old is None else ((new - old) * 100 / old).quantize(Decimal("0.01"))


def _standing(price: Any, current: Price | None, moment: dt.datetime) -> tuple[str, str]:
    """Tone and word of what became of a pair."""
    if price.takes_back:
        return "ended", "Takes back"
    if price.taken_back:
        return "ended", "Taken back"
    if price.replaced:
        return "ended", "Replaced"
    if current is not None and price.pk == current.pk:
        return "done", "In force"
    return ("next", "Scheduled") if price.effective_from > moment else ("ended", "Past")


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
    gross: Decimal
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
SELECT p.*, bars.number, bars.gross, bars.fine, -coalesce(vault.balance, 0) AS issued,
       coalesce(available.balance, 0) AS available, promised.reserved, promised.sold
FROM pools_pool p
LEFT JOIN ledger_account vault ON vault.code = 'pool:' || p.id::text || ':vault'
LEFT JOIN ledger_account available ON available.code = 'pool:' || p.id::text || ':available'
CROSS JOIN LATERAL (
    SELECT count(*) AS number, coalesce(sum(gross_grams), 0) AS gross, coalesce(sum(fine_grams), 0) AS fine
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


def pools_with_figures() -> list[PoolFigures]:
    """Every pool in the admin's order: what lies in the vault, and what ledger and allocations say. One statement."""
    return [_figures(pool) for pool in Pool.objects.raw(_FIGURES, {"pool": None})]


def figures_of(pool: Pool) -> PoolFigures:
    """The same of one pool. One statement."""
    (found,) = Pool.objects.raw(_FIGURES, {"pool": pool.pk})
    return _figures(found, of=pool)


def _figures(row: Any, *, of: Pool | None = None) -> PoolFigures:
    """What `_FIGURES` says beside the pool itself."""
    grams = (row.gross, row.fine, row.issued, row.available, row.reserved, row.sold)
    return PoolFigures(of or row, row.number, *grams)


@dataclass(frozen=True, slots=True)
class Totals:
    """The same grams over all pools."""

    bars: int
    gross: Decimal
    fine: Decimal
    available: Decimal
    reserved: Decimal
    sold: Decimal
    difference: Decimal


def total_of(rows: Sequence[PoolFigures]) -> Totals:
    """The sums under the list of pools."""
    names = ("gross", "fine", "available", "reserved", "sold", "difference")
    sums = {name: sum((getattr(row, name) for row in rows), ZERO) for name in names}
    return Totals(bars=sum(row.bars for row in rows), **sums)
