"""Every read of the pools that is more than a get."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from goldwallet.clock import Now, now
from ledger import chart
from ledger.selectors import balances
from pools.models import Allocation, AllocationState, Bar, BarStatus, Pool, Price

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


# --- what can be bought ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OpenPool:
    """An open pool and the grams of it that nobody has bought or reserved."""

    pool_id: UUID
    available: Decimal


# Read on every buy. The one place outside the ledger that reads its table; the code is spelt as
# ledger.chart spells it, and a test holds this statement against the ORM and the chart.
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


def pools_with_figures(pool_id: UUID | None = None) -> list[PoolFigures]:
    """Every pool in the admin's order (or one), with what stands in the vault, in the ledger and in the
    allocations.
    """
    pools = list(Pool.objects.filter(pk=pool_id) if pool_id else Pool.objects.all())
    pools.sort(key=lambda pool: (pool.priority, pool.created_at, pool.pk))
    ids = [pool.pk for pool in pools]
    in_vault = Bar.objects.filter(pool__in=ids, status=BarStatus.ACTIVE).values("pool")
    bars: Mapping[UUID, tuple[int, Decimal]] = {
        row["pool"]: (row["count"], row["fine"])
        for row in in_vault.annotate(count=Count("id"), fine=Sum("fine_grams"))
    }
    promised = {
        row["pool"]: row
        for row in Allocation.objects.filter(pool__in=ids)
        .exclude(state=AllocationState.RELEASED)
        .values("pool")
        .annotate(
            reserved=Sum("grams", filter=Q(state=AllocationState.RESERVED), default=ZERO),
            sold=Sum(F("grams") - F("returned"), filter=Q(state=AllocationState.SOLD), default=ZERO),
        )
    }
    book = balances([code for pool in ids for code in (chart.pool_vault(pool), chart.pool_available(pool))])
    return [
        PoolFigures(
            pool=pool,
            bars=bars.get(pool.pk, (0, ZERO))[0],
            fine=bars.get(pool.pk, (0, ZERO))[1],
            issued=-book[chart.pool_vault(pool.pk).code],
            available=book[chart.pool_available(pool.pk).code],
            reserved=promised[pool.pk]["reserved"] if pool.pk in promised else ZERO,
            sold=promised[pool.pk]["sold"] if pool.pk in promised else ZERO,
        )
        for pool in pools
    ]
