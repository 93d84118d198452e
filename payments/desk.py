"""Payments at the desk: what waits for a decision, what nobody knows, all of them, and everything about one."""

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask, may_ask
from accounts.lists import list_page
from accounts.models import User
from accounts.numbers import number_waiting, numbers_waiting
from accounts.own import OWN, is_own
from accounts.permissions import about_person, may_act, staff_page
from controls.models import Request
from controls.selectors import PAUSED, request_about, requests_about, requests_ever, switch, threshold
from controls.services import threshold_set
from goldwallet.context import stands_under
from goldwallet.errors import Refused
from goldwallet.history import events_of
from goldwallet.paging import Page, page_of
from ledger.selectors import postings_of
from payments import selectors, services
from payments.forms import PaymentFilters
from payments.models import FINAL, Direction, Payment, State
from payments.requests import SAFE_SECONDS
from payments.shown import shown

_NONE = Decimal(0)
#: A payment is posted two or three times; whatever goes beyond stands in the ledger.
_POSTINGS = 5
_RESOLVABLE = frozenset({State.PENDING, State.UNKNOWN})
#: The provider may say later that it was paid after all.
_ENDED_UNPAID = frozenset({State.FAILED, State.CANCELLED})

#: The queue shows so many of each; whoever has more works from its top, and the list of all has the others.
_QUEUE = 50
_PAGE = 50
#: What a row of the list shows.
_SHOWN = (
    *("created_at", "reference", "purpose", "user_id", "user__email", "phone_sealed"),
    *("amount", "direction", "state", "receipt"),
)


# --- all of them ----------------------------------------------------------------------------------


@require_GET
@staff_page("treasury", reads="payments")
def payments(request: HttpRequest) -> HttpResponse:
    filters = PaymentFilters(request.GET)

    def read(after: str) -> Page[Payment]:
        return page_of(filters.rows().only(*_SHOWN), by="created_at", after=after, limit=_PAGE)

    return list_page(request, filters, "payments/desk_payments.html", name="payments", read=read)


# --- the queue ------------------------------------------------------------------------------------


@require_GET
@staff_page("treasury", reads="payouts")
def payouts(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, refused: Refused | None = None) -> HttpResponse:
    """After `refused`, which is about how payouts go out, with what was typed there."""
    staff = cast(User, request.user)
    # One more than is shown: then there are others.
    waiting = list(selectors.payouts_waiting(limit=_QUEUE + 1))
    attention = list(selectors.payments_for_staff(limit=_QUEUE + 1))
    context = {
        "waiting": _with_choices(waiting[:_QUEUE], staff),
        "attention": attention[:_QUEUE],
        "people": {payment.user_id for payment in [*waiting[:_QUEUE], *attention[:_QUEUE]]},
        "more_waiting": len(waiting) > _QUEUE,
        "more_attention": len(attention) > _QUEUE,
        "queue": _QUEUE,
        "recent": selectors.payouts_recent(),
        "manual": bool(threshold("payouts_manual")),
        "approval_from": threshold("payout_approval_kes"),
        "paused": PAUSED["payouts"] if switch("payouts").paused else "",
        "may_act": may_act(staff, "treasury"),
        "sees_phone": may_act(staff, "treasury"),
        "refused": refused,
        "reason": request.POST.get("reason", ""),
    }
    status = refused.status if refused else 200
    return render(request, "payments/desk_payouts.html", context, status=status)


def _with_choices(waiting: Sequence[Payment], staff: User) -> list[tuple[Payment, dict[str, Any], Any]]:
    """Each payout with what this person may do, and the number that the customer changes to. As many questions for
    fifty as for one.
    """
    people = {payment.user_id for payment in waiting}
    days, numbers = selectors.payouts_day(people), numbers_waiting(people)
    open_requests = requests_about(subject(payment.pk) for payment in waiting)
    return [
        (
            payment,
            _choices(
                payment,
                staff,
                open_request=open_requests.get(subject(payment.pk)),
                two=selectors.takes_two(payment, day=days.get(payment.user_id, _NONE)),
            ),
            numbers.get(payment.user_id),
        )
        for payment in waiting
    ]


