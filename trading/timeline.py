"""An order told as steps, each with the moment when it happened."""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from accounts.models import User
from controls.selectors import PAUSED
from goldwallet import clock, phones
from goldwallet.money import show_grams, show_kes
from payments.models import Arrival, Payment, State
from trading.models import USED, Order, Status
from trading.selectors import FROZEN, SPENT, late_money_here, payment_is_asked_about
from trading.strays import stray_news, strays_of

# A payout that takes longer is no longer called quick.
_USUAL = dt.timedelta(minutes=2)
_STILL_ASKED = frozenset({Status.PENDING, Status.FAILED, Status.EXPIRED})
#: Nothing that M-Pesa has taken on yet.
_NOT_TAKEN = frozenset({State.CREATED, State.SENDING})


class Step(NamedTuple):
    """`kind` is done, now, todo or wrong."""

    label: str
    sentence: str
    when: dt.datetime | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the steps depend on besides the order and its payments.

    `payouts_paused`: a payout that M-Pesa has not heard of yet stays here for a while. `late_money_here`: of an order
    whose late money waits for a choice. `asking`, `asking_refund`: M-Pesa is being asked what became of the payment, or
    of the refund, also when it has ended. `strays`: sentences about money that came for it and could not pay it.
    """

    payouts_paused: bool
    on_hold: bool
    late_money_here: bool
    asking: bool
    asking_refund: bool
    strays: list[str]


def look_around(
    order: Order, *, user: User, paused: Collection[str], strays: Iterable[Arrival] | None = None
) -> Around:
    """`user` is whose order it is; `paused` are the names of what is paused. `strays`: for who has read them."""
    return Around(
        payouts_paused="payouts" in paused,
        on_hold=user.frozen_reason != "",
        late_money_here=order.status == Status.PAID_LATE and late_money_here(order),
        asking=order.status in _STILL_ASKED and payment_is_asked_about(order.payment),
        asking_refund=order.status == Status.PAID_LATE and payment_is_asked_about(order.refund),
        strays=stray_news(order, strays_of(order) if strays is None else strays),
    )


def timeline(order: Order, around: Around) -> list[Step]:
    payment = order.payment
    agreed = Step(
        "Agreed",
        f"{show_grams(order.grams)} for {show_kes(order.total_kes)}",
        order.created_at,
        "done",
    )
    steps = _buy(order, payment, around) if order.is_buy else _sale(order, payment, around)
    return [agreed, *steps, *_afterwards(order, around)]


def _buy(order: Order, payment: Payment, around: Around) -> list[Step]:
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
    if order.status in {Status.PAID_LATE, Status.REBOUGHT, Status.REFUNDED} or _used(order):
        return [_late(order, payment, around)]
    if order.status == Status.REVERSED:
        return [
            Step("Paid", _receipt(payment, "M-Pesa had confirmed your payment."), payment.ended_at, "done")
        ]
    if order.status in {Status.EXPIRED, Status.FAILED}:
        return _unpaid_buy(order, payment, around)
    if payment.state == State.CREATED:
        sending = f"We are sending the prompt to {number}."
        if payment.tries or payment.attention:
            busy = f"M-Pesa is busy, or {number} has another prompt open."
            sending = f"{busy} We ask again in a moment; please do not pay again."
        return [
            Step("Asking M-Pesa", sending, None, "now"),
            Step("Gold in your wallet", "", None, "todo"),
        ]
    asked = Step("Prompt sent", f"M-Pesa asks {number} for the PIN.", payment.sent_at, "done")
    if around.asking:
        waiting = _CHECKING_BUY
    else:
        waiting = Step("Waiting for your PIN", "Look at your phone and enter your M-Pesa PIN.", None, "now")
    return [asked, waiting, Step("Gold in your wallet", "", None, "todo")]


_CHECKING = "Checking with M-Pesa"
_CHECKING_BUY = Step(_CHECKING, "Please do not pay again. We are finding out.", None, "now")


def _unpaid_buy(order: Order, payment: Payment, around: Around) -> list[Step]:
    if around.asking and payment.ended_at is not None:
        # It had ended, and somebody says now that it was paid: nothing here may say that nothing was taken.
        ended = Step(
            "Ended", "No payment had reached us, so the gold was let go.", order.finished_at, "wrong"
        )
        return [ended, _CHECKING_BUY]
    if order.status == Status.EXPIRED:
        return [Step("Expired", _expired(payment, around), order.finished_at, "wrong")]
    return [Step("Not paid", order.failure_sentence, order.finished_at, "wrong")]


def _used(order: Order) -> str:
    """What became of late money that neither bought nor went back; empty when M-Pesa took the payment back."""
    return USED.get(order.failure_code, "") if order.status == Status.REVERSED else ""


def _late(order: Order, payment: Payment, around: Around) -> Step:
    kes = show_kes(payment.amount)
    if order.status == Status.PAID_LATE and order.refund is None:
        if not around.late_money_here:
            return Step(
                "Paid late", f"{kes} came too late for this price. {SPENT}", payment.ended_at, "wrong"
            )
        sentence = f"{kes} came too late for this price. It is safe: it is your cash with us."
        return Step("Paid late", sentence, payment.ended_at, "now")
    return Step("Paid late", f"{kes} came too late for this price.", payment.ended_at, "done")


def _afterwards(order: Order, around: Around) -> list[Step]:
    """What became of late money, or of a payment that M-Pesa took back."""
    steps = [] if order.refund is None else [_refund(order, order.refund, around)]
    if order.status in {Status.REBOUGHT, Status.REVERSED}:
        steps = [step for step in steps if step.kind != "wrong"]
    if order.status == Status.REBOUGHT:
        bought = "You bought gold with it, at a new price."
        steps.insert(0, Step("Bought again", bought, order.finished_at, "done"))
    used = _used(order)
    if used:
        steps.append(Step("Used otherwise", used, order.finished_at, "done"))
    if order.payment.state == State.REVERSED:
        sentence = f"M-Pesa took {show_kes(order.payment.amount)} back from us, so this order is undone."
        steps.append(Step("Taken back by M-Pesa", sentence, None if used else order.finished_at, "wrong"))
    return steps


def _refund(order: Order, refund: Payment, around: Around) -> Step:
    number, kes = phones.local(refund.phone), show_kes(refund.amount)
    if refund.state == State.SUCCEEDED:
        sentence = _receipt(refund, f"{kes} are back on {number}.")
        return Step("Money is back", sentence, refund.ended_at, "done")
    if around.asking_refund:
        sentence = f"We are asking M-Pesa whether {kes} have reached {number}. Please wait until we know."
        return Step(_CHECKING, sentence, refund.sent_at, "now")
    if not order.refund_open:
        here = "The money is your cash with us again." if around.late_money_here else SPENT
        sentence = f"{order.refund_sentence} {here}"
        return Step("Not sent back", sentence, refund.ended_at, "wrong")
    if refund.state == State.AWAITING_APPROVAL:
        sentence = f"A member of our team looks at this before {kes} go back to {number}."
        return Step("Being checked", sentence, refund.created_at, "now")
    if refund.state == State.CREATED and around.payouts_paused:
        return Step("Refund waits", PAUSED["payouts"], refund.created_at, "now")
    if refund.state in _NOT_TAKEN:
        return Step(
            "Asking M-Pesa", _not_taken(refund, f"send {kes} back to {number}"), refund.created_at, "now"
        )
    sentence = f"M-Pesa is sending {kes} back to {number}. This takes less than a minute."
    if refund.sent_at and clock.now() - refund.sent_at > _USUAL:
        sentence = (
            f"M-Pesa is sending {kes} back to {number}. It takes longer than usual, and nothing is lost."
        )
    return Step("Refund on its way", sentence, refund.sent_at or refund.created_at, "now")


def _not_taken(payout: Payment, deed: str) -> str:
    """How far a payout is that M-Pesa has not taken on; `deed` is what M-Pesa is to do."""
    if payout.state == State.SENDING:
        return f"We are asking M-Pesa to {deed}."
    if payout.tries:
        return "M-Pesa is busy. We try again in a moment, and nothing is lost."
    return f"We are about to ask M-Pesa to {deed}."


def _expired(payment: Payment, around: Around) -> str:
    if payment.state in {State.SENDING, State.PENDING, State.UNKNOWN}:
        return "The gold was let go after three minutes. We still ask M-Pesa: if you paid, your money is not lost."
    if around.strays:
        return "The right amount did not reach us within three minutes. Nothing was bought."
    return "No payment reached us within three minutes. Nothing was bought."


def _unpaid_sale(order: Order, payment: Payment, around: Around) -> list[Step]:
    if payment.state == State.SUCCEEDED:
        # Paid although it had ended unpaid and the gold was given back (faults.md O07).
        sentence = "It had ended unpaid, so your gold went back to your wallet."
        way_on = FROZEN if around.on_hold else "If you have a question, please write to us."
        after_all = _receipt(payment, f"M-Pesa has paid this after all. {way_on}")
        return [
            Step("Not paid at first", sentence, order.finished_at, "wrong"),
            Step("Paid after all", after_all, payment.ended_at, "wrong"),
        ]
    if around.asking:
        sentence = "It had ended unpaid, so your gold is back in your wallet."
        now = "M-Pesa may have paid this after all. Please wait until we know."
        return [
            Step("Not paid", sentence, order.finished_at, "wrong"),
            Step(_CHECKING, now, None, "now"),
        ]
    sentence = f"{order.failure_sentence} Your gold is back in your wallet."
    return [Step("Not paid", sentence, order.finished_at, "wrong")]


def _sale(order: Order, payment: Payment, around: Around) -> list[Step]:
    number = phones.local(payment.phone)
    if order.status == Status.COMPLETED:
        return [Step("Paid out", _receipt(payment, f"The money is on {number}."), order.finished_at, "done")]
    if order.status == Status.FAILED:
        return _unpaid_sale(order, payment, around)
    if payment.state == State.AWAITING_APPROVAL:
        sentence = "A member of our team looks at this payout before it goes. Your gold is held for it."
        return [Step("Being checked", sentence, None, "now"), Step("Money on M-Pesa", "", None, "todo")]
    if payment.state == State.CREATED and around.payouts_paused:
        waiting = Step("Payout waits", f"{PAUSED['payouts']} Your gold is held for it.", None, "now")
        return [waiting, Step("Money on M-Pesa", "", None, "todo")]
    if payment.state in _NOT_TAKEN:
        sentence = f"{_not_taken(payment, f'pay {number}')} Your gold is held for it."
        return [Step("Asking M-Pesa", sentence, None, "now"), Step("Money on M-Pesa", "", None, "todo")]
    if around.asking:
        sentence = "We are asking M-Pesa what became of this payout. Your gold is held until we know."
        return [Step(_CHECKING, sentence, payment.sent_at, "now")]
    sentence = f"M-Pesa is paying {number}. This takes less than a minute."
    if payment.sent_at and clock.now() - payment.sent_at > _USUAL:
        sentence = f"M-Pesa is paying {number}. It takes longer than usual. Your gold is held until the money has come."
    return [Step("On its way", sentence, payment.sent_at, "now"), Step("Money on M-Pesa", "", None, "todo")]


def _receipt(payment: Payment, sentence: str) -> str:
    return f"{sentence} Receipt {payment.receipt}." if payment.receipt else sentence
