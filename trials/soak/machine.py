"""The machine: people, phones, staff, time, deaths and a provider that fails and lies, one step after the other.

Each life begins with people of its own, ends with the faults switched off, and must then come to rest with our books
equal to the provider's. After every step all invariants are asked of the database.
"""

import random
import traceback
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
from payments.models import Arrival, ArrivalState, Direction, Payment, State
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

#: Seconds that pass: at once, a callback's way, a question's, a prompt's life, a reservation's, the time that a late
#: price is honoured, an hour.
JUMPS = (0, 1, 3, 10, 30, 61, 181, 901, 3700)
#: People of a life. Each phone shows one prompt at a time.
_PEOPLE = 4
#: What a step may be, and how often.
STEPS = {
    "buy": 8,
    "sell": 7,
    "usual_moment": 18,
    "confirm_again": 3,
    "touch_a_phone": 4,
    "late_money": 5,
    "forge_a_callback": 3,
    "look_twice": 4,
    "work": 6,
    "sweep": 5,
    "time_passes": 7,
    "break_something": 5,
    "move_the_price": 2,
    "resolve": 3,
    "decide_a_payout": 3,
    "take_back": 1,
    "give_away": 2,
    "pause": 1,
    "go_on": 3,
    "pay_by_hand": 3,
}
#: Hypothesis draws it.
_LUCK = st.integers(0, 2**64)
_WEIGHTED = [name for name, weight in STEPS.items() for _ in range(weight)]


class Violated(BaseException):
    """An invariant does not hold, or the house raised what it should not. No Exception: Hypothesis would play the life
    a second time to see it again, in a house where it has been lived already.
    """


