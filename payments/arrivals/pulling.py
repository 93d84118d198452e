"""Asking the provider which money came (Pull): whole lists, from where the last complete one ended.

Two pulls at once are harmless: a receipt is taken in once. An answer that is none changes nothing.
"""

import datetime as dt

import structlog

from goldwallet import clock
from goldwallet.clock import Now
from payments.arrivals.matching import Arrived, arrival_match, arrivals_take, claims_waiting
from payments.arrivals.missing import payments_missing, payments_not_found
from payments.models import Exchange, Kind, Pull
from payments.rails import Pulled, PullOutcome, rail

log = structlog.get_logger(__name__)

#: The provider lists the last 48 hours; a little less, for clocks that differ.
REACH = dt.timedelta(hours=48) - dt.timedelta(minutes=1)
#: Read again each time, for what was listed late.
_OVERLAP = dt.timedelta(minutes=10)
_MARGIN = dt.timedelta(minutes=1)
#: A hundred rows each, as far as known: more than any 48 hours bring. It ends a list that never ends.
_MOST_PAGES = 2000


def pull_run(*, method: str = "daraja") -> Pull:
    """Ask for what came since the last complete pull, take it all in, and draw the conclusions. No transaction."""
    end = clock.now()
    pull = Pull.objects.create(starts_at=_start(end), ends_at=end)
    _read(pull, method)
    payments_not_found(pull)
    log.info("pull", complete=pull.complete, rows=pull.rows)
    return pull


def _start(end: dt.datetime) -> dt.datetime:
    """From the end of the last complete pull, and further back where something waits for a list to be decided."""
    last = Pull.objects.filter(complete=True).order_by("-ends_at").values_list("ends_at", flat=True).first()
    if last is None:
        return end - REACH
    waiting = [*payments_missing(after=end - REACH + _MARGIN, until=end), *claims_waiting()]
    # Also when the clock has been set back: never less than the overlap.
    starts = [min(last, end) - _OVERLAP, *(moment - _MARGIN for moment in waiting)]
    return max(min(starts), end - REACH)


def _read(pull: Pull, method: str) -> None:
    """Page by page until there is no more: then the pull is complete."""
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        page = _page(pull, method, offset=pull.rows)
        if page.outcome == PullOutcome.NONE:
            pull.complete = True
            break
        receipts = {row.receipt for row in page.rows}
        if page.outcome != PullOutcome.OK or receipts <= seen:
            # No answer; or the same page again, whose offset was not understood: then there may be more.
            break
        seen |= receipts
        _take(pull, page)
        pull.rows += len(page.rows)
    pull.save(update_fields=["complete", "rows", "exchange"])


def _page(pull: Pull, method: str, *, offset: int) -> Pulled:
    exchange = Exchange.objects.create(kind=Kind.PULL)
    page = rail(method).pull(start=pull.starts_at, end=pull.ends_at, offset=offset)
    exchange.outcome, exchange.http_status = page.outcome, page.http_status
    exchange.code, exchange.text, exchange.body = page.code[:40], page.text[:300], page.body
    exchange.answered_at = Now()
    exchange.save()
    pull.exchange = exchange
    return page


def _take(pull: Pull, page: Pulled) -> None:
    rows = [
        Arrived(
            receipt=row.receipt,
            amount=row.amount,
            reference=row.reference,
            payer=f"{row.phone} {row.name}".strip(),
            arrived_at=row.at,
        )
        for row in page.rows
    ]
    for arrival_id in arrivals_take(rows, listed_in=pull.exchange):
        arrival_match(arrival_id=arrival_id)
