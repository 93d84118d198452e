"""The machine: people, phones, staff, time, crashes and a provider that fails and lies, one step after the other.

Each life begins with people of its own, ends with the faults switched off, and must then come to rest with our books
equal to the provider's. After every step all invariants are asked of the database.
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.db import OperationalError, connection
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts.models import KycStatus, User
from goldwallet.errors import Refused
from goldwallet.money import grams_down
from ledger.models import Transaction
from payments.models import Direction, Payment, State
from payments.sending import payment_step, payments_due
from payments.services import payout_refuse
from pools.selectors import current_price
from pools.services import price_set
from trading import services
from trading.models import Order, Side, Status
from trials.killsweep import queue
from trials.soak import plan, staff
from trials.soak.invariants import violations
from trials.soak.mishaps import Killed, Mishaps
from trials.soak.place import Place

#: Seconds that pass between two steps: at once, a callback's way, a question's, a prompt's life, a reservation's, the
#: time that a late price is honoured, an hour.
JUMPS = st.sampled_from([0, 1, 3, 10, 30, 61, 181, 901, 3700])
_OPEN = (State.CREATED, State.SENDING, State.PENDING, State.UNKNOWN)


class Violated(AssertionError):
    """An invariant does not hold."""


class Machine(RuleBasedStateMachine):
    """Rules and invariants; `place` and `counts` are the campaign's."""

    place: ClassVar[Place]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.people: list[User] = []
        self.quotes: list[tuple[User, Any]] = []
        self.used: set[uuid.UUID] = set()
        self.mishaps = Mishaps()
        self._installed = self.mishaps.installed()
        self._installed.__enter__()

    @initialize(seed=st.integers(0, 2**31), gold=st.booleans())
    def begin(self, seed: int, gold: bool) -> None:
        self.place.faults(seed, plan.rules())
        for _ in range(2):
            self.place.people += 1
            name = f"soak{self.place.people}"
            person = User(
                username=name, email=f"{name}@example.com", password="!", kyc_status=KycStatus.VERIFIED
            )
            person.phone = f"2547{self.place.people:08d}"
            person.save(force_insert=True)
            self.people.append(person)
            if gold:
                staff.gold_give(self.place, person, Decimal(2))

    # --- how a step is played ---------------------------------------------------------------------

    def _play[T](self, name: str, act: Callable[[], T]) -> T | None:
        """One act of one process. It may be refused, and then nothing has changed; it may die."""
        self.counts[name] += 1
        before = Transaction.objects.count()
        self.mishaps.playing = True
        try:
            return act()
        except Refused as refused:
            self.counts[f"refused: {refused.code}"] += 1
            self.mishaps.playing = False
            if Transaction.objects.count() != before:
                raise Violated(
                    f"I16: {name} was refused ({refused.sentence}) and posted all the same"
                ) from None
        except Killed:
            self.counts["died"] += 1
            connection.close()
        except OperationalError as error:
            if "the connection broke" not in str(error):
                raise
            self.counts["commit broke"] += 1
            connection.close()
        finally:
            self.mishaps.playing = False
        return None

    def _payment(self, chance: random.Random, *states: str, **filters: Any) -> Payment | None:
        found = list(
            Payment.objects.filter(user__in=self.people, state__in=states, **filters).order_by("created_at")
        )
        return chance.choice(found) if found else None

    # --- people -----------------------------------------------------------------------------------

    @rule(who=st.integers(0, 1), kes=st.integers(100, 20_000))
    def ask_to_buy(self, who: int, kes: int) -> None:
        person = self.people[who]
        quote = self._play(
            "quote a buy", lambda: services.quote_buy(user=person, phone=person.phone, kes=Decimal(kes))
        )
        if quote is not None:
            self.quotes.append((person, quote))

    @rule(who=st.integers(0, 1), share=st.sampled_from([1, 2, 3, 10]))
    def ask_to_sell(self, who: int, share: int) -> None:
        person = self.people[who]

        def ask() -> Any:
            owned = staff.owned(person)
            grams = None if share == 1 else grams_down(owned / share)
            return services.quote_sell(user=person, phone=person.phone, grams=grams)

        quote = self._play("quote a sale", ask)
        if quote is not None:
            self.quotes.append((person, quote))

    @rule(who=st.integers(0, 1), kes=st.integers(100, 20_000), clicks=st.sampled_from([1, 1, 2]))
    def buy(self, who: int, kes: int, clicks: int) -> None:
        self.ask_to_buy(who, kes)
        self.confirm(0, clicks)

    @rule(who=st.integers(0, 1), share=st.sampled_from([1, 2, 3, 10]), clicks=st.sampled_from([1, 1, 2]))
    def sell(self, who: int, share: int, clicks: int) -> None:
        self.ask_to_sell(who, share)
        self.confirm(0, clicks)

    @rule(
        action=st.sampled_from(["accept", "accept", "accept", "accept", "decline", "wrong_pin"]),
        seconds=st.sampled_from([1, 3, 12]),
    )
    def a_usual_moment(self, action: str, seconds: int) -> None:
        """Jobs are done, phones answered, callbacks come in."""
        self.work(6)
        for who in range(len(self.people)):
            self.touch_the_phone(who, action)
        self.time_passes(seconds)
        self.work(6)

    @rule(which=st.integers(0, 2**16), clicks=st.sampled_from([1, 1, 1, 2]))
    def confirm(self, which: int, clicks: int) -> None:
        """Press the button, perhaps twice, perhaps of a page that was open for long."""
        if not self.quotes:
            return
        person, quote = self.quotes[-1 - which % min(3, len(self.quotes))]
        for _ in range(clicks):
            done = self._play(f"confirm a {quote.side}", lambda: self._confirm(person, quote))
            if done is not None and quote.pk in self.used:
                raise Violated(f"I11: quote {quote.pk} was used twice")
            if done is not None:
                self.used.add(quote.pk)

    def _confirm(self, person: User, quote: Any) -> Order:
        if quote.late_order_id:
            return services.rebuy_confirm(user_id=person.pk, quote_id=quote.pk)
        confirm = services.buy_confirm if quote.side == Side.BUY else services.sell_confirm
        return confirm(user_id=person.pk, quote_id=quote.pk)

    @rule(
        who=st.integers(0, 1),
        action=st.sampled_from(["accept", "accept", "accept", "wrong_pin", "decline", "ignore"]),
    )
    def touch_the_phone(self, who: int, action: str) -> None:
        prompts = self.place.simulator.prompts(self.people[who].phone)
        if not prompts:
            return
        self.counts[f"phone: {action}"] += 1
        url = f"/control/prompts/{prompts[0]['CheckoutRequestID']}"
        answer = self.place.simulator.http.post(url, json={"action": action})
        assert answer.status_code in {200, 409}, answer.text

    @rule(chance=st.randoms(use_true_random=False), again=st.booleans())
    def choose_about_late_money(self, chance: random.Random, again: bool) -> None:
        late = list(
            Order.objects.filter(user__in=self.people, status=Status.PAID_LATE).order_by("created_at")
        )
        if not late:
            return
        order = chance.choice(late)
        person = next(person for person in self.people if person.pk == order.user_id)
        if chance.random() < 0.5:
            for _ in range(1 + again):
                self._play(
                    "ask for a refund", lambda: services.refund_ask(user_id=person.pk, order_id=order.pk)
                )
            return
        quote = self._play(
            "quote with late money", lambda: services.quote_rebuy(user=person, order_id=order.pk)
        )
        if quote is not None:
            self.quotes.append((person, quote))

    @rule(chance=st.randoms(use_true_random=False))
    def forge_a_callback(self, chance: random.Random) -> None:
        """Somebody who knows the address of his own payment posts a perfect success."""
        payment = self._payment(chance, *State.values)
        if payment is None:
            return
        self.counts["forged callbacks"] += 1
        kind, body = staff.forged(payment, chance)
        answer = Client().post(
            f"/hooks/daraja/{kind}/{payment.token}/", body, content_type="application/json"
        )
        assert answer.status_code == 200

    # --- the house --------------------------------------------------------------------------------

    @rule(chance=st.randoms(use_true_random=False), times=st.sampled_from([1, 1, 2]))
    def look_at_a_payment(self, chance: random.Random, times: int) -> None:
        """The queue may deliver a job again (O09)."""
        payment = self._payment(chance, *State.values)
        for _ in range(times if payment else 0):
            self._play("look", lambda: payment_step(payment.pk))

    @rule(most=st.integers(1, 6))
    def work(self, most: int) -> None:
        for _ in range(most):
            if not self._play("work", lambda: queue.work_once(queue.every_task())):
                break

    @rule()
    def sweep(self) -> None:
        self._play("sweep", payments_due)
        self._play("expire", services.orders_expire)
        queue.rescued()

    @rule(seconds=JUMPS)
    def time_passes(self, seconds: int) -> None:
        self.counts["callbacks"] += len(self.place.later(seconds))

    @rule(what=st.sampled_from(["", *Mishaps.NAMES]))
    def something_will_break(self, what: str) -> None:
        self.mishaps.armed = what

    @rule(percent=st.integers(-3, 3))
    def move_the_price(self, percent: int) -> None:
        now = current_price()
        assert now is not None
        factor = Decimal(100 + percent) / 100
        # Within bounds: the demo's world shall not drift into thresholds that the machine is not about.
        buy = min(max((now.buy * factor).quantize(Decimal(1)), Decimal(12_000)), Decimal(20_000))
        pricing = self.place.world.pricing
        self._play("set a price", lambda: price_set(buy=buy, sell=buy - 500, by=pricing, reason="soak"))

    # --- staff ------------------------------------------------------------------------------------

    @rule(chance=st.randoms(use_true_random=False))
    def resolve_what_nobody_knows(self, chance: random.Random) -> None:
        payment = self._payment(chance, State.UNKNOWN, State.PENDING)
        if payment is not None:
            self._play("resolve", lambda: staff.resolve(self.place, payment))

    @rule(chance=st.randoms(use_true_random=False), refuse=st.booleans())
    def decide_a_waiting_payout(self, chance: random.Random, refuse: bool) -> None:
        payment = self._payment(chance, State.AWAITING_APPROVAL)
        if payment is None:
            return
        if refuse:
            by = self.place.treasurers[0].pk
            self._play("refuse", lambda: payout_refuse(payment_id=payment.pk, by=by, reason="It is a test."))
        else:
            self._play("release", lambda: staff.release(self.place, payment))

    @rule(chance=st.randoms(use_true_random=False))
    def mpesa_takes_a_payment_back(self, chance: random.Random) -> None:
        if chance.random() > 0.3:
            return
        payment = self._payment(chance, State.SUCCEEDED, direction=Direction.IN)
        if payment is not None:
            self._play("taken back", lambda: staff.taken_back(self.place, payment))

    @rule(
        name=st.sampled_from(["buy", "sell", "payouts"]),
        go_on=st.booleans(),
        chance=st.randoms(use_true_random=False),
    )
    def pause_or_go_on(self, name: str, go_on: bool, chance: random.Random) -> None:
        if not go_on and chance.random() > 0.2:
            return
        self._play("go on" if go_on else "pause", lambda: staff.switch(self.place, name, go_on=go_on))

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.counts["checks"] += 1
        if found := violations():
            raise Violated("; ".join(found))
        self._paid_once()

    def _paid_once(self) -> None:
        """I7: what the provider paid for a payout is at most the payout."""
        ours = {
            str(row.pk): row.amount for row in Payment.objects.filter(user__in=self.people, direction="out")
        }
        paid: Counter[str] = Counter()
        phones = {person.phone for person in self.people}
        for row in self.place.simulator.payouts():
            if row["phone"] in phones and row["state"] == "completed":
                paid[row["OriginatorConversationID"]] += row["amount"]
        for originator, amount in paid.items():
            if amount > ours.get(originator, 0):
                raise Violated(f"I7: {originator} was paid KES {amount}, we asked for {ours.get(originator)}")

    def teardown(self) -> None:
        """The faults stop. Everything must come to rest, and both books must agree."""
        self.mishaps.armed = ""
        self._installed.__exit__(None, None, None)
        if not self.people:
            return
        self.place.faults(0, [])
        staff.let_everything_go_on(self.place)
        for seconds in (1, 10, 61, 61, 200, 400, 400, 901, 3700, 3700):
            self._round(seconds)
        staff.resolve_everything(self.place, self.people)
        for seconds in (10, 61, 400, 400):
            self._round(seconds)
        self.everything_holds()
        if found := staff.unrest(self.place, self.people):
            raise Violated("; ".join(found))
        self.counts["lives"] += 1

    def _round(self, seconds: int) -> None:
        self.place.later(seconds)
        payments_due()
        services.orders_expire()
        queue.rescued()
        for _ in range(200):
            if not queue.work_once(queue.every_task()):
                break
        self.place.later(0)
