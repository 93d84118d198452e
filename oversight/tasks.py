"""The house's own rounds."""

import uuid

from procrastinate.contrib.django import app

from goldwallet.errors import Conflict
from oversight import watch
from oversight.reconciliation import run


@app.periodic(cron="* * * * *")
@app.task(name="oversight.watch", queue="default", queueing_lock="oversight.watch")
def look(timestamp: int) -> None:
    watch.house_watch()


# Ten to midnight in UTC is ten to three in Nairobi: the quietest hour.
@app.periodic(cron="50 23 * * *")
@app.task(name="oversight.audit", queue="default", queueing_lock="oversight.audit")
def audit(timestamp: int) -> None:
    watch.house_audit()


# Half past two in Nairobi: the day before is over, and its statement may be uploaded in the morning.
@app.periodic(cron="30 23 * * *")
@app.task(name="oversight.reconcile", queue="default", queueing_lock="oversight.reconcile")
def reconcile(timestamp: int) -> None:
    try:
        run.reconcile()
    except Conflict:
        # Somebody has just started one.
        return


@app.task(name="oversight.reconcile_run", queue="default")
def reconcile_run(run_id: str) -> None:
    run.run_do(uuid.UUID(run_id))
