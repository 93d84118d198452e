"""The desk's first page: how the house stands, what waits for somebody, and thirty days. It only reads."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.permissions import may_see, staff_page
from accounts.roles import Role
from controls.models import SwitchName
from controls.selectors import switches
from goldwallet.clock import now
from goldwallet.fragments import page_or_part
from oversight import lately, selectors, watch
from oversight.health import health
from oversight.trade import TradeDay, owed_days, trade_days
from pools.models import Price
from pools.selectors import current_price, price_history

#: The part that asks again by itself.
LIVE = "live"


@require_GET
@staff_page()
def overview(request: HttpRequest) -> HttpResponse:
    """The page; for itself, every 15 seconds, the part with what changes (`LIVE`). All staff read it."""
    moment = now()
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    polled = bool(htmx and htmx.target == LIVE)
    seen = cache.get_many([lately.KEY, *watch.KEYS])
    kept = lately.lately_kept(moment, seen)
    days = trade_days(days=1 if polled and kept else selectors.DAYS, moment=moment)
    counted = kept or lately.lately_counted(moment, days)
    if polled:
        context = _live(request, days[-1], moment, current_price(), seen, counted)
    else:
        # The last of them is in force.
        prices = price_history(selectors.DAYS, end=moment)
        context = _live(request, days[-1], moment, prices[-1] if prices else None, seen, counted)
        context |= _charts(days, prices, moment)
    return page_or_part(request, "oversight/overview.html", context | {"polled": polled}, part=LIVE)


def _live(
    request: HttpRequest,
    today: TradeDay,
    moment: dt.datetime,
    price: Price | None,
    seen: Mapping[str, Any],
    counted: lately.Lately,
) -> dict[str, Any]:
    me, states, waiting = cast(User, request.user), switches(), selectors.waiting()
    bought, sold = counted.bought + today.bought, counted.sold + today.sold
    return {
        "now": moment,
        "figures": selectors.figures(),
        "customers": counted.customers,
        "counted_at": counted.at,
        "today": today,
        # Thirty days, today included.
        "bought": bought,
        "sold": sold,
        "both": bought + sold,
        # To whom the page of what waits is closed, it is told and not linked.
        "waiting": [(kind, may_see(me, *kind.roles)) for kind in waiting],
        "waiting_count": sum(kind.count for kind in waiting),
        "paused": [(SwitchName(row.name).label, row) for row in states if row.paused],
        "switches": [(SwitchName(row.name).label, row) for row in states],
        "may_steer": may_see(me, Role.TREASURY, Role.PRICING),
        "price": price,
        "health": health(price, states=states, moment=moment, look=watch.last_look(seen)),
        # A poll shows nobody at the screen, so it does not keep the session (accounts.sessions).
        "live_url": f"{reverse('desk')}?poll=1",
    }


def _charts(days: list[TradeDay], prices: list[Price], moment: dt.datetime) -> dict[str, Any]:
    return {
        "volume": [(day.day, day.bought.kes, day.sold.kes) for day in days],
        "owed": owed_days(days=selectors.DAYS, moment=moment),
        "prices": [(price.effective_from, price.buy, price.sell) for price in prices],
    }
