"""Money that two people decide and that belongs to no payment: what lies in suspense, and the floats at M-Pesa.

The same rules as in `payments.requests`: nothing in a payload is trusted, both functions look at everything again.
"""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import Max

from accounts.models import User
from accounts.services import person_lock
from controls.effects import Change, Description
from controls.models import Request
from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import parse_price, show_kes
from goldwallet.states import move
from ledger import chart
from ledger import services as ledger
from ledger.chart import Code
from ledger.models import Entry, Transaction
from ledger.selectors import balance
from ledger.services import Transfer, overdraft_refused
from payments.arrivals.returning import return_start, whole
from payments.floats import FloatState, code_of, floats
from payments.models import ARRIVAL_MOVES, Arrival, ArrivalState
from payments.purposes import stray
from payments.selectors import receipt_is_a_payments
from payments.services import receipt_lock

_FLOAT_MOVE = "float_move"
#: A transfer so many times the largest one so far is warned of.
_FAR_ABOVE = 3
_SUSPENSE_MOVED = "This money does not lie in suspense any more. Look at it again."


def _uuid(text: object) -> uuid.UUID:
    """Nobody's, for nonsense."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return uuid.UUID(int=0)


def _arrival(payload: dict[str, Any]) -> Arrival:
    """In suspense. Raises Refused."""
    found = Arrival.objects.filter(pk=_uuid(payload.get("arrival", ""))).first()
    if found is None:
        raise Refused("There is no such money.", code="no_arrival", status=404)
    if found.state != ArrivalState.SUSPENSE:
        raise Conflict(_SUSPENSE_MOVED, code="not_in_suspense")
    return found


def _which(arrival: Arrival) -> str:
    return f"{show_kes(arrival.amount)} with receipt {arrival.receipt}"


def _state(arrival: Arrival, after: ArrivalState) -> Change:
    return Change("State of the money", ArrivalState(arrival.state).label, after.label)


# --- given to a customer --------------------------------------------------------------------------


def _customer(payload: dict[str, Any]) -> User:
    found = User.objects.filter(pk=_uuid(payload.get("user", ""))).first()
    if found is None:
        raise Refused("There is nobody with this e-mail address or number.", code="no_person", status=404)
    if found.is_staff:
        raise Refused("Money in suspense is not given to staff.", code="staff", status=403)
    return found


def suspense_assign_describe(payload: dict[str, Any]) -> Description:
    """payload: `arrival`, `user` (their id)."""
    arrival, user = _arrival(payload), _customer(payload)
    changes = (_state(arrival, ArrivalState.ASSIGNED), Change("Belongs to", "nobody", user.email))
    return Description(f"{_which(arrival)} is the cash of {user.email}.", changes)


def suspense_assign_execute(request: Request) -> str:
    arrival, user = _arrival(request.payload), _customer(request.payload)
    person_lock(user.pk)
    changes: dict[str, Any] = {"user": user, "decided_at": Now(), "due_at": None, "note": ""}
    if not move(arrival, ArrivalState.ASSIGNED, moves=ARRIVAL_MOVES, **changes):
        raise Conflict(_SUSPENSE_MOVED, code="not_in_suspense")
    stray(arrival)
    given = Transfer(chart.suspense_mpesa(), chart.user_cash(user.pk), arrival.amount)
    _post(request, "arrival_assigned", given, arrival.receipt, key=f"arrival:{arrival.pk}:assigned")
    return f"{_which(arrival)} is the cash of {user.email} now."


# --- sent back ------------------------------------------------------------------------------------


def suspense_return_person(payload: dict[str, Any]) -> uuid.UUID | None:
    """Whose money it seems to be: the person of the payment that its reference names."""
    found = Arrival.objects.filter(pk=_uuid(payload.get("arrival", ""))).select_related("payment").first()
    return found.person_id if found else None


def suspense_return_describe(payload: dict[str, Any]) -> Description:
    """payload: `arrival`."""
    arrival = _arrival(payload)
    if not whole(arrival.amount):
        raise Refused("M-Pesa sends back whole shillings only. Send this back by the bank.", code="cents")
    if "+" in arrival.receipt:
        # What came beyond the amount that is booked under its receipt.
        raise Refused("M-Pesa sends back whole payments only. Send this back by the bank.", code="part")
    change = _state(arrival, ArrivalState.RETURNED)
    sentence = (
        f"{_which(arrival)} goes back to who paid it, by M-Pesa. The book follows when M-Pesa confirms it."
    )
    return Description(sentence, (change,), leaving_kes=arrival.amount)


def suspense_return_execute(request: Request) -> str:
    suspense_return_describe(request.payload)
    arrival = _arrival(request.payload)
    if not return_start(arrival):
        raise Conflict(_SUSPENSE_MOVED, code="not_in_suspense")
    return f"M-Pesa is asked now to send back {_which(arrival)}."


# --- floats ---------------------------------------------------------------------------------------

_COLLECTIONS, _PAYOUTS, _OWNER = chart.mpesa_collections, chart.mpesa_payouts, chart.house_capital

#: What moves, in words; where the value comes out of in the book, and into where. An account at M-Pesa stands below
#: zero by what it holds: value that enters it comes out of its code (ledger.chart).
FLOAT_MOVES: dict[str, tuple[str, Code, Code]] = {
    "owner_payouts": ("The owner puts money in for payouts", _PAYOUTS(), _OWNER()),
    "owner_collections": ("The owner puts money in at the collecting Paybill", _COLLECTIONS(), _OWNER()),
    "collections_payouts": ("Money moves from collections to payouts", _PAYOUTS(), _COLLECTIONS()),
    "collections_owner": ("The owner takes money out of collections", _OWNER(), _COLLECTIONS()),
    "payouts_owner": ("The owner takes money out of payouts", _OWNER(), _PAYOUTS()),
}


def _float_move(payload: dict[str, Any]) -> tuple[str, Transfer, str]:
    """What it is called, what it posts, and the receipt or the bank's reference. Raises Refused."""
    what = FLOAT_MOVES.get(str(payload.get("move", "")))
    if what is None:
        raise Refused("Choose what moves.", code="move")
    label, source, destination = what
    amount = parse_price(str(payload.get("amount", "")))
    if amount <= 0:
        raise Refused("Write an amount of more than nothing.", code="amount")
    reference = " ".join(str(payload.get("reference", "")).replace("\x00", " ").split())[:40]
    if len(reference) < 4:
        raise Refused("Write the M-Pesa receipt or the bank's reference of this transfer.", code="reference")
    return label, Transfer(source, destination, amount), reference


