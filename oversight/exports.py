"""The ledger's lists as files (`controls.exports`): the filters are those of their pages."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from goldwallet.errors import Refused
from ledger.chart import GOLD
from ledger.listing import Period, Wanted, period_of, transactions_page, transfers_exceed
from ledger.models import Account
from ledger.selectors import statement
from oversight.book.forms import Days, TransactionFilters, refusal
from oversight.book.listing import rows_of
from oversight.naming import account_names, kind_words

_STEP = 500


def transactions(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """One row for each transfer, newest transaction first. Raises Refused for what the page's form refuses."""
    wanted = _wanted(filters)
    if wanted is None:
        return
    after = ""
    while True:
        page = transactions_page(wanted, after=after, limit=_STEP)
        for row in rows_of(page.rows):
            posted = row.transaction
            for leg in row.legs:
                yield (
                    posted.pk,
                    posted.created_at,
                    kind_words(posted.kind),
                    row.by,
                    leg.source,
                    leg.destination,
                    leg.asset,
                    in_places(leg.amount, leg.asset),
                    posted.memo,
                    posted.reverses_id or "",
                )
        if not page.older:
            return
        after = page.older


def transactions_exceed(filters: dict[str, str], most: int) -> bool:
    wanted = _wanted(filters)
    return wanted is not None and transfers_exceed(wanted, most)


def _wanted(filters: dict[str, str]) -> Wanted | None:
    """What the page's form makes of these; None: what it names is nobody's."""
    form = TransactionFilters(filters)
    if not form.is_valid():
        raise refusal(form)
    return form.wanted()


def account(filters: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """The lines of the account `filters["code"]`, newest first. Raises Refused when there is no such account."""
    found, period = _account(filters)
    after: int | None = period.last + 1
    while after is not None:
        lines = statement(
            found.code, after=after, limit=_STEP, newest_first=True, first=period.first + 1, last=period.last
        )
        names = account_names(line.counterpart for line in lines)
        for line in lines:
            yield (
                line.seq,
                line.at,
                line.transaction_id,
                kind_words(line.kind),
                names[line.counterpart],
                in_places(line.amount, found.asset),
                in_places(line.balance, found.asset),
                line.memo,
            )
        after = lines[-1].seq if len(lines) == _STEP else None


def account_exceeds(filters: dict[str, str], most: int) -> bool:
    _, period = _account(filters)
    return period.last - period.first > most


def _account(filters: dict[str, str]) -> tuple[Account, Period]:
    found = Account.objects.filter(code=filters.get("code", "").replace("\x00", "")).first()
    if found is None:
        raise Refused("There is no such account.", code="no_account", status=404)
    days = Days(filters)
    if not days.is_valid():
        raise refusal(days)
    return found, period_of(found, since=days.begins, until=days.ends)


def in_places(value: Decimal, asset: str) -> Decimal:
    """An amount with as many places as the asset has: the database keeps six for all of them."""
    return round(value, 6 if asset == GOLD else 2)
