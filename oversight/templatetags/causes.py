"""What pages of orders and payments show from above: names of accounts, and differences that are about them."""

from collections.abc import Sequence

from django import template
from django.db.models import Q

from ledger.models import Transaction
from ledger.selectors import Leg
from oversight.models import Break
from oversight.naming import account_names
from payments.models import Arrival, Payment, StatementLine

register = template.Library()

type Rows = list[tuple[Leg, str, str]]


@register.simple_tag
def named_postings(
    transactions: Sequence[tuple[Transaction, Sequence[Leg]]],
) -> list[tuple[Transaction, Rows]]:
    """Transactions with their transfers, each with the names of where it comes from and goes; all named at once."""
    names = account_names(
        code.code for _, legs in transactions for leg in legs for code in (leg.source, leg.destination)
    )
    return [
        (posted, [(leg, names[leg.source.code], names[leg.destination.code]) for leg in legs])
        for posted, legs in transactions
    ]


@register.simple_tag
def breaks_about(
    payments: Sequence[Payment], arrivals: Sequence[Arrival], lines: Sequence[StatementLine]
) -> list[Break]:
    """Differences that the reconciliation found about these, the newest first."""
    about = Q(payment__in=payments) | Q(arrival__in=arrivals) | Q(line__in=lines)
    return list(Break.objects.filter(about).order_by("-found_at")[:20])
