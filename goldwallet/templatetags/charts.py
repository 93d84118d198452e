"""Charts as our own SVG (chart libraries bring inline script): `{% price_chart history %}` and its siblings.

Those of the desk carry their numbers as a table, too, for who cannot see them and for paper.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone

from goldwallet import charts

register = template.Library()

#: Lines of the table under a chart of prices. It says how many there are, and where the others stand.
_TOLD = 60


@register.inclusion_tag("components/chart.html", takes_context=True)
def price_chart(
    context: template.Context,
    history: Sequence[tuple[dt.datetime, Decimal]],
    label: str = "Price of one gram",
) -> dict[str, Any]:
    """`history` is a list of (time, KES per gram), oldest first."""
    until = context.get("now") or timezone.now()
    return {"chart": charts.polyline(history, until=until), "label": label, "now": until}


@register.inclusion_tag("components/chart_pair.html", takes_context=True)
def pair_chart(
    context: template.Context,
    history: Sequence[tuple[dt.datetime, Decimal, Decimal]],
    label: str = "Both prices of one gram",
) -> dict[str, Any]:
    """`history` is a list of (time, people buy at, people sell at), oldest first."""
    until = context.get("now") or timezone.now()
    return {
        "chart": charts.pair_lines(history, until=until),
        "label": label,
        "now": until,
        "told": history[::-1][:_TOLD],
        "in_all": len(history),
    }


@register.inclusion_tag("components/chart_grams.html", takes_context=True)
def grams_chart(
    context: template.Context,
    history: Sequence[tuple[dt.datetime, Decimal]],
    label: str,
) -> dict[str, Any]:
    """`history` is a list of (time, grams), oldest first."""
    until = context.get("now") or timezone.now()
    return {
        "chart": charts.polyline(history, until=until),
        "label": label,
        "now": until,
        "told": history[::-1],
    }


@register.inclusion_tag("components/chart_days.html")
def days_chart(
    days: Sequence[tuple[dt.date, Decimal, Decimal]], label: str, first: str, second: str
) -> dict[str, Any]:
    """`days` is a list of (day, KES, KES), oldest first; `first` and `second` say what the two amounts are."""
    return {
        "chart": charts.day_bars(days),
        "label": label,
        "first": first,
        "second": second,
        "told": list(days)[::-1],
        "start": days[0][0] if days else None,
        "end": days[-1][0] if days else None,
    }
