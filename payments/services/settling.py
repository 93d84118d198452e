"""How a payment ends: once, on evidence, under its lock, with one posting as the last write (design section 5)."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction

from accounts.services import person_freeze, person_lock
from controls.models import Cause, Request, SwitchName
from controls.services import switch_pause
from goldwallet import clock
from goldwallet.clock import NAIROBI, Now
from goldwallet.errors import Conflict
from goldwallet.states import move, sources
from ledger import chart
from ledger import services as ledger
from ledger.errors import Overdraft
from ledger.services import Transfer
from payments import purposes
from payments.models import (
    ARRIVAL_MOVES,
    MOVES,
    Arrival,
    ArrivalState,
    Callback,
    Direction,
    Exchange,
    Payment,
    State,
)
from payments.rails import rail
from payments.services.making import payment_flag, payment_lock, taken
from payments.services.receipts import receipt_check_free, receipt_check_takes_back, receipt_claim

log = structlog.get_logger(__name__)

#: How often a settlement that lost the race for the last gold is tried before it does without.
_SETTLE_TRIES = 3
_ENDED_UNPAID = frozenset({State.FAILED, State.CANCELLED})


class CustomerFirst(Exception):
    """Seen under the payment's lock: this end needs the customer's, which comes first, so the settlement begins anew.

    Whoever is told of an end (`payments.purposes`) raises it, too; not on the last try.
    """

    def __init__(self, user_id: uuid.UUID) -> None:
        super().__init__(f"{user_id} must be locked first")
        self.user_id = user_id


def payment_settle(
    *,
    payment_id: uuid.UUID,
    paid: bool,
    receipt: str = "",
    code: str = "",
    exchange: Exchange | None = None,
    callback: Callback | None = None,
    request: Request | None = None,
    decision: str = "",
) -> bool:
    """End a payment on evidence, tell its purpose, post once. False: it had ended already, nothing changed.

    The evidence is an answer of the provider's (`exchange`, `callback`) or a request that two people agreed on.
    A receipt that is booked for something else is not taken over: the payment ends without one, before staff. Where
    two people gave the receipt, nothing changes: raises Conflict.
    """
    changes: dict[str, Any] = {
        "receipt": receipt or None,
        "failure_code": "" if paid else code[:40],
        "evidence_exchange": exchange,
        "evidence_callback": callback,
        "note": "",
        "attention": False,
    }
    if request is not None:
        who = request.checker_id or request.maker_id
        changes |= {"evidence_request": request, "decided_by_id": who, "decision": decision[:300]}
        if receipt:
            # They saw it in M-Pesa's statement: no callback's claim.
            changes["receipt_seen_at"] = Now()
    customer: uuid.UUID | None = None
    for attempt in range(1, _SETTLE_TRIES + 1):
        last_try = attempt == _SETTLE_TRIES
        try:
            return _settle_once(
                payment_id=payment_id,
                paid=paid,
                last_try=last_try,
                changes=changes,
                customer=customer,
            )
        except CustomerFirst as first:
            if last_try:
                raise
            customer = first.user_id
        except Overdraft:
            if last_try:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _settle_once(
    *,
    payment_id: uuid.UUID,
    paid: bool,
    last_try: bool,
    changes: dict[str, Any],
    customer: uuid.UUID | None,
) -> bool:
    if customer is not None:
        person_lock(customer)
    payment = payment_lock(payment_id)
    incident = paid and payment.direction == Direction.OUT and payment.state in _ENDED_UNPAID
    if incident and customer is None:
        raise CustomerFirst(payment.user_id)
    if not paid and payment.state == State.CREATED:
        return False
    target = State.SUCCEEDED if paid else State.FAILED
    if payment.state not in sources(MOVES, target):
        return False
    changes, freed = _receipt_taken(payment, changes)
    charge = payment_charge(payment) if paid else None
    if not move(payment, target, moves=MOVES, ended_at=Now(), due_at=None, charge=charge, **changes):
        return False
    if incident:
        _incident(payment)
    else:
        payment_tell(payment, paid=paid, last_try=last_try, also=freed)
    return True


def _receipt_taken(payment: Payment, changes: dict[str, Any]) -> tuple[dict[str, Any], list[Transfer]]:
    """What is written, and what leaves suspense: the same without the receipt when it is booked for something else."""
    receipt, decided = changes["receipt"], "evidence_request" in changes
    if receipt is None:
        return changes, []
    try:
        return changes, receipt_claim(payment, receipt, decided=decided)
    except Conflict as conflict:
        if decided:
            raise
        return {**changes, "receipt": None, "attention": True, "note": taken(receipt, conflict)}, []


def payment_charge(payment: Payment) -> Decimal | None:
    """The provider's charge by its tariff of the day it was sent; None when the tariff does not know it.

    The reconciliation compares it with what the statement shows (design section 4: `house:charges`).
    """
    day = (payment.sent_at or clock.now()).astimezone(NAIROBI).date()
    try:
        return rail(payment.method).charge(
            direction="in" if payment.direction == Direction.IN else "out", amount=payment.amount, on=day
        )
    except ValueError:
        log.warning("no charge is known", payment=str(payment.pk), day=str(day))
        return None


def _charged(payment: Payment) -> list[Transfer]:
    if not payment.charge:
        return []
    paid_in = payment.direction == Direction.IN
    account = chart.mpesa_collections() if paid_in else chart.mpesa_payouts()
    return [Transfer(chart.house_charges(), account, payment.charge)]


def payment_tell(
    payment: Payment, *, paid: bool, last_try: bool = True, also: Sequence[Transfer] = ()
) -> None:
    """Tell whoever asked for the payment how it ended, and post what follows. Under the payment's lock, last."""
    if not paid and rail(payment.method).float_empty(payment.failure_code, payment.direction):
        note = "M-Pesa refused a payout because the account that pays is empty. Move money there first."
        switch_pause(name=SwitchName.PAYOUTS, cause=Cause.FLOAT_EMPTY, note=note)
    transfers = (purposes.paid if paid else purposes.failed)(payment, last_try=last_try)
    charged = _charged(payment) if paid else []
    _post(payment, "paid" if paid else "failed", [*transfers, *charged, *also])


