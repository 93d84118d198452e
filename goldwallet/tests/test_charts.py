import datetime as dt
from decimal import Decimal

import pytest
from django.template import Context, Template

from goldwallet.charts import HEIGHT, MOST_POINTS, WIDTH, day_bars, pair_lines, polyline

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
    assert MOST_POINTS / 2 < len(chart.bands) <= MOST_POINTS
    assert (chart.first, chart.last) == (history[0], history[-1])


@pytest.mark.parametrize("place", [1, 3, 250, 361, 718])
def test_a_spike_in_a_long_history_is_drawn_wherever_it_stands(place: int):
    """Up to the top or down to the bottom, and its value is what the caption says."""
    for spike in (Decimal(140), Decimal(50)):
        history = [(START + dt.timedelta(hours=hour), Decimal(90 + hour % 11)) for hour in range(720)]
        history[place] = (history[place][0], spike)
        chart = polyline(history)
        assert chart is not None
        assert len(chart.bands) <= MOST_POINTS
        assert [band.moment for band in chart.bands if band.value == spike] == [history[place][0]]
        assert (chart.low, chart.high) == (min(spike, Decimal(90)), max(spike, Decimal(100)))
        top = {float(point.split(",")[1]) for point in chart.line.split()}
        assert {0, HEIGHT} <= top


def test_the_value_that_holds_longest_is_drawn_although_it_is_no_extreme():
    """Many changes within a day, then a quiet month: the month has the last of them, not the spike before it."""
    history = [(START + dt.timedelta(minutes=minute), Decimal(100 + minute % 7)) for minute in range(600)]
    last = history[-1][0] + dt.timedelta(minutes=1)
    history += [(last, Decimal(140)), (last + dt.timedelta(minutes=1), Decimal(104))]
    later = last + dt.timedelta(days=30)
    history += [(later + dt.timedelta(minutes=minute), Decimal(100 + minute % 7)) for minute in range(600)]
    chart = polyline(history)
    assert chart is not None
    widest = max(chart.bands, key=lambda band: band.width)
    assert (widest.moment, widest.value) == (last + dt.timedelta(minutes=1), 104)


def test_a_time_before_the_last_point_does_not_turn_the_line_back():
    chart = polyline(days("1", "2"), until=START)
    assert chart is not None
    assert chart.bands[-1].width == 0


# --- two prices -----------------------------------------------------------------------------------


def pairs(*prices: tuple[str, str]) -> list[tuple[dt.datetime, Decimal, Decimal]]:
    return [
        (START + dt.timedelta(days=day), Decimal(upper), Decimal(lower))
        for day, (upper, lower) in enumerate(prices)
    ]


def test_two_prices_share_one_scale():
    chart = pair_lines(pairs(("200", "100"), ("150", "100")), until=START + dt.timedelta(days=2))
    assert chart is not None
    assert chart.upper == "0,0 500,0 500,50 1000,50"
    assert chart.lower == "0,100 500,100 500,100 1000,100"
    assert chart.between == "0,0 500,0 500,50 1000,50 1000,100 500,100 500,100 0,100"
    assert (chart.low, chart.high) == (100, 200)
    assert [(strip.x, strip.width) for strip in chart.strips] == [(0, 500), (500, 500)]


def test_a_pair_needs_a_span_of_time():
    assert pair_lines([], until=START) is None
    assert pair_lines(pairs(("2", "1")), until=START) is None


def test_a_pair_without_a_spread_that_never_moved_runs_through_the_middle():
    chart = pair_lines(pairs(("5", "5")), until=START + dt.timedelta(days=1))
    assert chart is not None
    assert chart.upper == chart.lower == "0,50 1000,50"


def test_a_long_history_of_pairs_is_thinned_and_stays_in_the_box():
    history = [
        (START + dt.timedelta(minutes=minute), Decimal(minute + 10), Decimal(minute))
        for minute in range(5000)
    ]
    chart = pair_lines(history, until=START + dt.timedelta(minutes=6000))
    assert chart is not None
    assert MOST_POINTS / 3 < len(chart.strips) <= MOST_POINTS
    assert (chart.first, chart.last) == (history[0], history[-1])
    for point in chart.between.split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_a_spike_of_either_of_two_prices_is_drawn():
    """720 pairs between 90 and 100, one at 140 and 50: these are the highest and the lowest, said and drawn."""
    history = [
        (START + dt.timedelta(hours=3 * number), Decimal(100), Decimal(90 + number % 3))
        for number in range(720)
    ]
    history[361] = (history[361][0], Decimal(140), Decimal(50))
    # Neither the highest nor the lowest of all, and yet to be seen: each line has extremes of its own.
    history[500] = (history[500][0], Decimal(93), Decimal(92))
    history[600] = (history[600][0], Decimal(100), Decimal(99))
    chart = pair_lines(history, until=history[-1][0] + dt.timedelta(hours=3))
    assert chart is not None
    assert (chart.low, chart.high) == (50, 140)
    assert len(chart.strips) <= MOST_POINTS
    drawn = {(strip.moment, strip.upper, strip.lower) for strip in chart.strips}
    assert {history[0], history[361], history[500], history[600], history[-1]} <= drawn
    assert ",0 " in chart.upper and f",{HEIGHT} " in chart.lower


# --- the table under a chart ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("many", "told"),
    [(60, None), (61, "These are the newest 60 of 61."), (720, "These are the newest 60 of 720.")],
)
def test_a_table_that_does_not_show_all_says_how_many_and_where_the_others_are(many: int, told: str | None):
    history = pairs(*[(str(1000 + day), "900") for day in range(many)])
    page = Template("{% load charts %}{% pair_chart history %}").render(
        Context({"history": history, "now": history[-1][0] + dt.timedelta(days=1)})
    )
    rows = page.partition("<tbody>")[2].count("<tr>")
    assert rows == min(many, 60)
    assert f"KES {1000 + many - 1:,}" in page.partition("<tbody>")[2].partition("</tr>")[0]
    if told is None:
        assert "newest" not in page
    else:
        assert f"{told} The others stand on the page “Prices”" in page
    # The caption speaks of all of them, also of those that the table leaves out.
    assert f"the lowest was KES 900, the highest KES {1000 + many - 1:,}." in page


# --- days side by side ----------------------------------------------------------------------------


def bars(*amounts: tuple[int, int]):
    return day_bars(
        [
            ((START + dt.timedelta(days=day)).date(), Decimal(first), Decimal(second))
            for day, (first, second) in enumerate(amounts)
        ]
    )


def test_days_without_anything_are_no_chart():
    assert day_bars([]) is None
    assert bars((0, 0), (0, 0)) is None


def test_both_bars_of_all_days_stand_on_one_scale():
    chart = bars((100, 25), (0, 50))
    assert chart is not None
    one, other = chart.days
    assert (one.first_y, one.first_height, one.second_y, one.second_height) == (0, 100, 75, 25)
    assert (other.first_height, other.second_height) == (0, 50)
    assert (one.x, one.second_x, other.x) == (0, 200, 500)
    assert (chart.high, chart.first_sum, chart.second_sum) == (100, 100, 75)


def test_bars_of_a_month_do_not_overlap_and_end_in_the_box():
    chart = bars(*[(day, 30 - day) for day in range(30)])
    assert chart is not None
    edges = [edge for day in chart.days for edge in (day.x, day.second_x)]
    assert edges == sorted(edges)
    for day, following in zip(chart.days, chart.days[1:], strict=False):
        assert day.second_x + day.width < following.x
    assert chart.days[-1].second_x + chart.days[-1].width <= WIDTH
