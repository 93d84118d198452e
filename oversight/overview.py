"""The desk's first page: how the house stands, what waits for somebody, and thirty days. It only reads."""

import datetime as dt
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
from oversight import selectors, watch
from oversight.health import health
from oversight.trade import TradeDay, owed_days, trade_days, trade_sum
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
    if htmx and htmx.target == LIVE:
        today = trade_days(days=1, moment=moment)[-1]
        context = _live(request, today, moment, current_price())
    else:
        days = trade_days(days=selectors.DAYS, moment=moment)
        # The last of them is in force.
        prices = price_history(selectors.DAYS, end=moment)
        context = _live(request, days[-1], moment, prices[-1] if prices else None)
        context |= _month(days, prices, moment)
    return page_or_part(request, "oversight/overview.html", context, part=LIVE)


def _live(request: HttpRequest, today: TradeDay, moment: dt.datetime, price: Price | None) -> dict[str, Any]:
    me, states, waiting = cast(User, request.user), switches(), selectors.waiting()
    seen = cache.get_many([selectors.COUNT_KEY, *watch.KEYS])
    people, counted_at = selectors.customers_lately(moment, seen)
    return {
        "now": moment,
        "figures": selectors.figures(),
        "customers": people,
        "counted_at": counted_at,
        "today": today,
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


def _month(days: list[TradeDay], prices: list[Price], moment: dt.datetime) -> dict[str, Any]:
    bought, sold = trade_sum(days)
    return {
        "bought": bought,
        "sold": sold,
        "both": bought + sold,
        "volume": [(day.day, day.bought.kes, day.sold.kes) for day in days],
        "owed": owed_days(days=selectors.DAYS, moment=moment),
        "prices": [(price.effective_from, price.buy, price.sell) for price in prices],
    }
