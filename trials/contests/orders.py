"""Races for a quote, for the last gram, and for the gold of one person."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from accounts.models import User
from ledger import chart
from ledger.selectors import balance
from payments.models import Payment
from pools import services as pools
from pools.models import Pool
from pools.services import NewBar
from trading.models import Order, Side
from trading.services import buy_confirm, sell_confirm
from trials.contests.rows import GRAMS, gold, owners_of_gold, people, quotes, unique_number
from trials.races import Race, expect


@dataclass(frozen=True)
class Agreed:
    users: list[uuid.UUID]
    quotes: list[uuid.UUID]
    number: int = 0


class OneQuote(Race):
    """P14: a double click, two tabs, a retry: one quote confirmed by six requests."""

    name, processes = "one-quote", 6

    def prepare(self, rounds: int) -> list[Agreed]:
        owners = people(rounds)
        return [Agreed([owner.pk], [quote]) for owner, quote in zip(owners, quotes(owners), strict=True)]

    def act(self, number: int, item: Agreed) -> str:
        buy_confirm(user_id=item.users[0], quote_id=item.quotes[0])
        return "bought"

    def judge(self, item: Agreed, words: list[str]) -> str:
        expect(sorted(words) == ["bought"] + ["quote_used"] * (self.processes - 1), f"answers {words}")
        payments = Payment.objects.filter(user_id=item.users[0]).count()
        expect(Order.objects.filter(quote_id=item.quotes[0]).count() == payments == 1, f"{payments} payments")
        expect(gold(item.users[0]) == [0, GRAMS, 0], f"reserved {gold(item.users[0])}")
        return "one order"


class LastGram(Race):
    """Four people, and gold for one of them; before each round a bar comes in that is enough for one."""

    name = "last-gram"
    stock = GRAMS

    def prepare(self, rounds: int) -> list[Agreed]:
        owners = people(rounds * self.processes)
        agreed, first = quotes(owners), unique_number()
        found = []
        for number in range(rounds):
            part = slice(number * self.processes, (number + 1) * self.processes)
            found.append(Agreed([owner.pk for owner in owners[part]], agreed[part], first * 1000 + number))
        return found

    def before(self, number: int, item: Agreed) -> None:
        if number > 0:
            return
        pool = Pool.objects.get()
        missing = GRAMS - balance(chart.pool_available(pool.pk))
        if missing > 0:  # the house opens with enough for the first round
            bar = NewBar(serial=f"LAST-{item.number}", gross_grams=missing, fineness=Decimal(1000))
            keeper = User.objects.get(username="keeper")
            pools.bar_add(pool_id=pool.pk, bars=[bar], key=f"last:{item.number}", by=keeper)

    def act(self, number: int, item: Agreed) -> str:
        buy_confirm(user_id=item.users[number], quote_id=item.quotes[number])
        return "bought"

    def judge(self, item: Agreed, words: list[str]) -> str:
        due = ["bought"] + ["not_enough_gold"] * (self.processes - 1)
        expect(sorted(words) == due, f"answers {words}")
        held = sorted(gold(user)[1] for user in item.users)
        expect(held == [0, 0, 0, GRAMS], f"reserved {held}")
        return "one has it"


class TwoSales(Race):
    """L03: four sales that each want all the gold of one person."""

    name = "two-sales"

    def prepare(self, rounds: int) -> list[Agreed]:
        owners = owners_of_gold(rounds)
        several = [owner for owner in owners for _ in range(self.processes)]
        agreed = quotes(several, Side.SELL)
        return [
            Agreed([owner.pk], agreed[number * self.processes : (number + 1) * self.processes])
            for number, owner in enumerate(owners)
        ]

    def act(self, number: int, item: Agreed) -> str:
        sell_confirm(user_id=item.users[0], quote_id=item.quotes[number])
        return "sold"

    def judge(self, item: Agreed, words: list[str]) -> str:
        expect(words.count("sold") == 1, f"answers {words}")
        expect(gold(item.users[0]) == [0, 0, GRAMS], f"free, incoming, locked: {gold(item.users[0])}")
        payouts = Payment.objects.filter(user_id=item.users[0], direction="out").count()
        expect(payouts == 1, f"{payouts} payouts")
        return "one sale"
