"""From which pools the grams of an order come, and back to which they go. Trading calls these in its
transaction.

The hot statements are written by hand, each once; `pools/tests/test_allocations.py` holds them against the
ORM.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import F

from goldwallet.sql import insert_many
from goldwallet.states import sources
from pools.models import ALLOCATION_MOVES, Allocation, AllocationState
from pools.selectors import pools_open_with_available

# How many of a person's holdings are read and locked at once when a sale gives grams back.
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Share:
    """Grams of one pool."""

    pool_id: UUID
    grams: Decimal


class NotEnough(Exception):
    """The open pools together have fewer grams than asked: `available`, perhaps none."""

    def __init__(self, available: Decimal) -> None:
        super().__init__(f"{available} g available")
        self.available = available


class NothingToReturn(Exception):
    """A person sells more grams than the allocations say they hold: the books disagree, and nobody can go
    on.
    """


def allocate(*, grams: Decimal) -> list[Share]:
    """Choose pools for `grams` in the admin's order. Reads, and reserves nothing: the ledger's post does.

    Raises NotEnough.
    """
    if grams <= 0:
        raise ValueError(f"{grams} g cannot be allocated")
    rows = pools_open_with_available()
    shares: list[Share] = []
    missing = grams
    for row in rows:
        take = min(missing, row.available)
        if take > 0:
            shares.append(Share(row.pool_id, take))
            missing -= take
        if missing == 0:
            return shares
    raise NotEnough(sum((row.available for row in rows), Decimal(0)))


def allocations_create(*, user_id: UUID, order_id: UUID, shares: Sequence[Share]) -> None:
    """Write down the shares of an order as reserved. One statement."""
    insert_many(
        [
            Allocation(pool_id=share.pool_id, user_id=user_id, order_id=order_id, grams=share.grams)
            for share in shares
        ]
    )


def allocations_settle(*, order_id: UUID) -> list[Share]:
    """The order is paid: what was reserved is sold. Answers the shares; none when nothing was reserved."""
    return _allocations_move(order_id, AllocationState.SOLD)


def allocations_release(*, order_id: UUID) -> list[Share]:
    """The order will not be paid: what was reserved is free. Answers the shares; none when nothing was
    reserved.
    """
    return _allocations_move(order_id, AllocationState.RELEASED)


_MOVE = """
UPDATE pools_allocation SET state = %s WHERE order_id = %s AND state = ANY (%s) RETURNING pool_id, grams
"""


def _allocations_move(order_id: UUID, target: AllocationState) -> list[Share]:
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [target, order_id, sources(ALLOCATION_MOVES, target)])
        return [Share(*row) for row in cursor.fetchall()]


_GIVE_BACK = """
UPDATE pools_allocation a SET returned = a.returned + given.grams
FROM unnest(%s::bigint[], %s::numeric[]) AS given (id, grams) WHERE a.id = given.id
"""


def allocations_return(*, user_id: UUID, grams: Decimal, pool_id: UUID | None = None) -> list[Share]:
    """Give `grams` of a person back to the pools that they came from, oldest purchase first: of one pool, or of any.

    Locks the rows that it changes. Answers grams per pool, each pool once. Raises NothingToReturn.
    """
    rows = Allocation.objects.filter(user_id=user_id, state=AllocationState.SOLD, returned__lt=F("grams"))
    if pool_id is not None:
        rows = rows.filter(pool_id=pool_id)
    given: list[tuple[int, Decimal]] = []
    per_pool: dict[UUID, Decimal] = {}
    missing, last = grams, 0
    while missing > 0:
        page = list(
            rows.select_for_update()
            .filter(id__gt=last)
            .order_by("id")
            .values_list("id", "pool_id", F("grams") - F("returned"))[:_PAGE]
        )
        if not page:
            raise NothingToReturn(f"{missing} of {grams} g of {user_id} come from no pool")
        for row_id, pool_id, held in page:
            take = min(missing, held)
            given.append((row_id, take))
            per_pool[pool_id] = per_pool.get(pool_id, Decimal(0)) + take
            missing -= take
            last = row_id
            if missing == 0:
                break
    if given:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [[row_id for row_id, _ in given], [take for _, take in given]])
    return [Share(pool_id, grams) for pool_id, grams in per_pool.items()]


def allocations_of(*, order_id: UUID) -> list[Allocation]:
    """The allocations of an order, oldest first, each with its pool."""
    return list(Allocation.objects.filter(order_id=order_id).select_related("pool").order_by("id"))
