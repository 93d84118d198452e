"""Row 15: pages of long lists at the desk against the raw SQL of the same page, on a million entries of the ledger.

The book is filled in SQL, as so many buys, spread over a year: each entry follows the one before it in its account and
each transaction sums to zero, as the audit of the whole book sees afterwards. "Raw SQL" is the page's own statements,
as they were seen, run by a plain cursor: the ratio is what is left of the database's speed when Django has asked, put
the names in and made the HTML.
"""

import datetime as dt
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db import connection
from django.test import Client

from accounts.roles import Role
from accounts.services import staff_create
from bench.data import Data, settle_down
from bench.statements import Seen, seen
from ledger import chart

#: A buy is a reservation (two entries) and its payment (six).
ENTRIES_A_BUY = 8
_PERSON = "'00000000-0000-4000-8000-' || lpad((n %% %(people)s)::text, 12, '0')"
_ID = "'15000000-0000-4000-8000-' || lpad(n::text, 12, '0')"
_ACCOUNTS = f"""
INSERT INTO ledger_account (code, asset, balance, seq, may_go_negative, shared)
SELECT code, asset, 0, 0, outside, outside FROM (
    SELECT 'user:' || {_PERSON} || ':cash', 'KES', false FROM generate_series(0, %(people)s - 1) n
    UNION ALL SELECT %(collections)s, 'KES', true UNION ALL SELECT %(sales)s, 'KES', true
) made (code, asset, outside)
ON CONFLICT DO NOTHING
"""
_TRANSACTIONS = f"""
INSERT INTO ledger_transaction (key, input_hash, kind, actor, memo, created_at)
SELECT CASE phase WHEN 0 THEN 'order:' || {_ID} || ':reserved' ELSE 'payment:' || {_ID} || ':paid' END,
       sha256('bench'), CASE phase WHEN 0 THEN 'buy_reserved' ELSE 'buy_paid' END,
       CASE phase WHEN 0 THEN {_PERSON} ELSE '' END, 'G' || lpad(n::text, 7, '0'),
       wallet_now() - interval '1 year' * (1 - (2 * n + phase) / (2.0 * %(buys)s))
FROM generate_series(0, %(buys)s - 1) n, generate_series(0, 1) phase
ORDER BY n, phase
"""
_ENTRIES = f"""
INSERT INTO ledger_entry (account_id, seq, transaction_id, leg, amount, balance)
SELECT a.id, a.seq + row_number() OVER way, e.id, e.leg, e.amount, a.balance + sum(e.amount) OVER way
FROM (
    SELECT t.id, side.leg, side.code, side.amount
    FROM (
        SELECT id, kind, substr(key, position(':' in key) + 1, 36) AS event,
               (right(memo, 7)::int) AS n
        FROM ledger_transaction WHERE key LIKE '%%:15000000-0000-4000-8000-%%'
    ) t
    CROSS JOIN LATERAL (SELECT 'user:' || {_PERSON.replace("(n ", "(t.n ")} AS owner) who
    CROSS JOIN LATERAL (
        SELECT * FROM (VALUES
            ('buy_reserved', 1, %(available)s, -0.01), ('buy_reserved', 1, owner || ':gold:incoming', 0.01),
            ('buy_paid', 1, owner || ':gold:incoming', -0.01), ('buy_paid', 1, owner || ':gold', 0.01),
            ('buy_paid', 2, %(collections)s, -165), ('buy_paid', 2, owner || ':cash', 165),
            ('buy_paid', 3, owner || ':cash', -165), ('buy_paid', 3, %(sales)s, 165)
        ) row (kind, leg, code, amount) WHERE row.kind = t.kind
    ) side
) e JOIN ledger_account a ON a.code = e.code
WINDOW way AS (PARTITION BY a.id ORDER BY e.id, e.leg)
ORDER BY e.id, e.leg
"""
_BALANCES = """
UPDATE ledger_account a SET balance = e.balance, seq = e.seq
FROM (SELECT DISTINCT ON (account_id) account_id, seq, balance FROM ledger_entry ORDER BY account_id, seq DESC) e
WHERE e.account_id = a.id AND e.seq > a.seq
"""


@dataclass(frozen=True)
class Book:
    """What was filled, and somebody of the treasury who looks at it."""

    browser: Client
    entries: int


# Copies of one buy that the services made, with what must be its own.
_COPIES = """
INSERT INTO {table} SELECT (jsonb_populate_record(made, jsonb_build_object({own}))).*
FROM {table} made, generate_series(0, %(orders)s - 1) n WHERE made.id = %(id)s
"""
_OWN_ID = "('{kind}000000-0000-4000-8000-' || lpad(n::text, 12, '0'))"
_OWN_TIME = "'created_at', wallet_now() - interval '1 minute' * n"