def _post(payment: Payment, word: str, transfers: Sequence[Transfer]) -> None:
    if transfers:
        ledger.post(
            key=f"payment:{payment.pk}:{word}",
            kind=f"{purposes.PURPOSES[payment.purpose].kind}_{word}",
            transfers=transfers,
            actor=str(payment.decided_by_id or ""),
            memo=payment.reference,
        )


def _incident(payment: Payment) -> None:
    """Paid out although it had definitely failed, so the person has the gold (or cash) back as well (faults.md O07).

    They owe it to us now. Nobody is paid any more until two people have looked.
    """
    reference = payment.reference
    note = f"Payout {reference} had ended unpaid, its hold was released, and M-Pesa paid it all the same."
    switch_pause(name=SwitchName.PAYOUTS, cause=Cause.INCIDENT, note=note)
    person_freeze(user_id=payment.user_id, reason=f"Payout {reference} was paid and given back as well.")
    payment_flag(payment, note)
    purposes.after_all(payment)
    owed = Transfer(chart.user_receivable(payment.user_id), chart.mpesa_payouts(), payment.amount)
    _post(payment, "incident", [owed, *_charged(payment)])


@transaction.atomic
def payment_reverse(*, payment_id: uuid.UUID, receipt: str, request: Request) -> None:
    """M-Pesa took a payment back after it had come: undo what it paid for (faults.md P19). Raises Conflict."""
    # The customer first, in the one lock order: their gold is being taken back, and they may be selling it.
    person_lock(Payment.objects.values_list("user_id", flat=True).get(pk=payment_id))
    payment = payment_lock(payment_id)
    receipt_check_free(receipt, payment)
    receipt_check_takes_back(receipt, payment)
    who = request.checker_id or request.maker_id
    changes: dict[str, Any] = {
        "evidence_request": request,
        "decided_by_id": who,
        "reversal_receipt": receipt,
    }
    if payment.direction != Direction.IN or not move(payment, State.REVERSED, moves=MOVES, **changes):
        raise Conflict("Only a payment that came and stands can be taken back.", code="not_paid")
    for arrival in Arrival.objects.filter(payment=payment, state=ArrivalState.MATCHED):
        move(arrival, ArrivalState.REVERSED, moves=ARRIVAL_MOVES, decided_at=Now())
    _post(payment, "reversed", purposes.reversed_(payment))
