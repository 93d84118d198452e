"""Races of different acts whose locks cross, in services and in the book itself."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import User
from accounts.roles import Role
from accounts.services import staff_create
from controls.models import Request
from goldwallet.test.two import approve, asked
from ledger import chart
from ledger import services as ledger
from ledger.models import Account
from ledger.selectors import balance
from ledger.services import Transfer
from payments.models import Kind, Payment, State
from trading.models import Order, Side, Status
from trading.services import buy_confirm, order_expire, refund_ask, sell_confirm
from trials.contests.money_in import Collect
from trials.contests.money_out import Payout, payouts
from trials.contests.rows import GRAMS, buys, evidence_for, gold, late, owners_of_gold, people, quotes, settle
from trials.races import Race, expect


@dataclass(frozen=True)
class Crossing:
    seller: uuid.UUID
    paid: Collect
    expiring: Order
    paid_late: Collect
    to_buy: uuid.UUID
    to_sell: uuid.UUID
    payout: Payout


class CrossingActs(Race):
    """L06: everything that happens to one person at once: money in time and late, an expiry, a purchase, a sale, and
    a payout of somebody else that gives gold back to the same pool.
    """

    name, processes = "crossing-acts", 6

    def prepare(self, rounds: int) -> list[Crossing]:
        owners = owners_of_gold(rounds)
        made = [buys(owners) for _ in range(3)]
        late([*made[1], *made[2]])
        for order in made[2]:
            order_expire(order.pk)
        collects = [[self._collect(order) for order in orders] for orders in (made[0], made[2])]
        return [
            Crossing(*parts)
            for parts in zip(
                [owner.pk for owner in owners],
                collects[0],
                made[1],
                collects[1],
                quotes(owners),
                quotes(owners, Side.SELL),
                payouts(rounds),
                strict=True,
            )
        ]

    def _collect(self, order: Order) -> Collect:
        return Collect(order, "", b"", "", evidence_for(order.payment_id, Kind.COLLECT_REPORT))

    def act(self, number: int, item: Crossing) -> str:
        acts = (
            lambda: settle(item.paid.order.payment_id, item.paid.evidence),
            lambda: order_expire(item.expiring.pk),
            lambda: settle(item.paid_late.order.payment_id, item.paid_late.evidence),
            lambda: buy_confirm(user_id=item.seller, quote_id=item.to_buy),
            lambda: sell_confirm(user_id=item.seller, quote_id=item.to_sell),
            lambda: settle(item.payout.order.payment_id, item.payout.evidence),
        )
        return "done" if acts[number]() else "not done"

    def judge(self, item: Crossing, words: list[str]) -> str:
        expect(set(words) == {"done"}, f"answers {words}")
        # One tenth owned before, two paid, one sold; one bought and not paid.
        expect(gold(item.seller) == [2 * GRAMS, GRAMS, GRAMS], f"the gold is {gold(item.seller)}")
        return "all done"


@dataclass(frozen=True)
class TakenBack:
    order: Order
    refund_id: uuid.UUID
    evidence: uuid.UUID
    request: Request
    checker: User


class ReversalIncident(Race):
    """L06, O07, P19: late money was to go back and the payout failed. Now the provider says that it was paid all the
    same, and at that moment two people record that it took the money itself back. Customer, both payments, the order.
    """

    name, processes, spread = "reversal-incident", 2, 0.03

    def prepare(self, rounds: int) -> list[TakenBack]:
        maker, checker = (self._staff(name) for name in ("tina", "tom"))
        orders = buys(people(rounds))
        late(orders, honoured=False)
        found = []
        for order in orders:
            settle(order.payment_id, evidence_for(order.payment_id, Kind.COLLECT_REPORT))
            refund = refund_ask(user_id=order.user_id, order_id=order.pk).refund
            assert refund is not None
            Payment.objects.filter(pk=refund.pk).update(state=State.PENDING)
            evidence = evidence_for(refund.pk, Kind.PAY_OUT_ASK)
            settle(refund.pk, evidence, paid=False)
            payload = {"payment": str(order.payment_id), "receipt": uuid.uuid4().hex[:10]}
            request = asked("payment_reversed", payload, by=maker)
            found.append(TakenBack(order, refund.pk, evidence, request, checker))
        return found

    def _staff(self, name: str) -> User:
        found = User.objects.filter(username=name).first()
        return found or staff_create(email=f"{name}@example.com", password="!", roles=[Role.TREASURY])

    def act(self, number: int, item: TakenBack) -> str:
        if number == 0:
            return "done" if settle(item.refund_id, item.evidence) else "not done"
        approve(item.request, item.checker)
        return "done"

    def judge(self, item: TakenBack, words: list[str]) -> str:
        expect(words == ["done", "done"], f"answers {words}")
        user, amount = item.order.user_id, item.order.total_kes
        status = Order.objects.values_list("status", flat=True).get(pk=item.order.pk)
        expect(status == Status.REVERSED, f"the order is {status}")
        stands = [balance(chart.user_cash(user)), balance(chart.user_receivable(user))]
        expect(
            stands == [0, -amount], f"cash and what is owed stand at {stands}; KES {amount} went out too much"
        )
        return "owed once"


class CrossingPosts(Race):
    """L05, L06: four posts about the same three accounts, each naming them in another order; the first opens them."""

    name = "crossing-posts"

    def prepare(self, rounds: int) -> list[str]:
        return [uuid.uuid4().hex for _ in range(rounds)]

    def act(self, number: int, item: str) -> str:
        accounts = [chart.user_cash(f"{item}{letter}") for letter in "abc"]
        turned = accounts[number % 3 :] + accounts[: number % 3]
        transfers = [Transfer(chart.mpesa_collections(), account, Decimal(number + 1)) for account in turned]
        ledger.post(key=f"{item}:{number}", kind="crossing", transfers=transfers)
        return "posted"

    def judge(self, item: str, words: list[str]) -> str:
        due = Decimal(sum(range(1, self.processes + 1)))
        found = Account.objects.filter(code__in=[chart.user_cash(f"{item}{letter}").code for letter in "abc"])
        stand = list(found.values_list("balance", "seq"))
        expect(stand == [(due, self.processes)] * 3, f"balance and number of entries: {stand}")
        return "all there"
