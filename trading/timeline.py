"""An order told as steps, each with the moment when it happened."""

import datetime as dt
from typing import NamedTuple

from controls.selectors import PAUSED
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


def timeline(order: Order, *, payouts_paused: bool = False) -> list[Step]:
    """`payouts_paused`: a payout that M-Pesa has not heard of yet stays here for a while, and the page says so."""
    payment = order.payment
    agreed = Step(
        "Agreed",
        f"{show_grams(order.grams)} for {show_kes(order.total_kes)}",
        order.created_at,
        "done",
    )
    steps = _buy(order, payment) if order.is_buy else _sale(order, payment, paused=payouts_paused)
    return [agreed, *steps, *_afterwards(order, paused=payouts_paused)]


def _buy(order: Order, payment: Payment) -> list[Step]:
    number = phones.local(payment.phone)
    if order.rebuys_id is not None:
        cash = f"With the {show_kes(order.total_kes)} that had come too late for another order."
        delivered = Step("Gold is yours", "It is in your wallet.", order.created_at, "done")
        return [
            Step("Paid", cash, order.created_at, "done"),
            *([delivered] if order.status == Status.COMPLETED else []),
        ]
    if order.status == Status.COMPLETED:
        return [
            Step("Paid", _receipt(payment, "M-Pesa has confirmed your payment."), payment.ended_at, "done"),
            Step("Gold is yours", "It is in your wallet.", order.finished_at, "done"),
        ]
    if order.status in {Status.PAID_LATE, Status.REBOUGHT, Status.REFUNDED}:
        return [_late(order, payment)]
    if order.status == Status.REVERSED:
        return [
            Step("Paid", _receipt(payment, "M-Pesa had confirmed your payment."), payment.ended_at, "done")
        ]
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


def _late(order: Order, payment: Payment) -> Step:
    kes = show_kes(payment.amount)
    if order.status == Status.PAID_LATE and order.refund is None:
        sentence = f"{kes} came too late for this price. It is safe: it is your cash with us."
        return Step("Paid late", sentence, payment.ended_at, "now")
    return Step("Paid late", f"{kes} came too late for this price.", payment.ended_at, "done")


def _afterwards(order: Order, *, paused: bool) -> list[Step]:
    """What became of late money, or of a payment that M-Pesa took back."""
    if order.status == Status.REBOUGHT:
        return [Step("Bought again", "You bought gold with it, at a new price.", order.finished_at, "done")]
    steps = [] if order.refund is None else [_refund(order, order.refund, paused=paused)]
    if order.status == Status.REVERSED:
        sentence = f"M-Pesa took {show_kes(order.payment.amount)} back from us, so this order is undone."
        steps = [step for step in steps if step.kind != "wrong"]
        steps.append(Step("Taken back by M-Pesa", sentence, order.finished_at, "wrong"))
    return steps


def _refund(order: Order, refund: Payment, *, paused: bool) -> Step:
    number, kes = phones.local(refund.phone), show_kes(refund.amount)
    if refund.state == State.SUCCEEDED:
        sentence = _receipt(refund, f"{kes} are back on {number}.")
        return Step("Money is back", sentence, refund.ended_at, "done")
    if not order.refund_open:
        sentence = f"{order.refund_sentence} The money is your cash with us again."
        return Step("Not sent back", sentence, refund.ended_at, "wrong")
    if refund.state == State.AWAITING_APPROVAL:
        sentence = f"A member of our team looks at this before {kes} go back to {number}."
        return Step("Being checked", sentence, refund.created_at, "now")
    if refund.state == State.UNKNOWN or refund.attention:
        sentence = f"We are asking M-Pesa whether {kes} have reached {number}. Please do not pay again."
        return Step("Checking with M-Pesa", sentence, refund.sent_at, "now")
    if refund.state == State.CREATED and paused:
        return Step("Refund waits", PAUSED["payouts"], refund.created_at, "now")
    sentence = f"M-Pesa is sending {kes} back to {number}. This takes less than a minute."
    if refund.sent_at and clock.now() - refund.sent_at > _USUAL:
        sentence = (
            f"M-Pesa is sending {kes} back to {number}. It takes longer than usual, and nothing is lost."
        )
    return Step("Refund on its way", sentence, refund.sent_at or refund.created_at, "now")


def _expired(payment: Payment) -> str:
    if payment.state in {State.SENDING, State.PENDING, State.UNKNOWN}:
        return "The gold was let go after three minutes. We still ask M-Pesa: if you paid, your money is not lost."
    return "No payment reached us within three minutes. Nothing was bought."


def _sale(order: Order, payment: Payment, *, paused: bool) -> list[Step]:
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
    if payment.state == State.CREATED and paused:
        waiting = Step("Payout waits", f"{PAUSED['payouts']} Your gold is held for it.", None, "now")
        return [waiting, Step("Money on M-Pesa", "", None, "todo")]
    sentence = f"M-Pesa is paying {number}. This takes less than a minute."
    if payment.sent_at and clock.now() - payment.sent_at > _USUAL:
        sentence = f"M-Pesa is paying {number}. It takes longer than usual. Your gold is held until the money has come."
    return [Step("On its way", sentence, payment.sent_at, "now"), Step("Money on M-Pesa", "", None, "todo")]


def _receipt(payment: Payment, sentence: str) -> str:
    return f"{sentence} Receipt {payment.receipt}." if payment.receipt else sentence
