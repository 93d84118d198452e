"""The round that applies the policy, and the rows that prove it."""

import datetime as dt
import uuid

import structlog

from controls.models import Erasure
from goldwallet import clock
from oversight.privacy.policy import POLICY, Rule

log = structlog.get_logger(__name__)

#: Things that one transaction lets go of.
_BATCH = 500
#: The proof of a round, whether or not anything was due: without one for a day nobody can say that the policy holds.
ROUND = "round"


def retention_apply() -> dict[str, int]:
    """Let go of everything whose time is over; answers of how much of which kind. A proof for each kind, and one of
    the round. What fails does not keep the others.
    """
    done = {rule.what: _apply(rule) for rule in POLICY}
    for rule in POLICY:
        if done[rule.what]:
            erasure_note(what=rule.what, rule=rule.sentence, rows=done[rule.what])
    erasure_note(what=ROUND, rule=f"all {len(POLICY)} rules", rows=sum(done.values()))
    return {what: rows for what, rows in done.items() if rows}


def _apply(rule: Rule) -> int:
    before, total = clock.now() - dt.timedelta(days=rule.days), 0
    try:
        while rows := rule.erase(before, _BATCH):
            total += rows
    except Exception:
        log.exception("data could not be let go", what=rule.what)
    return total


def erasure_note(
    *, what: str, rule: str, rows: int, subject: str = "", asked_by: uuid.UUID | None = None
) -> Erasure:
    """The proof, in the transaction of what it proves where there is one."""
    return Erasure.objects.create(what=what, rule=rule, rows=rows, subject=subject, asked_by_id=asked_by)
