"""The house's own rounds."""

from procrastinate.contrib.django import app

from oversight import watch


@app.periodic(cron="* * * * *")
@app.task(name="oversight.watch", queue="default", queueing_lock="oversight.watch")
def look(timestamp: int) -> None:
    watch.house_watch()


# Ten to midnight in UTC is ten to three in Nairobi: the quietest hour.
@app.periodic(cron="50 23 * * *")
@app.task(name="oversight.audit", queue="default", queueing_lock="oversight.audit")
def audit(timestamp: int) -> None:
    watch.house_audit()
