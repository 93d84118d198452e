"""A house that grows: more of everything that a page of the desk can list, as often as it is told (`House.more`).

What a page shows of one thing (the callbacks of a payment, the bars of a pool) cannot be made more for a thing that is
over, so each growth makes things of its own with so many of each, and `House.ways` names the addresses of the newest.
Gold and money stand here, people and what the house does about itself in `many_people`.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pghistory
from django.conf import settings
from django.test import Client

from accounts.models import PayoutNumber, User
from accounts.tests.people import customer, signed_in, staff
from controls.audit import record
from controls.services import request_withdraw, threshold_set
from controls.services.notes import note_add
from goldwallet.clock import after, now
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World, buy, paid, sell, world_create
from goldwallet.tests.scene import ALL_ROLES, Scene, scene_create
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from payments.models import (
    Arrival,
    BalanceReading,
    Callback,
    Exchange,
    Float,
    Kind,
    Payment,
    Pull,
    State,
    StatementFile,
    StatementLine,
)
from payments.tests.test_two_people import strayed
from pools import services as pools
from pools.models import Pool, Price
from pools.requests import bars_subject
from pools.services import NewBar

#: Of one sale each: below `payout_approval_kes` it would not wait for staff.
_WAITS_FROM = Decimal(1000)
_LAST = 500
_SIDES, _SPANS = ("buy", "sell"), ("order_kes", "day_kes", "month_kes")


@dataclass(frozen=True)
class Way:
    """One address of a route. `arguments`: in place of the scene's; `part`: htmx asks for this part of the page."""

    query: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    part: str = ""

    def __str__(self) -> str:
        words = [
            f"?{self.query}" if self.query else "",
            ",".join(map(str, self.arguments.values())),
            self.part,
        ]
        return " ".join(word for word in words if word)


def reader_browser(reader: User) -> Client:
    """As any browser that somebody has signed in with: it is looked for where one person may have two accounts."""
    browser = signed_in(reader)
    browser.cookies[settings.DEVICE_COOKIE_NAME] = "d" * 32
    return browser


