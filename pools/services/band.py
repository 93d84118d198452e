"""How far one person moves the two prices alone (faults.md Q05, Q11).

A pair is held against the pair before it, and against all that are in force in the day before it. So is each pair that
is scheduled after it: what is set, replaced or taken back before a scheduled pair changes how far that one jumps.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from controls.selectors import threshold
from goldwallet.money import show_kes
from goldwallet.wording import exact_time
from pools.models import Price
from pools.selectors import price_line

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Move:
    """From one pair to a later one. `within`: the words that say it is not the pair just before."""

    name: str
    within: str
    old: Decimal
    new: Decimal

    @property
    def percent(self) -> Decimal:
        """With its sign, not rounded."""
        return (self.new - self.old) * 100 / self.old

    @property
    def key(self) -> tuple[str, str, bool]:
        return self.name, self.within, self.new > self.old

    def beyond(self, band: Decimal) -> bool:
        return abs(self.new - self.old) * 100 > band * self.old

    def words(self) -> str:
        """Follows `the buy price` and a verb."""
        way = "up" if self.new > self.old else "down"
        size = abs(self.percent).quantize(Decimal("0.1"))
        return f"go {way} by {size}%{self.within}, from {show_kes(self.old)} to {show_kes(self.new)}"


def own_breaks(buy: Decimal, sell: Decimal, *, at: dt.datetime) -> list[str]:
    """Why this pair itself, beginning at this moment, takes two people."""
    pair = Price(buy=buy, sell=sell, effective_from=at)
    return _own(pair, price_line(at - _DAY), threshold("price_jump_percent"))


def band_breaks(buy: Decimal, sell: Decimal, *, at: dt.datetime) -> list[str]:
    """Why this pair at this moment takes two people, as sentences; none: one person sets it."""
    pair = Price(buy=buy, sell=sell, effective_from=at)
    line, band = price_line(at - _DAY), threshold("price_jump_percent")
    return [*_own(pair, line, band), *_later(line, _without(line, at, pair), at, band)]


def take_back_breaks(*, at: dt.datetime) -> list[str]:
    """Which scheduled pairs would jump if the one for this moment were taken back, as sentences."""
    line = price_line(at - _DAY)
    return list(_later(line, _without(line, at), at, threshold("price_jump_percent")))


def _without(line: Sequence[Price], at: dt.datetime, *instead: Price) -> list[Price]:
    """The line with the pair for this moment taken out, or another in its place."""
    kept = [price for price in line if price.effective_from != at]
    return sorted([*kept, *instead], key=lambda price: price.effective_from)


def _own(pair: Price, line: Sequence[Price], band: Decimal) -> list[str]:
    told: list[_Move] = []
    for move in _moves(pair, line):
        # Where the pair just before is also the farthest of the day, one sentence is enough.
        if move.beyond(band) and not any((one.name, one.old) == (move.name, move.old) for one in told):
            told.append(move)
    return [f"The {move.name} price would {move.words()}. {_takes_two(band)}" for move in told]


def _later(line: Sequence[Price], then: Sequence[Price], at: dt.datetime, band: Decimal) -> Iterator[str]:
    """One sentence for each scheduled pair after it that would jump. A jump that two people agreed to, and that does
    not grow, is no reason.
    """
    for pair in then:
        if pair.effective_from <= at:
            continue
        were = {move.key: abs(move.percent) for move in _moves(pair, line)}
        for move in _moves(pair, then):
            if move.beyond(band) and abs(move.percent) > were.get(move.key, Decimal(0)):
                start = exact_time(pair.effective_from)
                yield f"On {start} the {move.name} price would then {move.words()}. {_takes_two(band)}"
                break


def _moves(pair: Price, line: Sequence[Price]) -> Iterator[_Move]:
    """From the pair just before it, and from the lowest and the highest that are in force in the day before it."""
    earlier = [price for price in line if price.effective_from < pair.effective_from]
    if not earlier:
        return
    start = pair.effective_from - _DAY
    first = max((n for n, price in enumerate(earlier) if price.effective_from <= start), default=0)
    for name in ("buy", "sell"):
        new, before = getattr(pair, name), getattr(earlier[-1], name)
        yield _Move(name, "", before, new)
        day = [getattr(price, name) for price in earlier[first:]]
        if new > min(day):
            yield _Move(name, " within a day", min(day), new)
        if new < max(day):
            yield _Move(name, " within a day", max(day), new)


def _takes_two(band: Decimal) -> str:
    return f"A move of more than {band.normalize():f}% takes a second person."
