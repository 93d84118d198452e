"""Reads about identity: one person's case, the queue of the reviewers, and who has looked at what."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from accounts.models import User
from goldwallet import clock
from kyc.models import OPEN_CASES, Case, CaseState, Document, Opening, Review
from kyc.parts import parts_of
from ledger import chart
from ledger.selectors import balances

#: A proven identity may be shown anew so long before it ends; then the first mail about it goes out, too.
RENEW_DAYS = 30
#: How much of the queue one page holds.
QUEUE = 200


def case_of(user: User) -> Case | None:
    """The case that counts for a person now: the one under way, else the approved one, else the last."""
    cases = list(Case.objects.filter(user=user).order_by("-created_at"))
    for wanted in (OPEN_CASES, (CaseState.APPROVED,)):
        for case in cases:
            if case.state in wanted:
                return case
    return cases[0] if cases else None


def approved_case(user_id: uuid.UUID) -> Case | None:
    return Case.objects.filter(user_id=user_id, state=CaseState.APPROVED).first()


def may_renew(case: Case) -> bool:
    """Whether an approved case ends so soon that another one may begin beside it."""
    return case.valid_until is not None and case.valid_until - clock.now() < dt.timedelta(days=RENEW_DAYS)


# --- the queue ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case in the queue. `money`: the person has money with us that waits. `same_id`: others gave this ID, too."""

    case: Case
    money: bool
    same_id: int
    again: bool


def queue(*, most: int = QUEUE) -> list[Waiting]:
    """What waits for a reviewer: people with money that waits come first, then who has waited longest."""
    cases = list(
        Case.objects.filter(state=CaseState.SUBMITTED)
        .select_related("user")
        .annotate(sent=Count("reviews"))
        .order_by("submitted_at")[:most]
    )
    codes = {case.pk: chart.user_cash(case.user_id) for case in cases}
    cash = balances(codes.values()) if codes else {}
    shared = _shared_ids(cases)
    rows = [
        Waiting(case, cash[str(codes[case.pk])] > 0, shared.get(case.id_number_lookup, 0), case.sent > 0)
        for case in cases
    ]
    # The sort keeps the order of those that are equal.
    return sorted(rows, key=lambda row: not row.money)


def _shared_ids(cases: Iterable[Case]) -> dict[str, int]:
    """How many people besides one gave the same number of an ID."""
    lookups = {case.id_number_lookup for case in cases} - {""}
    people = (
        Case.objects.filter(id_number_lookup__in=lookups)
        .values("id_number_lookup")
        .annotate(people=Count("user", distinct=True))
        .filter(people__gt=1)
    )
    return {row["id_number_lookup"]: row["people"] - 1 for row in people}


def neighbours(rows: Sequence[Waiting], case: Case) -> tuple[Case | None, Case | None]:
    """The cases before and after this one in the queue; for one that does not wait, nothing and the first."""
    cases = [row.case for row in rows]
    if case not in cases:
        return None, cases[0] if cases else None
    at = cases.index(case)
    return cases[at - 1] if at else None, cases[at + 1] if at + 1 < len(cases) else None


def queue_length() -> int:
    return Case.objects.filter(state=CaseState.SUBMITTED).count()


# --- one case -------------------------------------------------------------------------------------


def reviews_of(case: Case) -> list[Review]:
    return list(Review.objects.filter(case=case).select_related("reviewer").order_by("-decided_at"))


def earlier_cases(case: Case) -> list[Case]:
    return list(Case.objects.filter(user_id=case.user_id).exclude(pk=case.pk).order_by("-created_at"))


def openings_of(case: Case, *, most: int = 60) -> list[Opening]:
    """Who opened an image of this case, and why; the newest first."""
    rows = Opening.objects.filter(document__case=case).select_related("by", "document")
    return list(rows.order_by("-opened_at", "-pk")[:most])


def openings_by_others(case: Case, *, by: User, minutes: int) -> list[str]:
    """Which other reviewers have opened images of this case just now: two need not do the same work."""
    since = clock.after(-60 * minutes)
    rows = Opening.objects.filter(document__case=case, opened_at__gte=since).exclude(by=by)
    return sorted(set(rows.values_list("by__email", flat=True)))


def unopened(case: Case, *, by: User) -> list[Document]:
    """The current images that this case takes and this reviewer has not been shown since it was sent."""
    seen = Opening.objects.filter(
        document__case=case, by=by, opened_at__gte=case.submitted_at, shown_at__isnull=False
    )
    current = Document.objects.filter(case=case, replaced_at=None, part__in=parts_of(case.id_type))
    return list(current.filter(~Q(pk__in=seen.values("document"))))


def decided_lately(*, most: int = 25) -> list[Review]:
    return list(Review.objects.select_related("case", "person", "reviewer").order_by("-decided_at")[:most])
