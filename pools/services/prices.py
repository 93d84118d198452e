"""The two prices."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from accounts.models import User
from controls.audit import record
from goldwallet.clock import now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from pools.models import HIGHEST_PRICE, Price
from pools.selectors import current_price, price_at, price_before, prices_scheduled
from pools.services.acting import acting
from pools.services.band import band_breaks, take_back_breaks

_DAY = dt.timedelta(days=1)
FARTHEST = 31 * _DAY
#: What one sees who was shown an effect that is not any more.
CHANGED = "Meanwhile the prices have changed. Look at the effect as it is now, and set them again."


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
    seen: str = "",
) -> Price:
    """Set the two prices in KES per gram, now or from a moment in the future on. Raises Refused.

    A move of more than `price_jump_percent`, against the pair before that moment or any in the day before it, is for
    two people (`pools.requests.price_set_execute`), who say `confirmed`: ten times the price, or the price of an ounce,
    is typed more often than it is meant, and small steps in a row are one large move (faults.md Q05, Q11). So is a pair
    that makes one jump which is scheduled after it (`pools.services.band`).

    `seen` binds it to the effect that a person was shown (`pools.effect`): Conflict when it is another by now.
    """
    with acting(by, "price_set"):
        _one_at_a_time()
        moment = now()
        if seen and seen != price_seal(buy, sell, effective_from, around=prices_around(effective_from)):
            raise Conflict(CHANGED, code="changed")
        pair_check(buy, sell)
        moment_check(effective_from, moment)
        effective_from = effective_from or moment
        breaks = [] if confirmed else band_breaks(buy, sell, at=effective_from)
        if breaks:
            raise Refused(breaks[0], code="price_jump")
        return _write(buy=buy, sell=sell, effective_from=effective_from, reason=reason, by=by)


def price_cancel(*, price_id: int, by: User, reason: str) -> Price:
    """Take back a scheduled pair: whatever is in force before its moment stays. Raises Refused.

    The history is append-only, so both lines stay in it. It takes one person, as setting within the band does; where a
    later pair would then jump beyond the band it is refused, else one person would walk the price away by scheduling
    small steps and taking back all but the last.
    """
    if not reason.strip():
        raise Refused("Say in a few words why, for the record.", code="reason")
    with acting(by, "price_cancel"):
        _one_at_a_time()
        price = next((one for one in prices_scheduled() if one.pk == price_id), None)
        if price is None:
            raise Conflict(
                "This pair does not wait any more: it is in force, was replaced, or was taken back.",
                code="gone",
            )
        stays = price_before(price.effective_from)
        if stays is None:
            raise Refused("No price is in force before this one, so it stays.", code="first")
        if jumps := take_back_breaks(at=price.effective_from):
            raise Refused(
                f"{jumps[0]} Take the later pairs back first, the last one before all.", code="price_jump"
            )
        return _write(
            buy=stays.buy,
            sell=stays.sell,
            effective_from=price.effective_from,
            reason=reason,
            by=by,
            takes_back=True,
            action="price_cancel",
        )


def _write(
    *,
    buy: Decimal,
    sell: Decimal,
    effective_from: dt.datetime,
    reason: str,
    by: User,
    takes_back: bool = False,
    action: str = "price_set",
) -> Price:
    if len(reason) > 200:
        raise Refused("Keep the reason under 200 letters.", code="reason")
    former = price_at(effective_from)
    price = Price(
        buy=buy,
        sell=sell,
        effective_from=effective_from,
        takes_back=takes_back,
        reason=" ".join(reason.split()),
        created_by=by,
    )
    price.save(force_insert=True)
    record(
        action,
        subject=f"price:{price.pk}",
        before={"buy": str(former.buy), "sell": str(former.sell)} if former else None,
        after={"buy": str(buy), "sell": str(sell), "from": effective_from.isoformat()},
        reason=price.reason,
        by=by.pk,
    )
    return price


def _one_at_a_time() -> None:
    """Prices are written one after the other, so that what was compared with the pair in force still is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('pools.price', 0))")


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a moment: the pair in force now, the one in force until the moment, the one written for the
    same moment already (it would never come), and the next.
    """

    current: Price | None
    before: Price | None
    replaced: Price | None
    following: Price | None


def prices_around(effective_from: dt.datetime | None) -> Around:
    """What stands around this moment (None: now)."""
    current = current_price()
    before = price_before(effective_from) if effective_from else current
    ahead = prices_scheduled()
    replaced = next((one for one in ahead if one.effective_from == effective_from), None)
    after = (one for one in ahead if effective_from is None or one.effective_from > effective_from)
    return Around(current, before, replaced, next(after, None))


def price_seal(buy: Decimal, sell: Decimal, effective_from: dt.datetime | None, *, around: Around) -> str:
    """A word for one pair at one moment among exactly these others: the same only while nothing of it has changed."""
    others = [
        price and price.pk for price in (around.current, around.before, around.replaced, around.following)
    ]
    start = effective_from.astimezone(dt.UTC).isoformat() if effective_from else "now"
    return hashlib.sha256(f"{buy:.2f}|{sell:.2f}|{start}|{others}".encode()).hexdigest()[:32]


def price_history_load(*, prices: Sequence[PastPrice], by: User, reason: str) -> int:
    """Take over the prices of the time before: only while the house has no price of its own. Answers how
    many.
    """
    moment = now()
    for price in prices:
        pair_check(price.buy, price.sell)
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


def pair_check(buy: Decimal, sell: Decimal) -> None:
    """Refuse what is no pair of prices."""
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


def moment_check(effective_from: dt.datetime | None, moment: dt.datetime) -> None:
    """Refuse a time at which no price can begin; None is now."""
    if effective_from is not None and effective_from < moment:
        raise Refused("This time has passed. Leave the time empty to set the prices now.", code="past")
    if effective_from is not None and effective_from > moment + FARTHEST:
        raise Refused(f"Set prices at most {FARTHEST.days} days ahead.", code="far")
