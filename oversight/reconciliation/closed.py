"""What two people have dealt with: the lines still say the same, and it is no difference any more."""

from collections.abc import Iterable

from oversight.models import Break, BreakKind, BreakState

#: The kind of the posting by which a difference is resolved.
RESOLVED = "break_resolved"

#: Once two people have dealt with one of these, the same line or payment is not a difference again.
CLOSES = frozenset(
    {
        BreakKind.LINE_IN_UNKNOWN,
        BreakKind.LINE_OUT_UNKNOWN,
        BreakKind.PAYMENT_MISSING,
        BreakKind.AMOUNT_DIFFERS,
        BreakKind.LINE_TWICE,
        BreakKind.CHARGE_DIFFERS,
        BreakKind.REVERSED,
        BreakKind.RECEIPT_DIFFERS,
    }
)


def closed_among(keys: Iterable[str]) -> set[tuple[str, str]]:
    """Those of these differences that are closed for good, as (key, kind)."""
    rows = Break.objects.filter(state=BreakState.RESOLVED, key__in=list(keys), kind__in=CLOSES)
    return set(rows.values_list("key", "kind"))
