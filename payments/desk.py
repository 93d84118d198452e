"""Payments at the desk: what waits for a decision, what nobody knows, and what became of the others."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.asking import ask, may_ask
from accounts.models import User
from accounts.permissions import may_act, staff_page
from controls.selectors import PAUSED, request_about, switch, threshold
from controls.services import threshold_set
from goldwallet.errors import Refused
from goldwallet.history import events_of
from payments import selectors, services
from payments.models import FINAL, Direction, Payment, State
from payments.requests import SAFE_SECONDS

_RESOLVABLE = frozenset({State.PENDING, State.UNKNOWN})
#: The provider may say later that it was paid after all.
_ENDED_UNPAID = frozenset({State.FAILED, State.CANCELLED})


@require_GET
@staff_page("treasury")
def payouts(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    staff = cast(User, request.user)
    context = {
        "waiting": [(payment, _choices(payment, staff)) for payment in selectors.payouts_waiting()],
        "attention": selectors.payments_for_staff(),
        "recent": selectors.payouts_recent(),
        "manual": bool(threshold("payouts_manual")),
        "approval_from": threshold("payout_approval_kes"),
        "paused": PAUSED["payouts"] if switch("payouts").paused else "",
        "may_act": may_act(staff, "treasury"),
    }
    return render(request, "payments/desk_payouts.html", context, status=status)


def _choices(payment: Payment, staff: User) -> dict[str, Any]:
    """What this person may do about this payment now; what they may not is not shown."""
    waits = payment.state == State.AWAITING_APPROVAL
    acts = may_act(staff, "treasury")
    asks = may_ask(staff, "payment_resolve")
    open_request = request_about(subject(payment.pk))
    came = payment.state == State.SUCCEEDED and payment.direction == Direction.IN
    alone = open_request is None
    return {
        "request": open_request,
        "two": waits and selectors.takes_two(payment),
        "decide": waits and acts and alone,
        "release": waits and asks and alone,
        "resolve": payment.state in _RESOLVABLE | _ENDED_UNPAID and asks and alone,
        "only_paid": payment.state in _ENDED_UNPAID,
        "reversed": came and asks and alone,
        "seen": payment.attention and payment.state in FINAL and acts,
        "safe_minutes": SAFE_SECONDS // 60,
    }


def subject(payment_id: uuid.UUID) -> str:
    return f"payment:{payment_id}"


@require_GET
@staff_page("treasury")
def payment(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _payment_page(request, payment_id)


def _payment_page(
    request: HttpRequest, payment_id: uuid.UUID, refused: Refused | None = None
) -> HttpResponse:
    """One payment. After a refused form: its sentence, and what was typed."""
    found = get_object_or_404(Payment.objects.select_related("user", "decided_by"), pk=payment_id)
    said = selectors.trail(found.pk)
    context = {
        "payment": found,
        "exchanges": said.exchanges,
        "callbacks": said.callbacks,
        "history": events_of(found),
        "choices": _choices(found, cast(User, request.user)),
        "refused": refused,
        "typed": request.POST if refused else {},
    }
    status = refused.status if refused else 200
    return render(request, "payments/desk_payment.html", context, status=status)


def _decide(request: HttpRequest, decide: Callable[[uuid.UUID], None], done: str) -> HttpResponse:
    """Carry out a decision and go back to the list; a refusal is a sentence on the list itself."""
    staff = cast(User, request.user)
    try:
        decide(staff.pk)
    except Refused as refused:
        messages.error(request, refused.sentence)
        return _page(request, status=refused.status)
    messages.success(request, done)
    return redirect("desk_payouts")


@require_POST
@staff_page("treasury")
def payout_approve(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Payment, pk=payment_id)
    return _decide(
        request,
        lambda by: services.payout_approve(payment_id=payment_id, by=by),
        "Approved. The payout goes to M-Pesa now.",
    )


@require_POST
@staff_page("treasury")
def payout_refuse(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Payment, pk=payment_id)
    reason = request.POST.get("reason", "")
    return _decide(
        request,
        lambda by: services.payout_refuse(payment_id=payment_id, by=by, reason=reason),
        "Refused. The customer has back what was held.",
    )


@require_POST
@staff_page("treasury")
def payment_seen(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """It stood before staff, and nothing is left to do."""
    get_object_or_404(Payment, pk=payment_id)
    reason = request.POST.get("reason", "")
    return _decide(
        request,
        lambda by: services.payment_seen(payment_id=payment_id, by=by, reason=reason),
        "Noted. The payment does not wait for anybody any more.",
    )


# --- what takes two people ------------------------------------------------------------------------


def _ask(request: HttpRequest, payment_id: uuid.UUID, kind: str, **payload: Any) -> HttpResponse:
    get_object_or_404(Payment, pk=payment_id)
    return ask(
        request,
        kind=kind,
        payload={"payment": str(payment_id), **payload},
        subject=subject(payment_id),
        again=lambda refused: _payment_page(request, payment_id, refused),
    )


@require_POST
@staff_page("treasury", "administrator")
def payout_release(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(request, payment_id, "payout_release")


@require_POST
@staff_page("treasury", "administrator")
def payout_record(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(request, payment_id, "payout_record", receipt=request.POST.get("receipt", ""))


@require_POST
@staff_page("treasury", "administrator")
def payment_resolve(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """The form's `paid` is 1 or 0; with 1 comes the receipt."""
    paid = request.POST.get("paid") == "1"
    receipt = {"receipt": request.POST.get("receipt", "")} if paid else {}
    return _ask(request, payment_id, "payment_resolve", paid=paid, **receipt)


@require_POST
@staff_page("treasury", "administrator")
def payment_reversed(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return _ask(request, payment_id, "payment_reversed", receipt=request.POST.get("receipt", ""))


@require_POST
@staff_page("treasury", "administrator")
def payouts_mode(request: HttpRequest) -> HttpResponse:
    """To manual, where every payout waits for staff, one person goes; back to automatic it takes two."""
    staff = cast(User, request.user)
    if request.POST.get("manual") == "1":
        return _decide(
            request,
            lambda by: threshold_set(name="payouts_manual", value=Decimal(1), by=staff),
            "Every payout waits for staff from now on.",
        )

    def again(refused: Refused) -> HttpResponse:
        messages.error(request, refused.sentence)
        return _page(request, status=refused.status)

    payload = {"name": "payouts_manual", "value": "0"}
    return ask(
        request, kind="threshold_set", payload=payload, subject="threshold:payouts_manual", again=again
    )
