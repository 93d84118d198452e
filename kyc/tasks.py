"""The rounds of identity."""

from procrastinate.contrib.django import app

from kyc import services


# Every ten minutes: so much longer a proven identity may hold than it should.
@app.periodic(cron="*/10 * * * *")
@app.task(name="kyc.expire", queue="default", queueing_lock="kyc.expire")
def expire(timestamp: int) -> None:
    services.cases_expire()


# Eight in the morning in Nairobi.
@app.periodic(cron="0 5 * * *")
@app.task(name="kyc.remind", queue="default", queueing_lock="kyc.remind")
def remind(timestamp: int) -> None:
    services.cases_remind()
