"""Every read of the book that is more than a get."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from goldwallet.paging import Page, page_of
from ledger.chart import Code
from ledger.models import Account, Entry, Transaction

ZERO = Decimal(0)


def balance(code: Code | str) -> Decimal:
    """What the account holds, in its asset's unit; 0 for an account that nothing has moved yet."""
    return balances([code])[str(code)]


def balances(codes: Iterable[Code | str]) -> dict[str, Decimal]:
    """Balances by code, in one statement; accounts that do not exist yet stand at 0."""
    found = {str(code): ZERO for code in codes}
    found.update(Account.objects.filter(code__in=list(found)).values_list("code", "balance"))
    return found


def balance_at(code: Code | str, moment: dt.datetime) -> Decimal:
    """What the account held at a moment: the balance that the last entry entered until then left behind."""
    entries = Entry.objects.filter(account__code=str(code), transaction__created_at__lte=moment)
    last = entries.order_by("-seq").values_list("balance", flat=True).first()
    return ZERO if last is None else last


@dataclass(frozen=True, slots=True)
class Resting:
    """An account with a balance that nothing has moved since `since`."""

    code: str
    balance: Decimal
    since: dt.datetime


#: So many accounts stand on a page of them.
_RESTING = 50


def people_resting(part: str, *, until: dt.datetime, after: str = "") -> Page[Resting]:
    """People's accounts of this part ("cash") with a balance since before `until`, the longest first. A page of them;
    `after` as in `goldwallet.paging`.
    """
    return _resting(part, after, balance__gt=0, since__lte=until)


def people_below_zero(part: str, *, after: str = "") -> Page[Resting]:
    """People's accounts of this part ("receivable") below zero, the longest unmoved first. A page of them."""
    return _resting(part, after, balance__lt=0)


def _resting(part: str, after: str, **conditions: Any) -> Page[Resting]:
    last = Transaction.objects.filter(entries__account=OuterRef("pk"), entries__seq=OuterRef("seq"))
    rows = (
        Account.objects.filter(code__startswith="user:", code__endswith=f":{part}")
        .annotate(since=Subquery(last.values("created_at")[:1]))
        .filter(**conditions)
        .values_list("pk", "code", "balance", "since", named=True)
    )
    page: Page[Any] = page_of(rows, by="since", after=after, limit=_RESTING, oldest_first=True)
    return Page([Resting(row.code, row.balance, row.since) for row in page.rows], page.older)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a statement. `counterpart` is the account at the other end of the transfer."""

    seq: int
    transaction_id: int
    kind: str
    actor: str
    memo: str
    at: dt.datetime
    amount: Decimal
    balance: Decimal
    counterpart: str


# The page is cut out first, by the key of the entries: an account may have a million, and joining comes after.
_STATEMENT = """
SELECT e.seq, t.id, t.kind, t.actor, t.memo, t.created_at, e.amount, e.balance, other.code
FROM (
    SELECT e.* FROM ledger_entry e
    WHERE e.account_id = (SELECT id FROM ledger_account WHERE code = %s) AND {page} AND e.seq BETWEEN %s AND %s
    ORDER BY e.seq {order} LIMIT %s
) e
JOIN ledger_transaction t ON t.id = e.transaction_id
JOIN ledger_entry o ON o.transaction_id = t.id AND o.leg = e.leg AND o.account_id <> e.account_id
JOIN ledger_account other ON other.id = o.account_id
ORDER BY e.seq {order}
"""


def statement(
    code: Code | str,
    *,
    after: int | None = None,
    limit: int = 50,
    newest_first: bool = False,
    first: int = 1,
    last: int = 2**63 - 1,
) -> list[Line]:
    """A page of the account's entries. For the next page pass the last line's `seq` as `after`.

    `first` and `last` bound the statement (`ledger.listing.period_of`); both lines belong to it.
    """
    if newest_first:
        page, order, start = "e.seq < %s", "DESC", after if after is not None else 2**63 - 1
    else:
        page, order, start = "e.seq > %s", "ASC", after or 0
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT.format(page=page, order=order), [str(code), start, first, last, limit])
        return [Line(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer of a posted transaction, read back."""

    source: Code
    destination: Code
    amount: Decimal


#: A row a transfer of these transactions, as posted: the transaction's number, then what `leg_of` reads.
LEGS = """
SELECT credit.transaction_id, s.code, s.asset, s.may_go_negative, s.shared,
       d.code, d.asset, d.may_go_negative, d.shared, credit.amount
FROM ledger_entry credit
JOIN ledger_entry out ON out.transaction_id = credit.transaction_id AND out.leg = credit.leg AND out.amount < 0
JOIN ledger_account d ON d.id = credit.account_id
JOIN ledger_account s ON s.id = out.account_id
WHERE credit.transaction_id = ANY (%s) AND credit.amount > 0
ORDER BY credit.transaction_id, credit.leg
"""


def leg_of(row: Sequence[Any]) -> Leg:
    """A transfer from its columns: both accounts, and the amount."""
    return Leg(Code(*row[:4]), Code(*row[4:8]), row[8])


