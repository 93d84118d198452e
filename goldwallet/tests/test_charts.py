import datetime as dt
from decimal import Decimal

from goldwallet.charts import HEIGHT, MOST_POINTS, WIDTH, polyline

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def days(*prices: str) -> list[tuple[dt.datetime, Decimal]]:
    return [(START + dt.timedelta(days=day), Decimal(price)) for day, price in enumerate(prices)]


def test_one_point_is_no_line():
    assert polyline([]) is None
    assert polyline(days("100")) is None


def test_one_price_that_still_holds_is_a_flat_line_in_the_middle():
    chart = polyline(days("100"), until=START + dt.timedelta(days=2))
    assert chart is not None
    assert chart.line == "0,50 1000,50"


def test_a_price_holds_until_the_next_one():
    chart = polyline(days("100", "200"), until=START + dt.timedelta(days=2))
    assert chart is not None
    assert chart.line == "0,100 500,100 500,0 1000,0"
    assert chart.area == "0,100 0,100 500,100 500,0 1000,0 1000,100"
    assert (chart.low, chart.high) == (Decimal("100"), Decimal("200"))


def test_every_point_lies_in_the_box():
    chart = polyline(days("5", "3", "9", "9", "1"))
    assert chart is not None
    for point in chart.line.split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_long_history_is_thinned_but_keeps_both_ends():
    history = [(START + dt.timedelta(minutes=minute), Decimal(minute)) for minute in range(5000)]
    chart = polyline(history)
    assert chart is not None
    assert len(chart.bands) == MOST_POINTS
    assert (chart.first, chart.last) == (history[0], history[-1])


def test_a_time_before_the_last_point_does_not_turn_the_line_back():
    chart = polyline(days("1", "2"), until=START)
    assert chart is not None
    assert chart.bands[-1].width == 0
