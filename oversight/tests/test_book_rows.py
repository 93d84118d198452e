"""The rows of the ledger's lists are put together by hand: marks of HTML in what they show stay text."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.template import Context

from ledger import chart
from ledger.selectors import Leg, Line
from oversight.book.listing import NamedLeg, Row
from oversight.templatetags.book import line_rows, transaction_rows

NASTY = "\"'><script>x</script>&"
AT = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def test_marks_of_html_stay_text_in_the_list_of_transactions() -> None:
    posted = SimpleNamespace(pk=7, memo=NASTY, kind=NASTY, reverses_id=None, created_at=AT)
    leg = Leg(chart.house_sales(), chart.mpesa_collections(), Decimal(5))
    html = transaction_rows(Context({"now": AT}), [Row(posted, NASTY, [NamedLeg(leg, NASTY, NASTY)] * 5)])  # type: ignore[arg-type]

    assert "<script" not in html.lower()
    # Memo, kind, who, and both ends of the four transfers that are shown.
    assert html.count("&quot;&#x27;&gt;&lt;script&gt;") == 3 + 8
    assert html.count("<a ") == 1


@pytest.mark.django_db
def test_marks_of_html_stay_text_in_the_lines_of_an_account() -> None:
    line = Line(1, 7, NASTY, "", NASTY, AT, Decimal(5), Decimal(5), f"house:{NASTY}")
    html = line_rows(Context({"now": AT}), [line], chart.KES)

    assert "<script" not in html.lower()
    assert html.count("&quot;&#x27;&gt;&lt;script&gt;") == 3
    assert html.count("<a ") == 2
