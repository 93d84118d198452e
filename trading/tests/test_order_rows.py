"""The rows of the desk's list of orders are put together by hand: marks of HTML in what they show stay text."""

import datetime as dt
import uuid
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.template import Context

from trading.templatetags.orders import order_rows

NASTY = "\"'><script>x</script>&"


@pytest.mark.parametrize("linked", [True, False])
def test_marks_of_html_stay_text(linked: bool) -> None:
    row = SimpleNamespace(
        pk=uuid.uuid4(),
        created_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        reference=NASTY,
        user_id=uuid.uuid4(),
        user__email=NASTY,
        side=NASTY,
        grams=Decimal(1),
        price_per_gram=Decimal(1),
        total_kes=Decimal(1),
        status=NASTY,
    )
    html = order_rows(Context({"now": row.created_at}), [row], linked)

    assert "<script" not in html.lower()
    # Reference, address (in its link and in the title), side and state.
    assert html.count("&quot;&#x27;&gt;&lt;script&gt;") == 4 + linked
    assert html.count("<a ") == 1 + linked
