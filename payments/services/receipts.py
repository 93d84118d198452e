"""A receipt stands for one movement of money and is booked once (faults.md I6).

Whoever books by a receipt takes its lock first, after the lock of the payment and before that of the arrival. Then
it finds out what the receipt stands for already.
"""

from django.db import connection
from django.db.models import Q

from goldwallet.clock import Now
from goldwallet.errors import Conflict
from goldwallet.money import show_kes
from goldwallet.states import move
from ledger import chart
from ledger.selectors import legs, transactions_of
from ledger.services import Transfer
from payments.models import ARRIVAL_MOVES, Arrival, ArrivalState, Direction, Payment, StatementLine


def receipt_lock(receipt: str) -> None:
    """Wait for everybody else who books by this receipt; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('receipt:' || %s, 0))", [receipt])


def receipt_claim(payment: Payment, receipt: str, *, decided: bool) -> list[Transfer]:
    """The receipt is this payment's from now on. Answers what its caller posts, in the same transaction.

    The caller holds the payment's lock and writes the receipt. Money in that stands in suspense under it leaves
    suspense. `decided`: two people say so; else it is what a callback says, which moves no money whose reference names
    another payment. Raises Conflict when the receipt is booked for something else: then nothing has changed.
    """
    receipt_lock(receipt)
    _check_payments(receipt, payment)
    if decided:
        _check_statement(receipt, payment, paid_in=payment.direction == Direction.IN)
    arrival = Arrival.objects.select_for_update().filter(receipt=receipt).first()
    if arrival is None:
        return []
    if payment.direction == Direction.IN and _is_booked_so(arrival, payment):
        return []
    if not _may_leave_suspense(arrival, payment, decided=decided):
        raise Conflict("This receipt is money that came, and it is booked already.", code="receipt_used")
    charged = _charged(arrival)
    move(arrival, ArrivalState.MATCHED, moves=ARRIVAL_MOVES, payment=payment, decided_at=Now())
    # The provider's own list holds it: more than a claim.
    Payment.objects.filter(pk=payment.pk).update(receipt_seen_at=Now())
    return [Transfer(chart.suspense_mpesa(), chart.mpesa_collections(), arrival.amount), *charged]


def receipt_check_free(receipt: str, payment: Payment) -> None:
    """Lock it. Raises Conflict when it stands for money that came, for another payment, or for another amount out."""
    receipt_lock(receipt)
    _check_payments(receipt, payment)
    _check_statement(receipt, payment, paid_in=False)
    if Arrival.objects.filter(receipt=receipt).exists():
        raise Conflict("This receipt is money that came, and it is booked already.", code="receipt_used")


def _check_payments(receipt: str, payment: Payment) -> None:
    others = Payment.objects.exclude(pk=payment.pk).filter(Q(receipt=receipt) | Q(reversal_receipt=receipt))
    if others.exists():
        raise Conflict("This receipt belongs to another payment already.", code="receipt_used")


def _check_statement(receipt: str, payment: Payment, *, paid_in: bool) -> None:
    """A receipt that people typed: where a statement shows it, it must show this very amount, in this direction."""
    lines = StatementLine.objects.filter(receipt=receipt, status__iexact="completed").exclude(kind="charge")
    for line in lines:
        if (line.paid_in if paid_in else line.withdrawn) != payment.amount:
            shown = show_kes(line.paid_in or line.withdrawn)
            way = "in" if line.paid_in else "out"
            raise Conflict(
                f"M-Pesa's statement shows this receipt as {shown} {way}. It is another movement of money.",
                code="receipt_amount",
            )


def receipt_check_takes_back(receipt: str, payment: Payment) -> None:
    """Raises Conflict when a statement shows this reversal's receipt as taking back other money than this payment.

    The same reference may have been paid twice, with the same amount: then only the receipt tells them apart.
    """
    lines = StatementLine.objects.filter(receipt=receipt, kind="reversal").exclude(linked_receipt="")
    for original in lines.values_list("linked_receipt", flat=True):
        if not _is_of(original, payment):
            raise Conflict(
                f"M-Pesa's statement shows that this took back receipt {original}. That is other money.",
                code="receipt_other",
            )


def _is_of(receipt: str, payment: Payment) -> bool:
    """Whether it is the payment's own; without one, whether it may be: nothing else is booked by it."""
    if payment.receipt is not None:
        return payment.receipt == receipt
    mine = Q(payment=payment, state=ArrivalState.MATCHED)
    booked = Arrival.objects.filter(receipt=receipt).exclude(mine).exists()
    return not booked and not Payment.objects.filter(receipt=receipt).exists()


def _is_booked_so(arrival: Arrival, payment: Payment) -> bool:
    """Nobody has judged it yet, and whoever does finds the payment that carries it; or it was matched to this one."""
    if arrival.state == ArrivalState.NEW:
        return True
    return arrival.state == ArrivalState.MATCHED and arrival.payment_id == payment.pk


def _may_leave_suspense(arrival: Arrival, payment: Payment, *, decided: bool) -> bool:
    fits = payment.direction == Direction.IN and arrival.amount == payment.amount
    named = decided or arrival.payment_id in {None, payment.pk}
    return fits and named and arrival.state == ArrivalState.SUSPENSE


def _charged(arrival: Arrival) -> list[Transfer]:
    """Takes back the charge that was booked when it went into suspense: the payment books it as its own."""
    booked = transactions_of([f"arrival:{arrival.pk}:suspense"])
    spent = [leg for one in booked for leg in legs(one.pk) if leg.source == chart.house_charges()]
    return [Transfer(chart.mpesa_collections(), chart.house_charges(), leg.amount) for leg in spent]
