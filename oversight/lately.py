"""What the overview counts once a minute: customers, and what was traded on the days before today.

Every open desk asks four times a minute, and counting takes the longer the more people and orders there are. So one
count does for all desks and all processes. Money and gold as they stand, and what was traded today, are never kept like
this.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.cache import cache

from goldwallet.clock import NAIROBI
from oversight.selectors import Customers, customers
from oversight.trade import Traded, TradeDay, trade_sum

#: So old a count may be on a page, in seconds.
_COUNTED_FOR = 60


@dataclass(frozen=True, slots=True)
class Lately:
    """`bought`, `sold`: by people on the days before the day of `at`, as many as were given to `lately_counted`."""

    at: dt.datetime
    customers: Customers
    bought: Traded
    sold: Traded


#: Named after what lies there: while a new version starts, its processes and the old ones count for themselves.
KEY = ":".join(("lately", *(name for kind in (Lately, Customers, Traded) for name in kind.__slots__)))


def lately_kept(moment: dt.datetime, seen: Mapping[str, Any]) -> Lately | None:
    """What was counted within the minute before `moment` (which is now) and on the same day, else None. `seen`: what
    the cache has of KEY.
    """
    kept: dict[str, Any] | None = seen.get(KEY)
    # By the house's clock, not by the cache's. A count that is ahead of it is none.
    if kept is None or not 0 <= (moment - kept["at"]).total_seconds() < _COUNTED_FOR:
        return None
    if kept["at"].astimezone(NAIROBI).date() != moment.astimezone(NAIROBI).date():
        return None
    return Lately(
        kept["at"], Customers(**kept["customers"]), Traded(**kept["bought"]), Traded(**kept["sold"])
    )


def lately_counted(moment: dt.datetime, days: Sequence[TradeDay]) -> Lately:
    """Count the customers, add up the `days` but the last of them, which is today, and keep both for a minute."""
    counted = Lately(moment, customers(), *trade_sum(days[:-1]))
    cache.set(KEY, asdict(counted), timeout=2 * _COUNTED_FOR)
    return counted
