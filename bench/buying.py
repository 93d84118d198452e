"""Rows 2 and 8: `buy_confirm` against pgbench running its statements as SQL; statements counted."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from uuid import UUID

from django.db import connection

from accounts.models import KycStatus, User
from bench.cluster import RESULTS, Cluster
from bench.data import holder, settle_down
from bench.load import threads
from bench.statements import Seen, script, seen
from goldwallet.clock import after
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from trading import services, terms
from trading.models import Order, Quote, Side

PRICE, KES = Decimal(16500), Decimal(200)
# Fewer than the prompts that one person may leave unpaid in an hour, since here nobody ever pays.
BUYS_PER_PERSON = 8
# More than any machine confirms in a second, so that the quotes last.
PER_SECOND = {"service": 1500, "pgbench": 4000}
_people = count()
_run = count(1)


@dataclass(frozen=True)
class Confirm:
    user_id: UUID
    quote_id: UUID


def people_make(buys: int) -> list[User]:
    """Verified people who have not bought today, enough for so many buys. Their ids are `holder(n)`."""
    people = []
    for _ in range(-(-buys // BUYS_PER_PERSON)):
        number = next(_people)
        person = User(
            id=holder(number), username=f"buyer{number}", email=f"buyer{number}@example.com", password="!",
            kyc_status=KycStatus.VERIFIED,
        )  # fmt: skip
        person.phone = f"2547{number:08d}"
        people.append(person)
    return User.objects.bulk_create(people, batch_size=500)


def quotes_make(buys: int) -> list[Confirm]:
    """Quotes that are not used and hold for a day, spread over people of their own."""
    deal = terms.buy_for_kes(KES, price=PRICE)
    people = people_make(buys)
    quotes = []
    for number in range(buys):
        person = people[number % len(people)]
        quote = Quote(
            user=person, side=Side.BUY, grams=deal.grams, total_kes=deal.kes, price_per_gram=PRICE,
            expires_at=after(86_400),
        )  # fmt: skip
        quote.phone = person.phone
        quotes.append(quote)
    Quote.objects.bulk_create(quotes, batch_size=500)
    settle_down()
    return [Confirm(quote.user_id, quote.pk) for quote in quotes]


def confirm(one: Confirm) -> Order:
    return services.buy_confirm(user_id=one.user_id, quote_id=one.quote_id)


def service(*, clients: int, seconds: float) -> float:
    """Confirmed buys a second, in threads of this process."""
    waiting = quotes_make(round(PER_SECOND["service"] * max(0.3, seconds)))
    turns = count()
    return threads(clients, seconds, lambda thread, turn: confirm(waiting[next(turns)]))


# --- without Python -------------------------------------------------------------------------------
_QUOTES = """
INSERT INTO trading_quote (id, user_id, side, grams, total_kes, price_per_gram, phone_sealed, everything,
                           created_at, expires_at)
SELECT ({quote})::uuid, ({person})::uuid, side, grams, total_kes, price_per_gram, phone_sealed, everything,
       created_at, expires_at
FROM trading_quote, generate_series(0, %s) n WHERE id = %s
"""


def _numbered(prefix: str, number: str) -> str:
    return f"'{prefix}-0000-4000-8000-' || lpad(({number})::text, 12, '0')"


def pgbench(cluster: Cluster, *, clients: int, seconds: float) -> float:
    """The same statements by pgbench, on quotes made in SQL."""
    run = next(_run)
    share = round(PER_SECOND["pgbench"] * max(1, seconds)) // clients
    example = quotes_make(1)[0]
    first = next(_people)
    people_make(share * clients)
    last_person = next(_people) - 1
    person = _numbered("00000000", f"{first + 1} + (n %% {last_person - first})")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            _QUOTES.format(quote=_numbered(f"{run:08d}", "n"), person=person),
            [share * clients - 1, example.quote_id],
        )
    path = RESULTS / "buy.sql"
    path.write_text(_script(example, run=run, share=share, first=first + 1, people=last_person - first))
    settle_down()
    return cluster.pgbench(path, clients=clients, seconds=seconds, defines={"i": -1})


def _script(example: Confirm, *, run: int, share: int, first: int, people: int) -> str:
    statements, order = confirm_seen(example)
    payment = Payment.objects.get(pk=order.payment_id)
    ids = {
        example.user_id: _numbered("00000000", ":person"),
        example.quote_id: _numbered(f"{run:08d}", ":n"),
        order.pk: _numbered(f"{run + 10_000_000}", ":n"),
        payment.pk: _numbered(f"{run + 20_000_000}", ":n"),
    }
    changing = {
        **{str(known): expression for known, expression in ids.items()},
        **{known.hex: expression for known, expression in ids.items()},
        payment.phone_lookup: "'bench' || (:person)::text",
        payment.reference: f"'B{run:03d}' || lpad((:n)::text, 8, '0')",
        payment.token: f"md5('{run}-' || (:n)::text)",
    }
    setup = rf"""
\set i :i + 1
\set n :client_id * {share} + :i
\set person {first} + :n % {people}
"""
    return script(statements, changing=changing, setup=setup)


# --- row 8 ----------------------------------------------------------------------------------------
def confirm_seen(example: Confirm) -> tuple[Seen, Order]:
    """One buy, and the statements that confirming it took."""
    confirm(quotes_make(1)[0])  # thresholds and the like are read now and then, not by each buy
    with seen() as statements:
        order = confirm(example)
    return statements, order


def settle_seen() -> Seen:
    """The statements that settling a paid buy took."""
    order = confirm(quotes_make(1)[0])
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    with seen() as statements:
        assert payment_settle(payment_id=order.payment_id, paid=True, receipt="BENCH00001", exchange=exchange)
    return statements
