"""A day with everything that moves gold and money, and the page of its close."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.test import Client
from django.urls import reverse

from goldwallet.clock import NAIROBI, now
from goldwallet.test.clock import clock_shift
from goldwallet.test.world import BUY, SELL, World, buy, paid, sell
from ledger import chart
from ledger.services import Transfer, post
from ledger.services import reverse as undo
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from pools import services as pools
from pools.models import Bar
from pools.services import NewBar
from trading.models import Order
from trading.services import order_expire


@contextmanager
def at(day: dt.date, time: str = "12:00:00") -> Iterator[None]:
    """The house lives at this time in Nairobi."""
    wanted = dt.datetime.combine(day, dt.time.fromisoformat(time), NAIROBI)
    clock_shift(dt.timedelta())
    clock_shift(wanted - now())
    try:
        yield
    finally:
        clock_shift(dt.timedelta())


def unpaid(order: Order) -> None:
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=False, exchange=exchange, code="1032")


def priced(world: World) -> None:
    """A price of the house's own moment: an old one closes the trade."""
    pools.price_set(buy=BUY, sell=SELL, by=world.pricing, reason="test", confirmed=True)


def busy_day(world: World, day: dt.date) -> None:
    """Everything that moves gold and money, in the day and around it."""
    alice = world.alice
    with at(day - dt.timedelta(days=1), "23:00:00"):
        priced(world)
        paid(buy(alice, 33_000))
        too_late = buy(world.bob, 1700)
    with at(day - dt.timedelta(days=1), "23:59:00"):
        left_open = buy(world.bob, 1000)
    with at(day, "00:00:10"):
        paid(left_open)
    with at(day, "00:05:00"):
        priced(world)
        paid(too_late)
        paid(buy(alice, 16_500))
        expired = buy(world.bob, 2000)
        Order.objects.filter(pk=expired.pk).update(expires_at=now())
        assert order_expire(expired.pk)
        paid(expired, receipt="TKL7X2M9QA")
        unpaid(buy(alice, 1500))
        paid(sell(alice, Decimal("0.5")))
        unpaid(sell(alice, Decimal("0.25")))
        sell(alice, Decimal("0.1"))
        buy(world.bob, 1600)
        bars = [
            NewBar(serial=f"BAR-{number}", gross_grams=Decimal(100), fineness=Decimal("999.9"))
            for number in (1, 2)
        ]
        pools.bar_add(pool_id=world.pool.pk, bars=bars, key="in", by=world.vault)
        gone = Bar.objects.get(serial="BAR-2")
        pools.bar_withdraw(pool_id=world.pool.pk, bar_ids=[gone.pk], key="out", by=world.vault)
        given = Transfer(chart.house_adjustments(), chart.user_cash(alice.pk), Decimal(70))
        posted = post(key="test:given", kind="adjust_cash", transfers=[given])
        undo(transaction_id=posted, key="test:undone")
        strange = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), Decimal(500))
        post(key="test:strange", kind="arrival_suspense", transfers=[strange])
    with at(day + dt.timedelta(days=1), "00:00:01"):
        priced(world)
        paid(buy(alice, 3300))


def page(browser: Client, day: dt.date, **asked: str) -> Any:
    return browser.get(reverse("desk_close_day", args=[day.isoformat()]), asked)
