"""`{% price_chart history %}`: the price over time as our own SVG (chart libraries bring inline script)."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone

from goldwallet import charts

register = template.Library()


@register.inclusion_tag("components/chart.html", takes_context=True)
def price_chart(
    context: template.Context,
    history: Sequence[tuple[dt.datetime, Decimal]],
    label: str = "Price of one gram",
) -> dict[str, Any]:
    """`history` is a list of (time, KES per gram), oldest first."""
    until = context.get("now") or timezone.now()
    return {"chart": charts.polyline(history, until=until), "label": label, "now": until}
