"""M-Pesa paid a payout after all that had ended unpaid, and whose hold had been given back (faults.md O07).

What it cost is booked as the person's debt, and they are on hold; here they hear of it.
"""

from goldwallet.clock import Now
from goldwallet.states import move
from notifications.services import message_enqueue
from payments.models import Payment
from trading import mails
from trading.models import MOVES, Order, Status


def paid_after_all(*, payment: Payment) -> None:
    """Write to the person, who has it twice now. Under the customer's and the payment's lock; moves no money.

    A late order whose refund it was has given its money back, so its choice ends. Bought anew meanwhile, it stays so.
    """
    order = Order.objects.select_for_update(of=("self",)).filter(refund=payment).first()
    if order is not None:
        move(order, Status.REFUNDED, moves=MOVES, field="status", finished_at=Now())
    subject, text = mails.paid_after_all(payment)
    message_enqueue(
        user_id=payment.user_id,
        to=payment.user.email,
        subject=subject,
        text=text,
        kind="paid_after_all",
        key=f"payment:{payment.pk}:paid_after_all",
    )
