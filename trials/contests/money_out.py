"""Races for money that goes out: who sends a payout, and how its hold ends."""

import uuid
from dataclasses import dataclass

from goldwallet.clock import after
from ledger import chart
from ledger.selectors import balance
from payments.models import Exchange, Kind, Payment, State
from payments.sending import payment_step
from trading.models import Order
from trials.contests.rows import GRAMS, evidence_for, gold, owners_of_gold, postings, sales, settle
from trials.races import Race, expect


@dataclass(frozen=True)
class Payout:
    order: Order
    evidence: uuid.UUID


def payouts(rounds: int) -> list[Payout]:
    orders = sales(owners_of_gold(rounds))
    return [Payout(order, evidence_for(order.payment_id, Kind.PAY_OUT_ASK)) for order in orders]


class PayoutClaims(Race):
    """O03, O09: four looks at one payout that waits to be sent. Also one whose sender seems dead is never sent."""

    name = "payout-claims"

    def prepare(self, rounds: int) -> list[Payout]:
        made = payouts(rounds)
        ids = [one.order.payment_id for one in made]
        Payment.objects.filter(pk__in=ids).update(state=State.CREATED)
        # Every third was being sent when its worker died: committed, and nobody knows whether the call was made.
        Payment.objects.filter(pk__in=ids[::3]).update(state=State.SENDING, due_at=after(-1))
        return made

    def act(self, number: int, item: Payout) -> str:
        payment_step(item.order.payment_id)
        return "looked"

    def judge(self, item: Payout, words: list[str]) -> str:
        payment = Payment.objects.get(pk=item.order.payment_id)
        sent = Exchange.objects.filter(payment=payment, kind=Kind.PAY_OUT).count()
        expect(postings(item.order) == ["sale_agreed"], f"posted {postings(item.order)}")
        if payment.state == State.UNKNOWN:
            expect(sent == 0, f"sent {sent} times on a guess")
            return "left unknown"
        expect(payment.state == State.PENDING, f"the payout is {payment.state}")
        expect(sent == 1, f"sent {sent} times")
        return "sent once"


class HoldTwice(Race):
    """L10: a hold is used up and released at the same moment, each by two processes.

    One that is released first and paid all the same is an incident: the hold has ended once, the money is owed to us.
    """

    name, spread = "hold-twice", 0.004
    ends = frozenset({"used up", "released, then an incident"})

    def prepare(self, rounds: int) -> list[Payout]:
        return payouts(rounds)

    def act(self, number: int, item: Payout) -> str:
        paid = number % 2 == 0
        settled = settle(item.order.payment_id, item.evidence, paid=paid)
        return ("paid" if paid else "failed") if settled else "too late"

    def judge(self, item: Payout, words: list[str]) -> str:
        ends = sorted(word for word in words if word != "too late")
        user, posted = item.order.user_id, postings(item.order)
        owed = balance(chart.user_receivable(user))
        if ends == ["paid"]:
            expect(posted == ["sale_agreed", "sale_paid"], f"used up, and posted {posted}")
            expect(gold(user) == [0, 0, 0] and owed == 0, f"used up; gold {gold(user)}, owed {owed}")
            return "used up"
        expect(ends == ["failed", "paid"], f"answers {words}")
        expect(posted == ["sale_agreed", "sale_failed", "sale_incident"], f"released, and posted {posted}")
        amount = item.order.total_kes
        expect(gold(user) == [GRAMS, 0, 0], f"released, and the gold is {gold(user)}")
        expect(owed == -amount, f"KES {amount} were paid besides, and what is owed stands at {owed}")
        return "released, then an incident"
