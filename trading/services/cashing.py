"""Cash of a customer that belongs to no late order, and what a customer owes: two people decide about both.

Cash goes to the person's own M-Pesa by a payout; a debt is paid out of the person's cash, or given up
(`trading.requests`). Lock order: the request, the customer, late orders, then the posting.
"""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from django.db import transaction

from accounts.models import User
from accounts.numbers import payouts_held
from accounts.services import person_lock
from controls.selectors import threshold
from goldwallet.errors import Conflict, Refused
from goldwallet.money import show_kes
from goldwallet.wording import exact_time
from ledger import chart
from ledger import services as ledger
from ledger.selectors import balance
from ledger.services import Transfer
from notifications.services import message_enqueue
from payments.models import Direction, Payment
from payments.services import payment_create
from trading import mails
from trading.models import USED_BY_PAYOUT, USED_FOR_DEBT
from trading.selectors import DEBT_SETTLED, cash_loose, late_kept
from trading.services import agreeing
from trading.services.claims import late_claims_end, late_claims_lock
from trading.services.quotes import new_reference

#: How a debt ends: out of the person's cash, or the house gives it up.
type How = Literal["cash", "write_off"]
#: What the customer reads beside the posting.
_SETTLED_WORDS = {"cash": "It covered what you owed us.", "write_off": "You do not owe us this any more."}
#: M-Pesa's bounds of one payout, in KES (daraja.md 4).
LEAST, MOST = Decimal(10), Decimal(250_000)


# --- cash paid out --------------------------------------------------------------------------------


@transaction.atomic
def cash_pay_out(*, user_id: uuid.UUID, amount: Decimal, by: uuid.UUID) -> Payment:
    """Hold `amount` whole shillings of the person's cash and enqueue its payout. Raises Refused; nothing has changed.

    It needs nobody else's approval, since two people decided; only in manual mode every payout waits. Money that came
    too late for an order of an account that is closed by now goes this way, too.
    """
    person = person_lock(user_id)
    if person.frozen:
        raise Conflict("This person is on hold. Settle that first.", code="frozen")
    if owed := debt_of(user_id):
        raise Conflict(f"This person owes us {show_kes(owed)}. Settle that first.", code="owes")
    claims, cash = late_claims_lock(user_id), balance(chart.user_cash(user_id))
    kept = late_kept(claims, is_open=person.is_active)
    loose = cash_loose(kept, cash=cash)
    if amount > loose:
        raise Conflict(
            f"Only {show_kes(loose)} of this person's cash can be paid out. For the rest the customer chooses on the "
            "page of a late order.",
            code="claimed",
        )
    payout = payment_create(
        direction=Direction.OUT,
        purpose="cash",
        user_id=user_id,
        amount=amount,
        phone=cash_phone(user_id),
        reference=new_reference(),
        wait_for_staff=bool(threshold("payouts_manual")),
    )
    freed = [order for order in claims if order not in kept]
    late_claims_end(freed, left=cash - amount, code=USED_BY_PAYOUT)
    ledger.post(
        key=f"payment:{payout.pk}:agreed",
        kind="cash_agreed",
        transfers=[agreeing.held(payout)],
        actor=str(by),
        memo=payout.reference,
    )
    return payout


def cash_phone(user_id: uuid.UUID) -> str:
    """The person's own number. Raises Refused when we know none, and while nothing is paid out to the person."""
    person = User.objects.get(pk=user_id)
    if payouts_held(person) and person.payouts_from is not None:
        raise Conflict(
            f"Nothing is paid out to this person before {exact_time(person.payouts_from)}.",
            code="payouts_held",
        )
    phone: str = person.phone
    if not phone:
        raise Refused("This person has no M-Pesa number in the account.", code="no_phone")
    return phone


def cash_paid(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """The customer has the cash on the phone."""
    _mail("cash_paid", payment, mails.cash_paid(payment))
    return [agreeing.paid_out(payment)]


def cash_failed(*, payment: Payment, last_try: bool) -> Sequence[Transfer]:
    """It surely did not go: the person's cash again, and the desk's list shows it."""
    _mail("cash_failed", payment, mails.cash_failed(payment))
    return [agreeing.given_up(payment)]


def _mail(kind: str, payment: Payment, letter: tuple[str, str]) -> None:
    subject, text = letter
    message_enqueue(
        user_id=payment.user_id,
        to=payment.user.email,
        subject=subject,
        text=text,
        kind=kind,
        key=f"payment:{payment.pk}:{kind}",
    )


# --- debts ----------------------------------------------------------------------------------------


def debt_of(user_id: uuid.UUID) -> Decimal:
    """What the person owes us in KES. Binding only under the customer's lock."""
    return max(Decimal(0), -balance(chart.user_receivable(user_id)))


@transaction.atomic
def debt_settle(
    *, user_id: uuid.UUID, amount: Decimal, how: How, request_id: uuid.UUID, by: uuid.UUID
) -> None:
    """Take `amount` whole shillings off what the person owes, once, and tell them. Raises Refused; nothing has changed.

    Cash is taken whatever it was kept for: a late order whose money goes with it ends.
    """
    person_lock(user_id)
    owed = debt_of(user_id)
    if amount > owed:
        raise Conflict(f"This person owes us {show_kes(owed)}, not more.", code="not_owed")
    if how == "cash":
        claims = late_claims_lock(user_id)
        cash = balance(chart.user_cash(user_id))
        if amount > cash:
            raise Conflict(f"This person has only {show_kes(cash)} in cash with us.", code="overdraft")
        late_claims_end(claims, left=cash - amount, code=USED_FOR_DEBT)
    source = chart.user_cash(user_id) if how == "cash" else chart.house_adjustments()
    subject, text = mails.debt_settled(amount, left=owed - amount, from_cash=how == "cash")
    message_enqueue(
        user_id=user_id,
        to=User.objects.get(pk=user_id).email,
        subject=subject,
        text=text,
        kind=DEBT_SETTLED,
        key=f"request:{request_id}:settled",
    )
    ledger.post(
        key=f"request:{request_id}",
        kind=DEBT_SETTLED,
        transfers=[Transfer(source, chart.user_receivable(user_id), amount)],
        actor=str(by),
        memo=_SETTLED_WORDS[how],
    )
