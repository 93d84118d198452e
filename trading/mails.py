"""What we write to a customer when an order ends. Plain words, exact figures, what happens next."""

from goldwallet.money import show_grams, show_kes
from payments.models import Payment
from trading.models import Order


def _facts(order: Order, payment: Payment) -> str:
    lines = [
        f"Order: {order.reference}",
        f"Gold: {show_grams(order.grams)}",
        f"Price of one gram: {show_kes(order.price_per_gram)}",
        f"Total: {show_kes(order.total_kes)}",
    ]
    if payment.receipt:
        lines.append(f"M-Pesa receipt: {payment.receipt}")
    return "\n".join(lines)


def _completed(order: Order, payment: Payment) -> tuple[str, str]:
    if order.is_buy:
        return (
            f"You bought {show_grams(order.grams)} of gold",
            "Your payment has arrived and the gold is yours. It lies in the vault, and you see it in your wallet.",
        )
    return (
        f"We paid you {show_kes(order.total_kes)}",
        "You sold gold and the money is on your M-Pesa.",
    )


def _failed(order: Order, payment: Payment) -> tuple[str, str]:
    if order.is_buy:
        return "Your purchase was not completed", f"{order.failure_sentence} No gold was bought."
    return "Your sale was not completed", f"{order.failure_sentence} Your gold is back in your wallet."


def _expired(order: Order, payment: Payment) -> tuple[str, str]:
    return (
        "Your purchase has expired",
        "We waited three minutes for your payment and it did not arrive, so we let the gold go. If money leaves your "
        "M-Pesa all the same, it is not lost: we book it to you as soon as it reaches us.",
    )


def _paid_late(order: Order, payment: Payment) -> tuple[str, str]:
    return (
        f"Your {show_kes(payment.amount)} arrived late",
        "Your payment reached us after your order had ended, too late for its price. The money is safe: it is yours "
        "and stands as cash in your wallet. Our team is looking after it.",
    )


_WRITERS = {"completed": _completed, "failed": _failed, "expired": _expired, "paid_late": _paid_late}


def write(kind: str, *, order: Order, payment: Payment) -> tuple[str, str]:
    """Subject and text of the mail about one kind of end."""
    subject, lead = _WRITERS[kind](order, payment)
    return subject, f"Hello,\n\n{lead}\n\n{_facts(order, payment)}\n\nGold Wallet"
