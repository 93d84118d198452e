"""Orders at the desk: find one, see everything about it. Nothing is changed here."""

import uuid
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.lists import list_page
from accounts.models import User
from accounts.own import OWN, is_own
from accounts.permissions import about_person, may_act, may_see, staff_page
from accounts.roles import SEES_PEOPLE
from controls.selectors import requests_ever
from goldwallet.history import events_of
from goldwallet.paging import Page
from ledger.selectors import postings_of
from payments.models import State
from payments.selectors import arrivals_of, lines_of, trail
from payments.shown import shown
from pools.selectors import price_at
from pools.services import allocations_of
from trading import selectors
from trading.forms import OrderFilters
from trading.models import Order
from trading.strays import strays_among
from trading.timeline import look_around, timeline

_PAGE = 50
#: What a row of the list shows: making whole orders, people and payments took longer than the page's statements.
_SHOWN = (
    *("pk", "created_at", "reference", "user_id", "user__email", "side"),
    *("grams", "price_per_gram", "total_kes", "status"),
)
#: An order is posted up to seven times with its payment and its refund; whatever goes beyond stands in the ledger.
_POSTINGS = 10


@require_GET
@staff_page("treasury", "pricing", "vault", reads="orders")
def orders(request: HttpRequest) -> HttpResponse:
    filters = OrderFilters(request.GET)

    def read(after: str) -> Page[Any]:
        return selectors.orders_page(
            filters.rows().values_list(*_SHOWN, named=True), after=after, limit=_PAGE
        )

    sees_people = may_see(cast(User, request.user), *SEES_PEOPLE)
    return list_page(
        request, filters, "trading/desk_orders.html", name="orders", read=read, sees_people=sees_people
    )


@require_GET
@staff_page("treasury", "pricing", "vault", reads="order")
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    related = ("user", "payment", "quote", "refund", "rebuys", "rebought_by")
    found = get_object_or_404(Order.objects.select_related(*related), pk=order_id)
    about_person(request, found.user_id)
    staff, said = cast(User, request.user), trail(found.payment_id)
    payments = [payment for payment in (found.payment, found.refund) if payment is not None]
    keys = [f"order:{found.pk}:", *(f"payment:{payment.pk}:" for payment in payments)]
    subjects = [f"order:{found.pk}", *(f"payment:{payment.pk}" for payment in payments)]
    arrivals, allocations = arrivals_of(payments), allocations_of(order_id=found.pk)
    strays = strays_among(found, arrivals)
    # Only a payout that M-Pesa has not heard of is told by the switches.
    paused = selectors.paused() if any(payment.state == State.CREATED for payment in payments) else set()
    context = {
        "order": found,
        "subject": subjects[0],
        "own": OWN if is_own(staff, found.user_id) else "",
        "payment": found.payment,
        "payments": payments,
        "timeline": timeline(found, look_around(found, user=found.user, paused=paused, strays=strays)),
        "exchanges": shown(said.exchanges),
        "callbacks": shown(said.callbacks),
        # As it came it stands on the payment's page, which is treasury's.
        "said_route": "desk_payment_said" if may_act(staff, "treasury") else "",
        "said_of": found.payment_id,
        "transactions": postings_of(keys, limit=_POSTINGS),
        "allocations": allocations,
        "pools": [allocation.pool for allocation in allocations],
        "price": price_at(found.quote.created_at),
        "arrivals": arrivals,
        "lines": lines_of(payments),
        "requests": requests_ever(subjects),
        "history": events_of(found, known=[found.user]),
        "strays": strays,
        "sees_treasury": may_see(staff, "treasury"),
        "sees_pricing": may_see(staff, "pricing"),
        "sees_vault": may_see(staff, "vault"),
        "sees_people": may_see(staff, *SEES_PEOPLE),
        # Who pays people out needs the number; who reads tells two apart by what is left of it.
        "sees_phone": may_act(staff, "treasury"),
    }
    return render(request, "trading/desk_order.html", context)
