"""One run of the comparison, step by step. What was found is written when all are done; how far it is, at once."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, Min, OuterRef

from controls.audit import record
from goldwallet.clock import NAIROBI, Now, now
from goldwallet.errors import Conflict, Refused
from oversight.models import Run, RunState
from oversight.reconciliation import book, charges, floats, lines, missing, money, reversals, sides, twice
from oversight.reconciliation.alive import run_alive, run_held
from oversight.reconciliation.breaks import breaks_act, breaks_keep
from oversight.reconciliation.closed import closed_among
from oversight.reconciliation.explained import Outcome, added_up, by_differences
from oversight.reconciliation.found import Compared, Found, Part, Span
from payments.models import Float, StatementFile

log = structlog.get_logger(__name__)

#: Of one statement at most.
_STEP_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Step:
    """`sides`: whose figures stand left and right. `explain` says why they differ, when all has been compared."""

    name: str
    compare: Callable[[Span, list[Found]], Compared]
    sides: tuple[str, str]
    explain: Callable[[Span, Compared, Outcome], list[Part]] = by_differences


_MPESA = ("M-Pesa's lines", "Ours")
#: In this order: later steps read what earlier ones have found.
STEPS = (
    Step("Money in", money.money_in, _MPESA, sides.sides(Float.COLLECTIONS)),
    Step("Money out", money.money_out, _MPESA, sides.sides(Float.PAYOUTS)),
    Step("Payments that M-Pesa does not show", missing.missing, ("Shown", "Booked, where statements cover")),
    Step("Receipts on two lines", twice.twice, ("Lines", "Receipts")),
    Step("Payments taken back", reversals.reversals, ("M-Pesa's lines", "Taken back here too")),
    Step(
        "Charges",
        charges.charges,
        ("M-Pesa's lines", "Booked with these payments"),
        charges.charges_explained,
    ),
    Step("Payments and the ledger", book.postings, ("Payments", "Postings")),
    Step("Pools and bars", book.pools, ("Bars", "Free, promised and sold")),
    Step("People's gold", book.holdings, ("Allocations", "Accounts")),
    Step("Gold held", book.gold_held, ("Open orders", "Held")),
    Step("Money held", book.money_held, ("Open payouts, suspense", "Held")),
    Step("The whole book", book.whole_book, ("Out", "In")),
    Step("Floats", floats.floats, ("M-Pesa's balances", "Our floats")),
)


def run_begin(
    *,
    by: Any = None,
    starts_at: dt.datetime | None = None,
    ends_at: dt.datetime | None = None,
    run_id: uuid.UUID | None = None,
) -> Run:
    """Make the run that `run_do` works on. Raises Conflict while another one runs.

    Whoever calls holds the run (`run_held`) or puts its job into the queue in the same transaction; otherwise the next
    one takes it for dead. Without a span: from yesterday's first moment, or that of the oldest statement that no run
    has compared whole, until now.
    """
    current = now()
    start, end = starts_at or _start(current), ends_at or current
    if start > current:
        # It would find nothing, and stand on the page as the last comparison.
        raise Refused("This day has not come yet.", code="from")
    if start > end:
        raise Refused("The period ends before it starts.", code="span")
    _bury_dead()
    try:
        with transaction.atomic():
            begun = Run.objects.create(
                id=run_id or uuid.uuid4(), started_by=by, starts_at=start, ends_at=end, steps_total=len(STEPS)
            )
            if by is not None:
                span = {"from": start.isoformat(), "to": end.isoformat()}
                record("reconcile", subject=f"run:{begun.pk}", after=span, by=by.pk)
            return begun
    except IntegrityError as error:
        raise Conflict("A comparison is running already. Wait for it to finish.", code="running") from error


def _bury_dead() -> None:
    """A run whose process was killed is not waited for."""
    for run in Run.objects.filter(state=RunState.RUNNING):
        if not run_alive(run):
            rows = Run.objects.filter(pk=run.pk, state=RunState.RUNNING)
            rows.update(
                state=RunState.FAILED, finished_at=Now(), error="It was stopped before it had finished."
            )
            log.warning("a reconciliation was killed", run=str(run.pk), step=run.step)


def _start(current: dt.datetime) -> dt.datetime:
    midnight = current.astimezone(NAIROBI).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = midnight - dt.timedelta(days=1)
    whole = Run.objects.filter(
        state=RunState.DONE,
        started_at__gt=OuterRef("uploaded_at"),
        starts_at__lte=OuterRef("starts_at"),
        ends_at__gte=OuterRef("ends_at"),
    )
    fresh = StatementFile.objects.filter(~Exists(whole))
    oldest: dt.datetime | None = fresh.aggregate(oldest=Min("starts_at"))["oldest"]
    return min(yesterday, oldest or yesterday)


def run_do(run_id: uuid.UUID) -> Run:
    """Compare everything. Outside a transaction each step's progress is seen by others at once.

    An error stops the run, with what was open staying open; it is logged and raised again. Raises Conflict when the
    run has ended, or another session works on it. A run whose worker was killed may be done again from its beginning.
    """
    with run_held(run_id):
        run = Run.objects.get(pk=run_id)
        if run.state != RunState.RUNNING:
            raise Conflict("This comparison has ended already.", code="ended")
        run.report = []
        return _do(run)


def _do(run: Run) -> Run:
    try:
        _compare(run)
    except Exception as error:
        changed = {
            "state": RunState.FAILED,
            "finished_at": Now(),
            "error": f"{type(error).__name__}: {error}"[:300],
        }
        Run.objects.filter(pk=run.pk).update(**changed)
        log.exception("the reconciliation stopped", run=str(run.pk), step=run.step)
        raise
    finally:
        lines.unpair()
    run.refresh_from_db()
    return run


def _compare(run: Run) -> None:
    span = Span(start=run.starts_at, end=run.ends_at, now=now())
    _progress(run, "Pairing M-Pesa's lines with payments", 0)
    with _long():
        lines.pair(span)
    found: list[Found] = []
    checked: list[str] = []
    compared: list[Compared] = []
    for number, step in enumerate(STEPS):
        _progress(run, step.name, number)
        began = time.perf_counter()
        with _long():
            one = step.compare(span, found)
        found.extend(one.found)
        checked.extend(one.checked)
        compared.append(one)
        run.report.append(_told(step, one, time.perf_counter() - began))
    _progress(run, "Adding up", len(STEPS))
    outcome = Outcome(found, frozenset(closed_among(one.key for one in found)))
    _explain(run, span, compared, outcome)
    _progress(run, "Writing down", len(STEPS))
    with transaction.atomic():
        kept = breaks_keep(run=run, outcome=outcome, checked=checked)
        breaks_act(run=run, kept=kept)
        done = Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=RunState.DONE, finished_at=Now(), found=kept.open, step="", report=run.report
        )
        if not done:
            raise Conflict("This comparison was given up meanwhile.", code="ended")
    log.info("reconciled", run=str(run.pk), found=kept.open, new=kept.new, gone=kept.gone)


def _explain(run: Run, span: Span, compared: list[Compared], outcome: Outcome) -> None:
    """Write into the report why the sides of each step differ; left, plus that, is right."""
    for step, one, told in zip(STEPS, compared, run.report, strict=True):
        with _long():
            parts = added_up(one, step.explain(span, one, outcome))
        told["parts"] = [part.as_json(one.unit) for part in parts]
        told["differences"] = sum(not outcome.settled(each) for each in one.found)


@contextmanager
def _long() -> Iterator[None]:
    """A step may take its time, which a page may not; and when it fails, the connection is fit to say so."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{_STEP_SECONDS}s'")
        yield


def _progress(run: Run, step: str, done: int) -> None:
    run.step = step
    Run.objects.filter(pk=run.pk).update(step=step[:80], steps_done=done, report=run.report)


def _told(step: Step, compared: Compared, seconds: float) -> dict[str, Any]:
    theirs, ours = step.sides
    return {
        "name": step.name,
        "theirs": {"name": theirs, **compared.theirs.as_json(compared.unit)},
        "ours": {"name": ours, **compared.ours.as_json(compared.unit)},
        "differences": len(compared.found),
        "seconds": f"{seconds:.2f}",
        "note": compared.note,
    }


def reconcile(
    *, by: Any = None, starts_at: dt.datetime | None = None, ends_at: dt.datetime | None = None
) -> Run:
    """A run from beginning to end."""
    run_id = uuid.uuid4()
    with run_held(run_id):
        run_begin(by=by, starts_at=starts_at, ends_at=ends_at, run_id=run_id)
        return run_do(run_id)
