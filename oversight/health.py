"""How the house is doing, in words for the desk. The same facts stand as numbers on /metrics."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from controls.models import Switch, SwitchName
from controls.selectors import threshold
from ledger.selectors import trial_balance
from oversight.models import RunState
from oversight.watch import Look, last_look
from pools.models import Price

#: A worker gives a sign of life every ten seconds; three missed ones are too many.
_SILENCE = dt.timedelta(seconds=30)
_SLOW = dt.timedelta(seconds=30)
#: A job that is due begins within two seconds; one that waits so long has no worker to do it.
_BACKLOG = dt.timedelta(minutes=1)
#: Of the age at which trading closes.
_WARN = dt.timedelta(hours=0.8)
#: A reconciliation each night, and some hours more.
_NIGHT = dt.timedelta(hours=30)
#: The house looks at itself each minute.
_UNWATCHED = dt.timedelta(minutes=3)


class Line(NamedTuple):
    """`word` is ok, late or wrong; the sentence says what to make of it."""

    label: str
    word: str
    sentence: str


def health(
    price: Price | None, *, states: Sequence[Switch], moment: dt.datetime, look: Look | None = None
) -> list[Line]:
    """`states` and `look`: the switches, and what the house saw last, as the page has read them. Two statements."""
    machine = _machine(moment)
    return [
        _price(price, moment),
        _switches(states),
        _worker(machine.workers),
        _queue(machine, moment),
        _inbox(machine.callbacks),
        _book(),
        _watch(look or last_look(), moment),
        _reconciliation(machine, moment),
    ]


@dataclass(frozen=True, slots=True)
class Machine:
    """What the queue's own tables say. `due_since`: when the oldest job that is due could have begun. `run`: of the
    newest comparison that has ended, its state, its beginning and how many differences it left; None before any.
    """

    workers: int
    failed: int
    due: int
    due_since: dt.datetime | None
    callbacks: int
    run: tuple[str, dt.datetime, int] | None


# The queue keeps the database's own time; callbacks keep the house's.
_MACHINE = """
SELECT (SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > %(alive)s),
       (SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'),
       due.number, due.since,
       (SELECT count(*) FROM payments_callback WHERE handled_at IS NULL AND received_at < %(slow)s),
       run.state, run.started_at, run.found
FROM (
    SELECT count(*) AS number, min(coalesce(j.scheduled_at, e.at)) AS since
    FROM procrastinate_jobs j
    LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= %(moment)s)
) due
LEFT JOIN (
    SELECT state, started_at, found FROM oversight_run WHERE state <> %(running)s ORDER BY started_at DESC LIMIT 1
) run ON true
"""


def _machine(moment: dt.datetime) -> Machine:
    with connection.cursor() as cursor:
        asked = {"moment": moment, "alive": moment - _SILENCE, "slow": moment - _SLOW}
        cursor.execute(_MACHINE, asked | {"running": RunState.RUNNING.value})
        workers, failed, due, since, callbacks, *run = cursor.fetchone()
        return Machine(workers, failed, due, since, callbacks, (run[0], run[1], run[2]) if run[0] else None)


def _price(price: Price | None, moment: dt.datetime) -> Line:
    if price is None:
        return Line("Price", "wrong", "There is no price yet, so nobody can trade.")
    age, most = moment - price.effective_from, threshold("price_max_age_hours")
    if age > dt.timedelta(hours=float(most)):
        return Line("Price", "wrong", "It is too old. Trading is closed until there is a new one.")
    said = f"It is {_long(age)} old. Trading closes at {most.normalize():f} hours."
    return Line("Price", "late" if age > _WARN * float(most) else "ok", said)


def _switches(states: Sequence[Switch]) -> Line:
    paused = [SwitchName(row.name).label for row in states if row.paused]
    if paused:
        return Line("Switches", "wrong", f"Paused: {', '.join(paused)}.")
    return Line("Switches", "ok", "Buying, selling and payouts are on.")


def _worker(alive: int) -> Line:
    if not alive:
        return Line(
            "Worker", "wrong", "No worker gives a sign of life. No prompt goes out, nothing is settled."
        )
    return Line("Worker", "ok", f"{alive} at work.")


def _queue(machine: Machine, moment: dt.datetime) -> Line:
    if machine.due_since is not None and moment - machine.due_since > _BACKLOG:
        waits = _long(moment - machine.due_since)
        return Line("Queue", "late", f"{_jobs(machine.due)} due, the oldest for {waits}.")
    if machine.failed:
        given_up = "1 job failed and was" if machine.failed == 1 else f"{machine.failed} jobs failed and were"
        return Line("Queue", "late", f"{given_up} given up. Their rows are looked at again.")
    if machine.due:
        return Line("Queue", "ok", f"{_jobs(machine.due)} due. No job was given up.")
    return Line("Queue", "ok", "It is empty. No job was given up.")


def _jobs(number: int) -> str:
    return "1 job is" if number == 1 else f"{number} jobs are"


def _inbox(waiting: int) -> Line:
    if waiting:
        return Line("Callbacks", "late", f"{waiting} wait longer than half a minute.")
    return Line("Callbacks", "ok", "None waits.")


def _reconciliation(machine: Machine, moment: dt.datetime) -> Line:
    """The newest run that has ended; the job begins one each night."""
    name = "Reconciliation"
    if machine.run is None:
        return Line(name, "late", "Nothing has been compared with M-Pesa yet.")
    state, started_at, left = machine.run
    ago = f"{_long(moment - started_at)} ago"
    if state == RunState.FAILED:
        return Line(name, "wrong", f"The last one, {ago}, was stopped by an error.")
    found = "It found no difference" if not left else f"It left {left} open"
    late = moment - started_at > _NIGHT
    return Line(name, "late" if late or left else "ok", f"{found}, {ago}.")


def _long(span: dt.timedelta) -> str:
    """`5 minutes`, `30 hours`, `2 days`: one figure, cut."""
    seconds = int(span.total_seconds())
    for least, size, noun in ((172_800, 86_400, "day"), (3_600, 3_600, "hour"), (60, 60, "minute")):
        if seconds >= least:
            number = seconds // size
            return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
    return "less than a minute"


def _book() -> Line:
    broken = [total.asset for total in trial_balance() if total.difference]
    if broken:
        return Line("Book", "wrong", f"{' and '.join(broken)} does not sum to zero.")
    return Line("Book", "ok", "Every asset sums to zero.")


def _watch(look: Look, moment: dt.datetime) -> Line:
    """What the house's own look of every minute saw (`oversight.watch`)."""
    if look.wrong:
        return Line("Watch", "wrong", f"The house itself found: {' '.join(look.wrong)}")
    if look.at is None:
        return Line("Watch", "late", "Nobody has looked yet whether the rules hold.")
    if moment - look.at > _UNWATCHED:
        minutes = int((moment - look.at).total_seconds()) // 60
        return Line("Watch", "late", f"Nobody has looked for {minutes} minutes.")
    return Line("Watch", "ok", "Every rule of the house holds.")