@dataclass
class House:
    world: World
    scene: Scene
    #: Whose browser opens the pages. They may do whatever any of the roles may.
    reader: User = field(default_factory=lambda: staff(*ALL_ROLES))
    browser: Client = field(init=False)
    #: Everybody else of the staff, the newest last: each growth brings as many as it makes of everything.
    crew: list[User] = field(default_factory=lambda: [staff(*ALL_ROLES) for _ in range(2)])
    #: Route -> where else it is looked at than at the scene's own address.
    ways: dict[str, list[Way]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    #: The rest of the names of thresholds that nothing has moved yet.
    limits: Iterator[str] = field(default_factory=lambda: map("_".join, itertools.product(_SIDES, _SPANS)))

    def __post_init__(self) -> None:
        self.browser = reader_browser(self.reader)

    @property
    def alice(self) -> User:
        return self.scene.alice

    def more(self, times: int) -> None:
        """So many more of everything, each done by somebody else of the staff."""
        self.ways.clear()
        self.crew += [staff(*ALL_ROLES) for _ in range(times)]
        for make in MAKERS:
            make(self, times)

    def hands(self, times: int) -> list[User]:
        """So many of the staff, the newest ones."""
        return self.crew[-times:]

    def look(self, route: str, *queries: str, part: str = "", **arguments: Any) -> None:
        """Look at this route at this address as well: once with each of the queries."""
        found = self.ways.setdefault(route, [])
        found += [Way(query, arguments, part) for query in queries or ("",)]

    def receipt(self) -> str:
        return f"TKQ{next(self.numbers):07d}"


def house_create() -> House:
    """The scene of the route matrix, in a house that began some days ago."""
    with shift_clock(days=-3):
        began = Transfer(chart.mpesa_payouts(), chart.house_capital(), Decimal(1))
        post(key="many:began", kind="float_in", transfers=[began])
    world = world_create()
    return House(world, scene_create(world))


type Maker = Callable[[House, int], None]
MAKERS: list[Maker] = []


def makes(maker: Maker) -> Maker:
    MAKERS.append(maker)
    return maker


# --- gold and prices ------------------------------------------------------------------------------


def _pool(house: House, name: str, *, priority: int | None = None) -> Pool:
    by = house.crew[-1]
    return pools.pool_create(name=name, purity=Decimal("999.9"), priority=priority, by=by)


def _bars(house: House, pool: Pool, times: int, *, grams: Decimal, by: User) -> list[Any]:
    numbers = [next(house.numbers) for _ in range(times)]
    bars = [NewBar(serial=f"MANY-{n}", gross_grams=grams, fineness=Decimal(1000)) for n in numbers]
    return pools.bar_add(pool_id=pool.pk, bars=bars, key=f"many:{numbers[0]}", by=by)


@makes
def _gold(house: House, times: int) -> None:
    """Pools, open and closed; in the scene's pool bars that lie there, that left, and one that did both often."""
    whole = house.world.pool
    for by in house.hands(times):
        number = next(house.numbers)
        closed = _pool(house, f"Closed {number}")
        pools.pool_close(pool_id=closed.pk, reason="Counted out.", by=by)
        pools.pool_update(pool_id=whole.pk, name=whole.name, note=f"Shelf {number}", by=by)
        for bar in _bars(house, whole, 2, grams=Decimal(10), by=by):
            pools.assay_add(bar_id=bar.pk, name="assay.pdf", content=b"%PDF-1.4 an assay", by=by)
        pools.bar_withdraw(pool_id=whole.pk, bar_ids=[bar.pk], key=f"out:{number}", by=by)
    bars = _bars(house, whole, times, grams=Decimal(10), by=house.crew[-1])
    house.look("desk_transaction", transaction_id=Transaction.objects.latest("id").pk)
    house.look("desk_bars_withdraw", urlencode([("bar", bar.pk) for bar in bars]))
    house.look("desk_pool", "", "status=all", "assay=with&sort=newest", part="rows")
    house.look("desk_bars_add", f"rows={times}")
    _bar(house, bars[0].pk, times)
    _bars_asked(house, times)


def _bar(house: House, bar_id: Any, times: int) -> None:
    """A bar with a history of its own."""
    whole = house.world.pool
    for by in house.hands(times):
        number = next(house.numbers)
        pools.bar_withdraw(pool_id=whole.pk, bar_ids=[bar_id], key=f"away:{number}", by=by)
        pools.bar_restore(pool_id=whole.pk, bar_id=bar_id, key=f"back:{number}", by=by)
        content = f"%PDF-1.4 number {number}".encode()
        pools.assay_add(bar_id=bar_id, name=f"assay-{number}.pdf", content=content, by=by)
        record("read", subject=f"bar:{bar_id}", by=by.pk)
    house.look("desk_bar", bar_id=bar_id)
    house.look("desk_bar_restore", bar_id=bar_id)


def _bars_asked(house: House, times: int) -> None:
    """Somebody asks for as many bars at once, and for as many that leave."""
    pool = _pool(house, f"Asked {next(house.numbers)}")
    numbers = [next(house.numbers) for _ in range(times)]
    new = [
        {"serial": f"NEW-{n}", "gross_grams": "10", "fineness": "999.9", "refiner": "Rand"} for n in numbers
    ]
    by = house.crew[-1]
    request = asked("bars_add", {"pool": str(pool.pk), "bars": new}, by=by, subject=bars_subject(pool.pk))
    house.look("desk_approval", request_id=request.pk)
    full = _pool(house, f"Full {next(house.numbers)}")
    out = [str(bar.pk) for bar in _bars(house, full, times, grams=Decimal(10), by=by)]
    request = asked(
        "bars_withdraw", {"pool": str(full.pk), "bars": out}, by=by, subject=bars_subject(full.pk)
    )
    house.look("desk_approval", request_id=request.pk)


@makes
def _prices(house: House, times: int) -> None:
    """Pairs that were in force, pairs that are scheduled, and pairs that were taken back."""
    for by in house.hands(times):
        hours = next(house.numbers)
        pools.price_set(buy=Decimal(16_500), sell=Decimal(16_000), by=by, reason="Again.", confirmed=True)
        start = now() + dt.timedelta(hours=hours)
        pools.price_set(
            buy=Decimal(16_510), sell=Decimal(16_010), by=by, effective_from=start, reason="Later."
        )
    # As if their moment had come: whoever looks for the price in force has to go by them.
    for by in house.hands(times):
        pair = {"buy": 16_520, "sell": 16_020, "effective_from": now(), "created_by": by}
        Price.objects.create(**pair)
        Price.objects.create(**pair, takes_back=True)
        record("read", subject="price:band", by=by.pk)
    house.look("desk_prices", "buy=16520&sell=16020", "spot=2600&rate=129&above=3&below=2")


# --- an order and its money -----------------------------------------------------------------------


def _told(house: House, payment_id: Any, times: int) -> Payment:
    """All that can be said of a payment, so often: by M-Pesa, in statements, by staff."""
    payment = Payment.objects.get(pk=payment_id)
    for by in house.hands(times):
        exchange = Exchange.objects.create(payment=payment, kind=Kind.COLLECT_REPORT, http_status=200)
        Callback.objects.create(
            payment=payment, exchange=exchange, kind="collect", from_address="196.201.214.200"
        )
        with pghistory.context(user=str(by.pk)):
            Payment.objects.filter(pk=payment.pk).update(note=f"Looked at, {next(house.numbers)}.")
        payload = {"payment": str(payment.pk), "paid": True, "receipt": house.receipt()}
        kind = "payment_resolve"
        if payment.state == State.SUCCEEDED:
            kind, payload = "payment_reversed", {"payment": str(payment.pk), "receipt": house.receipt()}
        request = asked(kind, payload, by=by, subject=f"payment:{payment.pk}")
        request_withdraw(request_id=request.pk, by=by)
        record("read", subject=f"payment:{payment.pk}", person_id=payment.user_id, by=by.pk)
        _line(house, payment, by)
    Payment.objects.filter(pk=payment.pk).update(attention=True)
    return payment


def _line(house: House, payment: Payment, by: User) -> StatementLine:
    """A line of a statement of its own with the payment's receipt or reference."""
    number = next(house.numbers)
    file = StatementFile.objects.create(
        account=Float.COLLECTIONS,
        name=f"{number}.csv",
        sha256=f"{number:064d}",
        starts_at=payment.created_at,
        ends_at=now(),
        uploaded_by=by,
    )
    return StatementLine.objects.create(
        file=file,
        account=Float.COLLECTIONS,
        receipt=payment.receipt or house.receipt(),
        reference=payment.reference,
        kind="paid_in",
        status="Completed",
        completed_at=payment.created_at,
        paid_in=payment.amount,
        withdrawn=0,
        fingerprint=f"{number:064d}",
    )


@makes
def _order(house: House, times: int) -> None:
    """An order of alice's that takes from as many pools; money that names it and could not pay it; notes about it."""
    Pool.objects.filter(priority__lt=_LAST).update(priority=_LAST)
    for by in house.hands(times):
        _bars(house, _pool(house, f"Tiny {next(house.numbers)}", priority=1), 1, grams=Decimal("0.01"), by=by)
    order = paid(buy(house.alice, 33_000), receipt=house.receipt())
    # Named by what was posted first, with a line for each pool.
    posted = Transaction.objects.get(key=f"order:{order.pk}:reserved")
    payment = _told(house, order.payment_id, times)
    for by in house.hands(times):
        arrival = strayed(house.receipt(), 700)
        Arrival.objects.filter(pk=arrival.pk).update(payment=payment)
        note_add(subject=f"order:{order.pk}", text="Kind.", flag="care", by=by, person_id=order.user_id)
        note_add(subject=f"pool:{house.world.pool.pk}", text="Counted.", flag="watch", by=by)
        record("read", subject=f"order:{order.pk}", person_id=order.user_id, by=by.pk)
        record("read", subject=f"transaction:{posted.pk}", by=by.pk)
        record("read", subject=f"pool:{house.world.pool.pk}", by=by.pk)
    payload = {"payment": str(payment.pk), "receipt": house.receipt()}
    request = asked("payment_reversed", payload, by=house.crew[-1], subject=f"payment:{payment.pk}")
    house.look("desk_approval", request_id=request.pk)
    house.look("desk_order", order_id=order.pk)
    house.look("desk_payment", payment_id=payment.pk)
    house.look("desk_transaction", transaction_id=posted.pk)
    house.look("desk_transactions", f"about={order.reference}", "kind=buy_reserved", part="rows")
    house.look("desk_find", urlencode({"q": payment.receipt}))


@makes
def _arrival(house: House, times: int) -> None:
    """Money in suspense that may be meant for as many payments, and that was asked about as often."""
    arrival = strayed(house.receipt(), 1234)
    for by in house.hands(times):
        order = buy(customer(kyc_status="verified"), 1234)
        record("read", subject=f"arrival:{arrival.pk}", by=by.pk)
        exchange = Exchange.objects.create(arrival=arrival, kind=Kind.PULL)
        Callback.objects.create(exchange=exchange, kind="arrival")
        with pghistory.context(user=str(by.pk)):
            Arrival.objects.filter(pk=arrival.pk).update(note=f"Asked, {next(house.numbers)}.")
        payload = {"arrival": str(arrival.pk), "user": str(order.user_id)}
        request = asked("suspense_assign", payload, by=by, subject=f"arrival:{arrival.pk}")
        request_withdraw(request_id=request.pk, by=by)
        given = strayed(house.receipt(), 300)
        payload = {"arrival": str(given.pk), "user": str(order.user_id)}
        agreed("suspense_assign", payload, maker=by, checker=house.crew[0])
        Pull.objects.create(starts_at=now(), ends_at=now(), exchange=exchange, complete=True)
    house.look("desk_arrival", arrival_id=arrival.pk)
    house.look("desk_money", "show=all", f"receipt={arrival.receipt}")


@makes
def _queue(house: House, times: int) -> None:
    """Payouts that wait for staff, that nobody knows the end of, and that are over; each of another person."""
    threshold_set(name="payout_approval_kes", value=_WAITS_FROM, by=house.crew[0])
    for by in house.hands(times):
        person = customer(kyc_status="verified")
        paid(buy(person, 33_000), receipt=house.receipt())
        waits = sell(person, Decimal("0.1")).payment
        asked_for = PayoutNumber(user=person, usable_from=after(3600))
        asked_for.phone = f"2547010{next(house.numbers):05d}"
        asked_for.save(force_insert=True)
        asked("payout_release", {"payment": str(waits.pk)}, by=by, subject=f"payment:{waits.pk}")
        unknown = sell(person, Decimal("0.02")).payment
        Payment.objects.filter(pk=unknown.pk).update(state=State.UNKNOWN, sent_at=now(), note="Not answered.")
        paid(sell(person, Decimal("0.03")), receipt=house.receipt())
        prompt = buy(person, 1000).payment
        Payment.objects.filter(pk=prompt.pk).update(state=State.UNKNOWN, sent_at=now())
    _told(house, unknown.pk, times)
    house.look("desk_payment", payment_id=unknown.pk)
    house.look("desk_payments", "", f"state={State.UNKNOWN}", "person=example", part="rows")
    house.look(
        "desk_orders", "", "side=buy&status=pending", "person=example&status=completed,pending", part="rows"
    )


@makes
def _floats(house: House, times: int) -> None:
    """Readings of what stands at M-Pesa."""
    for _ in range(times):
        exchange = Exchange.objects.create(kind=Kind.BALANCE)
        for shortcode, name in (("174379", "Utility Account"), ("600991", "Utility Account")):
            BalanceReading.objects.create(
                exchange=exchange, shortcode=shortcode, name=name, current=7, available=7, read_at=now()
            )


@makes
def _corrections(house: House, times: int) -> None:
    """Corrections that two people agreed, cash that has rested for days, and debts."""
    for by in house.hands(times):
        person, debtor, number = customer(), customer(), next(house.numbers)
        payload = {
            "person": str(person.pk),
            "kes": str(500 + number),
            "way": "credit",
            "words": "We were wrong.",
        }
        request = agreed("adjust_cash", payload, maker=by, checker=house.crew[0])
        with shift_clock(days=-2):
            cash = Transfer(chart.mpesa_collections(), chart.user_cash(customer().pk), Decimal(10))
            post(key=f"many:cash:{number}", kind="test", transfers=[cash], actor=str(by.pk))
        debt = Transfer(chart.user_receivable(debtor.pk), chart.house_sales(), Decimal(10))
        post(key=f"many:debt:{number}", kind="test", transfers=[debt], actor=str(by.pk))
    house.look("desk_approval", request_id=request.pk)
    adjusted = Transaction.objects.filter(kind="adjustment_cash").latest("id")
    house.look("desk_transaction", transaction_id=adjusted.pk)
    for code in (chart.user_gold(house.alice.pk), chart.pool_available(house.world.pool.pk)):
        house.look("desk_account", code=code.code, part="rows")
        house.look("desk_account_extract", code=code.code)
    house.look("desk_ledger", "", "code=user", "asset=GOLD", part="rows")
