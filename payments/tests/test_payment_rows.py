"""The rows of the desk's list of payments are put together by hand: marks of HTML in what they show stay text."""

import datetime as dt
import uuid
from decimal import Decimal
from types import SimpleNamespace

from django.template import Context

from payments.templatetags.payments import payment_rows

NASTY = "\"'><script>x</script>&"


def test_marks_of_html_stay_text() -> None:
    row = SimpleNamespace(
        pk=uuid.uuid4(),
        created_at=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
        reference=NASTY,
        purpose=NASTY,
        user=SimpleNamespace(pk=uuid.uuid4(), email=NASTY),
        phone="254712345678",
        amount=Decimal(1),
        direction=NASTY,
        state=NASTY,
        receipt=NASTY,
    )
    html = payment_rows(Context({"now": row.created_at}), [row])

    assert "<script" not in html.lower()
    # Reference, purpose, address in its link and title, direction, state, receipt.
    assert html.count("&quot;&#x27;&gt;&lt;script&gt;") == 7
