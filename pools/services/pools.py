"""Pools: made, changed, put in order, closed and opened again. Each leaves its line in the audit trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from accounts.models import User
from controls.audit import record
from goldwallet.errors import Conflict, Refused
from goldwallet.typed import one_line
from pools.models import Pool, PoolStatus
from pools.services.acting import acting, unique

_NAME_TAKEN = "Another pool has this name already. Choose a different one."
_LAST_PRIORITY = 1000
#: Shorter ones say nothing to whoever reads the history.
_LEAST_REASON = 10
_MOST_REASON = 500

type Way = Literal["up", "down"]


def pool_create(*, name: str, purity: Decimal, by: User, priority: int | None = None, note: str = "") -> Pool:
    """Make an empty pool, open. `purity` is in parts per thousand. Raises Refused.

    It is sold after all others; `priority` is for data that is loaded, and says otherwise.
    """
    if not purity.is_finite() or not 0 < purity <= 1000 or purity != round(purity, 3):
        raise Refused(
            "Write the purity in parts per thousand, above 0 and up to 1000, for example 999.9.",
            code="purity",
        )
    if priority is not None and not 1 <= priority <= _LAST_PRIORITY:
        raise Refused(f"The order is a number from 1 to {_LAST_PRIORITY}; 1 is sold first.", code="priority")
    pool = Pool(purity=purity, priority=priority or _LAST_PRIORITY, **_checked(name=name, note=note))
    with unique("pool_name_once", _NAME_TAKEN), acting(by, "pool_create"), _row_of_pools() as pools:
        is_open = [other for other in pools if other.is_open]
        if priority is None:
            pool.priority = len(is_open) + 1
        pool.save(force_insert=True)
        if priority is None:
            _number([*is_open, pool, *(other for other in pools if not other.is_open)])
        record(
            "pool_create",
            subject=f"pool:{pool.pk}",
            after={"purity": str(pool.purity), "place": pool.priority},
            by=by.pk,
        )
    return pool


def pool_update(*, pool_id: UUID, name: str, note: str, by: User) -> Pool:
    """Change what a pool is called, and its note. Raises Refused.

    Its purity stays: people bought gold of that purity.
    """
    values = _checked(name=name, note=note)
    with unique("pool_name_once", _NAME_TAKEN), acting(by, "pool_update"):
        pool = pool_lock(pool_id)
        before, noted = pool.name, pool.note
        for field, value in values.items():
            setattr(pool, field, value)
        pool.save(update_fields=list(values))
        record(
            "pool_update",
            subject=f"pool:{pool.pk}",
            # What a note says stands in the pool's own history.
            before={"name": before},
            after={"name": pool.name, "note": "as before" if pool.note == noted else "changed"},
            by=by.pk,
        )
    return pool


def pool_move(*, pool_id: UUID, way: Way, place: int, by: User) -> Pool:
    """Let an open pool be sold one place sooner ("up") or later ("down"). `place` is where the page showed it.

    Raises Conflict when it stands elsewhere by now: two people who press at once move it once.
    """
    with acting(by, "pool_order"), _row_of_pools() as pools:
        row = [pool for pool in pools if pool.is_open]
        found = next((pool for pool in row if pool.pk == pool_id), None)
        if found is None:
            raise Conflict("Only an open pool has a place in the order of sale.", code="closed")
        before = [pool.name for pool in row]
        at = row.index(found)
        if at + 1 != place:
            raise Conflict(
                "The order has changed since you opened the page. Look at it and press again.", code="moved"
            )
        to = at + (-1 if way == "up" else 1)
        if not 0 <= to < len(row):
            raise Refused(f"{found.name} is the {'first' if way == 'up' else 'last'} already.", code="edge")
        row.insert(to, row.pop(at))
        _number(row + [pool for pool in pools if not pool.is_open])
        record(
            "pool_order",
            subject=f"pool:{found.pk}",
            before={"place": place, "order": before},
            after={"place": found.priority, "order": [pool.name for pool in row]},
            by=by.pk,
        )
    return found


def pool_close(*, pool_id: UUID, reason: str, by: User) -> Pool:
    """Nothing more of it is sold; what people sell still returns to it. Raises Refused, or Conflict when it is
    closed.
    """
    return _turn(pool_id, PoolStatus.CLOSED, reason, by)


def pool_reopen(*, pool_id: UUID, reason: str, by: User) -> Pool:
    """A closed pool is sold from again, after all other open ones. Raises Refused, or Conflict when it is open."""
    return _turn(pool_id, PoolStatus.OPEN, reason, by)


def _turn(pool_id: UUID, to: PoolStatus, reason: str, by: User) -> Pool:
    why = one_line(reason)
    if len(why) < _LEAST_REASON:
        raise Refused(f"Write why, for the history. At least {_LEAST_REASON} letters.", code="reason")
    if len(why) > _MOST_REASON:
        raise Refused(f"Keep it under {_MOST_REASON} letters.", code="reason")
    action = "pool_close" if to == PoolStatus.CLOSED else "pool_reopen"
    with acting(by, action, reason=why), _row_of_pools() as pools:
        found = next((pool for pool in pools if pool.pk == pool_id), None)
        if found is None:
            raise Refused("This pool does not exist.", code="no_pool", status=404)
        if found.status == to:
            raise Conflict(f"This pool is {PoolStatus(to).label.lower()} already.", code="status")
        before = {"status": found.status, "place": found.priority}
        found.status = to
        found.save(update_fields=["status"])
        others = [pool for pool in pools if pool is not found]
        is_open = [pool for pool in others if pool.is_open]
        # Opened or closed, it stands between the open ones and the closed ones.
        _number([*is_open, found, *(pool for pool in others if not pool.is_open)])
        record(
            action,
            subject=f"pool:{found.pk}",
            before=before,
            after={"status": found.status, "place": found.priority},
            reason=why,
            by=by.pk,
        )
    return found


def pool_lock(pool_id: UUID) -> Pool:
    """The pool's row, locked against other changes of the pool and its bars; buys do not wait for it."""
    pool = Pool.objects.select_for_update(no_key=True).filter(pk=pool_id).first()
    if pool is None:
        raise Refused("This pool does not exist.", code="no_pool", status=404)
    return pool


@contextmanager
def _row_of_pools() -> Iterator[list[Pool]]:
    """All pools, locked, in the order of sale; one who changes the order at a time.

    The advisory lock is for the pool that is just being made, whose row nobody can lock yet.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('pools:order', 0))")
    pools = list(Pool.objects.select_for_update(no_key=True).order_by("pk"))
    yield sorted(pools, key=lambda pool: (pool.priority, pool.created_at, pool.pk))


def _number(pools: list[Pool]) -> None:
    """1, 2, 3 without a gap; only what changes is written, so that a pool's history holds nothing empty."""
    for place, pool in enumerate(pools, start=1):
        if pool.priority != place:
            pool.priority = place
            pool.save(update_fields=["priority"])


def _checked(*, name: str, note: str) -> dict[str, Any]:
    name = one_line(name)
    note = note.replace("\x00", " ")
    if not name or len(name) > 60:
        raise Refused("Give the pool a name of 1 to 60 letters.", code="name")
    if len(note) > 2000:
        raise Refused("Keep the note under 2,000 letters.", code="note")
    return {"name": name, "note": note.strip()}
