"""What a transaction is about, told from its key, and the other way: the keys of what somebody writes down.

A key begins with what caused it: `order:<id>:reserved`, `payment:<id>:paid`, `arrival:<id>:suspense`, `request:<id>`,
`adjustment:<id of the request>`, `vault:<key of the movement of bars>`.
"""

import re
import uuid
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from accounts.models import User
from accounts.permissions import may_see
from accounts.roles import Role
from controls.models import Request
from ledger.models import Transaction
from oversight.naming import subject_url
from payments.models import Arrival, Payment
from pools.models import Movement
from trading.models import Order

_CODE = re.compile(r"[A-Z0-9]{4,20}")
#: The first words of keys; with a UUID alone, each of these may be meant.
_WORDS = ("order", "payment", "arrival", "request", "adjustment")


@dataclass(frozen=True, slots=True)
class Cause:
    """`url` is empty for who may not open the page."""

    label: str
    url: str


def causes(found: Transaction, reader: User) -> list[Cause]:
    """What the transaction is about, the nearest first."""
    word, _, rest = found.key.partition(":")
    if word == "vault":
        return _bars(found, reader)
    try:
        key = uuid.UUID(rest.partition(":")[0])
    except ValueError:
        return []
    if word == "order":
        return _trade(Q(pk=key), reader)
    if word == "payment":
        return _trade(Q(payment=key) | Q(refund=key), reader) or _payments([key], reader)
    if word == "arrival":
        return _arrival(key, reader)
    return _request(key, reader) if word in {"request", "adjustment"} else []


def _trade(which: Q, reader: User) -> list[Cause]:
    """Orders and their payments."""
    found = list(Order.objects.filter(which).order_by("created_at")[:5])
    told = [Cause(f"Order {order.reference}", subject_url(f"order:{order.pk}", reader)) for order in found]
    ids = [key for order in found for key in (order.payment_id, order.refund_id) if key]
    return told + _payments(ids, reader)


def _payments(ids: list[uuid.UUID], reader: User) -> list[Cause]:
    found = Payment.objects.filter(pk__in=ids).order_by("created_at")
    return [
        Cause(
            f"Payment {payment.reference}" + (f", receipt {payment.receipt}" if payment.receipt else ""),
            subject_url(f"payment:{payment.pk}", reader),
        )
        for payment in found
    ]


def _arrival(key: uuid.UUID, reader: User) -> list[Cause]:
    found = Arrival.objects.filter(pk=key).first()
    if found is None:
        return []
    told = [Cause(f"Money that came, receipt {found.receipt}", subject_url(f"arrival:{found.pk}", reader))]
    return told + (_payments([found.payment_id], reader) if found.payment_id else [])


def _request(key: uuid.UUID, reader: User) -> list[Cause]:
    found = Request.objects.filter(pk=key).first()
    if found is None:
        return []
    told = [Cause("The request of two people", reverse("desk_approval", args=[found.pk]))]
    about = subject_url(found.subject, reader)
    return [*told, Cause("What the request is about", about)] if about else told


def _bars(found: Transaction, reader: User) -> list[Cause]:
    moved = list(
        Movement.objects.filter(transaction_id=found.pk, key=found.key.partition(":")[2])
        .select_related("bar__pool")
        .order_by("bar__serial")[:6]
    )
    if not moved:
        return []
    names = ", ".join(movement.bar.serial for movement in moved[:5]) + (" and more" if moved[5:] else "")
    pool = moved[0].bar.pool
    url = reverse("desk_pool", args=[pool.pk]) if may_see(reader, Role.VAULT) else ""
    return [Cause(f"Bars {names}, pool {pool.name}", url)]


def keys_about(written: str) -> tuple[str, ...]:
    """Beginnings of the keys of what was written: an order's or a payment's reference, a receipt, an id, or a key."""
    text = written.strip()
    if ":" in text:
        return (text,)
    try:
        key = uuid.UUID(text)
    except ValueError:
        return _by_code(text.upper())
    return tuple(f"{word}:{key}" for word in _WORDS)


def _by_code(code: str) -> tuple[str, ...]:
    if not _CODE.fullmatch(code):
        return ()
    payments = set(
        Payment.objects.filter(Q(reference=code) | Q(receipt=code) | Q(reversal_receipt=code)).values_list(
            "pk", flat=True
        )
    )
    arrivals = Arrival.objects.filter(receipt=code).values_list("pk", "payment_id")
    payments |= {payment_id for _, payment_id in arrivals if payment_id}
    orders = Order.objects.filter(Q(reference=code) | Q(payment__in=payments) | Q(refund__in=payments))
    keys = [f"arrival:{key}:" for key, _ in arrivals]
    for order_id, *ids in orders.values_list("pk", "payment_id", "refund_id"):
        keys.append(f"order:{order_id}:")
        payments |= {key for key in ids if key}
    return tuple(sorted([*keys, *(f"payment:{key}:" for key in payments)]))
