"""How each kind of data ends. Each function takes a moment and a number, and answers of how many it has let go.

All can be run again at any time: what is gone is no longer found.
"""

import datetime as dt
import uuid
from typing import Any

import pghistory
import structlog
from allauth.account.models import EmailAddress
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.models import KnownDevice, PayoutNumber, Session, StepUp, User
from accounts.services import person_lock
from controls.models import Attachment, RequestState
from controls.services.notes import notes_blank
from goldwallet.states import move
from kyc.documents import documents_destroy
from kyc.models import CASE_MOVES, Case, CaseState, Document, NameWord, Review
from kyc.services import standing_set
from notifications.models import Message
from notifications.models import State as MessageState
from payments.models import Arrival, Callback, Exchange, Payment, StatementLine
from trading.models import Quote

log = structlog.get_logger(__name__)

#: How the address of somebody who was erased ends. The database's own functions say it, too.
ERASED = "@erased.invalid"
_BLANK_CASE = {
    "legal_name_sealed": "",
    "birth_date_sealed": "",
    "birth_date_lookup": "",
    "id_number_sealed": "",
    "id_number_lookup": "",
}


def _some(rows: QuerySet[Any], most: int) -> list[Any]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:most])


def _delete(rows: QuerySet[Any], most: int) -> int:
    found = _some(rows, most)
    return rows.model._default_manager.filter(pk__in=found).delete()[0] if found else 0


def _blank(model: type[Model], column: str, old: Q, most: int) -> int:
    rows = model._default_manager.filter(old).exclude(**{column: ""})
    return model._default_manager.filter(pk__in=_some(rows, most)).update(**{column: ""})


# --- identity -------------------------------------------------------------------------------------


def _cases_blank(cases: list[uuid.UUID]) -> None:
    documents_destroy(Document.objects.filter(case__in=cases))
    Case.objects.filter(pk__in=cases).update(**_BLANK_CASE)
    NameWord.objects.filter(case__in=cases).delete()
    Review.objects.filter(case__in=cases).exclude(note_sealed="").update(note_sealed="")


@transaction.atomic
def identities(before: dt.datetime, most: int) -> int:
    """Of people whose account was closed before."""
    keyed = Document.objects.filter(case=OuterRef("pk"), destroyed_at=None)
    told = ~Q(legal_name_sealed="") | ~Q(birth_date_sealed="") | ~Q(id_number_sealed="")
    found = _some(Case.objects.filter(told | Exists(keyed), user__closed_at__lt=before), most)
    _cases_blank(found)
    return len(found)


def unfinished(before: dt.datetime, most: int) -> int:
    """Cases that were never sent, or never corrected, and at which nothing has happened since."""
    open_ = Case.objects.filter(state__in=[CaseState.DRAFT, CaseState.REJECTED], updated_at__lt=before)
    still = open_.filter(Q(decided_at=None) | Q(decided_at__lt=before))
    return sum(case_abandon(case.pk, case.user_id) for case in still.order_by("pk")[:most])


def case_abandon(case_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    with pghistory.context(action="case_abandoned"), transaction.atomic():
        person_lock(user_id)
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.state not in {CaseState.DRAFT, CaseState.REJECTED}:
            return False
        was_seen = case.state == CaseState.REJECTED
        move(case, CaseState.EXPIRED, moves=CASE_MOVES)
        _cases_blank([case_id])
        if was_seen:
            standing_set(user_id=user_id)
    return True


@transaction.atomic
def replaced(before: dt.datetime, most: int) -> int:
    found = _some(Document.objects.filter(replaced_at__lt=before, destroyed_at=None), most)
    return documents_destroy(Document.objects.filter(pk__in=found))


# --- people ---------------------------------------------------------------------------------------

_FORGET = "SELECT oversight_history_forget(%s)"


def people(before: dt.datetime, most: int) -> int:
    """Who closed their account before: what names them is blanked, wherever it stands."""
    closed = User.objects.filter(closed_at__lt=before).exclude(email__endswith=ERASED)
    return sum(_forgotten(person_id) for person_id in _some(closed, most))


def _forgotten(person_id: uuid.UUID) -> bool:
    """One who cannot be forgotten does not keep the others; the next round tries again."""
    try:
        person_forget(person_id)
    except DatabaseError:
        log.exception("a person could not be forgotten", person=str(person_id))
        return False
    return True


@transaction.atomic
def person_forget(person_id: uuid.UUID) -> None:
    """Blank a closed person. The ledger knows them by their id alone, and stays as it is."""
    name = f"gone-{person_id.hex}"
    User.objects.filter(pk=person_id).update(
        username=name,
        email=f"{name}{ERASED}",
        first_name="",
        last_name="",
        phone_sealed="",
        phone_lookup="",
        frozen_reason="",
    )
    EmailAddress.objects.filter(user_id=person_id).delete()
    PayoutNumber.objects.filter(user_id=person_id).delete()
    Message.objects.filter(user_id=person_id).delete()
    Payment.objects.filter(user_id=person_id).update(phone_sealed="", phone_lookup="")
    # M-Pesa's names of prompts end in the number that was asked.
    Payment.objects.filter(user_id=person_id, request_id__startswith="ws_CO_").update(request_id="")
    asked = Exchange.objects.filter(payment__user_id=person_id, request_id__startswith="ws_CO_")
    asked.update(request_id="")
    Arrival.objects.filter(payment__user_id=person_id).update(payer_sealed="")
    Quote.objects.filter(user_id=person_id).update(phone_sealed="")
    notes_blank(person_id=person_id)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [person_id])


# --- what passes through --------------------------------------------------------------------------


def messages(before: dt.datetime, most: int) -> int:
    ended = Message.objects.exclude(state=MessageState.WAITING)
    return _delete(ended.filter(created_at__lt=before), most)


def bodies(before: dt.datetime, most: int) -> int:
    # What nobody has looked at yet is still needed, however old it is.
    told = _blank(Callback, "body_sealed", Q(received_at__lt=before, handled_at__isnull=False), most)
    return told + _blank(Exchange, "body_sealed", Q(created_at__lt=before), most)


def payers(before: dt.datetime, most: int) -> int:
    listed = _blank(Arrival, "payer_sealed", Q(arrived_at__lt=before), most)
    return listed + _blank(StatementLine, "details_sealed", Q(completed_at__lt=before), most)


def evidence(before: dt.datetime, most: int) -> int:
    decided = Q(request__decided_at__lt=before) & ~Q(request__state=RequestState.WAITING)
    return _blank(Attachment, "content_sealed", decided, most)


def quotes(before: dt.datetime, most: int) -> int:
    return _delete(Quote.objects.filter(used_at=None, expires_at__lt=before), most)


def proofs(before: dt.datetime, most: int) -> int:
    return _delete(StepUp.objects.filter(created_at__lt=before), most)


def devices(before: dt.datetime, most: int) -> int:
    return _delete(KnownDevice.objects.filter(seen_at__lt=before), most)


def sessions(before: dt.datetime, most: int) -> int:
    return _delete(Session.objects.filter(expire_date__lt=before), most)
