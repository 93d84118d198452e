"""Reads of what staff steer."""

import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet

from controls.models import AuditEntry, Request, RequestState, Switch, SwitchName, Threshold
from controls.thresholds import DEFINITIONS
from goldwallet.clock import Now

# A change reaches every process within this time; the process that made it sees it at once.
CACHE_SECONDS = 5.0


class _Cache:
    """All thresholds of this process, read together by one query and kept for at most CACHE_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, Decimal] = {}
        self._good_until = 0.0

    def read(self) -> dict[str, Decimal]:
        with self._lock:
            if time.monotonic() < self._good_until:
                return self._values
        # Outside the lock: a slow database must not make threads queue behind one another.
        values = thresholds()
        with self._lock:
            self._values = values
            self._good_until = time.monotonic() + CACHE_SECONDS
        return values

    def forget(self) -> None:
        with self._lock:
            self._good_until = 0.0


_cache = _Cache()


def thresholds() -> dict[str, Decimal]:
    """Every threshold by name, straight from the database. One query."""
    values = {name: definition.default for name, definition in DEFINITIONS.items()}
    stored = dict(Threshold.objects.values_list("name", "value"))
    return values | {name: value for name, value in stored.items() if name in DEFINITIONS}


def threshold(name: str) -> Decimal:
    """One threshold, at most CACHE_SECONDS old. Raises KeyError for a name that does not exist."""
    return _cache.read()[name]


def thresholds_forget() -> None:
    """Read the thresholds afresh next time."""
    _cache.forget()


# --- switches -------------------------------------------------------------------------------------

#: For the statement that a thing begins with, so that a pause holds without a question of its own.
RUNNING = "NOT EXISTS (SELECT FROM controls_switch WHERE name = '{}' AND paused)"

#: What a customer reads. Calm, and true for every cause.
PAUSED = {
    "buy": "Buying is paused for a moment while we check something. Your gold and your money are safe.",
    "sell": "Selling is paused for a moment while we check something. Your gold and your money are safe.",
    "payouts": "Payouts are paused for a moment while we check something. Yours is sent as soon as they go on.",
}


def switch(name: str) -> Switch:
    """One switch, straight from the database."""
    return Switch.objects.filter(pk=name).first() or Switch(name=name)


def switches() -> list[Switch]:
    """All three, in the order in which a page shows them."""
    found = Switch.objects.select_related("changed_by").in_bulk()
    return [found.get(name) or Switch(name=name) for name in SwitchName.values]


# --- requests -------------------------------------------------------------------------------------


def requests_waiting() -> QuerySet[Request]:
    """The inbox: what waits for a second person and has not run out, oldest first."""
    waiting = Request.objects.filter(state=RequestState.WAITING, expires_at__gt=Now())
    return waiting.select_related("maker").order_by("created_at")


def request_about(subject: str) -> Request | None:
    """The open request about a thing, if there is one."""
    return requests_waiting().filter(subject=subject).first()


def requests_about(subjects: Iterable[str]) -> dict[str, Request]:
    """The open requests about several things, by what they are about. One query."""
    return {found.subject: found for found in requests_waiting().filter(subject__in=set(subjects))}


def requests_ever(subjects: Iterable[str], *, limit: int = 20) -> list[Request]:
    """Everything that was ever asked about these things, however it ended, newest first."""
    asked = Request.objects.filter(subject__in=set(subjects)).select_related("maker", "checker")
    return list(asked.order_by("-created_at", "-pk")[:limit])


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody who has opened a request's page or its evidence, and how often."""

    email: str
    looked: int
    opened: int


def request_looks(request_id: uuid.UUID) -> list[Look]:
    """Who has looked at a request, by the audit trail."""
    lines = AuditEntry.objects.filter(subject=f"request:{request_id}", actor__isnull=False)
    counted = lines.filter(action__in=["read", "evidence_open"]).values_list("actor__email")
    found = counted.annotate(
        looked=Count("pk", filter=Q(action="read")), opened=Count("pk", filter=Q(action="evidence_open"))
    )
    return [Look(*row) for row in found.order_by("actor__email")]


def evidence_opened(request_id: uuid.UUID, *, by: uuid.UUID) -> bool:
    """Whether this person has opened what is attached to a request, by the audit trail."""
    lines = AuditEntry.objects.filter(subject=f"request:{request_id}", action="evidence_open", actor_id=by)
    return lines.exists()


def request_makers(ids: Iterable[str]) -> dict[str, str]:
    """Who asked, as an e-mail address, by the request's id. What is no request's id is left out."""
    known = {text for text in ids if _is_uuid(text)}
    found = Request.objects.filter(pk__in=known).values_list("pk", "maker__email") if known else ()
    return {str(pk): email for pk, email in found}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
