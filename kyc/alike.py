"""Who may be the same person under two accounts: for the reviewer to look at, and so that nobody reviews themselves.

What is compared: phone numbers, also those that an account had before, numbers of IDs, and for reviewers' eyes names of
people who were born on the same day. The limit: whoever has two phones and two true IDs, or neither, looks like two
people here. A face is compared by a person.
"""

import uuid
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from kyc.facts import name_words
from kyc.models import Case, CaseState

#: More than this many people with one phone or ID are no person any more; the circle is not drawn wider.
_MOST = 500


# What links people: a phone, also one that was asked for payouts, and the number of an ID. From one person to their
# marks and from each mark to whoever has it, each step by an index; UNION ends where nobody new is found. By what
# stands: a draft, a case that was sent back, and a number that was never adopted do not count. A number that an account
# had before (`accounts_userevent`) counts as it did then: who changes it does not become somebody else by that.
_STEP = """
    SELECT other.person FROM {circle} AS known
    CROSS JOIN LATERAL (
        SELECT phone_lookup AS mark FROM accounts_user WHERE id = known.person
        UNION SELECT phone_lookup FROM accounts_userevent WHERE pgh_obj_id = known.person
        UNION SELECT phone_lookup FROM accounts_payoutnumber WHERE user_id = known.person AND {number}
        UNION SELECT id_number_lookup FROM kyc_case WHERE user_id = known.person AND {case}
    ) AS marks
    CROSS JOIN LATERAL (
        SELECT id AS person FROM accounts_user WHERE phone_lookup = marks.mark
        UNION ALL SELECT pgh_obj_id FROM accounts_userevent
            WHERE phone_lookup = marks.mark AND phone_lookup <> ''
        UNION ALL SELECT user_id FROM accounts_payoutnumber WHERE phone_lookup = marks.mark AND {number}
        UNION ALL SELECT user_id FROM kyc_case WHERE id_number_lookup = marks.mark AND {case}
    ) AS other
    WHERE marks.mark <> ''
"""
# A case that was approved has `valid_until`, also after its end.
_STANDING = {"number": "adopted_at IS NOT NULL", "case": "(state = 'submitted' OR valid_until IS NOT NULL)"}
_CLAIMED = {"number": "true", "case": "true"}
_START = "(SELECT %(person)s::uuid AS person)"
_CIRCLE = """
    WITH RECURSIVE circle(person) AS (SELECT %(person)s::uuid UNION {step}) SELECT person FROM circle LIMIT %(most)s
"""
_BY_WHAT_STANDS = _CIRCLE.format(step=_STEP.format(circle="circle", **_STANDING))
_BY_CLAIMS = _CIRCLE.format(step=_STEP.format(circle="circle", **_CLAIMED))
_OF_ONE = f"({_BY_WHAT_STANDS}) UNION ({_STEP.format(circle=_START, **_CLAIMED)} LIMIT %(most)s)"


def accounts_of(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """This person's accounts as far as one can see, this one among them: linked by a phone or by the number of an ID.

    One step may go by what somebody merely claims. More steps go only by what stands: anybody can write another's
    number into a draft, and would keep a reviewer from cases that have nothing to do with them.
    """
    return _linked(_OF_ONE, user_id)


def perhaps_accounts_of(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Accounts that several steps of mere claims link to this person: for the eyes of a reviewer, and no more."""
    return _linked(_BY_CLAIMS, user_id) - accounts_of(user_id)


def _linked(statement: str, user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """One question, however many steps there are."""
    with connection.cursor() as cursor:
        cursor.execute(statement, {"person": user_id, "most": _MOST})
        return frozenset(person for (person,) in cursor.fetchall())


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
