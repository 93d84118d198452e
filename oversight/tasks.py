"""The house's own rounds."""

import uuid

import structlog
from procrastinate.contrib.django import app

from goldwallet.errors import Conflict
from oversight import watch
from oversight.close.making import closes_make
from oversight.privacy.retention import retention_apply
from oversight.reconciliation import run
from oversight.reconciliation.alive import JOB

log = structlog.get_logger(__name__)


@app.periodic(cron="* * * * *")
@app.task(name="oversight.watch", queue="default", queueing_lock="oversight.watch")
def look(timestamp: int) -> None:
    watch.house_watch()


# Ten to midnight in UTC is ten to three in Nairobi: the quietest hour.
@app.periodic(cron="50 23 * * *")
@app.task(name="oversight.audit", queue="default", queueing_lock="oversight.audit")
def audit(timestamp: int) -> None:
    watch.house_audit()


# The day before is closed twenty minutes after midnight in Nairobi. Every hour, for a worker that stood still then.
@app.periodic(cron="20 * * * *")
@app.task(name="oversight.closes_make", queue="default", queueing_lock="oversight.closes_make")
def close(timestamp: int) -> None:
    closes_make()


# Half past two in Nairobi: the day before is over, and its statement may be uploaded in the morning.
@app.periodic(cron="30 23 * * *")
@app.task(name="oversight.reconcile", queue="default", queueing_lock="oversight.reconcile")
def reconcile(timestamp: int) -> None:
    try:
        run.reconcile()
    except Conflict:
        # Somebody has just started one.
        return


# Four in the morning in Nairobi.
@app.periodic(cron="0 1 * * *")
@app.task(name="oversight.retention", queue="default", queueing_lock="oversight.retention")
def retain(timestamp: int) -> None:
    retention_apply()


@app.task(name=JOB, queue="default")
def reconcile_run(run_id: str) -> None:
    try:
        run.run_do(uuid.UUID(run_id))
    except Conflict as conflict:
        # Its worker was killed, and the next one did not wait for it; or the job was given out twice.
        log.info("nothing to compare", run=run_id, why=conflict.code)
