"""Orders at the desk: find one, see everything about it. Nothing is changed here."""

import uuid
from typing import cast

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.permissions import may_see, staff_page
from goldwallet.history import events_of
from goldwallet.sealing import fingerprint
from ledger.selectors import legs, transactions_of
from payments.selectors import trail
from payments.selectors_money import arrivals_naming
from pools.services import allocations_of
from trading import selectors
from trading.forms import OrderFilters
from trading.models import Order
from trading.timeline import look_around, timeline


@require_GET
@staff_page("treasury", "pricing", "vault")
def orders(request: HttpRequest) -> HttpResponse:
    filters = OrderFilters(request.GET or None)
    rows = _filtered(Order.objects.select_related("user"), filters) if filters.is_bound else None
    rows = Order.objects.select_related("user") if rows is None else rows
    page = selectors.orders_page(rows, after=request.GET.get("after", ""), limit=50)
    query = request.GET.copy()
    query["after"] = page.older
    older = f"{reverse('desk_orders')}?{query.urlencode()}" if page.older else ""
    context = {"filters": filters, "orders": page.rows, "older_url": older}
    return render(request, "trading/desk_orders.html", context)


def _filtered(rows: QuerySet[Order], filters: OrderFilters) -> QuerySet[Order]:
    filters.is_valid()
    asked = filters.cleaned_data
    if asked.get("status"):
        rows = rows.filter(status=asked["status"])
    if asked.get("side"):
        rows = rows.filter(side=asked["side"])
    if asked.get("person"):
        name = asked["person"]
        rows = rows.filter(Q(user__username__icontains=name) | Q(user__email__icontains=name))
    if asked.get("phone"):
        rows = rows.filter(payment__phone_lookup=fingerprint(asked["phone"], kind="phone"))
    if asked.get("reference"):
        code = asked["reference"].strip().upper()
        rows = rows.filter(Q(reference=code) | Q(payment__receipt=code))
    return rows


@require_GET
@staff_page("treasury", "pricing", "vault")
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    related = ("user", "payment", "quote", "refund", "rebuys", "rebought_by")
    found = get_object_or_404(Order.objects.select_related(*related), pk=order_id)
    said = trail(found.payment_id)
    keys = [f"order:{found.pk}:", f"payment:{found.payment_id}:"]
    if found.refund_id is not None:
        keys.append(f"payment:{found.refund_id}:")
    context = {
        "order": found,
        "payment": found.payment,
        "timeline": timeline(found, look_around(found, user=found.user, paused=selectors.paused())),
        "exchanges": said.exchanges,
        "callbacks": said.callbacks,
        "transactions": [(posted, legs(posted.pk)) for posted in transactions_of(keys)],
        "allocations": allocations_of(order_id=found.pk),
        "history": events_of(found),
        "strays": arrivals_naming(found.payment_id) if found.is_buy and found.rebuys_id is None else [],
        "sees_treasury": may_see(cast(User, request.user), "treasury"),
    }
    return render(request, "trading/desk_order.html", context)
