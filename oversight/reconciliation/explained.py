"""Why the two sides of a comparison differ: parts that, added to the left side, give the right one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from oversight.reconciliation.found import ZERO, Compared, Found, Part, Span

DIFFERENCES = "Open differences, listed below"
SETTLED = "Differences that two people have settled"
FRESH = "Too fresh to be judged"
UNCOVERED = "Booked, and no statement covers it yet"
#: Nothing of it is to be seen: then it is a mistake of this report, which must not hide it.
UNEXPLAINED = "Not explained"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run has found. `closed`: the (key, kind) of what two people have dealt with."""

    found: Sequence[Found]
    closed: frozenset[tuple[str, str]]

    def settled(self, one: Found) -> bool:
        return (one.key, one.kind) in self.closed


def by_differences(span: Span, compared: Compared, outcome: Outcome) -> list[Part]:
    """For a comparison whose sides differ by nothing but what it found, and the parts that it told itself."""
    each = [
        Part(SETTLED if outcome.settled(one) else DIFFERENCES, -one.effect)
        for one in compared.found
        if one.grams == (compared.unit == "grams")
    ]
    return [*each, *compared.parts]


def added_up(compared: Compared, parts: Iterable[Part]) -> list[Part]:
    """Each reason once, and what is left when they do not add up."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for part in parts:
        sums[part.why] += part.amount
    sums[UNEXPLAINED] += compared.ours.total - compared.theirs.total - sum(sums.values(), ZERO)
    return [Part(why, amount) for why, amount in sums.items() if amount]
