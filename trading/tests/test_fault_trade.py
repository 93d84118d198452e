"""Trading under attack: tampered forms, other isolation levels, a payment too many, an hour of silence."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError, connection
from django.urls import reverse

from accounts.services import person_create
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import sweep
from goldwallet.test.provider import Simulator
from goldwallet.test.race import queue_empty
from goldwallet.test.worker import work_until
from goldwallet.test.world import PASSWORD, World, buy, paid, sell, world_create
from ledger import chart
from ledger.models import Account, Entry
from ledger.selectors import balance
from ledger.tests.threads import errors, together
from payments.models import Payment, State
from pools.models import Allocation
from trading import services
from trading.models import Order, Quote, Side, Status
from trading.tests.pages import PHONE, browser, text
from trading.tests.test_buy import fail

# --- tampered forms (L13) -------------------------------------------------------------------------


def every_field_there_is() -> dict[str, str]:
    """A value for every column of every table that has to do with money, and for what a forger would like to have."""
    names = {
        name
        for model in (Order, Quote, Payment, Account, Entry, Allocation)
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }
    wishes = {
        "asset",
        "source",
        "destination",
        "account",
        "price",
        "pool",
        "balance",
        "actor",
        "kind",
        "owner",
        "as",
    }
    known = {"phone", "quote", "amount_kes", "grams", "csrfmiddlewaretoken", "everything"}
    return dict.fromkeys(sorted((names | wishes) - known), "1")


def outcome(order: Order) -> tuple:
    """All that an order is, without what is different in each."""
    legs = Entry.objects.filter(transaction__memo=order.reference).order_by("transaction", "leg", "amount")
    moved = [(row.account.code, row.account.asset, row.amount) for row in legs.select_related("account")]
    payment = Payment.objects.get(pk=order.payment_id)
    shown = (order.side, order.grams, order.total_kes, order.price_per_gram, order.status, order.user_id)
    return (*shown, payment.amount, payment.phone, payment.state, payment.user_id, payment.direction, moved)


@pytest.mark.fault("L13")
@pytest.mark.django_db
@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_nothing_in_the_request_chooses_account_asset_or_amount(world: World, side: Side) -> None:
    """One order made with the form as it is, and one with every field there is thrown in at both steps."""
    paid(buy(world.alice, 16_500))
    wanted = {"phone": PHONE, "amount_kes": "1000"} if side == Side.BUY else {"phone": PHONE, "grams": "0.25"}
    client, made = browser(world.alice), []
    hostile = {
        **every_field_there_is(),
        "user": str(world.bob.pk),
        "user_id": str(world.bob.pk),
        "account": chart.house_capital().code,
        "source": chart.mpesa_payouts().code,
        "destination": chart.user_gold(world.bob.pk).code,
        "asset": "KES" if side == Side.SELL else "GOLD",
        "price_per_gram": "0.01",
        "total_kes": "1" if side == Side.BUY else "999999",
        "side": "sell" if side == Side.BUY else "buy",
    }
    for extra in ({}, hostile):
        asked = client.post(reverse(side), {**extra, **wanted})
        assert asked.status_code == 302, text(asked)
        quote = asked["Location"].rstrip("/").rpartition("/")[2]
        confirmed = client.post(reverse(side), {**extra, "amount_kes": "1", "grams": "900", "quote": quote})
        assert confirmed.status_code == 302, text(confirmed)
        made.append(outcome(Order.objects.get(quote_id=quote)))
    assert made[0] == made[1]
    assert len(hostile) > 60
    assert_books()


# --- other isolation levels (L08) -----------------------------------------------------------------

LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


@contextmanager
def isolated(level: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")


@pytest.mark.fault("L08")
@pytest.mark.django_db(transaction=True)
def test_the_house_runs_at_read_committed() -> None:
    """So every other test of this project has shown what it shows at the weakest level that PostgreSQL has."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("read committed",)


@pytest.mark.fault("L08")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("level", LEVELS)
def test_every_end_of_an_order_at_every_level(level: str) -> None:
    world = world_create()
    with isolated(level):
        paid(buy(world.alice, 16_500))
        assert fail(buy(world.bob, 1000), "1032").status == Status.FAILED
        late = buy(world.bob, 1000)
        with shift_clock(minutes=16):
            assert services.orders_expire() == 1
            assert paid(late).status == Status.PAID_LATE
        assert fail(sell(world.alice, Decimal("0.5")), "2040").status == Status.FAILED
        assert paid(sell(world.alice, None)).status == Status.COMPLETED
        assert balance(chart.user_gold(world.alice.pk)) == 0
        assert_books()


@pytest.mark.fault("L08")
@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("level", LEVELS)
def test_the_last_gold_at_every_level(level: str) -> None:
    """Eight want gold that is there once. At the higher levels more are turned away; nowhere does a second get it."""
    world = world_create(grams=Decimal("0.100000"))
    quotes = [services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000)) for _ in range(8)]

    def confirm(number: int) -> Order:
        with isolated(level):
            return services.buy_confirm(user_id=world.bob.pk, quote_id=quotes[number].pk)

    results = together(8, confirm)
    won = [result for result in results if isinstance(result, Order)]
    assert len(won) == 1
    assert all(isinstance(lost, Refused | OperationalError) for lost in errors(results)), errors(results)
    if level == "READ COMMITTED":
        assert all(isinstance(lost, Refused) for lost in errors(results)), (
            "nobody sees an error of the database"
        )
    assert Order.objects.count() == Payment.objects.count() == 1
    assert_books()


