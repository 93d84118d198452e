"""Four eyes, shown with a threshold: who may, what the approval is bound to, and that it happens once."""

import base64
import hashlib

import pgtrigger
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.roles import Role
from accounts.services import staff_create
from controls import services
from controls.models import Attachment, AuditEntry, Request, RequestState
from controls.selectors import requests_waiting, thresholds
from controls.services import Evidence
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES

pytestmark = pytest.mark.django_db

WHY = "The vault's insurer asks for it."


@pytest.fixture
def maker():
    return staff_create(email="one@example.com", password="x", roles=[Role.TREASURY])


@pytest.fixture
def checker():
    return staff_create(email="two@example.com", password="x", roles=[Role.TREASURY])


def asked(maker, value="50000", **changes) -> Request:
    words = {
        "kind": "threshold_set",
        "payload": {"name": "payout_approval_kes", "value": value},
        "subject": "threshold:payout_approval_kes",
        "reason": WHY,
        "by": maker,
    }
    return services.request_make(**(words | changes))


def approve(request: Request, by) -> Request:
    seen = services.request_seal(request, services.request_effect(request))
    return services.request_approve(
        request_id=request.pk, by=by, seen=seen, words=YES, typed=(request.payload["value"],)
    )


def test_it_is_done_by_the_second_person(maker, checker) -> None:
    request = asked(maker)
    assert thresholds()["payout_approval_kes"] == 100_000
    assert request.effect["changes"] == [
        {
            "label": "Payouts of this much or more wait for staff",
            "before": "KES 100,000",
            "after": "KES 50,000",
        }
    ]
    done = approve(request, checker)
    assert done.state == RequestState.EXECUTED
    assert thresholds()["payout_approval_kes"] == 50_000
    assert not requests_waiting()


@pytest.mark.fault("Z02")
def test_nobody_approves_their_own(maker) -> None:
    request = asked(maker)
    with pytest.raises(Refused, match="yourself"):
        approve(request, maker)
    assert thresholds()["payout_approval_kes"] == 100_000


