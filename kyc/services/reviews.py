"""A reviewer decides about a case: approve it, send it back with reasons, or ask for more (faults.md Z07, K11)."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pghistory
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.roles import Role
from accounts.services import person_lock
from controls.audit import record
from controls.selectors import threshold
from goldwallet import clock
from goldwallet.clock import NAIROBI, Now
from goldwallet.errors import Conflict, Refused
from goldwallet.states import move
from goldwallet.typed import one_line
from kyc import mails
from kyc.alike import accounts_of, id_taken, look_alikes
from kyc.models import CASE_MOVES, Case, CaseState, Document, Outcome, Part, Review
from kyc.parts import IMAGE_PARTS, parts_of
from kyc.review_words import CHECKLIST
from kyc.selectors import unopened
from kyc.services.standing import standing_set

_LONGEST_REASON, _LONGEST_NOTE = 300, 1000
_LEAST_REASON = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """`reasons`: part -> what the person reads about it. `note`: for staff alone. `submitted_at`: of what was seen."""

    outcome: str
    submitted_at: dt.datetime
    reasons: Mapping[str, str] = field(default_factory=dict)
    checklist: Collection[str] = ()
    note: str = ""


def case_decide(*, case_id: uuid.UUID, by: User, decision: Decision) -> Case:
    """Decide once. The first of two reviewers decides; the second is told so.

    Lock order: the person, then the case. Raises Refused and Conflict; then nothing has changed.
    """
    _check_reviewer(by)
    try:
        with pghistory.context(user=str(by.pk), action="case_decide"), transaction.atomic():
            return _decide(case_id, by, decision)
    except IntegrityError as error:
        # Two people with one ID, approved at the same moment: neither of the two saw the other's approval.
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if name != "kyc_one_person_an_id":
            raise
        raise _id_taken() from error


def _decide(case_id: uuid.UUID, by: User, decision: Decision) -> Case:
    owner = Case.objects.only("user_id").get(pk=case_id).user_id
    person_lock(owner)
    case = Case.objects.select_for_update(of=("self",)).select_related("user").get(pk=case_id)
    _check_waits(case, decision)
    if owner in accounts_of(by.pk):
        raise Refused("This is your own case. Somebody else decides it.", code="own", status=403)
    reasons = _reasons(case, decision)
    if decision.outcome == Outcome.APPROVED:
        _check_approval(case, by, decision)
    review = _review(case, by, decision, reasons)
    if decision.outcome == Outcome.APPROVED:
        _approve(case)
    else:
        _send_back(case, reasons)
    standing_set(user_id=owner)
    mails.decided(case, review)
    # Words about a person stay with the review.
    record(
        "review",
        subject=f"case:{case.pk}",
        person_id=owner,
        before={"state": str(CaseState.SUBMITTED)},
        after={"outcome": decision.outcome, "refused": sorted(reasons)},
        by=by.pk,
    )
    return case


def _check_reviewer(by: User) -> None:
    """Asked of the database: a role that was just taken away decides nothing."""
    held = set(by.groups.values_list("name", flat=True))
    if Role.REVIEWER not in held or Role.AUDITOR in held or not by.is_active:
        raise Refused("Your role does not decide this.", code="role", status=403)


def _check_waits(case: Case, decision: Decision) -> None:
    if case.state != CaseState.SUBMITTED:
        last = Review.objects.filter(case=case).select_related("reviewer").order_by("-decided_at").first()
        who = (
            f"{last.reviewer.email} has decided this already" if last else "This case does not wait any more"
        )
        raise Conflict(f"{who}. Nothing was changed.", code="decided")
    if case.submitted_at != decision.submitted_at:
        raise Conflict("This case was sent again since you opened it. Look at it again.", code="moved")


def _reasons(case: Case, decision: Decision) -> dict[str, str]:
    """The reasons, tidied. Raises Refused: approval takes none, everything else at least one."""
    parts = parts_of(case.id_type)
    found: dict[str, str] = {}
    for part, text in decision.reasons.items():
        words = one_line(text)
        if not words:
            continue
        if part not in parts:
            raise Refused("There is no such part in this case.", code="part")
        if not _LEAST_REASON <= len(words) <= _LONGEST_REASON:
            raise Refused(
                f"{Part(part).label}: write {_LEAST_REASON} to {_LONGEST_REASON} letters.", code="reason"
            )
        found[part] = words
    if decision.outcome not in Outcome.values:
        raise Refused("Choose what you decide.", code="outcome")
    if decision.outcome == Outcome.APPROVED and found:
        raise Refused("You wrote what is wrong. Clear it to approve, or send it back.", code="reasons")
    if decision.outcome != Outcome.APPROVED and not found:
        raise Refused("Say at one part at least what the person has to send again.", code="reasons")
    return found


def _check_approval(case: Case, by: User, decision: Decision) -> None:
    ticked = set(decision.checklist)
    if missing := [words for name, words in CHECKLIST.items() if name not in ticked]:
        raise Refused(f"Look at this before you approve: {missing[0]}.", code="checklist")
    if unopened(case, by=by):
        raise Refused("You have not opened all photos of this case. Open them first.", code="unopened")
    if id_taken(case):
        raise _id_taken()
    if look_alikes(case) and len(decision.note.strip()) < _LEAST_REASON:
        raise Refused(
            "Others here look like the same person. Write in the note why this is somebody else.", code="note"
        )


def _id_taken() -> Conflict:
    return Conflict(
        "Somebody else is verified with this ID. It cannot be approved for a second person.", code="id_taken"
    )


def _review(case: Case, by: User, decision: Decision, reasons: dict[str, str]) -> Review:
    review = Review(
        case=case,
        person_id=case.user_id,
        reviewer=by,
        outcome=decision.outcome,
        reasons=reasons,
        checklist=[name for name in CHECKLIST if name in set(decision.checklist)],
        submitted_at=decision.submitted_at,
    )
    review.note = decision.note.replace("\x00", " ").strip()[:_LONGEST_NOTE]
    review.save(force_insert=True)
    return review


def _approve(case: Case) -> None:
    """The identity that was proven before ends where the new one begins."""
    former = Case.objects.select_for_update().filter(user_id=case.user_id, state=CaseState.APPROVED)
    for old in former:
        move(old, CaseState.EXPIRED, moves=CASE_MOVES)
    until = months_after(clock.now(), int(threshold("kyc_valid_months")))
    _moved(case, CaseState.APPROVED, valid_until=until)


def _send_back(case: Case, reasons: Mapping[str, str]) -> None:
    _moved(case, CaseState.REJECTED, corrected=[])
    for part in IMAGE_PARTS & set(reasons):
        Document.objects.filter(case=case, part=part, replaced_at=None).update(refusal=reasons[part])


def _moved(case: Case, state: CaseState, **changes: Any) -> None:
    if not move(case, state, moves=CASE_MOVES, decided_at=Now(), **changes):
        raise Conflict("This case does not wait any more. Nothing was changed.", code="decided")


def months_after(moment: dt.datetime, months: int) -> dt.datetime:
    """The same day of a later month in Nairobi, or that month's last day; at the end of that day."""
    day = moment.astimezone(NAIROBI).date()
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_after = dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (first_after - dt.timedelta(days=1)).day
    ends = dt.date(year, month + 1, min(day.day, last))
    return dt.datetime.combine(ends, dt.time(23, 59, 59), NAIROBI)
