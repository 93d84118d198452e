"""A database that is away, full, read-only or that throws us out: 503 with a calm page, and nothing half done.

Real HTTP to a real server over real PostgreSQL; what goes wrong is made by the database itself (faults.md W07).
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import httpx
import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path, reverse
from procrastinate.exceptions import ConnectorException

from accounts.models import User
from accounts.services import person_create
from accounts.tests.people import signed_in
from controls.services import threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.race import queue_empty
from goldwallet.test.world import PASSWORD, World, buy, paid
from payments.models import Callback, Payment
from trading import services
from trading.models import Order, Quote
from trading.tests.pages import state_of_the_house

CALM = "We cannot reach our books right now."


@pytest.fixture
def quiet_queue(transactional_db) -> Iterator[None]:
    queue_empty()
    yield
    queue_empty()


def sql(statement: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


class Person:
    """Somebody at a browser, over HTTP."""

    def __init__(self, url: str, user: User) -> None:
        cookies = {name: morsel.value for name, morsel in signed_in(user).cookies.items()}
        self.http = httpx.Client(base_url=url, cookies=cookies, trust_env=False, timeout=30)
        self.http.get("/wallet/")  # its session's time is noted once a minute
        self.token = self.http.get("/buy/").cookies.get("csrftoken") or self.http.cookies.get("csrftoken", "")

    def confirm(self, quote: Quote) -> httpx.Response:
        data = {"quote": str(quote.pk), "csrfmiddlewaretoken": self.token}
        return self.http.post("/buy/", data=data, headers={"X-CSRFToken": self.token})


def quoted(user: User, kes: int = 1000) -> Quote:
    return services.quote_buy(user=user, phone=user.phone, kes=Decimal(kes))


def assert_calm(answer: httpx.Response) -> None:
    assert answer.status_code == 503, (answer.status_code, answer.text[:300])
    assert CALM in answer.text and "do not pay again" in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "psycopg" not in answer.text and "Traceback" not in answer.text


# --- what counts as away --------------------------------------------------------------------------


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


AWAY: list[Exception] = [
    OperationalError("connection refused"),
    InterfaceError("connection already closed"),
    caused(InternalError("read only"), psycopg.errors.ReadOnlySqlTransaction()),
    caused(InternalError("idle"), psycopg.errors.IdleInTransactionSessionTimeout()),
    caused(ConnectorException("the queue"), psycopg.errors.DiskFull()),
]
BUGS: list[Exception] = [
    RuntimeError("bug"),
    DatabaseError("bug"),
    caused(DatabaseError("no such column"), psycopg.errors.UndefinedColumn()),
    caused(InternalError("aborted"), psycopg.errors.InFailedSqlTransaction()),
]
raising: list[Exception] = []


def page(request) -> HttpResponse:
    raise raising[-1]


urlpatterns = [path("page/", page)]
handler500 = "goldwallet.middleware.broken"


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("error", AWAY, ids=lambda error: str(error))
def test_the_database_s_absence_is_503(error: Exception) -> None:
    raising.append(error)
    answer = Client(raise_request_exception=False).get("/page/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert CALM in answer.content.decode()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("error", BUGS, ids=lambda error: f"{type(error).__name__} {error}")
def test_a_bug_stays_a_bug(error: Exception) -> None:
    raising.append(error)
    answer = Client(raise_request_exception=False).get("/page/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


def test_the_page_asks_the_database_nothing() -> None:
    assert CALM in render_to_string("503.html")  # without the database, which this test has none of


# --- read-only, full, no place left ---------------------------------------------------------------


@contextmanager
def only_reading() -> Iterator[None]:
    """New sessions of this database only read, as after a failover to a standby."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        yield
    finally:
        sql("SET default_transaction_read_only = off")
        sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")


@contextmanager
def full_disk(table: str) -> Iterator[None]:
    """The server says what it says when a write to the table finds no room."""
    sql(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
    )
    sql(f"CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()")
    try:
        yield
    finally:
        sql(f"DROP TRIGGER no_room ON {table}")
        sql("DROP FUNCTION no_room()")


@pytest.mark.fault("W07")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "away",
    [
        only_reading,
        # The first, a middle and the last write of a confirmation.
        lambda: full_disk("payments_payment"),
        lambda: full_disk("procrastinate_jobs"),
        lambda: full_disk("ledger_entry"),
    ],
    ids=["only reading", "full at the payment", "full at the job", "full at the last write"],
)
def test_a_confirmation_is_done_or_not_done(world: World, quiet_queue, live_server, away: Callable) -> None:
    person, quote = Person(live_server.url, world.bob), quoted(world.bob)
    before = state_of_the_house()
    with away():
        assert_calm(person.confirm(quote))
        assert state_of_the_house() == before
    assert person.confirm(quote).status_code == 302, "the same button works when it is back"
    assert Order.objects.get().quote_id == quote.pk
    assert_books()


