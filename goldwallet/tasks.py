"""Housekeeping of the queue itself."""

from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Status


@app.periodic(cron="* * * * * */30")
@app.task(name="goldwallet.jobs_rescue", queue="default", queueing_lock="goldwallet.jobs_rescue")
async def jobs_rescue(timestamp: int) -> None:
    """Give the jobs of a killed worker back to the queue: it cannot do so itself, and they would stay `doing`."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=30):
        try:
            await app.job_manager.retry_job(job)
        except UniqueViolation:
            # A periodic job whose successor waits already: that one does its work, and only one may wait.
            await app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)
