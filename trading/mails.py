"""What we write to a customer when an order or a payout ends. Plain words, exact figures, what happens next."""

from decimal import Decimal

from django.conf import settings
from django.urls import reverse

from goldwallet import phones
from goldwallet.money import show_grams, show_kes
from payments.models import Arrival, Payment
from trading.models import Order, not_sent_sentence
from trading.strays import stray_why
from trading.terms import Undoing


def _page(order: Order) -> str:
    return settings.BASE_URL + reverse("order", args=[order.pk])


#: Mails about money alone: the gold of the order was never theirs, or is not any more.
_WITHOUT_GOLD = frozenset({"refunded", "refund_failed", "reversed"})


def _facts(kind: str, order: Order, payment: Payment) -> str:
    lines = [f"Order: {order.reference}"]
    if kind not in _WITHOUT_GOLD:
        lines.append(f"Gold: {show_grams(order.grams)}")
        lines.append(f"Price of one gram: {show_kes(order.price_per_gram)}")
    lines.append(f"Total: {show_kes(order.total_kes)}")
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
    if not order.user.is_active:
        return (
            f"Your {show_kes(payment.amount)} arrived late",
            "Your payment reached us after you had closed your account. The money is safe, and it is yours: our team "
            "sends it to your M-Pesa number.",
        )
    return (
        f"Your {show_kes(payment.amount)} arrived late",
        "Your payment reached us after your order had ended, too late for its price. The money is safe: it is yours "
        "and stands as cash in your wallet. You choose what happens with it: buy gold at today's price, or have the "
        f"money sent back to your M-Pesa. Choose on the page of the order:\n{_page(order)}",
    )


def _rebought(order: Order, payment: Payment) -> tuple[str, str]:
    return (
        f"You bought {show_grams(order.grams)} of gold",
        f"You paid with the {show_kes(order.total_kes)} that had come too late for another order. The gold is yours. "
        "It lies in the vault, and you see it in your wallet.",
    )


def _refunded(order: Order, payment: Payment) -> tuple[str, str]:
    return (
        f"Your {show_kes(payment.amount)} are back on your M-Pesa",
        f"We sent the money that came too late back to {phones.local(payment.phone)}. Nothing was bought.",
    )


def _refund_failed(order: Order, payment: Payment) -> tuple[str, str]:
    return (
        f"Your {show_kes(payment.amount)} could not be sent back",
        f"{order.refund_sentence} The money is safe: it is your cash with us again. Choose anew what happens with it:\n"
        f"{_page(order)}",
    )


def _reversed(order: Order, payment: Payment, undone: Undoing) -> tuple[str, str]:
    lines = [
        f"M-Pesa has taken your payment of {show_kes(payment.amount)} back from us, so what it paid for is undone."
    ]
    if undone.grams:
        lines.append(f"{show_grams(undone.grams)} went out of your wallet.")
    if undone.cash:
        lines.append(f"{show_kes(undone.cash)} of your cash with us covered it.")
    if undone.owed:
        lines.append(
            f"The rest is not here any more, so you owe us {show_kes(undone.owed)}. Your account is on hold until that "
            "is settled. Please write to us, and we look at it together."
        )
    return "M-Pesa has taken your payment back", " ".join(lines)


_WRITERS = {
    "completed": _completed,
    "failed": _failed,
    "expired": _expired,
    "paid_late": _paid_late,
    "rebought": _rebought,
    "refunded": _refunded,
    "refund_failed": _refund_failed,
}


def write(kind: str, *, order: Order, payment: Payment, undone: Undoing | None = None) -> tuple[str, str]:
    """Subject and text of the mail about one kind of end; `undone` is what M-Pesa's taking back came to."""
    subject, lead = _reversed(order, payment, undone) if undone else _WRITERS[kind](order, payment)
    return subject, _letter(lead, _facts(kind, order, payment))


def _letter(*paragraphs: str) -> str:
    return "\n\n".join(["Hello,", *paragraphs, "Gold Wallet"])


# --- money that belongs to no order ---------------------------------------------------------------


def _payout_facts(payout: Payment) -> str:
    lines = [f"Payout: {payout.reference}", f"Total: {show_kes(payout.amount)}"]
    if payout.receipt:
        lines.append(f"M-Pesa receipt: {payout.receipt}")
    return "\n".join(lines)


