"""The tidying job of trading. Every deadline is judged when it is used, so nothing depends on it being on time."""

from procrastinate.contrib.django import app

from trading import services


@app.periodic(cron="* * * * * */5")
@app.task(name="trading.expire", queue="trading", queueing_lock="trading.expire")
def expire(timestamp: int) -> None:
    services.orders_expire()
