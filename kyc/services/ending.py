"""A proven identity ends: a month before its end, and at its end, the person is told. Gold and money stay theirs."""

import datetime as dt
import uuid

import pghistory
import structlog
from django.db import transaction

from accounts.models import User
from accounts.services import person_lock
from goldwallet.clock import Now, after
from goldwallet.states import move
from kyc import mails
from kyc.models import CASE_MOVES, OPEN_CASES, Case, CaseState
from kyc.selectors import RENEW_DAYS
from kyc.services.standing import standing_set
from notifications.services import messages_known

log = structlog.get_logger(__name__)


def cases_expire(*, most: int = 200) -> int:
    """End what is over; answers how many. Run often: until then the limits of a verified person hold."""
    over = Case.objects.filter(state=CaseState.APPROVED, valid_until__lte=Now()).order_by("valid_until")
    return sum(_ended(pk, user_id) for pk, user_id in list(over.values_list("pk", "user_id")[:most]))


def _ended(case_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    """A case that cannot be ended keeps no other from its end; it is tried again the next time."""
    try:
        return _expire(case_id, user_id)
    except Exception:
        log.exception("an identity could not be ended", case=str(case_id))
        return False


def _expire(case_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    with pghistory.context(action="case_expire"), transaction.atomic():
        person_lock(user_id)
        case = Case.objects.select_for_update().get(pk=case_id)
        if not move(case, CaseState.EXPIRED, moves=CASE_MOVES):
            return False
        standing_set(user_id=user_id)
        mails.expired(case, User.objects.get(pk=user_id))
    return True


def cases_remind(*, most: int = 500) -> int:
    """Write once to everybody whose identity ends within a month; answers to how many."""
    soon = Case.objects.filter(
        state=CaseState.APPROVED,
        valid_until__gt=Now(),
        valid_until__lte=after(dt.timedelta(days=RENEW_DAYS).total_seconds()),
    ).select_related("user")
    cases = list(soon.order_by("valid_until")[:most])
    known = messages_known(mails.ending_key(case) for case in cases)
    # Who renews already needs no reminder.
    renewing = set(
        Case.objects.filter(user__in=[case.user_id for case in cases], state__in=OPEN_CASES).values_list(
            "user_id", flat=True
        )
    )
    due = [case for case in cases if mails.ending_key(case) not in known and case.user_id not in renewing]
    return sum(_reminded(case) for case in due)


def _reminded(case: Case) -> bool:
    """A person who cannot be written to keeps no other from their letter."""
    try:
        with transaction.atomic():
            mails.ending(case)
    except Exception:
        log.exception("a person could not be reminded of their identity's end", case=str(case.pk))
        return False
    return True
