"""Keeping what a comparison found: each difference once, by its key, until it is resolved or no longer there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from controls.models import Cause, SwitchName
from controls.selectors import threshold
from controls.services import switch_pause
from goldwallet.clock import Now
from goldwallet.money import show_kes
from oversight.models import Break, BreakKind, BreakState, News, Run
from oversight.reconciliation.closed import closed_among
from oversight.reconciliation.explained import Outcome
from oversight.reconciliation.findings import findings_keep
from oversight.reconciliation.found import Found
from oversight.watch import staff_tell

#: Grams are exact, so any difference is one; a millionth is the smallest amount there is.
_GRAMS_PAUSE = Decimal("0.000001")
_CHUNK = 5_000
_COLUMNS = (
    "kind",
    "kes",
    "grams",
    "theirs",
    "ours",
    "sentence",
    "cause",
    "proposal",
    "payment_id",
    "arrival_id",
    "line_id",
    "about",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the differences of a run. `graver`: new, or grown beyond the limit."""

    new: int
    again: int
    gone: int
    graver: Sequence[Break]

    @property
    def open(self) -> int:
        return self.new + self.again


@transaction.atomic
def breaks_keep(*, run: Run, outcome: Outcome, checked: Sequence[str]) -> Kept:
    """Write the differences of a finished comparison, and the run's own list of them.

    `checked`: the beginnings of keys that were looked at; an open difference among them that was not found is gone.
    """
    opened = {row.key: row for row in Break.objects.select_for_update().filter(state=BreakState.OPEN)}
    limit = threshold("break_pause_kes")
    graver: list[Break] = []
    fresh: list[Break] = []
    again: list[Break] = []
    by_key = {one.key: one for one in outcome.found}
    # Read once more, now that the open ones are locked: two people may have settled one while the run worked.
    closed = closed_among(by_key)
    found = [one for one in by_key.values() if (one.key, one.kind) not in closed]
    for one in found:
        row = opened.get(one.key)
        if row is None:
            row = Break(key=one.key, first_run=run)
            fresh.append(row)
            before = False
        else:
            again.append(row)
            before = _grave(row, limit)
        _tell(row, one, run)
        if not before and _grave(row, limit):
            graver.append(row)
    Break.objects.bulk_create(fresh, batch_size=_CHUNK)
    Break.objects.bulk_update(
        again, [name.removesuffix("_id") for name in (*_COLUMNS, "last_run_id")], _CHUNK
    )
    gone = _go(opened, {one.key for one in found}, checked)
    told = [(News.NEW, fresh), (News.KNOWN, again), (News.GONE, gone)]
    findings_keep(run=run, told=[(news, row) for news, each in told for row in each])
    return Kept(len(fresh), len(again), len(gone), graver)


def _tell(row: Break, one: Found, run: Run) -> None:
    row.kind = one.kind
    row.kes = None if one.grams else one.size
    row.grams = one.size if one.grams else None
    row.theirs, row.ours = one.theirs, one.ours
    row.sentence, row.cause = one.sentence[:300], one.cause[:300]
    row.proposal = one.proposal
    row.payment_id, row.arrival_id, row.line_id = one.payment, one.arrival, one.line
    row.about = one.about
    row.last_run = run


def _go(opened: dict[str, Break], found: Collection[str], checked: Sequence[str]) -> list[Break]:
    gone = [
        row for key, row in opened.items() if key not in found and any(key.startswith(one) for one in checked)
    ]
    rows = Break.objects.filter(pk__in=[row.pk for row in gone], state=BreakState.OPEN)
    rows.update(state=BreakState.GONE, closed_at=Now())
    return gone


def _grave(row: Break, limit: Decimal) -> bool:
    """Whether this stops payouts."""
    return (
        row.kind == BreakKind.BOOK_BROKEN
        or (row.kes is not None and row.kes >= limit)
        or (row.grams is not None and row.grams >= _GRAMS_PAUSE)
    )


def breaks_act(*, run: Run, kept: Kept) -> None:
    """Pause payouts for what is new and grave, and tell treasury what is new."""
    if kept.graver:
        first = max(kept.graver, key=lambda row: row.kes or Decimal(0))
        more = f" And {len(kept.graver) - 1} more." if len(kept.graver) > 1 else ""
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.BREAK, note=f"{first.sentence[:240]}{more}")
    if not kept.new:
        return
    new = list(Break.objects.filter(first_run=run, state=BreakState.OPEN).order_by("-kes")[:10])
    lines = "\n".join(f"- {row.sentence}" for row in new)
    total = sum((row.kes or Decimal(0) for row in Break.objects.filter(first_run=run)), Decimal(0))
    paused = "\n\nPayouts are paused. They go on when two people say so." if kept.graver else ""
    staff_tell(
        f"reconciliation:{run.pk}",
        f"Gold Wallet: {kept.new} new differences in the reconciliation",
        f"{kept.new} new differences over {show_kes(total)}. The largest:\n\n{lines}{paused}",
        page="desk_reconciliation",
    )
