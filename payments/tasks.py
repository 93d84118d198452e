"""Jobs. Delivery is at least once, so each only says "look at this row"; the row is the truth."""

import uuid

from django.conf import settings
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from payments import arrivals, floats, sending
from payments.arrivals import notices as money_notices
from payments.arrivals import returning


@app.task(name="payments.look", queue="payments", retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def look(payment_id: str) -> None:
    sending.payment_step(uuid.UUID(payment_id))


@app.periodic(cron="* * * * * */5")
@app.task(name="payments.due", queue="payments", queueing_lock="payments.due")
def due(timestamp: int) -> None:
    sending.payments_due()


# --- money that comes by itself -------------------------------------------------------------------


@app.periodic(cron="* * * * *" if settings.DEMO else "*/5 * * * *")
@app.task(name="payments.pull", queue="payments", queueing_lock="payments.pull")
def pull(timestamp: int) -> None:
    """Ask for the list of money that came, where it has been opened to us."""
    if settings.DARAJA["nominated_phone"]:
        arrivals.pull_run()


@app.periodic(cron="* * * * * */15")
@app.task(name="payments.arrivals", queue="payments", queueing_lock="payments.arrivals")
def arrivals_due(timestamp: int) -> None:
    arrivals.arrivals_due()
    returning.returns_due()


@app.task(name="payments.arrival", queue="payments", retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def arrival(arrival_id: str) -> None:
    returning.return_step(uuid.UUID(arrival_id))


@app.task(name="payments.notices", queue="payments", queueing_lock="payments.notices")
def notices() -> None:
    money_notices.notices_read()


@app.task(name="payments.notices_later", queue="payments", queueing_lock="payments.notices_later")
def notices_later() -> None:
    money_notices.notices_read()


# --- what stands on our accounts ------------------------------------------------------------------


@app.periodic(cron="*/15 * * * *")
@app.task(name="payments.balances", queue="payments", queueing_lock="payments.balances")
def balances(timestamp: int) -> None:
    if settings.ASK_BALANCES:
        floats.balances_ask()


@app.task(name="payments.balances_now", queue="payments", queueing_lock="payments.balances_now")
def balances_now() -> None:
    """Somebody at the desk asks."""
    floats.balances_ask()


@app.task(name="payments.balance", queue="payments", retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def balance(exchange_id: str) -> None:
    floats.balance_take(uuid.UUID(exchange_id))