def _choices(payment: Payment, staff: User, *, open_request: Request | None, two: bool) -> dict[str, Any]:
    """What this person may do about this payment now; what they may not is not shown. `own`: the sentence in place of
    all that they could do if it were somebody else's.
    """
    waits = payment.state == State.AWAITING_APPROVAL
    acts = may_act(staff, "treasury")
    asks = may_ask(staff, "payment_resolve")
    came = payment.state == State.SUCCEEDED and payment.direction == Direction.IN
    alone = open_request is None
    acts_on = {
        "decide": waits and acts and alone,
        "release": waits and asks and alone,
        "resolve": payment.state in _RESOLVABLE | _ENDED_UNPAID and asks and alone,
        "reversed": came and asks and alone,
        "seen": payment.attention and payment.state in FINAL and acts,
    }
    own = any(acts_on.values()) and is_own(staff, payment.user_id)
    return {
        **(dict.fromkeys(acts_on, False) if own else acts_on),
        "own": OWN if own else "",
        "request": open_request,
        "two": waits and two,
        "only_paid": payment.state in _ENDED_UNPAID,
        "safe_minutes": SAFE_SECONDS // 60,
    }


def subject(payment_id: uuid.UUID) -> str:
    return f"payment:{payment_id}"


# --- one payment ----------------------------------------------------------------------------------


