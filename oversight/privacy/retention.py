"""The round that applies the policy, and the rows that prove it."""

import datetime as dt
import uuid

import structlog
from django.db import transaction

from controls.models import Erasure
from goldwallet import clock
from oversight.privacy.policy import POLICY, Rule

log = structlog.get_logger(__name__)

#: Things that one transaction lets go of.
_BATCH = 100
#: The proof of a round, whether or not anything was due: without one for a day nobody can say that the policy holds.
ROUND = "round"


def retention_apply() -> dict[str, int]:
    """Let go of everything whose time is over; answers of how much of which kind. A proof with each batch, in its
    transaction, and one of the round, which names the rules that failed. What fails does not keep the others.
    """
    done: dict[str, int] = {}
    failed: list[str] = []
    for rule in POLICY:
        try:
            done[rule.what] = _apply(rule)
        except Exception:
            log.exception("data could not be let go", what=rule.what)
            failed.append(rule.what)
    whole = f"all {len(POLICY)} rules"
    erasure_note(
        what=ROUND, rule=f"failed: {', '.join(failed)}"[:200] if failed else whole, rows=sum(done.values())
    )
    return {what: rows for what, rows in done.items() if rows}


def _apply(rule: Rule) -> int:
    before, total = clock.now() - dt.timedelta(days=rule.days), 0
    while rows := _batch(rule, before):
        total += rows
    return total


@transaction.atomic
def _batch(rule: Rule, before: dt.datetime) -> int:
    rows = rule.erase(before, _BATCH)
    if rows:
        erasure_note(what=rule.what, rule=rule.sentence, rows=rows)
    return rows


def erasure_note(
    *, what: str, rule: str, rows: int, subject: str = "", asked_by: uuid.UUID | None = None
) -> Erasure:
    """The proof, in the transaction of what it proves where there is one."""
    return Erasure.objects.create(what=what, rule=rule, rows=rows, subject=subject, asked_by_id=asked_by)
