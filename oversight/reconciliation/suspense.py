"""What a resolution puts into suspense, and what it takes out of there."""

from collections.abc import Sequence
from decimal import Decimal

from django.db import IntegrityError, transaction

from goldwallet.clock import Now
from goldwallet.errors import Conflict, Refused
from goldwallet.money import CENT, show_kes
from goldwallet.states import move
from ledger import chart
from ledger.services import Transfer
from oversight.models import Break, BreakKind
from payments.arrivals.returning import return_start
from payments.models import ARRIVAL_MOVES, Arrival, ArrivalState, Source, StatementLine
from payments.selectors import receipt_is_a_payments
from payments.services import receipt_lock
from payments.statements import payer_of
from trading.services import stray_tell

_NOT_THERE = "This money is not in suspense any more."

#: What is posted, and the sentence for the two people.
type Done = tuple[Sequence[Transfer], str]


def line_of(found: Break) -> StatementLine:
    if found.line is None:
        raise Refused("This difference has no line of a statement.", code="no_line")
    return found.line


def effect_of(found: Break) -> Decimal:
    """KES that M-Pesa has more than our book, to the cent."""
    return ((found.theirs or Decimal(0)) - (found.ours or Decimal(0))).quantize(CENT)


def suspense_act(found: Break) -> Done:
    match found.kind:
        case BreakKind.REVERSED:
            return _suspense_leave(found)
        case BreakKind.PAYMENT_MISSING:
            return _suspense_never(found)
        case BreakKind.REVERSAL_DIFFERS:
            return _suspense_again(found)
        case BreakKind.LINE_TWICE | BreakKind.AMOUNT_DIFFERS:
            return _suspense_more(found)
        case _:
            return _suspense_enter(found)


def refund_act(found: Break) -> Done:
    """Into suspense, and from there M-Pesa is asked to send it back. The book follows when M-Pesa has confirmed it."""
    transfers, _ = _suspense_enter(found)
    arrival = Arrival.objects.get(receipt=line_of(found).receipt)
    if not return_start(arrival):
        raise Conflict(_NOT_THERE, code="moved")
    return transfers, f"M-Pesa is asked now to send back {show_kes(arrival.amount)} ({arrival.receipt})."


def _suspense_enter(found: Break) -> Done:
    """An arrival from the line, for `suspense_assign` and `suspense_return`."""
    line = line_of(found)
    receipt_lock(line.receipt)
    if receipt_is_a_payments(line.receipt):
        raise Conflict(
            "This receipt is a payment's meanwhile. Run the comparison again.", code="receipt_used"
        )
    return _arrive(found, _from_line(line, line.receipt), line.paid_in)


def _suspense_more(found: Break) -> Done:
    """What came beyond what is booked under the receipt: the receipt with a number, since it is not all of it."""
    line = line_of(found)
    return _arrive(found, _from_line(line, _numbered(line.receipt)), effect_of(found))


def _suspense_again(found: Break) -> Done:
    """What M-Pesa has not taken back although we did: under the receipt with a number, since its own has ended."""
    ended, payment = found.arrival, found.payment
    if effect_of(found) <= 0 or (ended is None and payment is None):
        raise Refused("There is nothing here that M-Pesa still has.", code="nothing")
    if ended is not None:
        more = Arrival(
            receipt=_numbered(ended.receipt), reference=ended.reference, arrived_at=ended.arrived_at
        )
        more.payer = ended.payer
    else:
        assert payment is not None
        came = payment.ended_at or payment.created_at
        more = Arrival(
            receipt=_numbered(payment.receipt or payment.reference),
            reference=payment.reference,
            payment=payment,
            arrived_at=came,
        )
    return _arrive(found, more, effect_of(found))


def _numbered(receipt: str) -> str:
    return f"{receipt}+{Arrival.objects.filter(receipt__startswith=f'{receipt}+').count() + 2}"


def _from_line(line: StatementLine, receipt: str) -> Arrival:
    arrival = Arrival(receipt=receipt, reference=line.reference, arrived_at=line.completed_at)
    arrival.payer = payer_of(line.details)
    return arrival


def _arrive(found: Break, arrival: Arrival, amount: Decimal) -> Done:
    arrival.amount = amount
    arrival.source, arrival.state = Source.STATEMENT, ArrivalState.SUSPENSE
    arrival.due_at, arrival.note = None, "From a statement, by two people."
    try:
        with transaction.atomic():
            arrival.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            "M-Pesa's own list has brought this money meanwhile. Run the comparison again.", code="arrived"
        ) from None
    # One that is about an arrival already stays about that one.
    Break.objects.filter(pk=found.pk, arrival=None).update(arrival=arrival)
    transfers = [Transfer(chart.mpesa_collections(), chart.suspense_mpesa(), amount)]
    return transfers, f"{show_kes(amount)} ({arrival.receipt}) is in suspense."


def _suspense_leave(found: Break) -> Done:
    arrival, line = found.arrival, line_of(found)
    if arrival is None or line.withdrawn != arrival.amount:
        raise Refused(
            "The line's amount is not what stands in suspense. Ask M-Pesa what it is.", code="amount"
        )
    if arrival.state != ArrivalState.SUSPENSE or not move(
        arrival, ArrivalState.REVERSED, moves=ARRIVAL_MOVES, decided_at=Now()
    ):
        raise Conflict(_NOT_THERE, code="moved")
    stray_tell(arrival=arrival)
    return _left(arrival)


def _suspense_never(found: Break) -> Done:
    """M-Pesa's list had it, and its statement has not: the book is as if it had never come.

    Nobody is told that it went back, since M-Pesa sent nothing.
    """
    arrival = found.arrival
    if arrival is None or arrival.state != ArrivalState.SUSPENSE:
        raise Conflict(_NOT_THERE, code="moved")
    note = "It never came: M-Pesa's statement does not show it. Two people took it out of suspense."
    if not move(
        arrival, ArrivalState.REVERSED, moves=ARRIVAL_MOVES, decided_at=Now(), due_at=None, note=note
    ):
        raise Conflict(_NOT_THERE, code="moved")
    return _left(arrival)


def _left(arrival: Arrival) -> Done:
    transfers = [Transfer(chart.suspense_mpesa(), chart.mpesa_collections(), arrival.amount)]
    return transfers, f"{show_kes(arrival.amount)} ({arrival.receipt}) has left suspense."
