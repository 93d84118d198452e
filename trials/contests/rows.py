"""What the races run on: people, quotes, orders and payments in bulk, and a provider that has always been paid."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import KycStatus, User
from goldwallet.clock import after
from goldwallet.test.race import queue_empty
from goldwallet.test.world import BUY, SELL, World, world_create
from ledger import chart
from ledger.models import Transaction
from ledger.selectors import balance
from payments import rails
from payments.models import Exchange, Kind, Payment, State
from payments.rails import Answer, Fate, Outcome, Report
from payments.rails.daraja.client import Daraja
from payments.services import payment_settle
from trading import terms
from trading.models import Order, Quote, Side
from trading.services import buy_confirm, sell_confirm

#: What most orders here are about: a tenth of a gram.
GRAMS, KES = Decimal("0.1"), Decimal(1650)
_numbers = count()


def house_create(stock: Decimal) -> World:
    """A house with so many grams and an empty queue; its provider answers at once and has always been paid."""
    queue_empty()
    rails.RAILS["daraja"] = "trials.contests.rows.AlwaysPaid"
    rails.rail.cache_clear()
    return world_create(grams=stock)


class AlwaysPaid(Daraja):
    """A rail that sends nothing. Callbacks are read by the real one."""

    def collect(self, *, reference: str, **rest: Any) -> Answer:
        return Answer(Outcome.ACCEPTED, 200, "0", "Success", f"ws_CO_{reference}", f"29115-{reference}", "{}")

    def collect_report(self, *, request_id: str) -> Report:
        return Report(Fate.PAID, 200, "0", "paid", "{}")

    def pay_out(self, *, originator_id: str, **rest: Any) -> Answer:
        return Answer(Outcome.ACCEPTED, 200, "0", "Accepted", f"AG_{originator_id}", "", "{}")

    def pay_out_ask(self, *, originator_id: str, **rest: Any) -> Answer:
        return Answer(Outcome.ACCEPTED, 200, "0", "Accepted", f"AG_{uuid.uuid4().hex}", "", "{}")


def unique_number() -> int:
    """Never the same again in this process."""
    return next(_numbers)


def people(number: int) -> list[User]:
    """Verified people whom nobody knows yet, each with a phone of their own."""
    found = []
    for _ in range(number):
        name = uuid.uuid4().hex
        person = User(username=name, email=f"{name}@example.com", password="!", kyc_status=KycStatus.VERIFIED)
        person.phone = f"2547{unique_number():08d}"
        found.append(person)
    return User.objects.bulk_create(found)


def quotes(owners: Sequence[User], side: Side = Side.BUY) -> list[uuid.UUID]:
    """One unused quote for GRAMS for each of them, good for a day. The same person may be named again."""
    made = []
    for owner in owners:
        kes = KES if side == Side.BUY else terms.sell_grams(GRAMS, price=SELL).kes
        price = BUY if side == Side.BUY else SELL
        quote = Quote(
            user=owner, side=side, grams=GRAMS, total_kes=kes, price_per_gram=price, expires_at=after(86_400)
        )
        quote.phone = owner.phone
        made.append(quote)
    return [quote.pk for quote in Quote.objects.bulk_create(made)]


def buys(owners: Sequence[User]) -> list[Order]:
    """An order of GRAMS by each, its prompt on the phone."""
    agreed = zip(owners, quotes(owners), strict=True)
    orders = [buy_confirm(user_id=owner.pk, quote_id=quote) for owner, quote in agreed]
    at_the_provider(orders)
    return orders


def sales(owners: Sequence[User]) -> list[Order]:
    """A sale of GRAMS by each, its payout with the provider."""
    agreed = zip(owners, quotes(owners, Side.SELL), strict=True)
    orders = [sell_confirm(user_id=owner.pk, quote_id=quote) for owner, quote in agreed]
    at_the_provider(orders)
    return orders


def at_the_provider(orders: Sequence[Order]) -> None:
    Payment.objects.filter(pk__in=[order.payment_id for order in orders]).update(state=State.PENDING)


def owners_of_gold(number: int) -> list[User]:
    """People who own GRAMS each."""
    found = people(number)
    for order in buys(found):
        settle(order.payment_id, evidence_for(order.payment_id, Kind.COLLECT_REPORT))
    return found


def evidence_for(payment_id: uuid.UUID, kind: Kind) -> uuid.UUID:
    return Exchange.objects.create(payment_id=payment_id, kind=kind).pk


def settle(payment_id: uuid.UUID, evidence: uuid.UUID, *, paid: bool = True, receipt: str = "") -> bool:
    code = "" if paid else "2001"
    return payment_settle(
        payment_id=payment_id, paid=paid, receipt=receipt, code=code, exchange=Exchange(pk=evidence)
    )


def late(orders: Sequence[Order], *, honoured: bool = True) -> None:
    """Their reservation has run out; the price still holds, or not any more."""
    found = Order.objects.filter(pk__in=[order.pk for order in orders])
    found.update(expires_at=after(-1), honour_until=after(600 if honoured else -1))


def postings(order: Order) -> list[str]:
    """What the book holds about an order, by the kind of transaction, whatever its key."""
    found = Transaction.objects.filter(memo=order.reference).order_by("id")
    return list(found.values_list("kind", flat=True))


def gold(user_id: uuid.UUID) -> list[Decimal]:
    """Free, incoming and locked grams."""
    kinds = (chart.user_gold, chart.user_gold_incoming, chart.user_gold_locked)
    return [balance(kind(user_id)) for kind in kinds]
