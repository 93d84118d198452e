"""A day that is over is closed once, by the job after midnight."""

import datetime as dt

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from controls.audit import record
from goldwallet.clock import NAIROBI, Now, now
from ledger.models import Transaction
from oversight.close.figures import digest_of, figures_of
from oversight.models import DailyClose

log = structlog.get_logger(__name__)

#: A house that stood still closes so many days behind it.
MOST_DAYS = 31
#: A posting carries the time at which it was entered and is there once its transaction commits, at most a statement's
#: time and an idle minute later (settings, "statement_timeout"). So much after midnight none of the day is under way.
SETTLES = dt.timedelta(minutes=15)

#: A page may not take that long; the job may. It holds for each statement of a close.
_STATEMENT_SECONDS = 600


def day_of(moment: dt.datetime) -> dt.date:
    """The day in Nairobi."""
    return moment.astimezone(NAIROBI).date()


def closes_make() -> list[dt.date]:
    """Close every day that is over and not closed, from the last closed one on; answers which."""
    last = day_of(now() - SETTLES) - dt.timedelta(days=1)
    day = _first(last)
    made = []
    while day is not None and day <= last:
        if _close(day):
            made.append(day)
        day += dt.timedelta(days=1)
    return made


def _first(last: dt.date) -> dt.date | None:
    """The oldest day to close; None before anything was posted."""
    newest: dt.date | None = DailyClose.objects.aggregate(newest=Max("day"))["newest"]
    if newest is not None:
        return max(newest + dt.timedelta(days=1), last - dt.timedelta(days=MOST_DAYS - 1))
    began = first_day()
    if began is None:
        return None
    return max(began, last - dt.timedelta(days=MOST_DAYS - 1))


def first_day_and_now() -> tuple[dt.date | None, dt.datetime]:
    """`first_day`, and the time, by one question."""
    first = Transaction.objects.order_by("pk").values_list("created_at", Now()).first()
    return (day_of(first[0]), first[1]) if first else (None, now())


def first_day() -> dt.date | None:
    """The day of the first posting; None before it."""
    began = Transaction.objects.order_by("pk").values_list("created_at", flat=True).first()
    return None if began is None else day_of(began)


def _close(day: dt.date) -> bool:
    """Store it, unless somebody else just has."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'")
            figures = figures_of(day)
            DailyClose.objects.create(day=day, figures=figures, digest=digest_of(figures))
            record("close_make", subject=f"close:{day}", after={"digest": digest_of(figures)})
    except IntegrityError:
        return False
    log.info("day closed", day=str(day))
    return True
