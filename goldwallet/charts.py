"""Points of a small chart, computed on the server: the page needs no script to show it."""

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

type Point = tuple[dt.datetime, Decimal]
type Pair = tuple[dt.datetime, Decimal, Decimal]

WIDTH = 1000
HEIGHT = 100
#: Of a drawn line, however long the history is.
MOST_POINTS = 240


@dataclass(frozen=True, slots=True)
class Band:
    """A strip of the chart over which one value held; it carries the tooltip."""

    x: float
    width: float
    moment: dt.datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` and `area` are SVG point lists in a box of WIDTH x HEIGHT, y downwards."""

    line: str
    area: str
    bands: tuple[Band, ...]
    first: Point
    last: Point
    low: Decimal
    high: Decimal


def polyline(history: Sequence[Point], *, until: dt.datetime | None = None) -> Chart | None:
    """A step line through `history`, oldest first: a price holds until the next one replaces it.

    `until` lets the last value hold up to now. None for fewer than two points in time: one point is no line.
    """
    points = _thinned(history)
    end = max(until, points[-1][0]) if until and points else (points[-1][0] if points else None)
    if not points or end is None or end <= points[0][0]:
        return None
    values = [value for _, value in history]
    box = _Box(points[0][0], end, min(values), max(values))
    corners: list[tuple[float, float]] = []
    bands: list[Band] = []
    for position, (moment, value) in enumerate(points):
        following = points[position + 1][0] if position + 1 < len(points) else end
        left, right, top = box.x(moment), box.x(following), box.y(value)
        corners += [(left, top), (right, top)]
        bands.append(Band(left, round(right - left, 1), moment, value))
    line = _points(corners)
    return Chart(
        line=line,
        area=f"0,{HEIGHT} {line} {corners[-1][0]:g},{HEIGHT}",
        bands=tuple(bands),
        first=points[0],
        last=points[-1],
        low=box.low,
        high=box.high,
    )


@dataclass(frozen=True, slots=True)
class _Box:
    """Where things stand in the box: a moment from the left, a value from the top."""

    start: dt.datetime
    end: dt.datetime
    low: Decimal
    high: Decimal

    def x(self, moment: dt.datetime) -> float:
        return round((moment - self.start) / (self.end - self.start) * WIDTH, 1)

    def y(self, value: Decimal) -> float:
        # A price that never moved runs through the middle.
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else Decimal("0.5")
        return round(float(HEIGHT - share * HEIGHT), 1)


def _points(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{left:g},{top:g}" for left, top in corners)


def _thinned[T: (Point, Pair)](history: Sequence[T]) -> list[T]:
    """At most MOST_POINTS of a history, oldest first.

    It is cut into stretches of the same time. Of each stay the lowest and the highest of every value, so that a spike
    is drawn however short it was, and the last, because that one holds on. The very first and the very last point stay.
    """
    if len(history) <= MOST_POINTS:
        return list(history)
    start = history[0][0]
    span = history[-1][0] - start or dt.timedelta(1)
    stretches = (MOST_POINTS - 1) // (2 * (len(history[0]) - 1) + 1)
    numbered = ((min(int((row[0] - start) / span * stretches), stretches - 1), row) for row in history)
    kept, first = {0}, 0
    for _, stretch in itertools.groupby(numbered, key=lambda pair: pair[0]):
        values = [row[1:] for _, row in stretch]
        for column in zip(*values, strict=True):
            kept |= {first + column.index(extreme) for extreme in (min(column), max(column))}
        first += len(values)
        kept.add(first - 1)
    return [history[place] for place in sorted(kept)]


# --- two prices -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PairStrip:
    """A strip over which one pair held."""

    x: float
    width: float
    moment: dt.datetime
    upper: Decimal
    lower: Decimal


@dataclass(frozen=True, slots=True)
class PairChart:
    """Two step lines and the band between them, in the same box."""

    upper: str
    lower: str
    between: str
    strips: tuple[PairStrip, ...]
    first: Pair
    last: Pair
    low: Decimal
    high: Decimal


def pair_lines(history: Sequence[Pair], *, until: dt.datetime) -> PairChart | None:
    """Two values over time, oldest first, the higher one first; each pair holds until the next. None for no span."""
    pairs = _thinned(history)
    if not pairs or until <= pairs[0][0]:
        return None
    low, high = min(pair[2] for pair in history), max(pair[1] for pair in history)
    box = _Box(pairs[0][0], max(until, pairs[-1][0]), low, high)
    upper: list[tuple[float, float]] = []
    lower: list[tuple[float, float]] = []
    strips: list[PairStrip] = []
    for position, (moment, above, below) in enumerate(pairs):
        left = box.x(moment)
        right = box.x(pairs[position + 1][0]) if position + 1 < len(pairs) else float(WIDTH)
        upper += [(left, box.y(above)), (right, box.y(above))]
        lower += [(left, box.y(below)), (right, box.y(below))]
        strips.append(PairStrip(left, round(right - left, 1), moment, above, below))
    return PairChart(
        upper=_points(upper),
        lower=_points(lower),
        between=_points(upper + lower[::-1]),
        strips=tuple(strips),
        first=pairs[0],
        last=pairs[-1],
        low=low,
        high=high,
    )


# --- days side by side ----------------------------------------------------------------------------

type Day = tuple[dt.date, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class DayBars:
    """One day's two bars, from the bottom up. `x` and `width` are those of the first; the second follows it."""

    day: dt.date
    first: Decimal
    second: Decimal
    x: float
    width: float
    first_y: float
    first_height: float
    second_x: float
    second_y: float
    second_height: float


@dataclass(frozen=True, slots=True)
class Bars:
    days: tuple[DayBars, ...]
    #: How wide a day is, its gap included.
    step: float
    high: Decimal
    first_sum: Decimal
    second_sum: Decimal


def day_bars(days: Sequence[Day]) -> Bars | None:
    """Two amounts a day, none below zero, oldest first, on one scale from zero. None when all of them are zero."""
    high = max((max(first, second) for _, first, second in days), default=Decimal(0))
    if high <= 0:
        return None
    step = WIDTH / len(days)
    width = round(step * 0.4, 2)

    def height(value: Decimal) -> float:
        return round(float(value / high * HEIGHT), 2)

    bars = tuple(
        DayBars(
            day=day,
            first=first,
            second=second,
            x=round(position * step, 2),
            width=width,
            first_y=round(HEIGHT - height(first), 2),
            first_height=height(first),
            second_x=round(position * step + width, 2),
            second_y=round(HEIGHT - height(second), 2),
            second_height=height(second),
        )
        for position, (day, first, second) in enumerate(days)
    )
    return Bars(
        days=bars,
        step=round(step, 2),
        high=high,
        first_sum=sum((first for _, first, _ in days), Decimal(0)),
        second_sum=sum((second for _, _, second in days), Decimal(0)),
    )