def float_move_describe(payload: dict[str, Any]) -> Description:
    """payload: `move` (of FLOAT_MOVES), `amount` in KES as text, `reference`: that of M-Pesa or the bank."""
    label, transfer, reference = _float_move(payload)
    _enough(transfer)
    _reference_free(reference)
    out = transfer.source == _OWNER()
    change = Change("Receipt or reference", "none", reference)
    leaving = transfer.amount if out else Decimal(0)
    summary = f"{label}: {show_kes(transfer.amount)}."
    return Description(summary, (change,), leaving_kes=leaving, warnings=tuple(_unusual(transfer)))


def _unusual(transfer: Transfer) -> Iterator[str]:
    """What should make the second person look twice: a nought too many is typed easily."""
    for found in floats():
        if code_of(found.account) == transfer.source:
            # Value that enters an account at M-Pesa comes out of its code.
            yield from _more_than_there(found, transfer.amount)
    largest = _largest_move()
    if largest and transfer.amount > _FAR_ABOVE * largest:
        yield f"This is far above the usual: the largest transfer in the book so far is {show_kes(largest)}."


def _more_than_there(found: FloatState, amount: Decimal) -> Iterator[str]:
    if found.there is not None and found.there < amount:
        yield (
            f"M-Pesa said last that {show_kes(found.there)} stands on that account, less than this transfer alone. Ask "
            "M-Pesa for the balance before you decide."
        )
    elif found.there is None and 0 < found.book < amount:
        yield f"This is more than the {show_kes(found.book)} that the book has on that account now."


def _largest_move() -> Decimal | None:
    """Of the moves of floats that stand, in KES."""
    moves = Entry.objects.filter(transaction__kind=_FLOAT_MOVE, transaction__reversals=None)
    largest: Decimal | None = moves.aggregate(kes=Max("amount"))["kes"]
    return largest


def _enough(transfer: Transfer) -> None:
    """Nothing leaves an account at M-Pesa that does not stand there by the book."""
    into = transfer.destination
    if into != _OWNER() and -balance(into) < transfer.amount:
        there = show_kes(-balance(into))
        raise Conflict(f"By the book there is {there} on that account.", code="not_enough")


def _reference_free(reference: str) -> None:
    """Each transfer is booked once: refuse a reference that stands for other money or for a move that stands."""
    receipt = reference.upper()
    if receipt_is_a_payments(receipt) or Arrival.objects.filter(receipt=receipt).exists():
        raise Conflict("This receipt is a customer's money, and it is booked already.", code="receipt_used")
    moves = Transaction.objects.filter(kind=_FLOAT_MOVE, memo__iexact=reference)
    if moves.filter(reversals=None).exists():
        raise Conflict("A transfer with this reference is in the book already.", code="receipt_used")


def float_move_execute(request: Request) -> str:
    label, transfer, reference = _float_move(request.payload)
    receipt_lock(reference.upper())
    _reference_free(reference)
    _enough(transfer)
    _post(request, _FLOAT_MOVE, transfer, reference, key=f"request:{request.pk}")
    return f"{label}: {show_kes(transfer.amount)} is in the book."


def _post(request: Request, kind: str, transfer: Transfer, memo: str, *, key: str) -> None:
    actor = str(request.checker_id or request.maker_id)
    with overdraft_refused("This money has just moved. Look again."):
        ledger.post(key=key, kind=kind, transfers=[transfer], actor=actor, memo=memo)
