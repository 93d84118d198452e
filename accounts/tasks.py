"""Housekeeping of sessions and the cache; numbers and lost second factors whose delay is over; long lists being
written. Nothing depends on when it runs.
"""

import uuid

from django.conf import settings
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts import exporting, numbers, resets
from accounts.models import Session


@app.periodic(cron="17 * * * *")
@app.task(name="accounts.tidy", queue="default", queueing_lock="accounts.tidy")
def tidy(timestamp: int) -> None:
    """Delete sessions and entries of the cache that are over. Django's cache keeps expired rows until it is full."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [timezone.now()])  # noqa: S608


@app.periodic(cron="* * * * *")
@app.task(name="accounts.numbers_adopt", queue="default", queueing_lock="accounts.numbers_adopt")
def numbers_adopt(timestamp: int) -> None:
    """Pay people on their new numbers, once these have cooled off."""
    numbers.numbers_adopt()


@app.periodic(cron="* * * * *")
@app.task(name="accounts.resets_do", queue="default", queueing_lock="accounts.resets_do")
def resets_do(timestamp: int) -> None:
    """Take lost second factors away, once their delay is over."""
    resets.resets_do()


@app.task(name=exporting.JOB, queue="default")
def export_write(export_id: str) -> None:
    """Write a long list that somebody asked for."""
    exporting.export_do(uuid.UUID(export_id))


@app.periodic(cron="* * * * *")
@app.task(name="accounts.exports_sweep", queue="default", queueing_lock="accounts.exports_sweep")
def exports_sweep(timestamp: int) -> None:
    """Begin anew what a killed worker left; delete what is a day old."""
    exporting.exports_sweep()
