"""Jobs: each says "look at it"; the row in the outbox is the truth."""

import uuid

from procrastinate.contrib.django import app

from notifications import services


@app.task(name="notifications.deliver", queue="mail")
def deliver(message_id: str) -> None:
    services.message_deliver(message_id=uuid.UUID(message_id))


# Six fields: procrastinate's cron has the seconds last. Every 20 seconds.
@app.periodic(cron="* * * * * */20")
@app.task(name="notifications.sweep", queue="mail", queueing_lock="notifications.sweep")
def sweep(timestamp: int) -> None:
    services.messages_sweep()
