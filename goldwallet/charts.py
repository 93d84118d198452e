"""Points of a small chart, computed on the server: the page needs no script to show it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

type Point = tuple[dt.datetime, Decimal]

WIDTH = 1000
HEIGHT = 100
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
    start, span = points[0][0], (end - points[0][0]).total_seconds()
    values = [value for _, value in points]
    low, high = min(values), max(values)

    def x(moment: dt.datetime) -> float:
        return round((moment - start).total_seconds() / span * WIDTH, 1)

    def y(value: Decimal) -> float:
        # A price that never moved runs through the middle.
        share = (value - low) / (high - low) if high > low else Decimal("0.5")
        return round(float(HEIGHT - share * HEIGHT), 1)

    corners: list[tuple[float, float]] = []
    bands: list[Band] = []
    for position, (moment, value) in enumerate(points):
        following = points[position + 1][0] if position + 1 < len(points) else end
        corners += [(x(moment), y(value)), (x(following), y(value))]
        bands.append(Band(x(moment), round(x(following) - x(moment), 1), moment, value))
    line = " ".join(f"{left:g},{top:g}" for left, top in corners)
    return Chart(
        line=line,
        area=f"0,{HEIGHT} {line} {corners[-1][0]:g},{HEIGHT}",
        bands=tuple(bands),
        first=points[0],
        last=points[-1],
        low=low,
        high=high,
    )


def _thinned(history: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS, evenly taken; the first and the last always stay."""
    if len(history) <= MOST_POINTS:
        return list(history)
    step = (len(history) - 1) / (MOST_POINTS - 1)
    return [history[round(position * step)] for position in range(MOST_POINTS)]
