"""What a new pair of prices would do, told before anybody sets it."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from controls.selectors import threshold
from goldwallet.clock import now
from goldwallet.money import cents_down
from pools.models import Allocation, AllocationState, Price
from pools.selectors import percent_moved
from pools.services.band import band_breaks
from pools.services.prices import Around, moment_check, pair_check, price_seal, prices_around

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceEffect:
    """A pair that is not set yet, beside the one in force until its moment. KES a gram; `owed` in grams.

    `breaks`: why it takes two people, as sentences. `until`: when another pair takes over (`around.following`), or
    else when it is too old and trading closes. `seal` is what `price_set` compares.
    """

    buy: Decimal
    sell: Decimal
    effective_from: dt.datetime | None
    around: Around
    breaks: list[str]
    owed: Decimal
    until: dt.datetime
    seal: str

    @property
    def before(self) -> Price | None:
        return self.around.before

    @property
    def spread(self) -> Decimal:
        return self._pair.spread

    @property
    def spread_percent(self) -> Decimal:
        return self._pair.spread_percent

    @property
    def _pair(self) -> Price:
        return Price(buy=self.buy, sell=self.sell)

    @property
    def buy_move(self) -> Decimal | None:
        return percent_moved(self.before.buy if self.before else None, self.buy)

    @property
    def sell_move(self) -> Decimal | None:
        return percent_moved(self.before.sell if self.before else None, self.sell)

    @property
    def worth_before(self) -> Decimal | None:
        """What customers would be paid for all their gold at the pair before; cut to cents."""
        return cents_down(self.owed * self.before.sell) if self.before else None

    @property
    def worth_after(self) -> Decimal:
        return cents_down(self.owed * self.sell)

    @property
    def worth_change(self) -> Decimal | None:
        return None if self.worth_before is None else self.worth_after - self.worth_before

    @property
    def changes_nothing(self) -> bool:
        before = self.before
        return before is not None and (before.buy, before.sell) == (self.buy, self.sell)


def price_effect(*, buy: Decimal, sell: Decimal, effective_from: dt.datetime | None) -> PriceEffect:
    """Raises Refused for what is no pair, and for a time at which none can begin."""
    moment = now()
    pair_check(buy, sell)
    moment_check(effective_from, moment)
    start, around = effective_from or moment, prices_around(effective_from)
    too_old = start + dt.timedelta(hours=float(threshold("price_max_age_hours")))
    following = around.following.effective_from if around.following else too_old
    return PriceEffect(
        buy=buy,
        sell=sell,
        effective_from=effective_from,
        around=around,
        breaks=band_breaks(buy, sell, at=start),
        owed=grams_owed(),
        until=min(following, too_old),
        seal=price_seal(buy, sell, effective_from, around=around),
    )


def grams_owed() -> Decimal:
    """Grams that customers own, over all pools; those held for a sale are still theirs."""
    sold = Allocation.objects.filter(state=AllocationState.SOLD)
    found: Decimal | None = sold.aggregate(grams=Sum(F("grams") - F("returned")))["grams"]
    return found or ZERO
