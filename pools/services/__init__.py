"""Every write of the pools: by noun, one file each."""

from pools.services.allocations import (
    NotEnough,
    NothingToReturn,
    Share,
    allocate,
    allocations_create,
    allocations_of,
    allocations_release,
    allocations_return,
    allocations_settle,
)
from pools.services.assays import assay_add, assay_open
from pools.services.bars import NewBar, bar_add, bar_restore, bar_withdraw
from pools.services.pools import pool_close, pool_create, pool_move, pool_reopen, pool_update
from pools.services.prices import PastPrice, price_cancel, price_history_load, price_set

__all__ = [
    "NewBar",
    "NotEnough",
    "NothingToReturn",
    "PastPrice",
    "Share",
    "allocate",
    "allocations_create",
    "allocations_of",
    "allocations_release",
    "allocations_return",
    "allocations_settle",
    "assay_add",
    "assay_open",
    "bar_add",
    "bar_restore",
    "bar_withdraw",
    "pool_close",
    "pool_create",
    "pool_move",
    "pool_reopen",
    "pool_update",
    "price_cancel",
    "price_history_load",
    "price_set",
]