def _orders_fill(orders: int) -> None:
    """So many orders more, a minute apart, each with its quote and its payment."""
    from bench.buying import confirm, quotes_make

    order = confirm(quotes_make(1)[0])
    quote, payment, own = (_OWN_ID.format(kind=kind) for kind in ("17", "18", "19"))
    reference = "'B' || lpad(n::text, 8, '0')"
    copies = (
        ("trading_quote", order.quote_id, f"'id', {quote}, {_OWN_TIME}"),
        (
            "payments_payment",
            order.payment_id,
            f"'id', {payment}, 'reference', {reference}, 'token', md5('orders' || n), {_OWN_TIME}",
        ),
        (
            "trading_order",
            order.pk,
            f"'id', {own}, 'quote_id', {quote}, 'payment_id', {payment}, 'reference', {reference}, {_OWN_TIME}",
        ),
    )
    with connection.cursor() as cursor:
        for table, key, its_own in copies:
            cursor.execute(_COPIES.format(table=table, own=its_own), {"orders": orders, "id": key})


def fill(data: Data, *, entries: int, orders: int) -> Book:
    """A book of at least so many entries more, orders, and a browser. Each holder has accounts of gold already."""
    names: dict[str, str | int] = {
        "people": data.holders,
        "buys": -(-entries // ENTRIES_A_BUY),
        "available": chart.pool_available(data.pools[0]).code,
        "collections": chart.mpesa_collections().code,
        "sales": chart.house_sales().code,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (_ACCOUNTS, _TRANSACTIONS):
            cursor.execute(statement, names)
        # The guards of the entries are made for one transaction a statement: here they would take hours, so the
        # balances are moved by hand, and `check_books` looks at all of it afterwards.
        cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_account DISABLE TRIGGER USER")
        cursor.execute(_ENTRIES, names)
        written = cursor.rowcount
        cursor.execute(_BALANCES)
        cursor.execute("ALTER TABLE ledger_entry ENABLE TRIGGER USER")
        cursor.execute("ALTER TABLE ledger_account ENABLE TRIGGER USER")
    _orders_fill(orders)
    settle_down()
    # A line for each page would be most of what one sees.
    logging.getLogger("goldwallet.access").setLevel(logging.WARNING)
    return Book(_browser(), written)


def _browser() -> Client:
    """A session of somebody who may read the ledger: with the second factor shown."""
    import django_otp
    from django.conf import settings

    from accounts import second_factor
    from accounts.models import Authenticator

    person = staff_create(
        email="treasury@example.com",
        password="bench-gold-2026",
        roles=[Role.TREASURY],
        totp_secret=second_factor.new_key(),
    )
    browser = Client()
    browser.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    session = browser.session
    session[django_otp.DEVICE_ID_SESSION_KEY] = Authenticator.objects.get(user=person).persistent_id
    session.save()
    return browser


#: Ends an address whose page is asked for with head, navigation and form.
_WHOLE = "?opened=anew"


def pages(data: Data) -> dict[str, str]:
    """Title -> address."""
    from bench.data import holder

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(created_at), max(created_at) FROM ledger_transaction WHERE kind = 'buy_paid'"
        )
        first, last = cursor.fetchone()
    middle = first + (last - first) / 2
    transactions, account = "/desk/ledger/transactions/", "/desk/ledger/accounts/mpesa:collections/"
    days = {"since": f"{middle:%Y-%m-%d}", "until": f"{middle:%Y-%m-%d}"}
    return {
        "transactions, first page": transactions,
        "transactions, opened anew": f"{transactions}{_WHOLE}",
        "transactions, far back": f"{transactions}?{urlencode({'after': f'{_micros(middle)}-1'})}",
        "transactions of a day": f"{transactions}?{urlencode(days)}",
        "transactions of a busy account": f"{transactions}?account=mpesa:collections",
        "transactions of a person": f"{transactions}?account=user:{holder(1)}",
        "an account": account,
        "an account's day": f"{account}?{urlencode(days)}",
        "orders, first page": "/desk/orders/",
        "orders, far back": f"/desk/orders/?{urlencode({'after': _far_back()})}",
    }


def _far_back() -> str:
    """The middle of the orders, as their pager writes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(created_at), max(created_at) FROM trading_order")
        first, last = cursor.fetchone()
    return f"{_micros(first + (last - first) / 2)}-00000000-0000-4000-8000-000000000000"


def _micros(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def statements_of(book: Book, address: str) -> Seen:
    """Everything that the page sends to the database, and so the line of the trail about this look, which is on disk
    before the page goes out.
    """
    page(book, address)  # what a process asks once
    with seen() as found:
        page(book, address)
    return found


#: As the desk asks when somebody turns a page or filters: the list alone, in the page that stands there already.
_PART = {"HX-Request": "true", "HX-Target": "rows"}


def page(book: Book, address: str) -> None:
    answer = book.browser.get(address, headers={} if address.endswith(_WHOLE) else _PART)
    if answer.status_code != 200:
        raise AssertionError(f"{address} answered {answer.status_code}")


def view(book: Book, address: str, *, seconds: float) -> float:
    """Pages a second, one after the other."""
    return _per_second(lambda: page(book, address), seconds)


def raw(statements: Seen, *, seconds: float) -> float:
    """The same statements a second, all of a page's counted as one, by a plain cursor."""
    connection.ensure_connection()

    def ask() -> None:
        with connection.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                if cursor.description:
                    cursor.fetchall()

    return _per_second(ask, seconds)


def _per_second(work: Callable[[], None], seconds: float) -> float:
    began = time.perf_counter()
    for done in itertools.count(1):
        work()
        elapsed = time.perf_counter() - began
        if elapsed >= seconds:
            return done / elapsed
    raise AssertionError("never")
