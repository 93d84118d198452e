"""Every job is delivered three times, as a queue may do: each does its work once, for the row is the truth (O09)."""

import inspect
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from procrastinate.contrib.django import app

from controls.models import Export
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import queue_empty
from goldwallet.test.world import World, buy, sell
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from notifications.models import Message
from oversight.models import Run, RunState
from payments.models import Arrival, Exchange, Kind, Payment, State
from payments.tests.conftest import provider
from payments.tests.scripted import PAID, ScriptedRail, b2c, status, stk, told
from payments.tests.test_ask import question
from trading.models import Order, Status

__all__ = ["provider"]


def balances_asked():
    return Exchange.objects.filter(kind=Kind.BALANCE).values_list("pk", flat=True)


def runs_started():
    return Run.objects.filter(state=RunState.RUNNING).values_list("pk", flat=True)


#: What a job is about, where it is about one row. All others come by the clock, or are about everything.
ROWS: dict[str, tuple[str, Callable[[], list]]] = {
    "payments.look": (
        "payment_id",
        lambda: list(Payment.objects.order_by("created_at").values_list("pk", flat=True)),
    ),
    "payments.arrival": ("arrival_id", lambda: list(Arrival.objects.values_list("pk", flat=True))),
    "payments.balance": ("exchange_id", lambda: list(balances_asked())),
    "oversight.reconcile_run": ("run_id", lambda: list(runs_started())),
    "accounts.export_write": ("export_id", lambda: list(Export.objects.values_list("pk", flat=True))),
    "notifications.deliver": ("message_id", lambda: list(Message.objects.values_list("pk", flat=True))),
}


def jobs() -> list[tuple[Callable, dict[str, object]]]:
    """Every job of the house that there could be now, whether or not somebody has asked for it."""
    assert set(ROWS) < set(app.tasks)
    found = []
    for name, task in app.tasks.items():
        # What another test has made up is none of the house's.
        if name.startswith(("procrastinate.", "builtin:", "test.")):
            continue
        call = async_to_sync(task.func) if inspect.iscoroutinefunction(task.func) else task.func
        wanted = list(inspect.signature(task.func).parameters)
        assert name in ROWS or wanted in ([], ["timestamp"]), f"{name}: about what?"
        if name in ROWS:
            argument, ids = ROWS[name]
            found += [(call, {argument: str(one)}) for one in ids()]
        else:
            found.append((call, dict.fromkeys(wanted, 0)))
    return found


def three_times() -> None:
    """Each job three times, one after the other, and all of them again in the other order."""
    for call, arguments in jobs():
        for _ in range(3):
            call(**arguments)
    for call, arguments in reversed(jobs()):
        call(**arguments)


def postings(order: Order) -> list[str]:
    return sorted(Transaction.objects.filter(memo=order.reference).values_list("kind", flat=True))


@pytest.mark.fault("O09")
@pytest.mark.django_db(transaction=True)
def test_every_job_of_the_house_delivered_three_times(world: World, provider: ScriptedRail) -> None:
    queue_empty()
    order, left = buy(world.alice, 1000), buy(world.bob, 500)
    three_times()
    assert len(provider.sent) == 2, "one prompt for each"
    payment = Payment.objects.get(pk=order.payment_id)
    told("collect", payment.token, stk(payment, receipt="UKL7A2B3C4"))
    # For whoever is asked about first: the older one.
    provider.reports.append(PAID)
    Payment.objects.filter(pk=left.payment_id).update(due_at=None)  # nobody asks about this one meanwhile
    three_times()
    assert postings(order) == ["buy_paid", "buy_reserved"]
    sale = sell(world.alice, None)
    three_times()
    assert Exchange.objects.filter(kind=Kind.PAY_OUT).count() == 1
    assert len(provider.sent) == 3
    payout = Payment.objects.get(pk=sale.payment_id)
    told("payout", payout.token, b2c(payout))
    told("status", question(payout).token, status(payout, "Completed"))
    three_times()
    with shift_clock(minutes=4):
        three_times()
    kinds = [*postings(order), *postings(sale), *postings(left)]
    assert kinds == ["buy_paid", "buy_reserved", "sale_agreed", "sale_paid", "buy_expired", "buy_reserved"]
    ends = {row.pk: row.status for row in Order.objects.all()}
    assert ends == {order.pk: Status.COMPLETED, sale.pk: Status.COMPLETED, left.pk: Status.EXPIRED}
    assert Payment.objects.get(pk=left.payment_id).state == State.PENDING
    assert len(provider.sent) == 3
    assert len(mail.outbox) == Message.objects.count() == 3, "one mail for each end"
    assert balance(chart.user_gold(world.alice.pk)) == 0
    assert_books()
    queue_empty()
