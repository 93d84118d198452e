"""The book as lists: transactions filtered and a page at a time, their transfers, and periods of an account.

Transactions stand by (`created_at`, number), newest first, and pages go on from there: one index gives all pages, a
page of last year costs what today's costs, and days are its beginning and its end. The number alone would not do: it is
taken before the commit, and the time a moment after the number, so neither is quite in the order of the other. A
transaction that was on its way while a page was read is on that page when it is read again, not on an older one.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from goldwallet.paging import Page, more_than, page_of
from ledger.models import Account, Entry, Transaction
from ledger.selectors import LEGS, ZERO, Leg, key_begins, leg_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the listed transactions have in common; what is None filters nothing.

    `accounts`: ids, one of which was touched. `asset`: of a transfer of `at_least` to `at_most`, both included (grams
    or KES), which is then one of `accounts` when these are given, too. `since` is included, `until` is not. `keys` are
    beginnings of keys. `actor` is "" for what the system did by itself.
    """

    number: int | None = None
    kind: str | None = None
    accounts: tuple[int, ...] | None = None
    asset: str | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    actor: str | None = None
    keys: tuple[str, ...] | None = None


def transactions_page(wanted: Wanted, *, after: str = "", limit: int = 50) -> Page[Transaction]:
    """A page of what is wanted, newest first. `after` is the `older` of the page before, as it came from outside."""
    return page_of(_wanted(wanted), by="created_at", after=after, limit=limit)


def transfers_exceed(wanted: Wanted, most: int) -> bool:
    """Whether the wanted transactions have more transfers than that, all together. Counts no further."""
    # Each transfer has one entry above zero.
    return more_than(Entry.objects.filter(amount__gt=0, transaction__in=_wanted(wanted)), most)


def _wanted(wanted: Wanted) -> QuerySet[Transaction]:
    rows = Transaction.objects.all()
    exact = {
        "pk": wanted.number,
        "kind": wanted.kind,
        "actor": wanted.actor,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted.keys is not None:
        rows = rows.filter(key_begins(wanted.keys))
    if wanted.accounts is not None or wanted.asset is not None:
        rows = rows.filter(Exists(_entries(wanted)))
    return rows


def _entries(wanted: Wanted) -> QuerySet[Entry]:
    entries = Entry.objects.filter(transaction=OuterRef("pk"))
    if wanted.accounts is not None:
        entries = entries.filter(account__in=wanted.accounts)
    if wanted.asset is None:
        return entries
    entries = entries.filter(account__asset=wanted.asset)
    into, out = Q(amount__gt=0), Q(amount__lt=0)
    if wanted.at_least is not None:
        into, out = into & Q(amount__gte=wanted.at_least), out & Q(amount__lte=-wanted.at_least)
    if wanted.at_most is not None:
        into, out = into & Q(amount__lte=wanted.at_most), out & Q(amount__gte=-wanted.at_most)
    # Each transfer has an entry of either sign, so without an account one of them is enough.
    return entries.filter(into if wanted.accounts is None else into | out)


def legs_of(transaction_ids: Iterable[int]) -> dict[int, list[Leg]]:
    """The transfers of each of these transactions, as posted, in one statement."""
    found: dict[int, list[Leg]] = {number: [] for number in transaction_ids}
    with connection.cursor() as cursor:
        cursor.execute(LEGS, [list(found)])
        for number, *row in cursor.fetchall():
            found[number].append(leg_of(row))
    return found


# From one kind to the next by the index of kinds, instead of reading every transaction.
_KINDS = """
WITH RECURSIVE found AS (
    SELECT min(kind) AS kind FROM ledger_transaction
    UNION ALL
    SELECT (SELECT min(t.kind) FROM ledger_transaction t WHERE t.kind > found.kind)
    FROM found WHERE found.kind IS NOT NULL
)
SELECT kind FROM found WHERE kind IS NOT NULL
"""


def kinds() -> list[str]:
    """Every kind that a transaction has, in the order of the alphabet."""
    with connection.cursor() as cursor:
        cursor.execute(_KINDS)
        return [row[0] for row in cursor.fetchall()]


def accounts_named(text: str, *, limit: int = 20) -> tuple[int, ...]:
    """Ids of the account of this code and of those below it: `user:U` names all of one person. Nobody's for `user`."""
    below = f"{text.rstrip(':')}:"
    named = Q(code=text)
    if below not in {"user:", "pool:"}:
        named |= Q(code__gte=below, code__lt=f"{below[:-1]};")
    return tuple(Account.objects.filter(named).order_by("code").values_list("pk", flat=True)[:limit])


# --- periods of an account ------------------------------------------------------------------------
# A day of an account is a stretch of its lines without a gap: from the line after the last one posted before the day,
# to the last one posted in it. So a day ends with the balance that the next one begins with, whatever lines crossed
# each other at midnight while one waited for the other's lock. The lines are in the order of time but for such moments,
# which is why halving finds the place and a look at its neighbours settles it: about twenty short steps on a million
# lines. `_NEAR` is far more than can cross: it is bounded by how many wait for one lock.
_NEAR = 500
_LAST_BEFORE = """
WITH RECURSIVE mine AS (SELECT id, seq FROM ledger_account WHERE code = %(code)s),
halves (low, high) AS (
    SELECT 0::bigint, seq FROM mine
    UNION ALL
    SELECT CASE WHEN earlier.it THEN middle.seq ELSE h.low END,
           CASE WHEN earlier.it THEN h.high ELSE middle.seq - 1 END
    FROM halves h
    CROSS JOIN LATERAL (SELECT (h.low + h.high + 1) / 2 AS seq) middle
    CROSS JOIN LATERAL (
        SELECT t.created_at < %(moment)s AS it FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE e.account_id = (SELECT id FROM mine) AND e.seq = middle.seq
    ) earlier
    WHERE h.low < h.high
),
place AS (SELECT low AS seq FROM halves WHERE low >= high)
-- Each bound a value, each time looked up by its key: as joins they were planned as a walk through all entries.
SELECT coalesce(max(e.seq), 0)
FROM ledger_entry e
WHERE e.account_id = (SELECT id FROM mine)
AND e.seq BETWEEN (SELECT seq FROM place) - %(near)s AND (SELECT seq FROM place) + %(near)s
AND (SELECT t.created_at FROM ledger_transaction t WHERE t.id = e.transaction_id) < %(moment)s
"""


def last_before(code: str, moment: dt.datetime) -> int:
    """The `seq` of the account's last entry that was posted before the moment; 0 when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_BEFORE, {"code": code, "moment": moment, "near": _NEAR})
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of an account's lines: those after `first`, up to and with `last`, and what it held around them."""

    first: int
    last: int
    opening: Decimal
    closing: Decimal

    @property
    def lines(self) -> int:
        return self.last - self.first

    @property
    def change(self) -> Decimal:
        return self.closing - self.opening


def period_of(
    account: Account, *, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> Period:
    """The account from a moment on (from its beginning), until before another (until now)."""
    first = last_before(account.code, since) if since else 0
    last = max(first, last_before(account.code, until) if until else account.seq)
    found = Entry.objects.filter(account=account, seq__in=[first, last])
    balances = dict(found.values_list("seq", "balance"))
    return Period(first, last, balances.get(first, ZERO), balances.get(last, ZERO))