def cash_paid(payout: Payment) -> tuple[str, str]:
    lead = (
        f"You had cash with us, and we sent {show_kes(payout.amount)} of it to {phones.local(payout.phone)}."
    )
    return f"We sent you {show_kes(payout.amount)}", _letter(lead, _payout_facts(payout))


def cash_failed(payout: Payment) -> tuple[str, str]:
    kes = show_kes(payout.amount)
    lead = (
        f"We wanted to send you cash that you have with us. {not_sent_sentence(payout)} The money is safe: it is your "
        "cash with us again, and our team looks at it."
    )
    return f"Your {kes} could not be sent", _letter(lead, _payout_facts(payout))


def debt_settled(amount: Decimal, *, left: Decimal, from_cash: bool) -> tuple[str, str]:
    kes = show_kes(amount)
    if from_cash:
        done = f"{kes} of your cash with us covered what you owed us."
    else:
        done = f"We let {kes} of what you owed us go. You need not pay it."
    rest = f"You still owe us {show_kes(left)}." if left else "You owe us nothing any more."
    closing = f"{rest} If you have a question, please write to us."
    return f"{kes} of what you owed us is settled", _letter(done, closing)


_GIVEN_BACK = {
    "sell": "your sale was not paid, and gave your gold back to you. So you have the gold and the money.",
    "refund": "your money could not be sent back, and it became your cash with us. So you have it twice.",
    "cash": "your cash could not be sent, and it became your cash with us again. So you have it twice.",
}


def paid_after_all(payout: Payment) -> tuple[str, str]:
    """What a payout had ended as, and that it was paid all the same (faults.md O07)."""
    lead = (
        f"M-Pesa has paid you {show_kes(payout.amount)} after all. We had told you that "
        f"{_GIVEN_BACK[payout.purpose]} Your account is on hold until that is settled. Please write to us, and we look "
        "at it together."
    )
    return f"M-Pesa has paid you {show_kes(payout.amount)} after all", _letter(lead, _payout_facts(payout))


# --- money that could not pay an order ------------------------------------------------------------


def _stray_facts(arrival: Arrival, order: Order | None = None) -> str:
    lines = [] if order is None else [f"Order: {order.reference}"]
    return "\n".join([*lines, f"Received: {show_kes(arrival.amount)}", f"M-Pesa receipt: {arrival.receipt}"])


def stray_kept(arrival: Arrival, order: Order) -> tuple[str, str]:
    lead = (
        f"{stray_why(arrival, order.payment.amount)} So it could not pay the order. The money is safe. Our team looks "
        "at it now: it becomes your cash with us, or goes back to the phone that paid it. You get a mail when that is "
        f"done, and you need not do anything. The page of your order:\n{_page(order)}"
    )
    return f"Your {show_kes(arrival.amount)} is safe with us", _letter(lead, _stray_facts(arrival, order))


def stray_given(arrival: Arrival) -> tuple[str, str]:
    kes = show_kes(arrival.amount)
    lead = (
        f"{kes} had reached us by M-Pesa without paying an order. It is yours, and stands as cash in your wallet, "
        f"which says what happens with it next:\n{settings.BASE_URL}{reverse('wallet')}"
    )
    return f"{kes} is your cash with us now", _letter(lead, _stray_facts(arrival))


def stray_gone(arrival: Arrival, order: Order) -> tuple[str, str]:
    kes = show_kes(arrival.amount)
    lead = (
        f"{kes} had reached us with the reference of your order and could not pay it. M-Pesa has given it back to the "
        "phone that paid it."
    )
    return f"{kes} went back to the phone that paid it", _letter(lead, _stray_facts(arrival, order))


def stray_not_theirs(arrival: Arrival, order: Order) -> tuple[str, str]:
    kes = show_kes(arrival.amount)
    lead = (
        f"{kes} had reached us with the reference of your order. We have found out that it was somebody else's money. "
        "For your order and your wallet nothing changes. If you think that this is wrong, please write to us."
    )
    return f"{kes} was not meant for your order", _letter(lead, _stray_facts(arrival, order))
