"""What the staff of a soaked house do, and what they look at: the provider's own books, as on a statement."""

import json
import random
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from accounts.models import User
from controls.models import Cause, Switch
from controls.services import switch_pause
from goldwallet.test.books import COLLECTIONS, PAYOUTS
from goldwallet.test.two import agreed
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from payments.arrivals import arrivals_due, pull_run
from payments.arrivals.returning import returns_due
from payments.models import Arrival, ArrivalState, Direction, Payment, State
from payments.services import payout_refuse
from payments.tests.scripted import b2c, stk
from pools.services import Share, allocations_create, allocations_settle
from trading.models import Order, Status
from trials.soak.place import Place

_ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.REVERSED)


def owned(person: User) -> Decimal:
    return balance(chart.user_gold(person.pk))


def gold_give(place: Place, person: User, grams: Decimal) -> None:
    """Grams that cost nothing, as an adjustment books them: the provider's books know nothing of them."""
    order_id = uuid.uuid4()
    allocations_create(user_id=person.pk, order_id=order_id, shares=[Share(place.world.pool.pk, grams)])
    allocations_settle(order_id=order_id)
    transfer = Transfer(chart.pool_available(place.world.pool.pk), chart.user_gold(person.pk), grams)
    post(key=f"soak:{order_id}", kind="adjustment", transfers=[transfer])


def two(place: Place, kind: str, payload: dict[str, Any], **rest: Any) -> None:
    maker, checker = place.treasurers
    agreed(kind, payload, maker=maker, checker=checker, **rest)


# --- the truth ------------------------------------------------------------------------------------


def receipt_of(place: Place, payment: Payment) -> str:
    """The receipt under which the provider really moved the money of a payment; empty when it did not."""
    if payment.direction == Direction.OUT:
        rows = place.simulator.payouts()
        found = [row for row in rows if row["OriginatorConversationID"] == str(payment.pk)]
        return str(found[0]["receipt"] or "") if found else ""
    for row in place.simulator.books()["transactions"]:
        moved = {entry["amount"] for entry in row["entries"]}
        names_it = payment.reference in row["memo"] and payment.amount in moved
        if row["receipt"] and names_it and "revers" not in row["kind"]:
            return str(row["receipt"])
    return ""


def resolve(place: Place, payment: Payment) -> None:
    """Two people look at the statement and say what it says."""
    receipt = receipt_of(place, payment)
    payload = {"payment": str(payment.pk), "paid": bool(receipt)} | ({"receipt": receipt} if receipt else {})
    two(place, "payment_resolve", payload, subject=f"payment:{payment.pk}:{uuid.uuid4()}")


def release(place: Place, payment: Payment) -> None:
    two(place, "payout_release", {"payment": str(payment.pk)}, subject=f"payment:{payment.pk}:{uuid.uuid4()}")


def complained(place: Place, payment: Payment) -> str:
    """A customer complains at M-Pesa, which takes the payment back: the receipt of that, empty when it does not.

    The same reference may have been paid twice: it is about the receipt that the payment carries.
    """
    body = {"receipt": payment.receipt or ""}
    answer = place.simulator.http.post("/control/reverse", json=body)
    return str(answer.json()["receipt"]) if answer.status_code == 200 else ""


def taken_back(place: Place, payment_id: uuid.UUID, receipt: str) -> None:
    """Two people see on the statement that M-Pesa took a payment back, and book it."""
    payload = {"payment": str(payment_id), "receipt": receipt}
    two(place, "payment_reversed", payload, subject=f"payment:{payment_id}:{uuid.uuid4()}")


def pause(place: Place, name: str) -> None:
    switch_pause(name=name, cause=Cause.STAFF, note="A look around.", by=place.treasurers[0])


def let_everything_go_on(place: Place) -> int:
    """Answers how many switches were off."""
    off = list(Switch.objects.filter(paused=True))
    for row in off:
        two(place, "switch_resume", {"name": row.name}, subject=f"switch:{row.name}:{uuid.uuid4()}")
    return len(off)


def arrivals_seen() -> None:
    """What the periodic jobs about money that came by itself do."""
    pull_run()
    arrivals_due()
    returns_due()


def suspense_left(place: Place) -> int:
    """Two people send back what belongs to nobody. Answers how many."""
    left = list(Arrival.objects.filter(state=ArrivalState.SUSPENSE))
    for arrival in left:
        subject = f"arrival:{arrival.pk}:{uuid.uuid4()}"
        two(place, "suspense_return", {"arrival": str(arrival.pk)}, subject=subject)
    return len(left)


