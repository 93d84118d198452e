"""Payouts at the desk: what waits for a decision, and what became of the others."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from accounts.permissions import may_act, staff_page
from controls.selectors import threshold
from controls.services import threshold_set
from goldwallet.errors import Refused
from goldwallet.history import events_of
from payments import selectors, services
from payments.models import Payment


@require_GET
@staff_page("treasury")
def payouts(request: HttpRequest) -> HttpResponse:
    return _page(request)


def _page(request: HttpRequest, *, status: int = 200) -> HttpResponse:
    context = {
        "waiting": selectors.payouts_waiting(),
        "attention": selectors.payments_for_staff(),
        "recent": selectors.payouts_recent(),
        "manual": bool(threshold("payouts_manual")),
        "approval_from": threshold("payout_approval_kes"),
        "may_act": may_act(cast(User, request.user), "treasury"),
    }
    return render(request, "payments/desk_payouts.html", context, status=status)


@require_GET
@staff_page("treasury")
def payment(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Payment.objects.select_related("user", "decided_by"), pk=payment_id)
    said = selectors.trail(found.pk)
    context = {
        "payment": found,
        "exchanges": said.exchanges,
        "callbacks": said.callbacks,
        "history": events_of(found),
        "may_act": may_act(cast(User, request.user), "treasury"),
    }
    return render(request, "payments/desk_payment.html", context)


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
        "Refused. The customer has the gold back.",
    )


@require_POST
@staff_page("treasury")
def payout_record(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Payment, pk=payment_id)
    receipt = request.POST.get("receipt", "")
    return _decide(
        request,
        lambda by: services.payout_record(payment_id=payment_id, by=by, receipt=receipt),
        "Recorded as paid by hand.",
    )


@require_POST
@staff_page("treasury")
def payouts_mode(request: HttpRequest) -> HttpResponse:
    """Manual: every payout waits for staff. Automatic: only those of the threshold and above."""
    manual = request.POST.get("manual") == "1"
    staff = cast(User, request.user)
    return _decide(
        request,
        lambda by: threshold_set(name="payouts_manual", value=Decimal(manual), by=staff),
        "Every payout waits for staff from now on." if manual else "Payouts go out by themselves again.",
    )
