"""Whether a difference is still there at the moment at which two people resolve it.

A comparison is of its moment. What came since (a statement, an answer of M-Pesa, another decision) may have settled
the difference, and then resolving it would book it a second time.
"""

import datetime as dt
from decimal import Decimal

from django.db.models import Q, QuerySet

from goldwallet.errors import Conflict
from ledger.chart import Code
from ledger.models import Entry, Transaction
from oversight.models import Break, BreakKind
from payments.models import Arrival, ArrivalState, Payment, State, StatementLine
from payments.selectors import receipt_is_a_payments
from payments.services import payment_lock, receipt_lock

_NO_PAYMENT = ("charge", "reversal")
_AGAIN = "Run the comparison again."
#: Money that our book has under an arrival of its own.
_STANDS = {ArrivalState.SUSPENSE, ArrivalState.ASSIGNED}


def still_there(found: Break, *, account: Code | None) -> None:
    """Lock what the difference is about and raise Conflict if anything came since the run that found it last.

    `account`: the float that it is part of. Lock order: the payment, the line's receipt, the arrival.
    """
    since = found.last_run.started_at
    payment = payment_lock(found.payment_id) if found.payment_id is not None else None
    if found.line is not None:
        receipt_lock(found.line.receipt)
    if found.arrival_id is not None:
        found.arrival = Arrival.objects.select_for_update().get(pk=found.arrival_id)
    _not_posted(payment, found.arrival, since)
    match found.kind:
        case BreakKind.LINE_IN_UNKNOWN | BreakKind.LINE_OUT_UNKNOWN:
            _line_is_nobodys(found, account, since)
        case BreakKind.PAYMENT_MISSING:
            _still_missing(payment, found.arrival, since)
        case BreakKind.CHARGE_DIFFERS:
            _charge_stands(found.line, payment, since)
        case BreakKind.FLOAT_DIFFERS:
            if _moved_on(account, since).exists():
                raise Conflict(f"Money has moved on this float since. {_AGAIN}", code="stale")


def _not_posted(payment: Payment | None, arrival: Arrival | None, since: dt.datetime) -> None:
    """Whatever settles, takes back or gives away is posted under the payment's or the arrival's key."""
    names = [f"payment:{payment.pk}:"] if payment is not None else []
    names += [f"arrival:{arrival.pk}:"] if arrival is not None else []
    for name in names:
        if Transaction.objects.filter(key__startswith=name, created_at__gte=since).exists():
            raise Conflict(f"Our book of this money has changed since. {_AGAIN}", code="stale")


def _line_is_nobodys(found: Break, account: Code | None, since: dt.datetime) -> None:
    receipt = found.line.receipt if found.line is not None else ""
    if receipt_is_a_payments(receipt):
        raise Conflict(f"This receipt is a payment's meanwhile. {_AGAIN}", code="receipt_used")
    if Arrival.objects.filter(receipt=receipt).exists():
        raise Conflict(f"M-Pesa's own list has brought this money meanwhile. {_AGAIN}", code="arrived")
    if _moved_on(account, since).filter(transaction__kind="float_move").exists():
        raise Conflict(f"A move of this float was booked since. {_AGAIN}", code="stale")


def _still_missing(payment: Payment | None, arrival: Arrival | None, since: dt.datetime) -> None:
    lines = StatementLine.objects.filter(status="Completed").exclude(kind__in=_NO_PAYMENT)
    if arrival is not None:
        shown, stands = lines.filter(receipt=arrival.receipt), arrival.state in _STANDS
    elif payment is not None:
        named = Q(receipt=payment.receipt) if payment.receipt else Q()
        if payment.direction == "in":
            named |= Q(
                reference__iexact=payment.reference, paid_in__gt=Decimal(0), file__uploaded_at__gte=since
            )
        shown, stands = lines.filter(named) if named else lines.none(), payment.state == State.SUCCEEDED
    else:
        return
    if not stands:
        raise Conflict("Our book does not have this money any more, so nothing is missing.", code="stale")
    if shown.exists():
        raise Conflict(f"A statement shows this money meanwhile. {_AGAIN}", code="stale")


def _charge_stands(line: StatementLine | None, payment: Payment | None, since: dt.datetime) -> None:
    if payment is None:
        receipts = [receipt for receipt in (line.receipt, line.linked_receipt) if receipt] if line else []
        if Payment.objects.filter(receipt__in=receipts).exists():
            raise Conflict(f"This charge is a payment's meanwhile. {_AGAIN}", code="stale")
        return
    charges = StatementLine.objects.filter(
        Q(receipt=payment.receipt) | Q(linked_receipt=payment.receipt),
        kind="charge",
        status="Completed",
        file__uploaded_at__gte=since,
    )
    if charges.exists():
        raise Conflict(f"A statement shows another charge meanwhile. {_AGAIN}", code="stale")


def _moved_on(account: Code | None, since: dt.datetime) -> QuerySet[Entry]:
    code = account.code if account is not None else ""
    return Entry.objects.filter(account__code=code, transaction__created_at__gte=since)
