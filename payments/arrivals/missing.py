"""Payments in that nobody has answered about, and that are surely not on the provider's list: they were not paid.

It is harmless when that is wrong. Money that comes after all is late money: FAILED may still become SUCCEEDED.
"""

import datetime as dt

from django.db.models import QuerySet

from payments.models import Arrival, Direction, Payment, Pull, State
from payments.services import payment_settle

#: So long after a prompt was sent, the list is asked whether it was paid.
_SILENCE = dt.timedelta(hours=1)
_BEFORE = dt.timedelta(minutes=1)
CODE = "not_found"


def _silent() -> "QuerySet[Payment]":
    """Open payments in that no arrival names."""
    open_ = Payment.objects.filter(direction=Direction.IN, state__in=[State.PENDING, State.UNKNOWN])
    return open_.filter(arrivals=None, sent_at__isnull=False)


def payments_missing(*, after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """When the oldest payment was sent that the next list may decide; empty when there is none."""
    rows = _silent().filter(sent_at__gte=after, sent_at__lte=until - _SILENCE)
    return [sent for sent in rows.order_by("sent_at").values_list("sent_at", flat=True)[:1] if sent]


def payments_not_found(pull: Pull) -> int:
    """End what a complete list, asked for an hour after it was sent, does not hold; answers how many."""
    if not pull.complete or pull.exchange is None:
        return 0
    covered = _silent().filter(
        sent_at__gte=pull.starts_at + _BEFORE,
        sent_at__lte=pull.ends_at - _SILENCE,
        created_at__lte=pull.ends_at,
    )
    ended = 0
    for payment in covered:
        if not _is_listed(payment):
            ended += payment_settle(payment_id=payment.pk, paid=False, code=CODE, exchange=pull.exchange)
    return ended


def _is_listed(payment: Payment) -> bool:
    """Also when it could not be matched yet."""
    came = Arrival.objects.filter(arrived_at__gte=(payment.sent_at or payment.created_at) - _BEFORE)
    return came.filter(reference__iexact=payment.reference).exists()