@pytest.mark.fault("W07")
@pytest.mark.django_db(transaction=True)
def test_a_callback_is_refused_so_that_the_provider_tries_again(
    world: World, quiet_queue, live_server
) -> None:
    payment = Payment.objects.get(pk=buy(world.bob, 1000).payment_id)
    address = live_server.url + reverse("hook", args=["daraja", "collect", payment.token])

    def told() -> int:
        return httpx.post(address, json={"Body": {}}, trust_env=False, timeout=30).status_code

    with only_reading():
        assert told() == 503
    assert Callback.objects.count() == 0
    assert told() == 200
    assert Callback.objects.count() == 1


@contextmanager
def no_place_left() -> Iterator[None]:
    """The server has no connection left for the role that the program uses."""
    role = f"gw_crowded_{os.getpid()}"
    sql(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0 IN ROLE {connection.settings_dict['USER']}")
    mine = connection.settings_dict["USER"]
    try:
        connection.settings_dict["USER"] = role
        yield
    finally:
        connection.settings_dict["USER"] = mine
        sql(f"DROP ROLE {role}")


@pytest.mark.fault("W07")
@pytest.mark.django_db(transaction=True)
def test_no_connection_left(world: World, quiet_queue, live_server) -> None:
    person, quote = Person(live_server.url, world.bob), quoted(world.bob)
    before = state_of_the_house()
    with no_place_left():
        for answer in (person.confirm(quote), person.http.get("/orders/"), person.http.get("/")):
            assert_calm(answer)
        assert httpx.get(live_server.url + "/healthz", trust_env=False).status_code == 200
        ready = httpx.get(live_server.url + "/readyz", trust_env=False)
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "the database does not answer"
    assert state_of_the_house() == before
    assert person.confirm(quote).status_code == 302
    assert_books()


# --- thrown out again and again -------------------------------------------------------------------

_OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def storm(until: threading.Event, seed: int) -> int:
    """End every other session of this database, at moments that the seed decides. Answers how many."""
    chance, ended = random.Random(seed), 0
    while not until.is_set():
        for (pid,) in sql(_OTHERS):
            if chance.random() < 0.5:
                ended += sql("SELECT pg_terminate_backend(%s)", pid)[0][0]
        time.sleep(chance.uniform(0, 0.03))
    return ended


@pytest.mark.fault("W07")
@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sessions_that_are_ended_again_and_again(world: World, quiet_queue, live_server) -> None:
    """Four people confirm ten prices each while their connections are cut. An answer that says done is done, one that
    says 503 is whole or not there, and asking again with the same price never makes a second order.
    """
    paid(buy(world.bob, 1000))
    dora = person_create(email="dora@example.com", password=PASSWORD, phone="254722000004")
    for name in ("prompts_unpaid_per_phone_hour", "prompts_unpaid_per_person_hour"):
        threshold_set(name=name, value=Decimal(30), by=world.pricing)
    people = [world.alice, world.bob, world.charlie, dora]
    browsers = [Person(live_server.url, user) for user in people]
    quotes = [[quoted(user, 100 + number) for number in range(10)] for user in people]
    answers: list[tuple[Quote, int]] = []

    def trade(number: int) -> None:
        for quote in quotes[number]:
            answers.append((quote, browsers[number].confirm(quote).status_code))

    stop = threading.Event()
    traders = [threading.Thread(target=trade, args=(number,)) for number in range(len(people))]
    for trader in traders:
        trader.start()
    watcher = threading.Thread(target=lambda: ([one.join() for one in traders], stop.set()))
    watcher.start()
    ended = storm(stop, seed=2026)
    watcher.join()

    assert ended > 10, "a storm"
    assert len(answers) == 40
    assert {status for _, status in answers} == {302, 503}, "both were seen, and nothing else"
    made = set(Order.objects.values_list("quote_id", flat=True))
    assert all(quote.pk in made for quote, status in answers if status == 302), (
        "what was acknowledged is there"
    )
    assert_books()
    for number, browser in enumerate(browsers):
        for quote in quotes[number]:
            assert browser.confirm(quote).status_code == (409 if quote.pk in made else 302)
    assert Order.objects.filter(quote_id__in=[quote.pk for row in quotes for quote in row]).count() == 40
    assert_books()