def payer_of(place: Place, arrival: Arrival, people: Sequence[User]) -> User | None:
    """Who of them really paid it, as M-Pesa tells staff who ask."""
    for row in place.simulator.books()["transactions"]:
        if row["receipt"] == arrival.receipt:
            return next((person for person in people if person.phone in row["memo"]), None)
    return None


def given(place: Place, arrival: Arrival, person: User) -> None:
    """Two people give money in suspense to whoever paid it."""
    payload = {"arrival": str(arrival.pk), "user": str(person.pk)}
    two(place, "suspense_assign", payload, subject=f"arrival:{arrival.pk}:{uuid.uuid4()}")


def forged(payment: Payment, chance: random.Random) -> tuple[str, str]:
    """A perfect success about a payment, with an invented receipt: the kind of address and the body."""
    receipt = "UK" + "".join(chance.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(8))
    if payment.direction == Direction.IN:
        return "collect", json.dumps(stk(payment, receipt=receipt))
    return "payout", json.dumps(b2c(payment, receipt=receipt))


def paid_wrongly(place: Place, people: Sequence[User]) -> list[str]:
    """I7: what the provider paid for a payout is at most the payout, and nothing for one that counts as unpaid."""
    payouts = Payment.objects.filter(user__in=people, direction=Direction.OUT)
    ours, unpaid = {}, set()
    for key, amount, state in payouts.values_list("pk", "amount", "state"):
        ours[str(key)] = amount
        if state in {State.FAILED, State.CANCELLED}:
            unpaid.add(str(key))
    paid: Counter[str] = Counter()
    phones = {person.phone for person in people}
    for row in place.simulator.payouts():
        if row["phone"] in phones and row["state"] == "completed":
            paid[row["OriginatorConversationID"]] += row["amount"]
    more = [
        f"I7: {originator} was paid KES {amount}, we asked for {ours.get(originator)}"
        for originator, amount in paid.items()
        if amount > ours.get(originator, 0)
    ]
    return more + [f"I7: {originator} counts as unpaid, and was paid" for originator in unpaid & paid.keys()]


# --- at rest --------------------------------------------------------------------------------------


def resolve_everything(place: Place, people: Sequence[User]) -> int:
    """What still stands before staff when the faults are over: two people decide it by the statement.

    Answers how much that was.
    """
    decided = let_everything_go_on(place)
    for payment in Payment.objects.filter(user__in=people).exclude(state__in=_ENDED).select_related("user"):
        decided += 1
        if payment.state == State.AWAITING_APPROVAL and payment.user.frozen_reason:
            payout_refuse(payment_id=payment.pk, by=place.treasurers[0].pk, reason="The person is on hold.")
        elif payment.state == State.AWAITING_APPROVAL:
            release(place, payment)
        elif payment.state in {State.UNKNOWN, State.PENDING}:
            resolve(place, payment)
    return decided + suspense_left(place)


def reversals_booked(place: Place, receipts: Mapping[uuid.UUID, str]) -> None:
    """Whoever was to book that M-Pesa took a payment back may have died over it. The statement still shows it."""
    for payment in Payment.objects.filter(pk__in=receipts, state=State.SUCCEEDED):
        taken_back(place, payment.pk, receipts[payment.pk])


def unrest(place: Place, people: Sequence[User]) -> list[str]:
    """I8 and I6: what has not ended, and where our books and the provider's differ."""
    found = [
        f"I8: payment {payment.reference} is {payment.state} ({payment.note})"
        for payment in Payment.objects.filter(user__in=people).exclude(state__in=_ENDED)
    ]
    found += [
        f"I8: order {order.reference} is pending"
        for order in Order.objects.filter(user__in=people, status=Status.PENDING)
    ]
    found += [
        f"I8: receipt {arrival.receipt} is {arrival.state} ({arrival.note})"
        for arrival in Arrival.objects.filter(state__in=[ArrivalState.NEW, ArrivalState.RETURNING])
    ]
    for name, code, accounts in (
        ("collections", chart.mpesa_collections(), COLLECTIONS),
        ("payouts", chart.mpesa_payouts(), PAYOUTS),
    ):
        ours, theirs = -balance(code), place.simulator.account(*accounts)
        if ours != theirs:
            found.append(f"I6: {name}: {ours} in our book, {theirs} at the provider. {_strangers(place)}")
    return found


def _strangers(place: Place) -> str:
    """The provider's transactions whose receipts we do not know, for whoever reads a failure."""
    ours = {
        *Payment.objects.values_list("receipt", flat=True),
        *Arrival.objects.values_list("receipt", flat=True),
    }
    rows = [
        row
        for row in place.simulator.books()["transactions"]
        if row["receipt"] and row["receipt"] not in ours
    ]
    return "; ".join(f"{row['kind']} {row['memo']} {row['entries'][0]['amount']}" for row in rows[:5])
