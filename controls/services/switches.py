"""Switches: anybody who may, or the house itself, pauses at once; going on takes two people (faults.md O16)."""

from typing import Any

import pghistory
import structlog
from django.db import connection, transaction

from controls.audit import record
from controls.effects import Change, Description
from controls.models import Anchor, Cause, Request, Switch, SwitchName
from controls.selectors import switch
from goldwallet.clock import Now
from goldwallet.errors import Refused
from goldwallet.typed import one_line

log = structlog.get_logger(__name__)


def switch_pause(*, name: str, cause: str, note: str, by: Any = None) -> bool:
    """Pause; says whether it ran until now. `by` None: the house itself.

    Committed, it holds at once for every process: whoever starts a buy, a sale or a payout reads the row itself. A
    further cause is added to what stands there, and a cause of the house's own comes before staff's: so that who lets
    it go on reads everything, and an approval that was opened before looks again.
    """
    said = one_line(note)[:300]
    if len(said) < 5:
        raise Refused("Write why, for everybody who asks.", code="reason")
    if name not in SwitchName.values:
        raise Refused("There is no such switch.", code="switch")
    who = {"user": str(by.pk)} if by is not None else {}
    with pghistory.context(**who, action="switch_pause"), transaction.atomic():
        _rows_make(name)
        row = Switch.objects.select_for_update(no_key=True).get(pk=name)
        ran = not row.paused
        if ran:
            _set(row, cause=cause, note=said, by=by)
        elif said not in row.note:
            first = cause if row.cause == Cause.STAFF else row.cause
            _set(row, cause=first, note=f"{row.note} Also: {said}"[:300], by=by)
        # The house pauses what is paused already as often as it looks; staff who do it have done something.
        if ran or by is not None:
            record(
                "switch_pause",
                subject=f"switch:{name}",
                before={"state": "on" if ran else "paused"},
                after={"state": "paused", "cause": str(cause)},
                reason=said,
                by=by.pk if by is not None else None,
            )
    if ran:
        log.warning("switch paused", switch=name, cause=cause)
    return ran


def _set(row: Switch, *, cause: str, note: str, by: Any) -> None:
    Switch.objects.filter(pk=row.pk).update(
        paused=True, cause=cause, note=note, changed_by=by, changed_at=Now()
    )


def switches_lock(*names: str) -> set[str]:
    """Lock these switches in the caller's transaction; answers which are paused.

    Whoever spends money under this lock spends it before the pause or not at all.
    """
    rows = list(Switch.objects.select_for_update(no_key=True).filter(pk__in=names).order_by("pk"))
    if len(rows) < len(names):
        _rows_make(*names)
        return switches_lock(*names)
    return {row.name for row in rows if row.paused}


def _rows_make(*names: str) -> None:
    """What is locked must be there. Harmless when two do it at once."""
    Switch.objects.bulk_create([Switch(name=name) for name in names], ignore_conflicts=True)


# --- the request ----------------------------------------------------------------------------------


def switch_resume_describe(payload: dict[str, Any]) -> Description:
    """payload: `name`."""
    name = str(payload.get("name", ""))
    if name not in SwitchName.values:
        raise Refused("There is no such switch.", code="switch")
    now = switch(name)
    if not now.paused:
        raise Refused(f"{SwitchName(name).label} is not paused.", code="not_paused")
    change = Change(SwitchName(name).label, f"Paused: {now.note}", "On")
    return Description(f"{SwitchName(name).label} goes on for everybody.", (change,))


def switch_resume_execute(request: Request) -> str:
    name = request.payload["name"]
    changed = Switch.objects.filter(pk=name, paused=True).update(
        paused=False, cause="", note="", changed_by=request.checker or request.maker, changed_at=Now()
    )
    if not changed:
        raise Refused("It is not paused any more.", code="not_paused")
    return f"{SwitchName(name).label} is on again."


# --- after a restore ------------------------------------------------------------------------------


def anchor_check(anchor: str) -> bool:
    """Whether this is the database that it was. If not, it was restored: payouts stay off until two people say go.

    `anchor` tells databases apart (`goldwallet.schema.anchor`). Called before a worker takes its first job, since the
    provider may have moved on while this database went back (faults.md W12).
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE controls_anchor IN EXCLUSIVE MODE")
        known = Anchor.objects.first()
        if known is None:
            Anchor.objects.create(text=anchor)
            return True
        if known.text == anchor:
            return True
        note = "This database was restored. Compare M-Pesa's statement with the books before payouts go on."
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.RESTORED, note=note)
        Anchor.objects.filter(pk=1).update(text=anchor, noted_at=Now())
    return False
