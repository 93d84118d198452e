"""Housekeeping of requests; nothing depends on when it runs."""

from procrastinate.contrib.django import app

from controls import services


@app.periodic(cron="*/5 * * * *")
@app.task(name="controls.tidy", queue="default", queueing_lock="controls.tidy")
def tidy(timestamp: int) -> None:
    """Close the requests that nobody decided in time."""
    services.requests_expire()
