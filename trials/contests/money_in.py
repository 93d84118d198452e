"""Races for money that comes in: copies of a callback, one receipt, expiry, the prompt itself."""

import json
import uuid
from dataclasses import dataclass

from django.db.models import F

from payments.inbox import callback_store
from payments.models import Callback, Exchange, Kind, Payment, State
from payments.sending import payment_step
from payments.tests.scripted import stk
from trading.models import Order, Status
from trading.services import order_expire
from trials.contests.rows import GRAMS, buys, evidence_for, gold, late, people, postings, settle
from trials.races import Race, expect


@dataclass(frozen=True)
class Collect:
    order: Order
    token: str
    body: bytes
    receipt: str
    evidence: uuid.UUID


def collects(rounds: int) -> list[Collect]:
    orders = buys(people(rounds))
    ids = [order.payment_id for order in orders]
    Payment.objects.filter(pk__in=ids).update(request_id=F("reference"), merchant_request_id=F("reference"))
    payments = Payment.objects.in_bulk(ids)
    found = []
    for order in orders:
        payment = payments[order.payment_id]
        receipt = payment.reference[2:]
        body = json.dumps(stk(payment, receipt=receipt)).encode()
        found.append(
            Collect(order, payment.token, body, receipt, evidence_for(payment.pk, Kind.COLLECT_REPORT))
        )
    return found


class CallbackCopies(Race):
    """P01: the same success callback, eight times at the same moment, each with a look at the payment of its own."""

    name, processes = "callback-copies", 8

    def prepare(self, rounds: int) -> list[Collect]:
        return collects(rounds)

    def act(self, number: int, item: Collect) -> str:
        kept = callback_store(
            method="daraja", kind="collect", token=item.token, body=item.body, from_address="127.0.0.1"
        )
        payment_step(item.order.payment_id)
        return "kept" if kept else "no such address"

    def judge(self, item: Collect, words: list[str]) -> str:
        expect(set(words) == {"kept"}, f"callbacks were answered {words}")
        expect(postings(item.order) == ["buy_reserved", "buy_paid"], f"posted {postings(item.order)}")
        payment = Payment.objects.get(pk=item.order.payment_id)
        expect(payment.receipt == item.receipt, f"receipt {payment.receipt} instead of {item.receipt}")
        expect(not payment.attention, f"before staff: {payment.note}")
        stored = Callback.objects.filter(payment=payment)
        expect(stored.count() == self.processes, "a copy was not kept")
        expect(not stored.filter(handled_at=None).exists(), "a copy was left unread")
        return "paid once"


class ReceiptOnce(Race):
    """P01: four payments end at once, and each names the same receipt."""

    name = "receipt-once"

    def prepare(self, rounds: int) -> list[list[Collect]]:
        made = collects(rounds * self.processes)
        return [made[start : start + self.processes] for start in range(0, len(made), self.processes)]

    def act(self, number: int, item: list[Collect]) -> str:
        mine = item[number]
        settled = settle(mine.order.payment_id, mine.evidence, receipt=item[0].receipt)
        return "settled" if settled else "was settled"

    def judge(self, item: list[Collect], words: list[str]) -> str:
        expect(set(words) == {"settled"}, f"settlements said {words}")
        payments = Payment.objects.filter(pk__in=[one.order.payment_id for one in item])
        with_it = payments.filter(receipt=item[0].receipt).count()
        expect(with_it == 1, f"{with_it} payments carry one receipt")
        waiting = payments.filter(receipt=None, attention=True, state=State.SUCCEEDED).count()
        expect(waiting == self.processes - 1, f"{waiting} payments without a receipt are before staff")
        return "one has it"


class ExpiryOrSuccess(Race):
    """P06: the tidying job and the money come to the same order; whoever wins, the customer has his gold."""

    name, processes, spread = "expiry-success", 2, 0.004
    ends = frozenset({"success first", "expiry first"})

    def prepare(self, rounds: int) -> list[Collect]:
        made = collects(rounds)
        late([one.order for one in made])
        return made

    def act(self, number: int, item: Collect) -> str:
        if number:
            return "paid" if settle(item.order.payment_id, item.evidence) else "was paid"
        return "expired" if order_expire(item.order.pk) else "not expired"

    def judge(self, item: Collect, words: list[str]) -> str:
        expired, paid = words
        expect(paid == "paid", f"the money was not taken: {words}")
        first = "expiry first" if expired == "expired" else "success first"
        due = ["buy_reserved", "buy_paid"]
        if first == "expiry first":
            due.insert(1, "buy_expired")
        expect(postings(item.order) == due, f"{first}, and posted {postings(item.order)}")
        status = Order.objects.values_list("status", flat=True).get(pk=item.order.pk)
        expect(status == Status.COMPLETED, f"{first}, and the order is {status}")
        expect(
            gold(item.order.user_id) == [GRAMS, 0, 0], f"{first}, and the gold is {gold(item.order.user_id)}"
        )
        return first


class OnePush(Race):
    """P14, O09: six looks at one payment that waits to be sent."""

    name, processes = "one-push", 6

    def prepare(self, rounds: int) -> list[Order]:
        orders = buys(people(rounds))
        Payment.objects.filter(pk__in=[one.payment_id for one in orders]).update(state=State.CREATED)
        return orders

    def act(self, number: int, item: Order) -> str:
        payment_step(item.payment_id)
        return "looked"

    def judge(self, item: Order, words: list[str]) -> str:
        sent = Exchange.objects.filter(payment_id=item.payment_id, kind=Kind.COLLECT).count()
        expect(sent == 1, f"{sent} prompts went to one phone")
        posted = postings(item)
        expect(posted in (["buy_reserved"], ["buy_reserved", "buy_paid"]), f"posted {posted}")
        return "one prompt"
