"""The other half of a house that grows (`many`): people and papers, requests, and what the house does by itself."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pghistory

from accounts import second_factor
from accounts.models import KnownDevice, User
from accounts.services import person_freeze
from accounts.tests.people import customer, signed_in, staff
from controls.audit import record
from controls.models import Erasure, Export, ExportState, Request
from controls.services import (
    evidence_open,
    request_refuse,
    request_withdraw,
    switch_pause,
    switch_resume_execute,
    threshold_set,
)
from controls.services.notes import flag_lower, note_add
from goldwallet.clock import NAIROBI, now
from goldwallet.test.two import agreed, asked
from kyc.models import Case, CaseState, Document, Outcome, Part
from kyc.reasons import reason_sealed
from kyc.review_words import READY
from kyc.services import REVIEW_REASON, case_submit
from kyc.tests.making import approve, open_all, photographed, send_back, sent, written
from notifications.services import message_enqueue
from oversight.close.figures import digest_of, figures_of
from oversight.models import Break, BreakKind, DailyClose, Finding, News, Run, RunState
from oversight.tests.many import House, makes
from payments.models import Payment, StatementLine
from trading.models import Order

# --- people ---------------------------------------------------------------------------------------


@makes
def _person(house: House, times: int) -> None:
    """All that staff can know of alice: where she is signed in, what we wrote to her, notes, requests about her."""
    alice = house.alice
    about: dict[str, Any] = {"subject": f"person:{alice.pk}", "person_id": alice.pk}
    for by in house.hands(times):
        number = next(house.numbers)
        signed_in(alice)
        KnownDevice.objects.create(user=alice, mark=f"{number:064d}")
        message_enqueue(
            user_id=alice.pk, to=alice.email, subject="Hello", text="x", kind="t", key=f"many:{number}"
        )
        note_add(text="Kind.", flag="care", by=by, **about)
        lowered = note_add(text="Two SIM cards.", flag="fraud", by=by, **about)
        flag_lower(note_id=lowered.pk, by=by, reason="Her sister's card.")
        payload = {"person": str(alice.pk), "enhanced": True}
        request_withdraw(request_id=asked("tier_set", payload, by=by, subject=f"tier:{alice.pk}").pk, by=by)
        Case.objects.create(user=alice, state=CaseState.EXPIRED, legal_name="Alice A.")
    house.look("desk_person", "", part="older")
    house.look("desk_audit", f"person={alice.email}", "show=acts", f"subject=person:{alice.pk}", part="rows")
    house.look("desk_audit", f"person={alice.email}")


@makes
def _people(house: House, times: int) -> None:
    """People on hold whom somebody wants to lift, with lost codes, and with flags; and as many with new roles."""
    for by in house.hands(times):
        held, lost, waiting = customer(), customer(), customer()
        person_freeze(user_id=held.pk, reason="Asked by the bank.", by=by.pk)
        asked("person_unfreeze", {"person": str(held.pk)}, by=by, subject=f"person:{held.pk}")
        note_add(subject=f"person:{held.pk}", text="A stolen phone.", flag="watch", by=by, person_id=held.pk)
        for person in (lost, waiting):
            second_factor.authenticator_give(user=person, key=second_factor.new_key())
        subject, payload = f"factor:{lost.pk}", {"person": str(lost.pk)}
        agreed("factor_reset", payload, maker=by, checker=house.crew[0], subject=subject)
        asked("factor_reset", {"person": str(waiting.pk)}, by=by, subject=f"factor:{waiting.pk}")
        new = staff("vault", "reviewer")
        payload = {"person": str(new.pk), "roles": ["pricing"]}
        asked("roles_set", payload, by=by, subject=f"roles:{new.pk}")
    house.look("desk_people", "q=customer", "standing=flagged", "standing=hold", part="rows")
    house.look("desk_flags", "about=person", "about=order", "about=pool")
    house.look("desk_find", "q=customer", "q=amina")
    for by in house.hands(times):
        note_add(subject=f"person:{held.pk}", text="Asked again.", by=by, person_id=held.pk)
        record("read", subject=f"person:{held.pk}", person_id=held.pk, by=by.pk)
        record("act", subject=f"roles:{new.pk}", after={"asked": "again", "times": 2}, by=by.pk)
    house.look("desk_person", person_id=held.pk)
    house.look("desk_kyc_person", person_id=held.pk)
    house.look("desk_person", person_id=house.crew[-1].pk)
    house.look("desk_person_roles", person_id=new.pk)


@makes
def _leaving(house: House, times: int) -> None:
    """Somebody of whom we keep as much as that wants to go: the page tries out what goes with them."""
    person = customer()
    photographed(written(person).user, Part.SELFIE)
    for by in house.hands(times):
        number = next(house.numbers)
        signed_in(person)
        KnownDevice.objects.create(user=person, mark=f"{number:064d}")
        key = f"leaving:{number}"
        message_enqueue(user_id=person.pk, to=person.email, subject="Hello", text="x", kind="t", key=key)
        note_add(subject=f"person:{person.pk}", text="Kind.", by=by, person_id=person.pk)
        photographed(person, Part.SELFIE)
    payload = {"person": str(person.pk)}
    request = asked("person_close", payload, by=house.crew[-1], subject=f"closing:{person.pk}")
    for by in house.hands(times):
        for action in ("read", "request_weigh"):
            record(action, subject=f"request:{request.pk}", by=by.pk)
    house.look("desk_approval", request_id=request.pk)


# --- identity -------------------------------------------------------------------------------------


@makes
def _papers(house: House, times: int) -> None:
    """Cases that wait and cases that are decided; and one that was sent back as often, with others alike."""
    case = sent(customer())
    for by in house.hands(times):
        sent(customer())
        approve(sent(customer()), by, note="Somebody else, with another face.")
        open_all(case, by)
        send_back(case, by, Outcome.MORE, selfie=READY[Part.SELFIE][0])
        photographed(case.user, Part.SELFIE)
        case = case_submit(user_id=case.user_id)
        Case.objects.create(user=case.user, state=CaseState.EXPIRED, legal_name="Before")
    photo = Document.objects.filter(case=case, replaced_at=None).earliest("stored_at")
    session = str(house.browser.session.session_key)
    why = urlencode({"why": reason_sealed(REVIEW_REASON, session=session, case_id=case.pk)})
    house.look("desk_kyc_case", "", why, case_id=case.pk)
    house.look("desk_kyc_image", why, document_id=photo.pk)
    house.look("desk_kyc_person", person_id=case.user_id)
    house.look("desk_kyc_person")


# --- requests -------------------------------------------------------------------------------------


@makes
def _requests(house: House, times: int) -> None:
    """In each of the three queues, and decided in each way; one with evidence that as many have opened."""
    reader = house.reader
    for by in house.hands(times):
        _correction(house, by, customer())
        _correction(house, reader, customer())
        # About the reader themself: for others to decide.
        _correction(house, by, reader)
        refused = _correction(house, by, customer())
        request_refuse(request_id=refused.pk, by=house.crew[0], words="Not shown by the statement.")
        evidence_open(request=refused, by=by)
    opened = _correction(house, by, house.alice)
    for by in house.hands(times):
        evidence_open(request=opened, by=by)
    house.look("desk_approvals", "", *(f"waiting={name}" for name in ("me", "mine", "others")))
    house.look("desk_approvals", "kind=adjust_cash", part="rows")
    house.look("desk_approval", request_id=opened.pk)
    house.look("desk_approval", request_id=refused.pk)
    house.look("desk_approval_file", request_id=opened.pk)


def _correction(house: House, by: User, person: User) -> Request:
    number = next(house.numbers)
    payload = {"person": str(person.pk), "kes": str(500 + number), "way": "credit", "words": "We were wrong."}
    return asked("adjust_cash", payload, by=by, subject=f"many:{number}")


@makes
def _steering(house: House, times: int) -> None:
    """What was paused and went on, and thresholds that were moved, one of them as often."""
    for number, by in enumerate(house.hands(times), 1):
        switch_pause(name="buy", cause="staff", note="Counting the bars.", by=by)
        request = Request(payload={"name": "buy"}, maker=by)
        with pghistory.context(user=str(by.pk)):
            switch_resume_execute(request)
        threshold_set(name="buy_min_kes", value=Decimal(100 + number), by=by)
        name = next(house.limits)
        payload = {"name": f"enhanced_{name}", "value": "777"}
        asked("threshold_set", payload, by=by, subject=f"threshold:enhanced_{name}")
        threshold_set(name=f"unverified_{name}", value=Decimal(777), by=by)


# --- the reconciliation ---------------------------------------------------------------------------


@makes
def _differences(house: House, times: int) -> None:
    """Runs, and in the newest a difference of each kind, so often; one of them went from hand to hand."""
    order = house.ways["desk_order"][0].arguments["order_id"]
    payment = Payment.objects.get(pk=Order.objects.get(pk=order).payment_id)
    lines = list(StatementLine.objects.order_by("-pk")[:times])
    for by in house.hands(times):
        run = Run.objects.create(
            state=RunState.DONE,
            starts_at=now() - dt.timedelta(days=1),
            ends_at=now(),
            finished_at=now(),
            started_by=by,
            report=[_step(name) for name in range(times)],
        )
    told = []
    for place in range(times):
        for kind in BreakKind:
            told.append(
                Break.objects.create(
                    key=f"many:{next(house.numbers)}",
                    kind=kind,
                    kes=7,
                    sentence="A shilling is missing.",
                    cause="Nobody knows.",
                    owner=house.crew[0],
                    payment=payment,
                    line=lines[place % len(lines)],
                    first_run=run,
                    last_run=run,
                )
            )
    Finding.objects.bulk_create(
        Finding(
            run=run, difference=one, news=News.NEW, kind=one.kind, kes=7, subject="x", sentence="x", cause="x"
        )
        for one in told
    )
    for by in house.hands(times):
        with pghistory.context(user=str(by.pk), action="break_own"):
            Break.objects.filter(pk=told[0].pk).update(owner=by)
    for one in told[: len(BreakKind)]:
        house.look("desk_break", break_id=one.pk)
    house.look("desk_reconciliation", "", f"kind={BreakKind.AMOUNT_DIFFERS}")
    house.look("desk_run", run_id=run.pk)
    house.look("desk_run_progress", run_id=run.pk)


def _step(number: int) -> dict[str, Any]:
    side = {"name": "Lines", "count": 1, "total": "KES 7", "exact": "7"}
    parts = [{"amount": "KES 0", "exact": "0", "why": "Not shown yet."}]
    return {
        "name": f"Step {number}",
        "theirs": side,
        "ours": side,
        "parts": parts,
        "seconds": "0.1",
        "differences": 0,
    }


# --- what the house keeps -------------------------------------------------------------------------


@makes
def _kept(house: House, times: int) -> None:
    """Files of the reader, closed days, and proofs of erasure."""
    today = now().astimezone(NAIROBI).date()
    oldest = DailyClose.objects.order_by("day").first()
    before = oldest.day if oldest else today
    figures = figures_of(today)
    for number, by in enumerate(house.hands(times), 1):
        export = Export.objects.create(
            kind="orders",
            filters="{}",
            format="csv",
            by=house.reader,
            state=ExportState.DONE,
            expires_at=now() + dt.timedelta(days=1),
        )
        DailyClose.objects.create(
            day=before - dt.timedelta(days=number), figures=figures, digest=digest_of(figures), made_by=by
        )
        Erasure.objects.create(what="messages", rule="After a year.", rows=1, asked_by=by)
    house.look("desk_export_file", export_id=export.pk)
    for kind in ("orders", "payments", "transactions", "audit"):
        house.look("desk_export", "format=csv", kind=kind)
    house.look("desk_export", "format=csv&code=mpesa:collections", kind="account")
    yesterday = f"{today - dt.timedelta(days=1)}"
    house.look("desk_close_day", "", "recount=1", day=yesterday)
    house.look("desk_close_pdf", day=yesterday)
    house.look("desk", "poll=1", part="live")
