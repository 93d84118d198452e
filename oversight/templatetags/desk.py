"""What pages of the desk show beside what their view gives them: names of accounts, and what waits for the reader."""

from collections.abc import Sequence

from django import template
from django.template import Context

from ledger.selectors import Leg, Line
from oversight.naming import account_names
from oversight.selectors import to_decide

register = template.Library()


@register.simple_tag
def named_lines(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    """Lines of a statement, each with the name of its other account."""
    names = account_names(line.counterpart for line in lines)
    return [(line, names[line.counterpart]) for line in lines]


@register.simple_tag
def named_legs(legs: Sequence[Leg]) -> list[tuple[Leg, str, str]]:
    """Transfers, each with the names of where it comes from and where it goes."""
    names = account_names(code.code for leg in legs for code in (leg.source, leg.destination))
    return [(leg, names[leg.source.code], names[leg.destination.code]) for leg in legs]


@register.simple_tag(takes_context=True)
def requests_to_decide(context: Context) -> int:
    """How many requests wait for whoever reads this page."""
    return to_decide(context["user"])
