"""Who may be the same person under two accounts: for the reviewer to look at, and so that nobody reviews themselves.

What is compared: phone numbers, numbers of IDs, and for reviewers' eyes names of people who were born on the same day.
The limit: whoever has two phones and two true IDs looks like two people here. A face is compared by a person.
"""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from accounts.models import PayoutNumber, User
from kyc.facts import name_words
from kyc.models import Case, CaseState

#: More than this many people with one phone or ID are no person any more; the circle is not drawn wider.
_MOST = 500
_ADOPTED = Q(adopted_at__isnull=False)
#: An approved case has `valid_until`, also after its end.
_SENT_OR_PROVEN = Q(state=CaseState.SUBMITTED) | Q(valid_until__isnull=False)


def accounts_of(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """This person's accounts as far as one can see, this one among them: linked by a phone or by the number of an ID.

    One step may go by what somebody merely claims. More steps go only by what stands: anybody can write another's
    number into a draft, and would keep a reviewer from cases that have nothing to do with them.
    """
    own = frozenset({user_id})
    return _circle(own, standing=True) | _linked(own, standing=False)


def perhaps_accounts_of(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Accounts that several steps of mere claims link to this person: for the eyes of a reviewer, and no more."""
    return _circle(frozenset({user_id}), standing=False) - accounts_of(user_id)


def _circle(known: frozenset[uuid.UUID], *, standing: bool) -> frozenset[uuid.UUID]:
    while len(known) < _MOST:
        wider = known | _linked(known, standing=standing)
        if wider == known:
            break
        known = wider
    return known


def _linked(known: frozenset[uuid.UUID], *, standing: bool) -> frozenset[uuid.UUID]:
    """One step: two questions to the database. `standing`: a draft, a case that was sent back, and a number that was
    never adopted do not count.
    """
    numbers = PayoutNumber.objects.filter(_ADOPTED if standing else Q())
    cases = Case.objects.filter(_SENT_OR_PROVEN if standing else Q())
    people = User.objects.all()
    # Hashes of phones and of IDs are of different kinds, so none is both; each is looked for as what it may be.
    marks = set(
        people.filter(pk__in=known)
        .values_list("phone_lookup")
        .union(
            numbers.filter(user__in=known).values_list("phone_lookup"),
            cases.filter(user__in=known).values_list("id_number_lookup"),
        )
    )
    wanted = sorted({mark for (mark,) in marks} - {""})
    if not wanted:
        return frozenset()
    found = (
        people.filter(phone_lookup__in=wanted)
        .values_list("pk")
        .union(
            numbers.filter(phone_lookup__in=wanted).values_list("user_id"),
            cases.filter(id_number_lookup__in=wanted).values_list("user_id"),
        )
    )
    return frozenset(pk for (pk,) in found)


def same_person(one: uuid.UUID, other: uuid.UUID) -> bool:
    return other in accounts_of(one)


@dataclass(frozen=True, slots=True)
class Alike:
    """Another person's case that resembles one, and why."""

    case: Case
    why: tuple[str, ...]
    #: The same ID is proven for the other already: this case cannot be approved.
    taken: bool


def look_alikes(case: Case) -> list[Alike]:
    """Other people's cases with the same ID, the same phone, or the same birthday and a like name."""
    others = Case.objects.exclude(user_id=case.user_id).select_related("user").order_by("-created_at")
    asked = Q(pk__in=[])
    if case.id_number_lookup:
        asked |= Q(id_number_lookup=case.id_number_lookup)
    if case.birth_date_lookup:
        asked |= Q(birth_date_lookup=case.birth_date_lookup)
    if case.user.phone_lookup:
        asked |= Q(user__phone_lookup=case.user.phone_lookup)
    words = name_words(case.legal_name)
    rows = [
        Alike(other, _why(case, other, words), _taken(case, other)) for other in others.filter(asked)[:_MOST]
    ]
    # One line a person says enough: the case that resembles most.
    best: dict[uuid.UUID, Alike] = {}
    for row in sorted(rows, key=lambda row: (not row.taken, -len(row.why))):
        if row.why:
            best.setdefault(row.case.user_id, row)
    return list(best.values())


def _why(case: Case, other: Case, words: frozenset[str]) -> tuple[str, ...]:
    why = []
    if case.id_number_lookup and case.id_number_lookup == other.id_number_lookup:
        why.append("same ID number")
    if case.user.phone_lookup and case.user.phone_lookup == other.user.phone_lookup:
        why.append("same phone")
    if case.birth_date_lookup and case.birth_date_lookup == other.birth_date_lookup:
        theirs = name_words(other.legal_name)
        if len(words & theirs) >= max(1, min(2, len(words), len(theirs))):
            why.append("same birthday and a like name")
    return tuple(why)


def _taken(case: Case, other: Case) -> bool:
    return (
        other.state == CaseState.APPROVED
        and other.id_type == case.id_type
        and other.id_number_lookup == case.id_number_lookup != ""
    )


def id_taken(case: Case) -> bool:
    """Whether this very ID is proven for somebody else. The database holds to it, too (`kyc_one_person_an_id`)."""
    if not case.id_number_lookup:
        return False
    proven = Case.objects.filter(state=CaseState.APPROVED, id_type=case.id_type)
    return proven.filter(id_number_lookup=case.id_number_lookup).exclude(user_id=case.user_id).exists()
