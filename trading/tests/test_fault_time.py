"""Whose clock decides, and what happens when the clockwork of the house stands still or its neighbours hang."""

import datetime as dt
import threading
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal

import procrastinate
import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.services import person_lock
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import B2C, STATUS, STK_PUSH, STK_QUERY, Gate
from goldwallet.test.provider import Simulator
from goldwallet.test.race import patiently, queue_empty
from goldwallet.test.worker import work, work_until
from goldwallet.test.world import World, buy, paid, sell
from goldwallet.worker import worker_app
from ledger import chart
from ledger.selectors import balance
from ledger.tests.threads import together
from payments.models import Payment, State
from payments.sending import payment_step, payments_due
from payments.tasks import look
from payments.tests.conftest import provider
from payments.tests.scripted import PAID, ScriptedRail
from trading import services
from trading.models import Order, Status

__all__ = ["provider"]


@pytest.fixture
def quiet_queue(transactional_db) -> Iterator[None]:
    queue_empty()
    yield
    queue_empty()


# --- a server whose clock is wrong (Q10) ----------------------------------------------------------


@pytest.fixture(params=[-3600, 3600], ids=["an hour slow", "an hour fast"])
def wrong_clock(request, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process believes in another hour; the database does not."""
    true_time, true_now = time.time, timezone.now
    monkeypatch.setattr(time, "time", lambda: true_time() + request.param)
    monkeypatch.setattr(timezone, "now", lambda: true_now() + dt.timedelta(seconds=request.param))


@pytest.mark.fault("Q10")
@pytest.mark.django_db
def test_a_wrong_clock_moves_no_deadline(world: World, wrong_clock: None, provider: ScriptedRail) -> None:
    """A price's minute, the order's three, the fifteen of late money, the age of a price, the sending's time."""
    early = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    late = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    with shift_clock(seconds=57):
        order = services.buy_confirm(user_id=world.bob.pk, quote_id=early.pk)
    with shift_clock(seconds=62), pytest.raises(Refused) as refusal:
        services.buy_confirm(user_id=world.bob.pk, quote_id=late.pk)
    assert refusal.value.status == 409
    payment = order.payment
    with shift_clock(seconds=58):
        payment_step(payment.pk)
        assert provider.sent and payments_due() == 0, "sent at once; not asked about at once"
    with shift_clock(seconds=57 + 175):
        assert services.orders_expire() == 0
    with shift_clock(seconds=57 + 182):
        assert services.orders_expire() == 1
    with shift_clock(minutes=14, seconds=50):
        provider.reports.append(PAID)
        payment_step(payment.pk)
    order.refresh_from_db()
    assert order.status == Status.COMPLETED, "inside the fifteen minutes"
    with shift_clock(hours=23, minutes=59):
        services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    with shift_clock(hours=24, minutes=1), pytest.raises(Refused):
        services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    assert_books()


# --- the tidying job is hours late (W15) ----------------------------------------------------------


@pytest.mark.fault("W15")
@pytest.mark.django_db
def test_nobody_tidies_for_five_hours(world: World, provider: ScriptedRail) -> None:
    """No scheduler runs. What is used late is judged by its own deadline all the same."""
    unused = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    unsent, prompted = buy(world.bob, 1000), buy(world.charlie, 2000)
    payment_step(prompted.payment_id)
    with shift_clock(hours=5):
        with pytest.raises(Refused):
            services.buy_confirm(user_id=world.bob.pk, quote_id=unused.pk)
        payment_step(unsent.payment_id)
        assert len(provider.sent) == 1, "what was not sent in time is never sent"
        provider.reports.append(PAID)
        payment_step(prompted.payment_id)
        prompted.refresh_from_db()
        assert prompted.status == Status.PAID_LATE, "no gram at the old price, though it stood as pending"
        assert balance(chart.user_cash(world.charlie.pk)) == 2000
        assert balance(chart.user_gold(world.charlie.pk)) == 0
        assert services.orders_expire() == 1
    assert Order.objects.get(pk=unsent.pk).status == Status.EXPIRED
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


# --- hooks after the commit never run (W05) -------------------------------------------------------


@pytest.mark.fault("W05")
@pytest.mark.simulator
@pytest.mark.django_db(transaction=True)
def test_no_hook_ever_runs_and_all_the_money_moves(
    world: World, quiet_queue, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if every process died right after each of its commits."""
    hooks: list[object] = []
    monkeypatch.setattr(BaseDatabaseWrapper, "on_commit", lambda self, *args, **kwargs: hooks.append(args))
    order = buy(world.alice, 1000)
    work_until(lambda: bool(simulator.prompts(world.alice.phone)))
    simulator.answer(world.alice.phone, "accept")
    work_until(lambda: Order.objects.get(pk=order.pk).status == Status.COMPLETED)
    sale = sell(world.alice, None)
    work_until(lambda: Order.objects.get(pk=sale.pk).status == Status.COMPLETED)
    assert hooks == [], "nothing was even asked for"
    assert_books(simulator)


@pytest.mark.fault("W05")
@pytest.mark.django_db(transaction=True)
def test_job_and_hold_are_there_together_or_not_at_all(world: World, quiet_queue) -> None:
    quote = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))

    def seen_by_others() -> tuple[int, int]:
        (found,) = together(1, lambda _: (ProcrastinateJob.objects.count(), Payment.objects.count()))
        return found  # type: ignore[return-value]

    with transaction.atomic():
        services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk)
        # Both are written before the commit, which shows them together: a kill cannot fall in between.
        assert (ProcrastinateJob.objects.count(), Payment.objects.count()) == (1, 1)
        assert seen_by_others() == (0, 0)
        transaction.set_rollback(True)
    assert seen_by_others() == (0, 0)
    services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk)
    assert seen_by_others() == (1, 1)
    assert_books()


# --- nothing waits for ever (W08) -----------------------------------------------------------------

LIMITS = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min"}


@pytest.mark.fault("W08")
@pytest.mark.django_db(transaction=True)
def test_every_session_has_its_limits() -> None:
    """Those of pages and jobs, and the one with which the worker fetches its jobs."""
    with connection.cursor() as cursor:
        for name, limit in LIMITS.items():
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (limit,)
    connector = worker_app().connector
    assert isinstance(connector, procrastinate.PsycopgConnector)
    with psycopg.connect(**connector._pool_args["kwargs"]) as session:
        for name, limit in LIMITS.items():
            assert session.execute(f"SHOW {name}").fetchone() == (limit,)


_OPEN = """
SELECT query, clock_timestamp() - xact_start FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND xact_start < clock_timestamp() - interval '0.5 seconds'
"""


def open_for_long() -> list[tuple]:
    """Transactions of others that have been open for half a second: only they could hold a lock for so long."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        return cursor.fetchall()


def about_to_call(world: World, path: str) -> Order:
    """An order whose next step calls the provider there."""
    if path in {STK_PUSH, STK_QUERY}:
        order = buy(world.bob, 1000)
    else:
        paid(buy(world.alice, 1000))
        order = sell(world.alice, None)
    if path in {STK_QUERY, STATUS}:
        payment_step(order.payment_id)
        assert Payment.objects.get(pk=order.payment_id).state == State.PENDING
    return order


@pytest.mark.fault("W08")
@pytest.mark.simulator
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [STK_PUSH, STK_QUERY, B2C, STATUS])
def test_while_the_provider_hangs_nobody_holds_a_lock(
    world: World, quiet_queue, simulator: Simulator, settings, path: str
) -> None:
    """The call is held; meanwhile the database is as if nobody were there, and the person goes on trading."""
    order = about_to_call(world, path)
    gate = Gate(simulator.url)
    settings.DARAJA = {**settings.DARAJA, "base_url": gate.url}
    hold = gate.hold("before", path)
    step = threading.Thread(target=lambda: together(1, lambda _: payment_step(order.payment_id)))
    step.start()
    try:
        patiently(hold.reached.is_set, what="the provider hangs")
        time.sleep(1)
        assert open_for_long() == []
        before = time.monotonic()
        other = buy(order.user, 500)
        Payment.objects.filter(pk=order.payment_id).update(note="looked at meanwhile")
        assert time.monotonic() - before < 1, "neither the person nor the payment is locked"
        assert step.is_alive(), "it still hangs"
    finally:
        gate.close()
        step.join(30)
    assert other.status == Status.PENDING
    assert Payment.objects.get(pk=order.payment_id).state in {State.UNKNOWN, State.PENDING}
    assert_books()


@pytest.mark.fault("W08")
@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_let_go_ends_in_503(world: World, quiet_queue, live_server) -> None:
    """Somebody holds the person's row. The confirmation gives up after the limit, here a short one, and is not done."""
    quote = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    with transaction.atomic():
        person_lock(world.bob.pk)

        def confirm(_: int) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk)

        (refused,) = together(1, confirm)
    assert isinstance(refused, OperationalError)
    assert Order.objects.count() == 0
    assert services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk).status == Status.PENDING
    assert_books()


