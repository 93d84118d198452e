"""Housekeeping of requests and counts; nothing depends on when it runs."""

from procrastinate.contrib.django import app

from controls import services
from controls.counting import counts_tidy


@app.periodic(cron="*/5 * * * *")
@app.task(name="controls.tidy", queue="default", queueing_lock="controls.tidy")
def tidy(timestamp: int) -> None:
    """Close the requests that nobody decided in time, and delete the counts whose time is over."""
    services.requests_expire()
    counts_tidy()
