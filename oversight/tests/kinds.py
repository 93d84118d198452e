"""For every kind of request: a house in which it can be asked for, and what is asked. A kind without a builder fails
`test_every_kind`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts import second_factor
from accounts.models import KycStatus, User
from accounts.services import person_freeze
from accounts.tests.people import customer, staff
from controls.services import switch_pause, threshold_set
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid, sell
from ledger.models import Transaction
from oversight.models import Break
from oversight.tests.day import Day
from payments.models import Arrival, Payment, State
from payments.tests.test_two_people import strayed
from pools import services as pools
from pools.models import Bar

WORDS = "We have corrected a mistake of ours."
RECEIPT = "UKL7A2B3C4"


@dataclass
class Asked:
    """What a request of a kind is made with. `person` is whom it is about, by what the builder made."""

    payload: dict[str, Any]
    person: User | None = None


type Builder = Callable[[World], Asked]
BUILDERS: dict[str, Builder] = {}


def builds(kind: str) -> Callable[[Builder], Builder]:
    def keep(builder: Builder) -> Builder:
        BUILDERS[kind] = builder
        return builder

    return keep


# --- gold and prices ------------------------------------------------------------------------------


@builds("bars_add")
def _bars_add(world: World) -> Asked:
    bar = {"serial": "NEW 1", "gross_grams": "100", "fineness": "999.9", "refiner": "Rand"}
    return Asked({"pool": str(world.pool.pk), "bars": [bar]})


@builds("bars_withdraw")
def _bars_withdraw(world: World) -> Asked:
    return Asked({"pool": str(world.pool.pk), "bars": [str(Bar.objects.get().pk)]})


@builds("bar_restore")
def _bar_restore(world: World) -> Asked:
    bar = Bar.objects.get()
    pools.bar_withdraw(
        pool_id=world.pool.pk, bar_ids=[bar.pk], key="test:out", note="To the assayer.", by=world.vault
    )
    return Asked({"pool": str(world.pool.pk), "bar": str(bar.pk)})


@builds("price_set")
def _price_set(world: World) -> Asked:
    return Asked({"buy": "30000", "sell": "29000"})


# --- corrections ----------------------------------------------------------------------------------


@builds("adjust_gold")
def _adjust_gold(world: World) -> Asked:
    payload = {"person": str(world.alice.pk), "pool": str(world.pool.pk), "grams": "10.5"}
    return Asked({**payload, "way": "credit", "words": WORDS}, world.alice)


@builds("adjust_cash")
def _adjust_cash(world: World) -> Asked:
    payload = {"person": str(world.alice.pk), "kes": "60000", "way": "credit", "words": WORDS}
    return Asked(payload, world.alice)


def _cash_given(world: World, kes: int) -> None:
    one, two = staff("treasury"), staff("treasury")
    payload = {"person": str(world.alice.pk), "kes": str(kes), "way": "credit", "words": WORDS}
    agreed("adjust_cash", payload, maker=one, checker=two)


@builds("debt_settle")
def _debt_settle(world: World) -> Asked:
    from trading.tests.late import taken_back

    order = paid(buy(world.alice, 1000))
    paid(sell(world.alice, None))
    taken_back(order)
    return Asked({"person": str(world.alice.pk), "kes": "400", "how": "write_off"}, world.alice)


@builds("cash_payout")
def _cash_payout(world: World) -> Asked:
    _cash_given(world, 55_000)
    return Asked({"person": str(world.alice.pk), "kes": "51000"}, world.alice)


@builds("ledger_reverse")
def _ledger_reverse(world: World) -> Asked:
    _cash_given(world, 700)
    found = Transaction.objects.get(kind="adjustment_cash")
    return Asked({"transaction": found.pk}, world.alice)


# --- money ----------------------------------------------------------------------------------------


def _sold(world: World) -> Payment:
    """A payout of KES 16,000 to alice."""
    paid(buy(world.alice, 20_000))
    found: Payment = sell(world.alice, Decimal(1)).payment
    return found


def _held(world: World) -> Payment:
    threshold_set(name="payout_approval_kes", value=Decimal(10_000), by=world.vault)
    return _sold(world)


@builds("payment_resolve")
def _payment_resolve(world: World) -> Asked:
    found = _sold(world)
    Payment.objects.filter(pk=found.pk).update(state=State.UNKNOWN, sent_at=timezone.now())
    return Asked({"payment": str(found.pk), "paid": True, "receipt": RECEIPT}, world.alice)


@builds("payment_reversed")
def _payment_reversed(world: World) -> Asked:
    order = paid(buy(world.alice, 2000), receipt="UKLCAME001")
    return Asked({"payment": str(order.payment_id), "receipt": RECEIPT}, world.alice)


@builds("payout_record")
def _payout_record(world: World) -> Asked:
    return Asked({"payment": str(_held(world).pk), "receipt": RECEIPT}, world.alice)


@builds("payout_release")
def _payout_release(world: World) -> Asked:
    return Asked({"payment": str(_held(world).pk)}, world.alice)


@builds("suspense_assign")
def _suspense_assign(world: World) -> Asked:
    found = strayed(RECEIPT, 700)
    return Asked({"arrival": str(found.pk), "user": str(world.alice.pk)}, world.alice)


@builds("suspense_return")
def _suspense_return(world: World) -> Asked:
    order = buy(world.alice, 2000)
    found = strayed(RECEIPT, 700)
    Arrival.objects.filter(pk=found.pk).update(payment=order.payment_id)
    return Asked({"arrival": str(found.pk)}, world.alice)


@builds("float_move")
def _float_move(world: World) -> Asked:
    return Asked({"move": "owner_payouts", "amount": "75000", "reference": "BANK-2026-1"})


@builds("break_resolve")
def _break_resolve(world: World) -> Asked:
    """M-Pesa paid out more than our book says, to a person whom we know."""
    day = Day(world, staff("treasury"))
    day.trade(people=1, buys=1, sales=1)
    with shift_clock(hours=2):
        day.payouts[0] = replace(day.payouts[0], moved=day.payouts[0].moved - 60_000)
        day.upload()
        day.compare()
    return Asked({"break": str(Break.objects.get().pk), "how": "write_off"}, day.people[0])


# --- people and the house -------------------------------------------------------------------------


@builds("tier_set")
def _tier_set(world: World) -> Asked:
    return Asked({"person": str(world.alice.pk), "enhanced": True}, world.alice)


@builds("threshold_set")
def _threshold_set(world: World) -> Asked:
    return Asked({"name": "payout_approval_kes", "value": "50000"})


@builds("switch_resume")
def _switch_resume(world: World) -> Asked:
    switch_pause(name="buy", cause="staff", note="Counting the bars.")
    return Asked({"name": "buy"})


@builds("roles_set")
def _roles_set(world: World) -> Asked:
    person = staff("vault")
    return Asked({"person": str(person.pk), "roles": ["pricing"]}, person)


@builds("factor_reset")
def _factor_reset(world: World) -> Asked:
    person = customer(kyc_status=KycStatus.VERIFIED)
    second_factor.authenticator_give(user=person, key=second_factor.new_key())
    return Asked({"person": str(person.pk)}, person)


@builds("person_unfreeze")
def _person_unfreeze(world: World) -> Asked:
    person_freeze(user_id=world.alice.pk, reason="Looked into.")
    return Asked({"person": str(world.alice.pk)}, world.alice)


@builds("person_close")
def _person_close(world: World) -> Asked:
    return Asked({"person": str(world.charlie.pk)}, world.charlie)
