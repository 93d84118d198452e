"""Pools."""

from decimal import Decimal
from uuid import UUID

from accounts.models import User
from goldwallet.errors import Refused
from pools.models import Pool, PoolStatus
from pools.services.acting import acting, unique

_NAME_TAKEN = "Another pool has this name already. Choose a different one."
_LAST_PRIORITY = 1000


def pool_create(
    *,
    name: str,
    purity: Decimal,
    by: User,
    priority: int = 1,
    status: str = PoolStatus.OPEN,
    note: str = "",
) -> Pool:
    """Make an empty pool. `purity` is in parts per thousand. Raises Refused."""
    if not purity.is_finite() or not 0 < purity <= 1000 or purity != round(purity, 3):
        raise Refused(
            "Write the purity in parts per thousand, above 0 and up to 1000, for example 999.9.",
            code="purity",
        )
    pool = Pool(purity=purity, **_checked(name=name, priority=priority, status=status, note=note))
    with unique("pool_name_once", _NAME_TAKEN), acting(by, "pool_create"):
        pool.save(force_insert=True)
    return pool


def pool_update(*, pool_id: UUID, name: str, priority: int, status: str, note: str, by: User) -> Pool:
    """Change what a pool is called, when it is its turn, whether people buy from it, and its note. Raises
    Refused.

    Its purity stays: people bought gold of that purity.
    """
    values = _checked(name=name, priority=priority, status=status, note=note)
    with unique("pool_name_once", _NAME_TAKEN), acting(by, "pool_update"):
        pool = pool_lock(pool_id)
        for field, value in values.items():
            setattr(pool, field, value)
        pool.save(update_fields=list(values))
    return pool


def pool_lock(pool_id: UUID) -> Pool:
    """The pool's row, locked against other changes of the pool and its bars; buys do not wait for it."""
    pool = Pool.objects.select_for_update(no_key=True).filter(pk=pool_id).first()
    if pool is None:
        raise Refused("This pool does not exist.", code="no_pool", status=404)
    return pool


def _checked(*, name: str, priority: int, status: str, note: str) -> dict[str, str | int]:
    name = " ".join(name.split())
    if not name or len(name) > 60:
        raise Refused("Give the pool a name of 1 to 60 letters.", code="name")
    if not 1 <= priority <= _LAST_PRIORITY:
        raise Refused(f"The order is a number from 1 to {_LAST_PRIORITY}; 1 is sold first.", code="priority")
    if status not in PoolStatus.values:
        raise Refused("A pool is open or closed.", code="status")
    if len(note) > 2000:
        raise Refused("Keep the note under 2,000 letters.", code="note")
    return {"name": name, "priority": priority, "status": status, "note": note.strip()}
