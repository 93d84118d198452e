"""The two prices."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import User
from controls.audit import record
from controls.selectors import threshold
from goldwallet.clock import now
from goldwallet.errors import Refused
from goldwallet.money import show_kes
from pools.models import HIGHEST_PRICE, Price
from pools.selectors import price_at
from pools.services.acting import acting

FARTHEST = dt.timedelta(days=31)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class PastPrice:
    """A pair of prices that was in force before this house kept them."""

    buy: Decimal
    sell: Decimal
    effective_from: dt.datetime


def price_set(
    *,
    buy: Decimal,
    sell: Decimal,
    by: User,
    effective_from: dt.datetime | None = None,
    reason: str = "",
    confirmed: bool = False,
) -> Price:
    """Set the two prices in KES per gram, now or from a moment in the future on. Raises Refused.

    A move of more than `price_jump_percent`, against the pair in force at that moment or a day before it, is for two
    people (`pools.requests.price_set_execute`), who say `confirmed`: ten times the price, or the price of an ounce, is
    typed more often than it is meant, and small steps in a row are one large move (faults.md Q05, Q11).
    """
    _check_pair(buy, sell)
    if len(reason) > 200:
        raise Refused("Keep the reason under 200 letters.", code="reason")
    moment = now()
    if effective_from is not None and effective_from < moment:
        raise Refused("This time has passed. Leave the time empty to set the prices now.", code="past")
    if effective_from is not None and effective_from > moment + FARTHEST:
        raise Refused(f"Set prices at most {FARTHEST.days} days ahead.", code="far")
    effective_from = effective_from or moment
    if not confirmed:
        _check_jump(buy, sell, before=price_at(effective_from))
        _check_jump(buy, sell, before=price_at(effective_from - _DAY), within=" within a day")
    price = Price(
        buy=buy, sell=sell, effective_from=effective_from, reason=" ".join(reason.split()), created_by=by
    )
    with acting(by, "price_set"):
        former = price_at(effective_from)
        price.save(force_insert=True)
        record(
            "price_set",
            subject=f"price:{price.pk}",
            before={"buy": str(former.buy), "sell": str(former.sell)} if former else None,
            after={"buy": str(buy), "sell": str(sell), "from": effective_from.isoformat()},
            reason=price.reason,
            by=by.pk,
        )
    return price


def price_history_load(*, prices: Sequence[PastPrice], by: User, reason: str) -> int:
    """Take over the prices of the time before: only while the house has no price of its own. Answers how
    many.
    """
    moment = now()
    for price in prices:
        _check_pair(price.buy, price.sell)
        if price.effective_from >= moment:
            raise Refused("A price of the past lies in the past.", code="future")
    with acting(by, "price_history_load"):
        if Price.objects.exists():
            raise Refused("The house has prices already; its history stays as it is.", code="has_prices")
        rows = [
            Price(
                buy=price.buy,
                sell=price.sell,
                effective_from=price.effective_from,
                reason=reason,
                created_by=by,
            )
            for price in sorted(prices, key=lambda price: price.effective_from)
        ]
        return len(Price.objects.bulk_create(rows))


def _check_pair(buy: Decimal, sell: Decimal) -> None:
    for value in (buy, sell):
        if not value.is_finite() or not 0 < value < HIGHEST_PRICE:
            raise Refused("A price is more than nothing, and less than a billion shillings.", code="range")
        if value != round(value, 2):
            raise Refused("Write prices with at most two digits after the point.", code="places")
    if sell > buy:
        raise Refused(
            f"People would sell at {show_kes(sell)} and buy at {show_kes(buy)}: "
            "the sell price must not be above the buy price.",
            code="crossed",
        )


def _check_jump(buy: Decimal, sell: Decimal, *, before: Price | None, within: str = "") -> None:
    if before is None:
        return
    band = threshold("price_jump_percent")
    for name, new, old in (("buy", buy, before.buy), ("sell", sell, before.sell)):
        if abs(new - old) * 100 > band * old:
            move = (abs(new - old) * 100 / old).quantize(Decimal("0.1"))
            way = "up" if new > old else "down"
            raise Refused(
                f"The {name} price would go {way} by {move}%{within}, from {show_kes(old)} to {show_kes(new)}. "
                f"A move of more than {band.normalize():f}% takes a second person.",
                code="price_jump",
            )