# --- nobody is told "failed" too early (P15) ------------------------------------------------------

OPEN = [State.CREATED, State.SENDING, State.PENDING, State.UNKNOWN]


@pytest.mark.fault("P15")
@pytest.mark.django_db
@pytest.mark.parametrize("attention", [False, True], ids=["", "before staff"])
@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("expired", [False, True], ids=["open", "expired"])
def test_while_money_may_come_nobody_hears_failed(
    world: World, state: State, expired: bool, attention: bool
) -> None:
    """Whatever the order stands at: the page does not say that it failed, and offers no second payment."""
    order = buy(world.bob, 1000)
    sent = {"sent_at": order.created_at} if state != State.CREATED else {}
    Payment.objects.filter(pk=order.payment_id).update(state=state, attention=attention, **sent)
    minutes = 4 if expired else 0
    with shift_clock(minutes=minutes):
        response = browser(world.bob).get(reverse("order", args=[order.pk]))
    said = text(response).lower()
    if expired and state == State.CREATED:
        assert "nothing was bought" in said, "it was never sent, so nothing can come"
        return
    assert "failed" not in said and "nothing was bought" not in said and "try again" not in said
    assert f'action="{reverse("buy")}"' not in response.content.decode()
    if state == State.UNKNOWN or attention or expired:
        assert "do not pay again" in said or "not lost" in said


@pytest.mark.fault("P15")
@pytest.mark.django_db
def test_who_pays_twice_all_the_same_loses_nothing(world: World) -> None:
    """The first looked dead and was not. Both payments are somebody's gold or cash, to the last shilling."""
    first = buy(world.bob, 1000)
    Payment.objects.filter(pk=first.payment_id).update(state=State.UNKNOWN)
    with shift_clock(minutes=5):
        services.orders_expire()
        second = paid(buy(world.bob, 1000), receipt="UKL7A2B3C4")
    with shift_clock(minutes=30):
        paid(first, receipt="UKL7A2B3C5")
    assert (second.status, first.status) == (Status.COMPLETED, Status.PAID_LATE)
    assert balance(chart.user_gold(world.bob.pk)) == second.grams
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert -balance(chart.mpesa_collections()) == 2000
    assert_books()


# --- an hour of silence (P21) ---------------------------------------------------------------------


class Refusing(BaseHTTPRequestHandler):
    """Our address for an hour: 503 to whatever comes."""

    def do_POST(self) -> None:
        self.server.refused.append(self.path)  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet: the test looks at `refused`."""


@contextmanager
def out_of_order(config) -> Iterator[list[str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.refused = []  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    listening, config.BASE_URL = config.BASE_URL, f"http://127.0.0.1:{server.server_port}"
    try:
        yield server.refused  # type: ignore[attr-defined]
    finally:
        config.BASE_URL = listening
        server.shutdown()
        server.server_close()


@pytest.mark.fault("P21")
@pytest.mark.simulator
@pytest.mark.django_db(transaction=True)
def test_an_hour_of_refused_callbacks(simulator: Simulator, settings) -> None:
    """Paid, declined and ignored prompts and a payout: all told to a house that answers 503, and that nobody works in.
    An hour later it is up again, and every one of them ends as it truly ended.
    """
    queue_empty()
    world = world_create()
    dora = person_create(email="dora@example.com", password=PASSWORD, phone="254722000004")
    paid(buy(world.alice, 16_500))
    people = {world.bob: "accept", world.charlie: "decline", dora: "ignore"}
    with out_of_order(settings) as refused:
        orders = {person: buy(person, 1000) for person in people}
        sale = sell(world.alice, Decimal("0.5"))
        work_until(lambda: all(simulator.prompts(person.phone) for person in people))
        for person, action in people.items():
            simulator.answer(person.phone, action)
        work_until(lambda: bool(simulator.payouts()) and simulator.payouts()[0]["state"] == "completed")
        work_until(lambda: len({urlsplit(path).path for path in refused}) >= 3)
    queue_empty()  # whatever was to be done is forgotten as well

    def ended() -> bool:
        sweep()
        return not Order.objects.filter(status=Status.PENDING).exclude(side="buy", user=dora).exists()

    with shift_clock(hours=1):
        work_until(ended)
    with shift_clock(hours=1, minutes=10):
        work_until(
            lambda: ended() and not Payment.objects.filter(state__in=[State.SENDING, State.PENDING]).exists()
        )
    status = {person: Order.objects.get(pk=order.pk).status for person, order in orders.items()}
    assert status[world.bob] == Status.PAID_LATE, "paid, past the window of its price: his cash"
    assert balance(chart.user_cash(world.bob.pk)) == 1000
    assert {status[world.charlie], status[dora]} <= {Status.EXPIRED, Status.FAILED}
    assert Order.objects.get(pk=sale.pk).status == Status.COMPLETED
    assert [row["state"] for row in simulator.payouts()] == ["completed"]
    assert balance(chart.pool_available(world.pool.pk)) == 1000 - Decimal("0.5")
    assert_books()