class Machine(RuleBasedStateMachine):
    """`place` and `counts` are the campaign's; a life has its people, their open quotes, and its story."""

    place: ClassVar[Place]
    counts: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.people: list[User] = []
        self.quotes: list[tuple[User, Any]] = []
        self.used: set[uuid.UUID] = set()
        #: What M-Pesa took back of this life: payment -> receipt of the reversal.
        self.taken_back: dict[uuid.UUID, str] = {}
        self.story: list[str] = []
        self.broken = False
        self.mishaps = Mishaps()
        self._installed = self.mishaps.installed()
        self._installed.__enter__()

    @initialize(luck=_LUCK)
    def begin(self, luck: int) -> None:
        chance = self._chance(luck)
        self.place.faults(chance.randrange(2**31), plan.rules())
        gold = chance.random() < 0.5
        for _ in range(_PEOPLE):
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

    # One number and no more is drawn for a step: what Hypothesis draws may not depend on what stands in the house.
    @rule(luck=_LUCK)
    def step(self, luck: int) -> None:
        chance = self._chance(luck)
        what = chance.choice(_WEIGHTED)
        self.story.append(what)
        self.counts["steps"] += 1
        self._surely(lambda: getattr(self, what)(chance))

    def _chance(self, luck: int) -> random.Random:
        """Another one for each life and step: Hypothesis begins with the least numbers, and likes to repeat itself."""
        return random.Random(f"{luck} {self.place.people} {len(self.story)}")

    def _surely(self, act: Callable[[], None]) -> None:
        """Whatever is raised here is what the campaign looks for."""
        try:
            act()
        except Exception as error:
            raise self._violated(traceback.format_exception(error, limit=-6)) from error

    # --- how an act is played ---------------------------------------------------------------------

    def _play[T](self, name: str, act: Callable[[], T]) -> T | None:
        """One act of one process. It may be refused, and then nothing has changed; it may die."""
        self.counts[name] += 1
        before = Transaction.objects.count()
        self.mishaps.playing = True
        try:
            return act()
        except Refused as refused:
            self.mishaps.playing = False
            self.counts[f"refused: {refused.code}"] += 1
            if Transaction.objects.count() != before:
                raise self._violated([f"I16: {name} was refused ({refused.code}) and posted"]) from None
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

    def _violated(self, found: list[str]) -> Violated:
        self.broken = True
        return Violated(f"{'; '.join(found)}\nThe life was: {', '.join(self.story)}")

    def _payment(self, chance: random.Random, *states: str, **filters: Any) -> Payment | None:
        mine = Payment.objects.filter(user__in=self.people, **filters)
        found = list(mine.filter(state__in=states or State.values).order_by("created_at"))
        return chance.choice(found) if found else None

    # --- people -----------------------------------------------------------------------------------

    def buy(self, chance: random.Random) -> None:
        person, kes = chance.choice(self.people), Decimal(chance.randint(100, 20_000))
        self._ask("quote a buy", person, lambda: services.quote_buy(user=person, phone=person.phone, kes=kes))
        self._confirm(chance, -1)

    def sell(self, chance: random.Random) -> None:
        person, share = chance.choice(self.people), chance.choice([1, 2, 3, 10])

        def quote() -> Any:
            grams = None if share == 1 else grams_down(staff.owned(person) / share)
            return services.quote_sell(user=person, phone=person.phone, grams=grams)

        self._ask("quote a sale", person, quote)
        self._confirm(chance, -1)

    def _ask(self, name: str, person: User, quote: Callable[[], Any]) -> None:
        if (asked := self._play(name, quote)) is not None:
            self.quotes.append((person, asked))

    def confirm_again(self, chance: random.Random) -> None:
        """A page that was open for long, or a second tab."""
        if self.quotes:
            self._confirm(chance, chance.randrange(len(self.quotes)))

    def _confirm(self, chance: random.Random, which: int) -> None:
        if not self.quotes:
            return
        person, quote = self.quotes[which]
        for _ in range(chance.choice([1, 1, 2])):
            done = self._play(f"confirm a {quote.side}", lambda: self._pressed(person, quote))
            if done is not None and quote.pk in self.used:
                raise self._violated([f"I11: quote {quote.pk} was used twice"])
            if done is not None:
                self.used.add(quote.pk)

    def _pressed(self, person: User, quote: Any) -> Order:
        if quote.late_order_id:
            return services.rebuy_confirm(user_id=person.pk, quote_id=quote.pk)
        confirm = services.buy_confirm if quote.side == Side.BUY else services.sell_confirm
        return confirm(user_id=person.pk, quote_id=quote.pk)

    def touch_a_phone(self, chance: random.Random) -> None:
        self._touch(chance.choice(self.people), chance.choice(["accept", "wrong_pin", "decline", "ignore"]))

    def _touch(self, person: User, action: str) -> None:
        prompts = self.place.simulator.prompts(person.phone)
        if prompts:
            self.counts[f"phone: {action}"] += 1
            url = f"/control/prompts/{prompts[0]['CheckoutRequestID']}"
            answer = self.place.simulator.http.post(url, json={"action": action})
            assert answer.status_code in {200, 409}, answer.text

    def late_money(self, chance: random.Random) -> None:
        """The customer chooses, perhaps twice."""
        late = list(
            Order.objects.filter(user__in=self.people, status=Status.PAID_LATE).order_by("created_at")
        )
        if not late:
            return
        order = chance.choice(late)
        person = next(person for person in self.people if person.pk == order.user_id)
        for _ in range(chance.choice([1, 2])):
            if chance.random() < 0.5:
                self._play("refund", lambda: services.refund_ask(user_id=person.pk, order_id=order.pk))
            else:
                self._ask(
                    "quote late money", person, lambda: services.quote_rebuy(user=person, order_id=order.pk)
                )
                self._confirm(chance, -1)

    def pay_by_hand(self, chance: random.Random) -> None:
        """At the Paybill: with the reference of a payment, of nothing, or with another amount."""
        payment = self._payment(chance, direction=Direction.IN)
        person = chance.choice(self.people)
        reference = payment.reference if payment and chance.random() < 0.7 else "SCHOOL FEES"
        amount = int(payment.amount) if payment and chance.random() < 0.8 else chance.randint(1, 5000)
        body = {"phone": person.phone, "amount": amount, "account_reference": reference}
        answer = self.place.simulator.http.post("/control/paybill", json=body)
        self.counts[f"paybill: {answer.status_code}"] += 1

    def forge_a_callback(self, chance: random.Random) -> None:
        """Somebody who knows the address of his own payment posts a perfect success."""
        payment = self._payment(chance)
        if payment is None:
            return
        self.counts["forged callbacks"] += 1
        kind, body = staff.forged(payment, chance)
        answer = Client().post(
            f"/hooks/daraja/{kind}/{payment.token}/", body, content_type="application/json"
        )
        assert answer.status_code == 200

    # --- the house --------------------------------------------------------------------------------

    def usual_moment(self, chance: random.Random) -> None:
        """Jobs are done, phones answered, callbacks come in, and what they ask for is done."""
        self.work(chance)
        for person in self.people:
            self._touch(person, chance.choice(["accept", "accept", "accept", "accept", "decline"]))
        self._later(chance.choice([1, 3, 12]))
        self.work(chance)

    def look_twice(self, chance: random.Random) -> None:
        """The queue may deliver a job again (O09)."""
        payment = self._payment(chance)
        if payment is not None:
            for _ in range(2):
                self._play("look", lambda: payment_step(payment.pk))

    def work(self, chance: random.Random) -> None:
        for _ in range(8):
            if not self._play("work", lambda: queue.work_once(queue.every_task(), early=False)):
                break

    def sweep(self, chance: random.Random) -> None:
        self._play("sweep", payments_due)
        self._play("expire", services.orders_expire)
        self._play("arrivals", staff.arrivals_seen)
        queue.rescued()

    def time_passes(self, chance: random.Random) -> None:
        self._later(chance.choice(JUMPS))

    def _later(self, seconds: float) -> None:
        self.counts["callbacks"] += len(self.place.later(seconds))

    def break_something(self, chance: random.Random) -> None:
        """The next call or commit of the house dies."""
        self.mishaps.armed = chance.choice(Mishaps.NAMES)

    def move_the_price(self, chance: random.Random) -> None:
        now = current_price()
        assert now is not None
        factor = Decimal(100 + chance.randint(-3, 3)) / 100
        # Within bounds: the house shall not drift into thresholds that the machine is not about.
        buy = min(max((now.buy * factor).quantize(Decimal(1)), Decimal(12_000)), Decimal(20_000))
        pricing = self.place.world.pricing
        self._play("set a price", lambda: price_set(buy=buy, sell=buy - 500, by=pricing, reason="soak"))

    # --- staff ------------------------------------------------------------------------------------

    def resolve(self, chance: random.Random) -> None:
        payment = self._payment(chance, State.UNKNOWN, State.PENDING)
        if payment is not None:
            self._play("resolve", lambda: staff.resolve(self.place, payment))

    def decide_a_payout(self, chance: random.Random) -> None:
        payment = self._payment(chance, State.AWAITING_APPROVAL)
        if payment is None:
            return
        if chance.random() < 0.5:
            by = self.place.treasurers[0].pk
            self._play("refuse", lambda: payout_refuse(payment_id=payment.pk, by=by, reason="It is a test."))
        else:
            self._play("release", lambda: staff.release(self.place, payment))

    def take_back(self, chance: random.Random) -> None:
        """M-Pesa takes a payment back, whatever becomes of the people who book it; they look at it once more later."""
        payment = self._payment(chance, State.SUCCEEDED, direction=Direction.IN)
        if payment is None:
            return
        receipt = self.taken_back.get(payment.pk) or staff.complained(self.place, payment)
        if receipt:
            self.taken_back[payment.pk] = receipt
            self._play("taken back", lambda: staff.taken_back(self.place, payment.pk, receipt))

    def give_away(self, chance: random.Random) -> None:
        """Money in suspense becomes the cash of whoever paid it, whatever is said about its receipt later."""
        lying = list(Arrival.objects.filter(state=ArrivalState.SUSPENSE).order_by("arrived_at", "receipt"))
        if lying:
            arrival = chance.choice(lying)
            person = staff.payer_of(self.place, arrival, self.people)
            if person is not None:
                self._play("give away", lambda: staff.given(self.place, arrival, person))

    def pause(self, chance: random.Random) -> None:
        self._play("pause", lambda: staff.pause(self.place, chance.choice(["buy", "sell", "payouts"])))

    def go_on(self, chance: random.Random) -> None:
        self._play("go on", lambda: staff.let_everything_go_on(self.place))

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.counts["checks"] += 1
        if found := [*violations(), *staff.paid_wrongly(self.place, self.people)]:
            raise self._violated(found)

    def teardown(self) -> None:
        """The faults stop. Everything must come to rest, and both books must agree."""
        self.mishaps.armed = ""
        self._installed.__exit__(None, None, None)
        if self.people and not self.broken:
            self._surely(self._come_to_rest)

    def _come_to_rest(self) -> None:
        self.place.faults(0, [])
        staff.let_everything_go_on(self.place)
        staff.reversals_booked(self.place, self.taken_back)
        for seconds in (1, 61, 200, 901, 3700):
            self._round(seconds)
        # What was decided may bring more before the people: a return that is refused, somebody on hold.
        for _ in range(3):
            if not staff.resolve_everything(self.place, self.people):
                break
            for seconds in (10, 400):
                self._round(seconds)
        self.everything_holds()
        if found := staff.unrest(self.place, self.people):
            raise self._violated(found)
        self.counts["lives"] += 1

    def _round(self, seconds: int) -> None:
        """Time passes, the periodic jobs run, and then the queue and the provider until neither has more to say."""
        self.place.later(seconds)
        payments_due()
        services.orders_expire()
        staff.arrivals_seen()
        queue.rescued()
        for _ in range(3):
            worked = 0
            while queue.work_once(queue.every_task(), early=False) and worked < 200:
                worked += 1
            if not self.place.later(2) and not worked:
                break
