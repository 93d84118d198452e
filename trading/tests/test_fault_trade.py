"""Trading under attack: options for nothing, split orders, tampered forms, isolation levels, an hour of silence."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError, connection
from django.urls import reverse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.services import person_create
from controls.services import threshold_set
from goldwallet.errors import Refused
from goldwallet.money import GRAM, parse_grams, parse_price, parse_shillings
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.kill import sweep
from goldwallet.test.provider import Simulator
from goldwallet.test.race import queue_empty
from goldwallet.test.worker import work_until
from goldwallet.test.world import BUY, PASSWORD, SELL, World, buy, paid, sell, world_create
from ledger import chart
from ledger.models import Account, Entry
from ledger.selectors import balance
from ledger.tests.threads import errors, together
from payments.models import Payment, State
from pools.models import Allocation, Price
from pools.services import price_set
from trading import services, terms
from trading.models import Order, Quote, Side, Status
from trading.services.quotes import QUOTE_SECONDS
from trading.tests.pages import PHONE, browser, nothing_changes, text
from trading.tests.test_buy import fail

# --- a price that cannot be right (Q05) -----------------------------------------------------------

GLITCHES = {
    "ten times": (BUY * 10, SELL * 10),
    "a tenth": (BUY / 10, SELL / 10),
    "an ounce": (round(BUY * Decimal("31.1035"), 2), round(SELL * Decimal("31.1035"), 2)),
    "a gram of an ounce": (round(BUY / Decimal("31.1035"), 2), round(SELL / Decimal("31.1035"), 2)),
    "dollars": (round(BUY / 129, 2), round(SELL / 129, 2)),
    "cents": (BUY * 100, SELL * 100),
    "zero": (Decimal(0), Decimal(0)),
    "sell zero": (BUY, Decimal(0)),
    "negative": (-BUY, -SELL),
    "crossed": (SELL, BUY),
    "crossed by a cent": (BUY, BUY + Decimal("0.01")),
    "no number": (Decimal("NaN"), SELL),
    "no end": (Decimal("Infinity"), SELL),
    "finer than a cent": (BUY + Decimal("0.001"), SELL),
    "one side alone": (BUY * 2, SELL),
}


@pytest.mark.fault("Q05")
@pytest.mark.django_db
@pytest.mark.parametrize("glitch", GLITCHES)
def test_a_price_that_cannot_be_right_is_refused(world: World, glitch: str) -> None:
    bid, ask = GLITCHES[glitch]
    with pytest.raises(Refused):
        price_set(buy=bid, sell=ask, by=world.pricing, reason="feed")
    assert Price.objects.count() == 1
    assert services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000)).price_per_gram == BUY


@pytest.mark.fault("Q05")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("bid", "ask"), [("100.00", "100.01"), ("0", "0"), ("-1", "-2"), ("NaN", "1"), ("1", "NaN"), ("100", "0")]
)
def test_the_database_itself_refuses_such_a_pair(world: World, bid: str, ask: str) -> None:
    with (
        pytest.raises(Exception, match=r"violates check constraint|numeric field overflow"),
        connection.cursor() as raw,
    ):
        raw.execute(
            "INSERT INTO pools_price (buy, sell, effective_from, reason, created_by_id, created_at)"
            " SELECT %s::numeric, %s::numeric, wallet_now(), '', created_by_id, wallet_now() FROM pools_price LIMIT 1",
            [bid, ask],
        )


# --- options for nothing (Q06) --------------------------------------------------------------------

#: Gold moves about 20% in a year: 0.028% in a minute. Ten times that is a market in panic.
PER_MINUTE = 0.2 / (365 * 24 * 60) ** 0.5


def option_hunter(
    *, spread: Decimal, volatility: float, seed: int, minutes: int = 4000
) -> tuple[int, Decimal]:
    """Every minute somebody asks for a price to buy and one to sell, waits for as long as they live, and uses whichever
    has become a gain against the new price. Answers how often that was, and what it brought over all trades, in KES.
    """
    chance, middle = random.Random(seed), Decimal(16_250)
    used, gain = 0, Decimal(0)
    half = spread / 2
    life = QUOTE_SECONDS + 60  # a prompt lives a minute more
    for _ in range(minutes):
        ask, bid = middle + half, middle - half
        middle *= Decimal(1 + chance.gauss(0, volatility) * (life / 60) ** 0.5)
        later_ask, later_bid = middle + half, middle - half
        bought = terms.buy_for_kes(Decimal(250_000), price=ask)
        closed = terms.sell_grams(bought.grams, price=later_bid).kes - bought.kes
        sold = terms.sell_grams(Decimal(15), price=bid)
        cost = terms.buy_grams(Decimal(15), price=later_ask, stock=Decimal(10**6)).kes
        best = max(closed, sold.kes - cost)
        if best > 0:
            used += 1
            gain += best
    return used, gain


@pytest.mark.fault("Q06")
@pytest.mark.parametrize("panic", [1, 10])
def test_keeping_prices_and_using_the_winners_does_not_pay(panic: int) -> None:
    """With the spread of 3% that the house opens with, not even in a panic."""
    for seed in range(3):
        assert option_hunter(spread=BUY - SELL, volatility=PER_MINUTE * panic, seed=seed) == (0, 0)


def test_without_a_spread_it_would() -> None:
    """The control: the hunter knows the trade."""
    used, gain = option_hunter(spread=Decimal(0), volatility=PER_MINUTE, seed=1)
    assert used > 1000 and gain > 10_000


@pytest.mark.fault("Q06")
@pytest.mark.django_db
def test_prices_are_few_short_and_reserve_nothing(world: World) -> None:
    threshold_set(name="quote_open_max", value=Decimal(5), by=world.pricing)
    kept = [services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000)) for _ in range(5)]
    with nothing_changes(), pytest.raises(Refused) as refusal:
        services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000))
    assert refusal.value.status in {409, 429}
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    with shift_clock(seconds=QUOTE_SECONDS + 1):
        for quote in kept:
            with pytest.raises(Refused):
                services.buy_confirm(user_id=world.bob.pk, quote_id=quote.pk)
        services.quote_buy(user=world.bob, phone=PHONE, kes=Decimal(1000))


# --- micrograms (Q07) -----------------------------------------------------------------------------


@pytest.mark.fault("Q07")
def test_a_hundred_thousand_ways_to_split_and_to_turn_round() -> None:
    """In parts never more than in one; there and back never more than before; each rounding below its bound."""
    chance = random.Random(7)
    for _ in range(100_000):
        price = Decimal(
            chance.choice([chance.randint(1_000, 9_999_999), chance.randint(1_600_000, 1_700_000)])
        ).scaleb(-2)
        one, two = Decimal(chance.randint(1, 250_000)), Decimal(chance.randint(1, 2_000))
        first, second = terms.buy_for_kes(one, price=price), terms.buy_for_kes(two, price=price)
        assert first.grams + second.grams <= terms.buy_for_kes(one + two, price=price).grams
        assert 0 <= one - first.grams * price < GRAM * price, "less than a microgram"
        back = terms.sell_grams(first.grams, price=price)
        assert back.kes <= one and 0 <= first.grams * price - back.kes < 1, "less than a shilling"
        parts = terms.sell_grams(second.grams, price=price)
        assert parts.kes + back.kes <= terms.sell_grams(first.grams + second.grams, price=price).kes


# --- numbers (Q12) --------------------------------------------------------------------------------

# fmt: off
AMBIGUOUS = [
    "1,000", "1.000,5", "1'000", "1_000", "1e3", "1E3", "1e-3", "0x10", "٣", "۳", "\uff13", "१", "-0",
    "-1", "+1", "0-1", "1-", ".", ".5", "5.", "00", "01", "007", "0.0.1", "1..2", "NaN", "nan",
    "Infinity", "inf", "-inf", "½", "²", "1½", "1%", "$1", "KES1", "1g", "1/2", "1:2", "∞", "ⅷ",
    "\u4e00", "1\u200b", "1\xa0000", "\u202e1", "1\x00", "1\n2", "", " ", "1 000", "1\t", "\t1", "1\n",
    "1 .5", "1. 5", "- 1", "9" * 13, "9" * 400,
]
# fmt: on


@pytest.mark.fault("Q12")
@pytest.mark.parametrize("read", [parse_shillings, parse_grams, parse_price])
@pytest.mark.parametrize("typed", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused(read, typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        read(typed)
    assert refusal.value.sentence.endswith(".")


@pytest.mark.fault("Q12", "L12")
@settings(max_examples=1500, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.text("0123456789.,eE+- _٣", max_size=20),
        st.from_regex(r"[0-9]{1,14}\.?[0-9]{0,10}"),
    )
)
@example("0.1")
@example("1.0000000")
def test_whatever_is_read_is_exactly_what_is_written(typed: str) -> None:
    """For any text: refused, or plain ASCII digits with the value that they spell, in range and in scale."""
    for read, places in ((parse_shillings, 0), (parse_grams, 6), (parse_price, 2)):
        try:
            value = read(typed)
        except Refused:
            continue
        plain = typed.strip(" ")
        whole, _, fraction = plain.partition(".")
        assert plain.isascii() and (whole + fraction).isdigit()
        assert value == Decimal(int(whole + fraction)).scaleb(-len(fraction)) and 0 <= value < 10**12
        assert len(fraction) <= places and value == round(value, places)


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
