"""Whom a breach concerns: people whose photos were opened, or whose data was downloaded or changed, within a time."""

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from accounts.models import StepUp, User
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


@dataclass(frozen=True, slots=True)
class Affected:
    """How often each happened to a person."""

    person: User
    opened: int
    downloaded: int
    changed: int


def people_affected(
    *, since: dt.datetime, until: dt.datetime | None = None, by: User | None = None
) -> list[Affected]:
    """By e-mail address. `by`: only what this person opened or changed, and their own download."""
    span = (since, until or clock.now())
    opened, downloaded, changed = _opened(span, by), _downloaded(span, by), _changed(span, by)
    people = User.objects.in_bulk({*opened, *downloaded, *changed})
    found = [Affected(one, opened[key], downloaded[key], changed[key]) for key, one in people.items()]
    return sorted(found, key=lambda row: row.person.email)


type Counts = Counter[uuid.UUID]
type Span = tuple[dt.datetime, dt.datetime]


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
