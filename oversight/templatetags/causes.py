"""What pages of orders and payments show from above: names of accounts, and differences that are about them."""

from collections.abc import Sequence

from django import template
from django.db.models import Q

from accounts.models import User
from ledger.selectors import Leg, Posting
from oversight.models import Break
from oversight.naming import account_names
from payments.models import Arrival, Payment, StatementLine
from pools.models import Pool

register = template.Library()

type Rows = list[tuple[Leg, str, str]]


@register.simple_tag
def named_postings(
    postings: Sequence[Posting], person: User, pools: Sequence[Pool] = ()
) -> list[tuple[Posting, Rows]]:
    """Transactions with their transfers, each with the names of where it comes from and goes; all named at once.

    `person` and `pools` are whose they are, mostly: the page has them already.
    """
    codes = {
        code.code for posted in postings for leg in posted.legs for code in (leg.source, leg.destination)
    }
    names = account_names(codes, people=[person], pools=pools)
    return [
        (posted, [(leg, names[leg.source.code], names[leg.destination.code]) for leg in posted.legs])
        for posted in postings
    ]


@register.simple_tag
def breaks_about(
    payments: Sequence[Payment], arrivals: Sequence[Arrival], lines: Sequence[StatementLine]
) -> list[Break]:
    """Differences that the reconciliation found about these, the newest first."""
    about = Q(payment__in=payments) | Q(arrival__in=arrivals) | Q(line__in=lines)
    return list(Break.objects.filter(about).order_by("-found_at")[:20])
