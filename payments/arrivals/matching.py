"""Whose money is it? One receipt, decided once, under the locks of the payments that it may belong to.

The provider's list is the truth about a receipt and its reference; a receipt that only a callback named is a claim.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction

from goldwallet.clock import NAIROBI, Now, after
from goldwallet.errors import Conflict
from goldwallet.money import show_kes
from goldwallet.states import move
from ledger import chart
from ledger import services as ledger
from ledger.services import Transfer
from payments.models import (
    ARRIVAL_MOVES,
    MOVES,
    Arrival,
    ArrivalState,
    Direction,
    Exchange,
    Payment,
    Pull,
    Source,
    State,
)
from payments.purposes import stray
from payments.rails import rail
from payments.services import payment_flag, payment_settle, receipt_lock

log = structlog.get_logger(__name__)

#: A callback's claim counts as unfounded when a complete list that reaches so far beyond the end does not hold it.
_CLAIM_PATIENCE = timedelta(minutes=10)
_BEFORE = timedelta(minutes=1)
#: An older payment lies beyond what the provider lists, so no list can confirm its claim any more.
_LISTED_SECONDS = 47 * 3600
_LOOK_AGAIN_SECONDS = 60
_TRIES = 3
_OPEN = frozenset({State.CREATED, State.SENDING, State.PENDING, State.UNKNOWN, State.FAILED, State.CANCELLED})


class _Moved(Exception):
    """Something else was quicker; look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One line of a list, in KES. `payer` as written there, masked."""

    receipt: str
    amount: Decimal
    reference: str
    payer: str
    arrived_at: datetime


# --- taken in -------------------------------------------------------------------------------------


def arrivals_take(rows: Iterable[Arrived], *, listed_in: Exchange | None) -> list[uuid.UUID]:
    """Keep each receipt once; answers those of them that nobody has judged yet. A line of nothing is left out."""
    source = Source.PULL if listed_in else Source.STATEMENT
    made = {row.receipt: _arrival(row, source, listed_in) for row in rows if row.amount > 0}
    Arrival.objects.bulk_create(made.values(), ignore_conflicts=True)
    new = []
    for kept in Arrival.objects.filter(receipt__in=list(made)).order_by("arrived_at", "receipt"):
        if kept.amount != made[kept.receipt].amount:
            _amount_changed(kept, made[kept.receipt].amount)
        if kept.state == ArrivalState.NEW:
            new.append(kept.pk)
    return new


def arrival_take(row: Arrived) -> Arrival:
    """Take in one line of a statement that no list has brought, and judge it. Raises Conflict for a line of nothing."""
    if row.amount <= 0:
        raise Conflict("This line brought no money.", code="no_money")
    for arrival_id in arrivals_take([row], listed_in=None):
        arrival_match(arrival_id=arrival_id)
    return Arrival.objects.get(receipt=row.receipt)


def _arrival(row: Arrived, source: Source, listed_in: Exchange | None) -> Arrival:
    arrival = Arrival(
        receipt=row.receipt,
        amount=row.amount,
        reference=row.reference.replace("\x00", " ").strip()[:40],
        source=source,
        listed_in=listed_in,
        arrived_at=row.arrived_at,
    )
    arrival.payer = row.payer
    return arrival


def _amount_changed(kept: Arrival, now: Decimal) -> None:
    note = f"M-Pesa lists it with {show_kes(now)} now, and listed {show_kes(kept.amount)} before."
    Arrival.objects.filter(pk=kept.pk).exclude(note=note).update(note=note)
    log.error("an arrival has changed its amount", receipt=kept.receipt)


def arrivals_due(*, limit: int = 200) -> int:
    """Judge what a kill or a wait has left; answers how many were looked at."""
    due = Arrival.objects.filter(state=ArrivalState.NEW, due_at__lte=Now()).order_by("due_at")
    found = list(due.values_list("pk", flat=True)[:limit])
    for arrival_id in found:
        arrival_match(arrival_id=arrival_id)
    return len(found)


def claims_waiting() -> list[datetime]:
    """Since when the oldest payment is open whose claimed receipt waits for a list to be confirmed."""
    waiting = Arrival.objects.filter(state=ArrivalState.NEW, payment__isnull=False)
    oldest = waiting.order_by("payment__created_at").values_list("payment__created_at", flat=True)
    return list(oldest[:1])


# --- judged ---------------------------------------------------------------------------------------


def arrival_match(*, arrival_id: uuid.UUID) -> ArrivalState:
    """Find out whose it is, and post what follows, once. Answers where it stands then."""
    for _ in range(_TRIES):
        try:
            return _match_once(arrival_id)
        except _Moved:
            continue
        except Exception:
            # One that cannot be judged must not keep the others away. It stays at the desk as it is, with its age.
            log.exception("an arrival cannot be judged", arrival=str(arrival_id))
            break
    Arrival.objects.filter(pk=arrival_id, state=ArrivalState.NEW).update(due_at=after(_LOOK_AGAIN_SECONDS))
    return ArrivalState.NEW


@transaction.atomic
def _match_once(arrival_id: uuid.UUID) -> ArrivalState:
    seen = Arrival.objects.get(pk=arrival_id)
    ids = _candidates(seen)
    locked = Payment.objects.select_for_update(of=("self",)).select_related("user")
    payments = {payment.pk: payment for payment in locked.filter(pk__in=ids).order_by("pk")}
    receipt_lock(seen.receipt)
    arrival = Arrival.objects.select_for_update().get(pk=arrival_id)
    if arrival.state != ArrivalState.NEW:
        return ArrivalState(arrival.state)
    if _candidates(arrival) != ids:
        raise _Moved
    named = next((one for one in payments.values() if one.reference == _reference(arrival)), None)
    claimed = next((one for one in payments.values() if one.receipt == arrival.receipt), None)
    if claimed is not None and named in {None, claimed}:
        _claimed(arrival, claimed, named)
    elif claimed is not None and claimed.receipt_seen_at is not None:
        _decided_otherwise(arrival, claimed, named)
    elif named is not None:
        if claimed is not None:
            _take_away(claimed, arrival)
        _named(arrival, named)
    else:
        _suspend(arrival, None, _why_nobodys(arrival))
    return ArrivalState(arrival.state)


def _reference(arrival: Arrival) -> str:
    return arrival.reference.strip().upper()


def _candidates(arrival: Arrival) -> set[uuid.UUID]:
    """The payments in that its receipt and its reference name."""
    rows = Payment.objects.filter(direction=Direction.IN, method=arrival.method)
    by_receipt = rows.filter(receipt=arrival.receipt).values_list("pk", flat=True)
    by_reference = rows.filter(reference=_reference(arrival)).values_list("pk", flat=True)
    return {*by_receipt, *by_reference}


def _why_nobodys(arrival: Arrival) -> str:
    if not arrival.reference:
        return "It came without a reference."
    return "Its reference is that of no payment."


def _claimed(arrival: Arrival, payment: Payment, named: Payment | None) -> None:
    """The payment carries this very receipt."""
    if named is None and payment.receipt_seen_at is None and not _covered(payment) and _listed_still(payment):
        # A callback's word, and the list says another reference: the right receipt may still come.
        _wait(
            arrival,
            payment,
            "A callback named this receipt, the reference does not. Waiting for M-Pesa's list.",
        )
        return
    note = ""
    if arrival.amount != payment.amount:
        note = f"M-Pesa lists {show_kes(arrival.amount)}, the payment is for {show_kes(payment.amount)}."
        payment_flag(payment, note)
    _move(arrival, ArrivalState.MATCHED, payment, note)
    Payment.objects.filter(pk=payment.pk).update(receipt_seen_at=Now())


def _named(arrival: Arrival, payment: Payment) -> None:
    """Its reference names this payment, which does not carry its receipt."""
    if arrival.amount != payment.amount:
        asked = f"Payment {payment.reference} is for {show_kes(payment.amount)}."
        _suspend(arrival, payment, f"{asked} Another amount came.")
    elif payment.state in _OPEN:
        _pay(arrival, payment)
    elif payment.state == State.SUCCEEDED and payment.receipt is None:
        _replace_receipt(arrival, payment, "")
    elif payment.state == State.SUCCEEDED and payment.receipt_seen_at is None:
        _against_claim(arrival, payment)
    else:
        _suspend(arrival, payment, f"Payment {payment.reference} has been paid already.")


def _pay(arrival: Arrival, payment: Payment) -> None:
    """Money with the right reference and amount: the payment is paid, late or not. The posting comes last."""
    if payment.state == State.CREATED:
        # Paid by hand before its prompt went out: it must not go out any more.
        move(payment, State.UNKNOWN, moves=MOVES)
    _move(arrival, ArrivalState.MATCHED, payment, "")
    Payment.objects.filter(pk=payment.pk).update(receipt_seen_at=Now())
    paid = payment_settle(
        payment_id=payment.pk, paid=True, receipt=arrival.receipt, exchange=arrival.listed_in
    )
    if not paid:
        raise _Moved


def _against_claim(arrival: Arrival, payment: Payment) -> None:
    """The payment was settled with another receipt, which only a callback has named so far."""
    claimed = Arrival.objects.filter(receipt=payment.receipt).first()
    if claimed is not None and _reference(claimed) == payment.reference:
        # It did come, and is being matched: this one is a second payment.
        _suspend(arrival, payment, f"Payment {payment.reference} has been paid already.")
    elif claimed is not None or _covered(payment):
        note = f"A callback named receipt {payment.receipt}, M-Pesa lists {arrival.receipt}."
        _replace_receipt(arrival, payment, note)
    elif _listed_still(payment):
        _wait(arrival, payment, f"A callback named receipt {payment.receipt}. Waiting for M-Pesa's list.")
    else:
        _suspend(arrival, payment, f"Payment {payment.reference} was paid with receipt {payment.receipt}.")


def _replace_receipt(arrival: Arrival, payment: Payment, note: str) -> None:
    """The payment was posted already; only its receipt was missing or wrong."""
    _move(arrival, ArrivalState.MATCHED, payment, note)
    Payment.objects.filter(pk=payment.pk).update(receipt=arrival.receipt, receipt_seen_at=Now())
    if note:
        payment_flag(payment, note)


def _take_away(claimed: Payment, arrival: Arrival) -> None:
    """A callback named a receipt that M-Pesa lists under another payment's reference."""
    Payment.objects.filter(pk=claimed.pk).update(receipt=None)
    note = f"A callback named receipt {arrival.receipt}, which M-Pesa lists for {_reference(arrival)}."
    payment_flag(claimed, note)


