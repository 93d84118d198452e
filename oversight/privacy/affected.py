"""Whom a breach concerns: people about whom pages were read, photos opened or files taken, or whose data was downloaded
or changed, within a time. What shows many people at once names nobody, and is told beside the list (`shown_many`).
"""

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Count, Q, QuerySet

from accounts.models import StepUp, User
from controls.models import AuditEntry
from goldwallet import clock
from kyc.models import Opening
from notifications.models import Message
from oversight.privacy.export import NOTICE, OPERATION

#: What the database notes about people, and the column that says about whom.
_CHANGES = (
    ("accounts.UserEvent", "pgh_obj_id"),
    ("accounts.PayoutNumberEvent", "user_id"),
    ("accounts.AuthenticatorEvent", "user_id"),
    ("accounts.FactorResetEvent", "user_id"),
    ("accounts.RoleGrantEvent", "user_id"),
    ("kyc.CaseEvent", "user_id"),
)
#: What the audit trail calls a look at something. Photos have their own table.
_LOOKS = ("read", "search", "evidence_open", "callback_open")
#: A file that left: a list that a job is still to write has no rows yet, and counts when it is fetched.
_LEFT = Q(action="export", after__has_key="rows") | Q(action="export_fetch")


type Counts = Counter[uuid.UUID]
type Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class Affected:
    """How often each happened to a person."""

    person: User
    opened: int
    downloaded: int
    changed: int
    read: int
    taken: int


def people_affected(
    *, since: dt.datetime, until: dt.datetime | None = None, by: User | None = None
) -> list[Affected]:
    """By e-mail address. `by`: only what this person read, opened, took or changed, and their own download."""
    span, trail = _span(since, until), _trail(since, until, by)
    counts = [
        _opened(span, by),
        _downloaded(span, by),
        _changed(span, by),
        _by_person(trail.filter(action__in=_LOOKS)),
        _by_person(trail.filter(_LEFT)),
    ]
    people = User.objects.in_bulk({key for count in counts for key in count})
    found = [Affected(one, *(count[key] for count in counts)) for key, one in people.items()]
    return sorted(found, key=lambda row: row.person.email)


@dataclass(frozen=True, slots=True)
class Many:
    """What shows many people, or nobody in particular: each file that left, oldest first, and how often each kind of
    page was read, by the first word of what the trail calls it.
    """

    files: list[AuditEntry]
    pages: dict[str, int]


def shown_many(*, since: dt.datetime, until: dt.datetime | None = None, by: User | None = None) -> Many:
    """The audit trail's lines without a person in them."""
    trail = _trail(since, until, by).filter(person=None)
    files = trail.filter(_LEFT).select_related("actor").order_by("pk")
    return Many(list(files), _words(trail.filter(action__in=_LOOKS)))


def _words(rows: QuerySet[AuditEntry]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for subject, count in rows.order_by().values_list("subject").annotate(Count("pk")):
        counts[subject.partition(":")[0]] += count
    return dict(sorted(counts.items()))


def _span(since: dt.datetime, until: dt.datetime | None) -> Span:
    return since, until or clock.now()


def _trail(since: dt.datetime, until: dt.datetime | None, by: User | None) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(at__range=_span(since, until))
    return rows if by is None else rows.filter(actor=by)


def _by_person(rows: QuerySet[AuditEntry]) -> Counts:
    found = rows.exclude(person=None).order_by().values_list("person_id").annotate(Count("pk"))
    return Counter(dict(found))


def _opened(span: Span, by: User | None) -> Counts:
    rows = Opening.objects.filter(opened_at__range=span)
    rows = rows if by is None else rows.filter(by=by)
    return Counter(rows.values_list("document__case__user_id", flat=True))


def _downloaded(span: Span, by: User | None) -> Counts:
    """By the proofs; when those are gone, by the mails that told the person."""
    proofs = StepUp.objects.filter(operation=OPERATION, used_at__range=span)
    told = Message.objects.filter(kind=NOTICE, created_at__range=span, user_id__isnull=False)
    if by is not None:
        proofs, told = proofs.filter(user=by), told.filter(user=by)
    counts: Counts = Counter(proofs.values_list("user_id", flat=True))
    return Counter({key: 1 for key in told.values_list("user_id", flat=True) if key}) | counts


def _changed(span: Span, by: User | None) -> Counts:
    counts: Counts = Counter()
    for label, whose in _CHANGES:
        rows: Any = apps.get_model(label)._default_manager.filter(pgh_created_at__range=span)
        rows = rows if by is None else rows.filter(pgh_context__metadata__user=str(by.pk))
        counts.update(rows.values_list(whose, flat=True))
    return counts