@require_GET
@staff_page("treasury", reads="payment")
def payment(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _payment_page(request, payment_id)


def _payment_page(
    request: HttpRequest,
    payment_id: uuid.UUID,
    refused: Refused | None = None,
    opened: uuid.UUID | None = None,
    *,
    form: str = "",
) -> HttpResponse:
    """One payment. After a refused form: its sentence, and in `form`, which it was, what was typed. `opened`: what is
    shown as it came.
    """
    found = get_object_or_404(Payment.objects.select_related("user", "decided_by"), pk=payment_id)
    about_person(request, found.user_id)
    if found.direction == Direction.IN:
        # All payments have their page beside the payouts; one that came in is listed under Payments alone.
        stands_under(request, reverse("desk_payments"))
    staff, said = cast(User, request.user), selectors.trail(found.pk)
    choices = _choices(
        found,
        staff,
        open_request=request_about(subject(found.pk)),
        two=found.state == State.AWAITING_APPROVAL and selectors.takes_two(found),
    )
    context = {
        "payment": found,
        "payments": [found],
        "pools": (),
        "number": number_waiting(found.user) if found.direction == Direction.OUT else None,
        "exchanges": shown(said.exchanges, opened=opened),
        "callbacks": shown(said.callbacks, opened=opened),
        "said_route": "desk_payment_said" if may_act(staff, "treasury") else "",
        "said_of": found.pk,
        "history": events_of(found, known=[found.user]),
        "transactions": postings_of([f"payment:{found.pk}:"], limit=_POSTINGS),
        "arrivals": selectors.arrivals_of([found]),
        "lines": selectors.lines_of([found]),
        "requests": requests_ever([subject(found.pk)]),
        "choices": choices,
        # Who pays people out needs the number; who reads tells two apart by what is left of it.
        "sees_phone": may_act(staff, "treasury"),
        "refused": refused,
        "form": form,
        "typed": request.POST if refused else {},
    }
    status = refused.status if refused else 200
    return render(request, "payments/desk_payment.html", context, status=status)


@require_POST
@staff_page("treasury", reads="payment")
def payment_said(request: HttpRequest, payment_id: uuid.UUID, said_id: uuid.UUID) -> HttpResponse:
    """Something that was said, as it came: with a reason, and noted."""
    found = get_object_or_404(Payment, pk=payment_id)
    try:
        services.said_open(about=found, said_id=said_id, reason=request.POST.get("reason", ""))
    except Refused as refused:
        return _payment_page(request, payment_id, refused)
    return _payment_page(request, payment_id, opened=said_id)


def _decide(
    request: HttpRequest,
    payment_id: uuid.UUID,
    form: str,
    decide: Callable[[uuid.UUID], None],
    done: str,
) -> HttpResponse:
    """Carry out a decision and go back to the list; a refusal stands on the payment's own page, with what was typed."""
    staff = cast(User, request.user)
    get_object_or_404(Payment, pk=payment_id)
    try:
        decide(staff.pk)
    except Refused as refused:
        return _payment_page(request, payment_id, refused, form=form)
    messages.success(request, done)
    return redirect("desk_payouts")


@require_POST
@staff_page("treasury", reads="payment")
def payout_approve(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _decide(
        request,
        payment_id,
        "approve",
        lambda by: services.payout_approve(payment_id=payment_id, by=by),
        "Approved. The payout goes to M-Pesa now.",
    )


@require_POST
@staff_page("treasury", reads="payment")
def payout_refuse(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _decide(
        request,
        payment_id,
        "refuse",
        lambda by: services.payout_refuse(payment_id=payment_id, by=by, reason=reason),
        "Refused. The customer has back what was held.",
    )


@require_POST
@staff_page("treasury", reads="payment")
def payment_seen(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """It stood before staff, and nothing is left to do."""
    reason = request.POST.get("reason", "")
    return _decide(
        request,
        payment_id,
        "seen",
        lambda by: services.payment_seen(payment_id=payment_id, by=by, reason=reason),
        "Noted. The payment does not wait for anybody any more.",
    )


# --- what takes two people ------------------------------------------------------------------------


def _ask(
    request: HttpRequest, payment_id: uuid.UUID, kind: str, *, form: str, **payload: Any
) -> HttpResponse:
    get_object_or_404(Payment, pk=payment_id)
    return ask(
        request,
        kind=kind,
        payload={"payment": str(payment_id), **payload},
        subject=subject(payment_id),
        again=lambda refused: _payment_page(request, payment_id, refused, form=form),
    )


@require_POST
@staff_page("treasury", "administrator", reads="payment")
def payout_release(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(request, payment_id, "payout_release", form="release")


@require_POST
@staff_page("treasury", "administrator", reads="payment")
def payout_record(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(request, payment_id, "payout_record", form="record", receipt=request.POST.get("receipt", ""))


@require_POST
@staff_page("treasury", "administrator", reads="payment")
def payment_resolve(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """The form's `paid` is 1 or 0; with 1 comes the receipt. Nothing else counts as "not paid"."""
    if (said := request.POST.get("paid", "")) not in {"0", "1"}:
        get_object_or_404(Payment, pk=payment_id)
        refused = Refused("Say whether it was paid or not, by one of the two forms below.", code="paid")
        return _payment_page(request, payment_id, refused)
    paid = said == "1"
    receipt = {"receipt": request.POST.get("receipt", "")} if paid else {}
    return _ask(request, payment_id, "payment_resolve", form="resolve", paid=paid, **receipt)


@require_POST
@staff_page("treasury", "administrator", reads="payment")
def payment_reversed(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(
        request, payment_id, "payment_reversed", form="reversed", receipt=request.POST.get("receipt", "")
    )


@require_POST
@staff_page("treasury", "administrator", reads="payouts")
def payouts_mode(request: HttpRequest) -> HttpResponse:
    """To manual, where every payout waits for staff, one person goes; back to automatic it takes two."""
    if (manual := request.POST.get("manual", "")) not in {"0", "1"}:
        return _mode_refused(request, Refused("Press one of the buttons below.", code="manual"))
    if manual == "0":
        return ask(
            request,
            kind="threshold_set",
            payload={"name": "payouts_manual", "value": "0"},
            subject="threshold:payouts_manual",
            again=lambda refused: _mode_refused(request, refused),
        )
    try:
        threshold_set(name="payouts_manual", value=Decimal(1), by=cast(User, request.user))
    except Refused as refused:
        return _mode_refused(request, refused)
    messages.success(request, "Every payout waits for staff from now on.")
    return redirect("desk_payouts")


def _mode_refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    messages.error(request, refused.sentence)
    return _page(request, refused)
