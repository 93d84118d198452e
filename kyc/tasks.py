"""The rounds of identity."""

from procrastinate.contrib.django import app

from kyc import documents, services
from kyc.names import name_words_renew


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


@app.periodic(cron="*/10 * * * *")
@app.task(name="kyc.documents_remove", queue="default", queueing_lock="kyc.documents_remove")
def documents_remove(timestamp: int) -> None:
    """Delete what is still stored of documents whose keys are destroyed."""
    documents.documents_remove()


@app.periodic(cron="23 * * * *")
@app.task(name="kyc.orphans_sweep", queue="default", queueing_lock="kyc.orphans_sweep")
def orphans_sweep(timestamp: int) -> None:
    """Delete stored objects that no document names: a process died between storing and writing its row."""
    documents.orphans_sweep()


@app.periodic(cron="*/10 * * * *")
@app.task(name="kyc.name_words", queue="default", queueing_lock="kyc.name_words")
def name_words(timestamp: int) -> None:
    """Note the words of names anew after an upgrade that makes them in another way; else it finds nothing."""
    name_words_renew()