def legs(transaction_id: int) -> list[Leg]:
    """The transfers of a transaction, in the order in which they were posted."""
    with connection.cursor() as cursor:
        cursor.execute(LEGS, [[transaction_id]])
        return [leg_of(row[1:]) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Posting:
    """A transaction with its transfers, as far as a page about something else shows it."""

    id: int
    kind: str
    created_at: dt.datetime
    legs: list[Leg]


_POSTINGS = """
SELECT t.id, t.kind, t.created_at, s.code, s.asset, s.may_go_negative, s.shared,
       d.code, d.asset, d.may_go_negative, d.shared, credit.amount
FROM (
    SELECT id, kind, created_at FROM ledger_transaction WHERE {keys} ORDER BY id LIMIT %s
) AS t
JOIN ledger_entry credit ON credit.transaction_id = t.id AND credit.amount > 0
JOIN ledger_entry out ON out.transaction_id = credit.transaction_id AND out.leg = credit.leg AND out.amount < 0
JOIN ledger_account d ON d.id = credit.account_id
JOIN ledger_account s ON s.id = out.account_id
ORDER BY t.id, credit.leg
"""


def postings_of(prefixes: Iterable[str], *, limit: int = 10) -> list[Posting]:
    """The oldest transactions whose key begins with one of `prefixes`, each with its transfers. One statement."""
    ranges = [(prefix, _after_all_of(prefix)) for prefix in prefixes]
    keys = " OR ".join(["key >= %s AND key < %s"] * len(ranges))
    found: dict[int, Posting] = {}
    with connection.cursor() as cursor:
        bounds = [bound for pair in ranges for bound in pair]
        cursor.execute(_POSTINGS.format(keys=keys), [*bounds, limit])
        for number, kind, at, *row in cursor.fetchall():
            posting = found.setdefault(number, Posting(number, kind, at, []))
            posting.legs.append(leg_of(row))
    return list(found.values())


_MOVED_BY = """
SELECT a.code, a.asset, (array_agg(e.balance - e.amount ORDER BY e.seq))[1]::text,
       (array_agg(e.balance ORDER BY e.seq DESC))[1]::text
FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
WHERE e.transaction_id = ANY (%s) GROUP BY a.code, a.asset ORDER BY a.code
"""


def moved_by(transaction_ids: list[int]) -> list[tuple[str, str, str, str]]:
    """Per account that these transactions touched: (code, asset, balance before the first, balance after the last)."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVED_BY, [transaction_ids])
        return list(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class AssetTotal:
    """One asset's trial balance: what is owed and held sums to what the outside holds for us."""

    asset: str
    accounts: int
    positive: Decimal
    negative: Decimal

    @property
    def difference(self) -> Decimal:
        """Zero, or the book is broken."""
        return self.positive + self.negative


_TRIAL_BALANCE = """
SELECT asset, count(*), coalesce(sum(balance) FILTER (WHERE balance > 0), 0),
       coalesce(sum(balance) FILTER (WHERE balance < 0), 0)
FROM ledger_account GROUP BY asset ORDER BY asset
"""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a transaction of one of the asked kinds did to an account, or what its reversal did (`reversal`)."""

    transaction_id: int
    asset: str
    at: dt.datetime
    amount: Decimal
    memo: str
    reversal: bool


_CORRECTIONS = """
SELECT t.id, a.asset, t.created_at, sum(e.amount), t.memo, t.reverses_id IS NOT NULL
FROM ledger_account a
JOIN ledger_entry e ON e.account_id = a.id
JOIN ledger_transaction t ON t.id = e.transaction_id
LEFT JOIN ledger_transaction undone ON undone.id = t.reverses_id
WHERE a.code = ANY (%s) AND coalesce(undone.kind, t.kind) = ANY (%s)
GROUP BY t.id, a.asset ORDER BY t.id
"""


def corrections(codes: Iterable[Code | str], *, kinds: Iterable[str]) -> list[Correction]:
    """What transactions of these kinds, and their reversals, did to the accounts of one owner, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CORRECTIONS, [[str(code) for code in codes], list(kinds)])
        return [Correction(*row) for row in cursor.fetchall()]


def trial_balance() -> list[AssetTotal]:
    """Per asset: number of accounts, sum of balances above and below zero. Summed in the database."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL_BALANCE)
        return [AssetTotal(*row) for row in cursor.fetchall()]


def transactions_of(prefixes: Iterable[str]) -> list[Transaction]:
    """Transactions whose key begins with one of `prefixes` (say `order:<id>:`), oldest first."""
    return list(Transaction.objects.filter(key_begins(prefixes)).order_by("pk"))


def key_begins(prefixes: Iterable[str]) -> Q:
    """Transactions whose key begins with one of these. A range, not LIKE: it walks the key's index ("C")."""
    asked = Q(pk__in=[])
    for prefix in prefixes:
        asked |= Q(key__gte=prefix, key__lt=_after_all_of(prefix))
    return asked


def _after_all_of(prefix: str) -> str:
    """The first key behind all that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


# The beginning of their codes, and what comes after it: ranges, so that the index of codes finds them.
_PEOPLE, _POOLS = (Q(code__gte=f"{word}:", code__lt=f"{word};") for word in ("user", "pool"))
#: Whose an account is -> which codes these are.
OWNERS = {
    "people": _PEOPLE,
    "pools": _POOLS,
    "house": Q(code__lt="pool:") | Q(code__gte="pool;", code__lt="user:") | Q(code__gte="user;"),
}


def accounts_page(
    *, contains: str = "", asset: str = "", owner: str = "", after: str = "", limit: int = 100
) -> list[Account]:
    """Accounts by code, the next page after the code `after`. `owner` is one of OWNERS, or empty for all."""
    accounts = Account.objects.filter(OWNERS.get(owner, Q()), code__gt=after).order_by("code")
    if contains:
        accounts = accounts.filter(code__contains=contains)
    if asset:
        accounts = accounts.filter(asset=asset)
    return list(accounts[:limit])
