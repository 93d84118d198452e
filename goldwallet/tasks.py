"""Housekeeping of the queue itself."""

from procrastinate.contrib.django import app


@app.periodic(cron="* * * * * */30")
@app.task(name="goldwallet.jobs_rescue", queue="default", queueing_lock="goldwallet.jobs_rescue")
async def jobs_rescue(timestamp: int) -> None:
    """Give the jobs of a killed worker back to the queue: it cannot do so itself, and they would stay `doing`."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=30):
        await app.job_manager.retry_job(job)
