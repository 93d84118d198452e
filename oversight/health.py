"""How the house is doing, in words for the desk. The same facts stand as numbers on /metrics."""

import datetime as dt
from typing import NamedTuple

from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from controls.models import SwitchName
from controls.selectors import switches
from goldwallet import clock
from ledger.selectors import trial_balance
from oversight.watch import Look, last_look
from payments.models import Callback
from pools.models import Price
from trading.selectors import price_is_old

#: A worker gives a sign of life every ten seconds; three missed ones are too many.
_SILENCE = dt.timedelta(seconds=30)
_SLOW = dt.timedelta(seconds=30)
#: The house looks at itself each minute.
_UNWATCHED = dt.timedelta(minutes=3)


class Line(NamedTuple):
    """`word` is ok, late or wrong; the sentence says what to make of it."""

    label: str
    word: str
    sentence: str


def health(price: Price | None) -> list[Line]:
    moment = clock.now()
    return [
        _price(price),
        _switches(),
        _worker(moment),
        _queue(),
        _inbox(moment),
        _book(),
        _watch(last_look(), moment),
    ]


def _price(price: Price | None) -> Line:
    if price is None:
        return Line("Price", "wrong", "There is no price yet, so nobody can trade.")
    if price_is_old(price):
        return Line("Price", "wrong", "It is too old. Trading is closed until there is a new one.")
    return Line("Price", "ok", "Trading is open.")


def _switches() -> Line:
    paused = [SwitchName(row.name).label for row in switches() if row.paused]
    if paused:
        return Line("Switches", "wrong", f"Paused: {', '.join(paused)}.")
    return Line("Switches", "ok", "Buying, selling and payouts are on.")


def _worker(moment: dt.datetime) -> Line:
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=moment - _SILENCE).count()
    if not alive:
        return Line(
            "Worker", "wrong", "No worker gives a sign of life. No prompt goes out, nothing is settled."
        )
    return Line("Worker", "ok", f"{alive} at work.")


def _queue() -> Line:
    failed = ProcrastinateJob.objects.filter(status="failed").count()
    if failed:
        return Line(
            "Queue", "late", f"{failed} jobs failed and were given up. Their rows are looked at again."
        )
    return Line("Queue", "ok", "No job was given up.")


def _inbox(moment: dt.datetime) -> Line:
    waiting = Callback.objects.filter(handled_at=None, received_at__lt=moment - _SLOW).count()
    if waiting:
        return Line("Callbacks", "late", f"{waiting} wait longer than half a minute.")
    return Line("Callbacks", "ok", "None waits.")


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
        return Line("Watch", "late", "Nobody has looked yet whether what must hold does.")
    if moment - look.at > _UNWATCHED:
        minutes = int((moment - look.at).total_seconds()) // 60
        return Line("Watch", "late", f"Nobody has looked for {minutes} minutes.")
    return Line("Watch", "ok", "All that must hold does.")