def _decided_otherwise(arrival: Arrival, claimed: Payment, named: Payment | None) -> None:
    """Two people, or a statement, gave its receipt to another payment than its reference names.

    It is booked there, so it is booked nowhere else: people look at both.
    """
    note = f"M-Pesa lists receipt {arrival.receipt} for {_reference(arrival)}. It counts for {claimed.reference}."
    _move(arrival, ArrivalState.MATCHED, claimed, note)
    for payment in filter(None, (claimed, named)):
        payment_flag(payment, note)


def _covered(payment: Payment) -> bool:
    """Whether one complete list holds the whole time in which this payment can have been made."""
    if payment.ended_at is None:
        return False
    first, last = payment.created_at - _BEFORE, payment.ended_at + _CLAIM_PATIENCE
    return Pull.objects.filter(complete=True, starts_at__lte=first, ends_at__gte=last).exists()


def _listed_still(payment: Payment) -> bool:
    return Payment.objects.filter(pk=payment.pk, created_at__gt=after(-_LISTED_SECONDS)).exists()


def _wait(arrival: Arrival, payment: Payment, note: str) -> None:
    changes: dict[str, Any] = {"payment": payment, "note": note, "due_at": after(_LOOK_AGAIN_SECONDS)}
    Arrival.objects.filter(pk=arrival.pk, state=ArrivalState.NEW).update(**changes)