# --- a job that always fails (W11) ----------------------------------------------------------------


@pytest.mark.fault("W11")
@pytest.mark.django_db(transaction=True)
def test_a_poisoned_job_among_five_hundred(world: World, quiet_queue, client) -> None:
    """It is tried a few times and then rests, in sight; the others do not wait for it."""
    poison = uuid.uuid4()  # a payment that is not there
    order = paid(buy(world.bob, 1000))
    ids = [poison if number == 250 else order.payment_id for number in range(500)]
    look.batch_defer(*[{"payment_id": str(payment_id)} for payment_id in ids])
    work(concurrency=8)
    waiting = ProcrastinateJob.objects.filter(task_name="payments.look", status__in=["todo", "doing"])
    assert [job.args["payment_id"] for job in waiting] == [str(poison)], "the others are done"
    for _ in range(6):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'")
        work(concurrency=1)
    (job,) = ProcrastinateJob.objects.filter(args__payment_id=str(poison))
    assert (job.status, job.attempts) == ("failed", 6)
    work()
    assert ProcrastinateJob.objects.get(pk=job.pk).attempts == 6, "parked"
    assert (
        'goldwallet_queue_jobs{queue="payments",state="failed"} 1.0'
        in client.get("/metrics").content.decode()
    )
    assert_books()
