"""The rows of the ledger's long lists, each list's in one go (`goldwallet.rows`)."""

from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import quote

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from accounts.permissions import may_see
from accounts.roles import Role
from goldwallet.rows import Escaped, addresses, escaped
from goldwallet.templatetags.amounts import amount, amount_signed, when, words
from ledger.models import Transaction
from ledger.selectors import Line, transactions_of
from oversight.book.listing import NamedLeg, Row
from oversight.naming import account_names

register = template.Library()

#: Transfers shown in a row; the transaction's page has the others.
_SHOWN = 4
_TO = '<span aria-hidden="true">→</span><span class="visually-hidden">to</span>'


@register.simple_tag(takes_context=True)
def transaction_rows(context: Context, rows: Sequence[Row]) -> SafeString:
    """The rows of the list of transactions: number, what, when, by whom, and the transfers in short."""
    said, address = Escaped(), addresses("desk_transaction", "0")
    return SafeString("".join(_transaction(context, row, said, address) for row in rows))


def _transaction(context: Context, row: Row, said: Escaped, address: str) -> str:
    posted = row.transaction
    memo = f'<br><span class="muted free-text">{escape(posted.memo)}</span>' if posted.memo else ""
    back = f'<br><span class="muted">takes back {posted.reverses_id}</span>' if posted.reverses_id else ""
    return (
        f'<tr><td class="num">{posted.pk}</td>'
        f'<th scope="row"><a href="{address}{posted.pk}/">{said[words(posted.kind)]}</a>{memo}{back}</th>'
        f'<td>{when(context, posted.created_at)}</td><td class="free-text">{said[row.by]}</td>'
        f'<td><ul class="legs">{_legs(row.legs, said)}</ul></td></tr>'
    )


def _legs(legs: Sequence[NamedLeg], said: Escaped) -> str:
    items = [
        f'<li><span class="legs-way">{said[leg.source]} {_TO} {said[leg.destination]}</span>'
        f'<span class="num">{escaped(amount(leg.amount, leg.asset))}</span></li>'
        for leg in legs[:_SHOWN]
    ]
    if len(legs) > _SHOWN:
        items.append(f'<li class="muted">and {len(legs) - _SHOWN} more</li>')
    return "".join(items)


@register.simple_tag(takes_context=True)
def line_rows(context: Context, lines: Sequence[Line], asset: str) -> SafeString:
    """The rows of an account: number, when, what, the other account, amount, and the balance after it."""
    said, names = Escaped(), account_names(line.counterpart for line in lines)
    transactions, accounts = addresses("desk_transaction", "0"), addresses("desk_account", "x")

    def cells(line: Line) -> Iterable[str]:
        memo = f'<br><span class="muted">{escape(line.memo)}</span>' if line.memo else ""
        other = f"{accounts}{quote(line.counterpart, safe=':')}/"
        yield f'<tr><td class="num">{line.seq}</td><td>{when(context, line.at, "exact")}</td>'
        yield f'<th scope="row"><a href="{transactions}{line.transaction_id}/">{said[words(line.kind)]}</a>{memo}</th>'
        yield f'<td><a href="{other}">{said[names[line.counterpart]]}</a></td>'
        yield f'<td class="num">{escaped(amount_signed(line.amount, asset))}</td>'
        yield f'<td class="num">{escaped(amount(line.balance, asset))}</td></tr>'

    return SafeString("".join(part for line in lines for part in cells(line)))


@register.simple_tag(takes_context=True)
def posted_by(context: Context, *subjects: str) -> list[Transaction]:
    """What these things posted (`arrival:<id>`, `request:<id>`), oldest first; nothing for who may not see the ledger.

    An adjustment's key names its request, too.
    """
    if not may_see(context["user"], Role.TREASURY):
        return []
    requests = [subject.partition(":")[2] for subject in subjects if subject.startswith("request:")]
    return transactions_of([*subjects, *(f"adjustment:{key}" for key in requests)])
