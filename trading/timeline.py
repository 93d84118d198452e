"""An order told as steps, each with the moment when it happened."""

import datetime as dt
from typing import NamedTuple

from goldwallet import clock, phones
from goldwallet.money import show_grams, show_kes
from payments.models import Payment, State
from trading.models import Order, Status

# A payout that takes longer is no longer called quick.
_USUAL = dt.timedelta(minutes=2)


class Step(NamedTuple):
    """`kind` is done, now, todo or wrong."""

    label: str
    sentence: str
    when: dt.datetime | None
    kind: str


def timeline(order: Order) -> list[Step]:
    payment = order.payment
    agreed = Step(
        "Agreed",
        f"{show_grams(order.grams)} for {show_kes(order.total_kes)}",
        order.created_at,
        "done",
    )
    steps = _buy(order, payment) if order.is_buy else _sale(order, payment)
    return [agreed, *steps]


def _buy(order: Order, payment: Payment) -> list[Step]:
    number = phones.local(payment.phone)
    if order.status == Status.COMPLETED:
        return [
            Step("Paid", _receipt(payment, "M-Pesa has confirmed your payment."), payment.ended_at, "done"),
            Step("Gold is yours", "It is in your wallet.", order.finished_at, "done"),
        ]
    if order.status == Status.PAID_LATE:
        sentence = (
            f"{show_kes(payment.amount)} came too late for this price. It is safe: it is your cash with us."
        )
        return [Step("Paid late", sentence, payment.ended_at, "now")]
    if order.status == Status.EXPIRED:
        return [Step("Expired", _expired(payment), order.finished_at, "wrong")]
    if order.status == Status.FAILED:
        return [Step("Not paid", order.failure_sentence, order.finished_at, "wrong")]
    if payment.state == State.CREATED:
        sending = f"We are sending the prompt to {number}."
        if payment.tries:
            sending = f"M-Pesa is busy, or {number} has another prompt open. We try again in a moment."
        return [
            Step("Asking M-Pesa", sending, None, "now"),
            Step("Gold in your wallet", "", None, "todo"),
        ]
    asked = Step("Prompt sent", f"M-Pesa asks {number} for the PIN.", payment.sent_at, "done")
    if payment.state == State.UNKNOWN or payment.attention:
        waiting = Step("Checking with M-Pesa", "Please do not pay again. We are finding out.", None, "now")
    else:
        waiting = Step("Waiting for your PIN", "Look at your phone and enter your M-Pesa PIN.", None, "now")
    return [asked, waiting, Step("Gold in your wallet", "", None, "todo")]


def _expired(payment: Payment) -> str:
    if payment.state in {State.SENDING, State.PENDING, State.UNKNOWN}:
        return "The gold was let go after three minutes. We still ask M-Pesa: if you paid, your money is not lost."
    return "No payment reached us within three minutes. Nothing was bought."


def _sale(order: Order, payment: Payment) -> list[Step]:
    number = phones.local(payment.phone)
    if order.status == Status.COMPLETED:
        return [Step("Paid out", _receipt(payment, f"The money is on {number}."), order.finished_at, "done")]
    if order.status == Status.FAILED:
        sentence = f"{order.failure_sentence} Your gold is back in your wallet."
        return [Step("Not paid", sentence, order.finished_at, "wrong")]
    if payment.state == State.AWAITING_APPROVAL:
        sentence = "A member of our team looks at this payout before it goes. Your gold is held for it."
        return [Step("Being checked", sentence, None, "now"), Step("Money on M-Pesa", "", None, "todo")]
    if payment.state in {State.UNKNOWN} or payment.attention:
        sentence = "We are asking M-Pesa what became of this payout. Your gold is held until we know."
        return [Step("Checking with M-Pesa", sentence, payment.sent_at, "now")]
    sentence = f"M-Pesa is paying {number}. This takes less than a minute."
    if payment.sent_at and clock.now() - payment.sent_at > _USUAL:
        sentence = f"M-Pesa is paying {number}. It takes longer than usual. Your gold is held until the money has come."
    return [Step("On its way", sentence, payment.sent_at, "now"), Step("Money on M-Pesa", "", None, "todo")]


def _receipt(payment: Payment, sentence: str) -> str:
    return f"{sentence} Receipt {payment.receipt}." if payment.receipt else sentence