def _move(arrival: Arrival, state: ArrivalState, payment: Payment | None, note: str) -> None:
    changes: dict[str, Any] = {"payment": payment, "note": note[:300], "due_at": None}
    if not move(arrival, state, moves=ARRIVAL_MOVES, **changes):
        raise _Moved


def _suspend(arrival: Arrival, payment: Payment | None, note: str) -> None:
    """Nobody's yet: kept apart until two people have decided. `payment` is the one that its reference names."""
    _move(arrival, ArrivalState.SUSPENSE, payment, note)
    stray(arrival)
    kept = Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), arrival.amount)
    ledger.post(
        key=f"arrival:{arrival.pk}:suspense",
        kind="arrival_suspense",
        transfers=[kept, *_charged(arrival)],
        memo=arrival.receipt,
    )


def _charged(arrival: Arrival) -> list[Transfer]:
    """The provider's charge for money that came, where we pay it."""
    day = arrival.arrived_at.astimezone(NAIROBI).date()
    try:
        charge = rail(arrival.method).charge(direction="in", amount=arrival.amount, on=day)
    except ValueError:
        log.warning("no charge is known", arrival=str(arrival.pk), day=str(day))
        return []
    return [Transfer(chart.house_charges(), chart.mpesa_collections(), charge)] if charge else []
