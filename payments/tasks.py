"""Jobs. Delivery is at least once, so each only says "look at this row"; the row is the truth."""

import uuid

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from payments import sending


@app.task(name="payments.look", queue="payments", retry=RetryStrategy(max_attempts=5, exponential_wait=3))
def look(payment_id: str) -> None:
    sending.payment_step(uuid.UUID(payment_id))


@app.periodic(cron="* * * * * */5")
@app.task(name="payments.due", queue="payments", queueing_lock="payments.due")
def due(timestamp: int) -> None:
    sending.payments_due()
