"""What pages of the desk show beside what their view gives them: names of accounts, and what waits for the reader."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template import Context

from accounts.permissions import may_see
from controls.audit import ACTIONS, entries_about
from ledger.selectors import Leg, Line
from oversight.naming import account_names
from oversight.selectors import to_decide

register = template.Library()

#: Beside the auditor and the administrator: who answers for people and money.
TRAIL_READERS = ("treasury",)


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


#: Lines of the audit trail in place; the audit page has the others.
_TRAIL = 10


@register.simple_tag(takes_context=True)
def trail_of(context: Context, subject: str) -> list[tuple[Any, str]] | None:
    """The newest lines about a thing with what each says was done; None for a reader to whom the trail is closed."""
    if not may_see(context["user"], *TRAIL_READERS):
        return None
    return [(entry, ACTIONS.get(entry.action, entry.action)) for entry in entries_about(subject)[:_TRAIL]]
