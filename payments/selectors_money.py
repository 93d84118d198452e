"""Reads about money that came by itself, and whose it may be."""

import datetime as dt
import re
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Q, QuerySet

from accounts.models import User
from goldwallet.clock import now
from goldwallet.paging import Page
from ledger.chart import owner_of
from ledger.selectors import Resting, people_resting
from payments.models import Arrival, ArrivalState, Direction, Payment

_DAY = dt.timedelta(days=1)
_AFTERWARDS = dt.timedelta(hours=1)
_MOST = 40
#: Digits before and after what is masked: "2547****678".
_MASKED = re.compile(r"([0-9]{3,})\*+([0-9]{2,})")


def arrivals_open() -> "QuerySet[Arrival]":
    """What a person or M-Pesa still has to decide, and what carries a note."""
    states = [ArrivalState.NEW, ArrivalState.SUSPENSE, ArrivalState.RETURNING]
    noted = Q(state=ArrivalState.MATCHED) & ~Q(note="")
    return Arrival.objects.filter(Q(state__in=states) | noted).select_related("payment", "user")


def arrivals_all() -> "QuerySet[Arrival]":
    return Arrival.objects.select_related("payment", "user")


def arrivals_naming(payment_id: UUID) -> "QuerySet[Arrival]":
    """Money whose reference names this payment and that did not pay it, oldest first."""
    pays = Q(state__in=[ArrivalState.NEW, ArrivalState.MATCHED]) | Q(payment__receipt=F("receipt"))
    return Arrival.objects.filter(payment_id=payment_id).exclude(pays).order_by("arrived_at", "receipt")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A payment that the money may be meant for. `fits`: what speaks for it, in words."""

    payment: Payment
    fits: list[str]


def candidates(arrival: Arrival) -> list[Candidate]:
    """Payments in of about that time with the same amount or a reference that begins alike; the likeliest first."""
    reference = arrival.reference.strip().upper()
    same = Q(amount=arrival.amount)
    alike = Q(reference__startswith=reference[:5]) if len(reference) >= 5 else Q(pk=None)
    time = Q(created_at__gte=arrival.arrived_at - _DAY, created_at__lte=arrival.arrived_at + _AFTERWARDS)
    rows = Payment.objects.filter(Q(direction=Direction.IN) & time & (same | alike)).select_related("user")
    found = [
        Candidate(payment, _fits(arrival, payment, reference))
        for payment in rows.order_by("-created_at")[:_MOST]
    ]
    return sorted(found, key=lambda one: -len(one.fits))


def _fits(arrival: Arrival, payment: Payment, reference: str) -> list[str]:
    masked = _MASKED.search(arrival.payer)
    phone = masked and payment.phone.startswith(masked[1]) and payment.phone.endswith(masked[2])
    facts = {
        "amount": payment.amount == arrival.amount,
        "number": bool(phone),
        "reference": len(reference) >= 5 and payment.reference[:5] == reference[:5],
    }
    return [word for word, holds in facts.items() if holds]


@dataclass(frozen=True, slots=True)
class Cash:
    """Shillings that we have owed a person for longer than a day."""

    person: User | None
    resting: Resting


def cash_resting() -> Page[Cash]:
    """Those who have had cash in the wallet for more than a day, the longest first: the first page of them."""
    page = people_resting("cash", until=now() - _DAY)
    people = User.objects.in_bulk([UUID(owner_of(row.code).id) for row in page.rows])
    return Page([Cash(people.get(UUID(owner_of(row.code).id)), row) for row in page.rows], page.older)