@pytest.mark.fault("Z02")
def test_the_database_refuses_one_person_twice(maker) -> None:
    request = asked(maker)
    with pytest.raises(IntegrityError, match="request_two_people"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(checker=maker)


@pytest.mark.fault("Z04")
def test_it_is_done_once(maker, checker) -> None:
    request = asked(maker)
    approve(request, checker)
    with pytest.raises(Conflict, match="any more"):
        services.request_approve(request_id=request.pk, by=checker, seen="", words=YES)


@pytest.mark.parametrize("column", ["payload", "reason", "effect", "kind"])
def test_what_is_asked_never_changes(maker, column) -> None:
    request = asked(maker)
    value = {"name": "payout_approval_kes", "value": "1"} if column in {"payload", "effect"} else "other"
    with pytest.raises(DatabaseError), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(**{column: value})


def test_an_edited_request_is_not_approved(maker, checker) -> None:
    """Even where somebody got past the trigger: the hash of the content tells."""
    request = asked(maker)
    with guard_off(Request, "content_stays"):
        Request.objects.filter(pk=request.pk).update(
            payload={"name": "payout_approval_kes", "value": "250001"}
        )
    request.refresh_from_db()
    with pytest.raises(Conflict, match="changed after"):
        approve(request, checker)
    assert thresholds()["payout_approval_kes"] == 100_000


def test_the_approval_is_bound_to_what_the_page_showed(maker, checker) -> None:
    request = asked(maker)
    seen = services.request_seal(request, services.request_effect(request))
    services.threshold_set(
        name="payout_approval_kes", value=thresholds()["payout_approval_kes"] / 2, by=maker
    )
    with pytest.raises(Refused):  # it stands there already
        services.request_approve(request_id=request.pk, by=checker, seen=seen, words=YES)
    services.threshold_set(
        name="payout_approval_kes", value=thresholds()["payout_approval_kes"] / 2, by=maker
    )
    with pytest.raises(Conflict, match="Look again"):
        services.request_approve(request_id=request.pk, by=checker, seen=seen, words=YES)


def test_it_expires_when_it_is_used(maker, checker) -> None:
    request = asked(maker)
    with shift_clock(hours=73):
        assert not requests_waiting()
        with pytest.raises(Conflict):
            approve(request, checker)
        again = asked(maker)  # the old one is closed, so there is room
        assert again.pk != request.pk
    request.refresh_from_db()
    assert request.state == RequestState.EXPIRED


def test_one_open_request_about_a_thing(maker, checker) -> None:
    asked(maker)
    with pytest.raises(Conflict, match="already"):
        asked(checker, "60000")


@pytest.mark.parametrize("role", [Role.VAULT, Role.REVIEWER, Role.AUDITOR])
def test_roles(maker, role) -> None:
    other = staff_create(email="other@example.com", password="x", roles=[role])
    with pytest.raises(Refused, match="role"):
        asked(other)
    with pytest.raises(Refused, match="role"):
        approve(asked(maker), other)


def test_refused_and_withdrawn(maker, checker) -> None:
    first = asked(maker)
    with pytest.raises(Refused, match="why not"):
        services.request_refuse(request_id=first.pk, by=checker, words="no")
    services.request_refuse(request_id=first.pk, by=checker, words="The insurer did not ask.")
    second = asked(maker)
    with pytest.raises(Refused, match="Only who asked"):
        services.request_withdraw(request_id=second.pk, by=checker)
    services.request_withdraw(request_id=second.pk, by=maker)
    states = Request.objects.order_by("created_at").values_list("state", flat=True)
    assert list(states) == [RequestState.REFUSED, RequestState.WITHDRAWN]
    assert thresholds()["payout_approval_kes"] == 100_000


def test_the_database_decides_once(maker, checker) -> None:
    request = asked(maker)
    services.request_withdraw(request_id=request.pk, by=maker)
    with pytest.raises(DatabaseError), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(state=RequestState.WAITING)
    with pytest.raises(DatabaseError), transaction.atomic():
        request.delete()


@pytest.mark.parametrize("value", ["", "NaN", "a lot", "-1", "99999999999", "1.5", "100000"])
def test_a_value_that_makes_no_sense(maker, value) -> None:
    with pytest.raises(Refused):
        asked(maker, value)
    assert not Request.objects.exists()


def test_evidence(maker) -> None:
    request = asked(maker, evidence=Evidence("letter.pdf", b"%PDF-1.7 ..."))
    assert request.attachment.type == "application/pdf"
    assert "PDF" not in request.attachment.content_sealed
    for content in (b"", b"\x7fELF\x00", b"x" * (1024 * 1024 + 1)):
        with pytest.raises(Refused):
            asked(maker, evidence=Evidence("x", content), subject="threshold:other")


LETTER = Evidence("letter.pdf", b"%PDF-1.7 ...")


@pytest.mark.parametrize(
    "edit", ["another file", "another file, name and hash", "another name", "nothing left"]
)
def test_evidence_is_not_exchanged(maker, edit) -> None:
    """No session setting opens the table, and that the request waits keeps its evidence from being emptied."""
    attachment = asked(maker, evidence=LETTER).attachment
    other = Attachment(pk=attachment.pk, request=attachment.request, name="x", type="x", sha256="x" * 64)
    other.content = base64.b64encode(b"another letter").decode()
    changes = {
        "another file": {"content_sealed": other.content_sealed},
        "another file, name and hash": {
            "content_sealed": other.content_sealed.replace(":", "-new:", 1),
            "sha256": other.sha256,
        },
        "another name": {"name": "contract.pdf"},
        "nothing left": {"content_sealed": ""},
    }[edit]
    with pgtrigger.ignore(), pytest.raises(DatabaseError, match="stay"), transaction.atomic():
        Attachment.objects.filter(pk=attachment.pk).update(**changes)
    with pgtrigger.ignore(), pytest.raises(DatabaseError, match="stay"), transaction.atomic():
        Attachment.objects.all().delete()
    assert services.evidence_open(request=attachment.request, by=maker)[1] == LETTER.content


@pytest.mark.parametrize("broken", ["another file", "another hash", "no seal of ours"])
def test_evidence_that_was_exchanged_all_the_same_opens_for_nobody(maker, checker, broken) -> None:
    """With the guards off, as who owns the table could do it. Nobody has seen it by that, says the trail."""
    request = asked(maker, evidence=LETTER)
    seen = services.request_seal(request, services.request_effect(request))
    attachment = Attachment.objects.get()
    if broken == "another file":
        attachment.content = base64.b64encode(b"another letter").decode()
    elif broken == "another hash":
        attachment.sha256 = hashlib.sha256(b"another letter").hexdigest()
    else:
        attachment.content_sealed = attachment.content_sealed[:-8] + "AAAAAAA="
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE controls_attachment DISABLE TRIGGER USER")
    attachment.save()
    with pytest.raises(Conflict, match="changed after it was made"):
        services.evidence_open(request=request, by=checker)
    assert not AuditEntry.objects.filter(action="evidence_open").exists()
    with pytest.raises(Conflict, match="changed after it was made"):
        services.request_approve(request_id=request.pk, by=checker, seen=seen, words=YES, typed=("50000",))


def test_evidence_is_sealed_anew_and_emptied_when_its_time_is_over(maker, checker, settings) -> None:
    request = asked(maker, evidence=LETTER)
    key = next(iter(settings.FIELD_KEYS.values()))
    settings.FIELD_KEYS = {"new": bytes(32), "k1": key} | settings.FIELD_KEYS
    attachment = Attachment.objects.get()
    attachment.content = attachment.content
    assert attachment.content_sealed.startswith("new:")
    attachment.save(update_fields=["content_sealed"])
    assert services.evidence_open(request=request, by=checker)[1] == LETTER.content
    services.request_refuse(request_id=request.pk, by=checker, words="The insurer did not ask.")
    Attachment.objects.update(content_sealed="")
    with pytest.raises(Conflict, match="do not keep this file any more"):
        services.evidence_open(request=request, by=checker)
    with pytest.raises(DatabaseError, match="stay"), transaction.atomic():
        Attachment.objects.update(content_sealed=attachment.content_sealed)


def test_a_request_of_before_its_end_was_hashed_is_still_approved(maker, checker) -> None:
    request = asked(maker)
    from controls.services.requests import _content_hash

    with guard_off(Request, "content_stays"):
        Request.objects.update(content_hash=_content_hash(request, "", ends=False))
    assert approve(Request.objects.get(), checker).state == RequestState.EXECUTED


# --- on hold --------------------------------------------------------------------------------------


def hold(person, reason="Somebody else may have the password.") -> None:
    type(person).objects.filter(pk=person.pk).update(frozen_reason=reason)


@pytest.mark.fault("Z02")
def test_who_is_on_hold_neither_asks_nor_decides(maker, checker) -> None:
    """By what the row says: whoever opened the page before the hold is on hold as well."""
    request = asked(maker)
    hold(checker)
    for act in (
        lambda: asked(checker, "60000", subject="threshold:other"),
        lambda: approve(request, checker),
        lambda: services.approval_check(request_id=request.pk, by=checker, seen="", words=YES),
        lambda: services.request_refuse(request_id=request.pk, by=checker, words="I had rather not."),
        lambda: services.refusal_check(request_id=request.pk, by=checker, words="I had rather not."),
    ):
        with pytest.raises(Refused, match="Your account is on hold") as refused:
            act()
        assert (refused.value.code, refused.value.status) == ("hold", 403)
    assert [row.state for row in Request.objects.all()] == [RequestState.WAITING]
    hold(checker, "")
    assert approve(request, checker).state == RequestState.EXECUTED


@pytest.mark.fault("Z02")
def test_what_somebody_asked_who_is_on_hold_now_waits_or_is_refused(maker, checker) -> None:
    request = asked(maker)
    hold(maker)
    with pytest.raises(Refused, match="Who asked is on hold"):
        approve(request, checker)
    services.request_refuse(request_id=request.pk, by=checker, words="First we find out.")
    assert thresholds()["payout_approval_kes"] == 100_000
