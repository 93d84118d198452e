"""The audit trail: everything that staff do at the desk, and everything about people that they read there.

`accounts.permissions.staff_page` says who acts and from where (`acting`). A service that changes something on behalf of
staff writes its line in its own transaction, so that the change and its line stand or fall together:

    record("hold", subject=f"person:{person.pk}", person_id=person.pk, before={...}, after={...}, reason=words)

A page that shows data of people names what it shows (`staff_page(..., reads="order")`), and the line is written when it
was shown. What a service forgot is written by the guard, as `act`. No line holds data of a person's but the id.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from psycopg.types.json import Jsonb

from controls.models import AuditEntry
from goldwallet.knocks import ip_of
from goldwallet.typed import one_line

#: What a line can say was done, and in words.
ACTIONS: dict[str, str] = {
    "act": "Did something at the desk",
    "read": "Read",
    "search": "Searched for a person",
    "export": "Exported a list",
    "export_fetch": "Downloaded an export",
    # Four eyes.
    "request_make": "Asked a second person",
    "request_approve": "Approved a request",
    "request_refuse": "Refused a request",
    "request_weigh": "Worked out what a request does now",
    "request_withdraw": "Took a request back",
    "evidence_open": "Opened the evidence of a request",
    # People.
    "hold": "Put a person on hold",
    "hold_lift": "Lifted a hold from the command line",
    "staff_first": "Made an administrator from the command line",
    "message": "Wrote to a person",
    "note": "Wrote a note",
    "flag": "Raised a flag",
    "flag_lower": "Took a flag down",
    "photo_ask": "Said why they look at an identity's photos",
    "photo_open": "Opened a photo of an identity",
    "review": "Decided about an identity",
    "factor_reset": "Removed a second factor",
    # Gold and prices.
    "pool_create": "Made a pool",
    "pool_update": "Changed a pool",
    "pool_order": "Put the pools into another order",
    "pool_close": "Closed a pool",
    "pool_reopen": "Opened a pool again",
    "assay_add": "Added the assay of a bar",
    "assay_open": "Opened the assay of a bar",
    "price_set": "Set a price",
    "price_cancel": "Took a scheduled price back",
    # Money.
    "payout_approve": "Let a payout go",
    "payout_refuse": "Refused a payout",
    "payment_seen": "Looked at a payment and closed it",
    "payouts_mode": "Changed how payouts go out",
    "callback_open": "Opened what M-Pesa had sent",
    "balance_ask": "Asked M-Pesa for the balances",
    # Reconciliation.
    "reconcile": "Started a reconciliation",
    "statement_upload": "Uploaded a statement",
    "break_own": "Took a difference on, or wrote about it",
    "close_make": "Made a daily close",
    # Steering.
    "switch_pause": "Paused something",
    "threshold_set": "Changed a threshold",
}


@dataclass(slots=True)
class Acting:
    """Who acts in this request, None: the house itself. `written` counts the lines that it has left."""

    actor_id: uuid.UUID | None
    address: str | None
    page: str
    written: int = 0


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(*, actor_id: uuid.UUID | None, address: str, page: str) -> Iterator[Acting]:
    """Everything recorded meanwhile was done by this person, from this address, on this page. None: by nobody here."""
    found = Acting(actor_id, ip_of(address), page[:60])
    before = _acting.set(found)
    try:
        yield found
    finally:
        _acting.reset(before)


# Each look at a page of the desk writes one: as a model it took as long as the page's list.
_LINE = """
INSERT INTO controls_auditentry (actor_id, address, page, action, subject, about, person_id, before, after, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def record(
    action: str,
    *,
    subject: str = "",
    person_id: uuid.UUID | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    by: uuid.UUID | None = None,
    about: str = "",
) -> None:
    """Write a line, in the caller's transaction. `by` is for what is done outside of a page. Values are JSON. `about`:
    what the subject is about in turn, as a request is.

    Raises KeyError for an action that is not in ACTIONS.
    """
    ACTIONS[action]
    who = _acting.get()
    line: tuple[Any, ...] = (
        by or (who.actor_id if who else None),
        who.address if who else None,
        who.page if who else "",
        action,
        subject.replace("\x00", "")[:120],
        about.replace("\x00", "")[:120],
        person_id,
        None if before is None else Jsonb(before),
        None if after is None else Jsonb(after),
        one_line(reason)[:500],
    )
    with connection.cursor() as cursor:
        cursor.execute(_LINE, line)
    if who is not None:
        who.written += 1


def done_before() -> None:
    """What is asked for was done already, and has its line: this time nothing was done that needs one."""
    if (who := _acting.get()) is not None:
        who.written += 1


def entries_about(*subjects: str) -> QuerySet[AuditEntry]:
    """What was done to these things, by two people as well, and who read it, newest first. The trail of a person has
    everything that was done or read about them.
    """
    where = Q(subject__in=subjects) | Q(about__in=subjects) | Q(person__in=people_of(subjects))
    return AuditEntry.objects.filter(where).select_related("actor", "person").order_by("-id")


def people_of(subjects: Iterable[str]) -> list[uuid.UUID]:
    """Whose trails are among those of the subjects: `person:<id>`."""
    found = (re.fullmatch(r"person:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", name) for name in subjects)
    return [uuid.UUID(match[1]) for match in found if match]
