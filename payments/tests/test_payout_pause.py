"""Payouts that do not go: paused, unusual in number or sum, or perhaps sent already before a restore."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.tests.people import staff
from controls.models import Cause
from controls.selectors import switch
from controls.services import switch_pause, switches_lock, threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Payment, State
from payments.sending import payment_step, payments_due
from payments.services import payouts_ask_first
from payments.tests.scripted import ScriptedRail

pytestmark = pytest.mark.django_db


def sales(world: World, number: int) -> list[Payment]:
    paid(buy(world.alice, 50_000))
    return [sell(world.alice, Decimal("0.5")).payment for _ in range(number)]


def states(payments: list[Payment]) -> list[str]:
    return [Payment.objects.get(pk=payment.pk).state for payment in payments]


@pytest.mark.fault("O16")
def test_not_one_goes_while_they_are_paused(world: World, provider: ScriptedRail) -> None:
    payments = sales(world, 2)
    switch_pause(name="payouts", cause=Cause.STAFF, note="Counting the float.")
    for payment in payments:
        payment_step(payment.pk)
    assert provider.sent == []
    assert states(payments) == [State.CREATED, State.CREATED]
    with shift_clock(seconds=20):
        assert payments_due() == 2  # looked at again by themselves
    assert_books()


def test_a_pause_of_payouts_lets_prompts_go(world: World, provider: ScriptedRail) -> None:
    switch_pause(name="payouts", cause=Cause.STAFF, note="Counting the float.")
    payment_step(buy(world.bob, 1000).payment_id)
    assert len(provider.sent) == 1


@pytest.mark.fault("O16")
@pytest.mark.parametrize(("name", "value"), [("payouts_hour_count", 2), ("payouts_hour_kes", 20_000)])
def test_more_than_usual_trips_the_switch(
    world: World, provider: ScriptedRail, name: str, value: int
) -> None:
    threshold_set(name=name, value=Decimal(value), by=world.vault)
    payments = sales(world, 5)
    for payment in payments:
        payment_step(payment.pk)
    assert len(provider.sent) == 2
    assert switch("payouts").cause == Cause.VOLUME
    assert states(payments)[2:] == [State.CREATED] * 3
    threshold_set(name=name, value=Decimal(1000 if "count" in name else 5_000_000), by=world.vault)
    for payment in payments:
        payment_step(payment.pk)
    assert len(provider.sent) == 2  # it takes two people, not a number that fits again
    assert_books()


@pytest.mark.fault("O16")
def test_after_two_people_resume_the_hour_begins_anew(world: World, provider: ScriptedRail) -> None:
    threshold_set(name="payouts_hour_count", value=Decimal(2), by=world.vault)
    tina, tom = staff("treasury", username="tina"), staff("treasury", username="tom")
    payments = sales(world, 5)
    for payment in payments:
        payment_step(payment.pk)
    agreed("switch_resume", {"name": "payouts"}, maker=tina, checker=tom)
    with shift_clock(seconds=20):
        for payment in payments:
            payment_step(payment.pk)
    assert len(provider.sent) == 4
    assert switch("payouts").paused


def test_yesterdays_payouts_do_not_count(world: World, provider: ScriptedRail) -> None:
    threshold_set(name="payouts_hour_count", value=Decimal(1), by=world.vault)
    first, second = sales(world, 2)
    payment_step(first.pk)
    with shift_clock(hours=2):
        payment_step(second.pk)
    assert len(provider.sent) == 2


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [True, False])
def test_a_pause_waits_for_the_claim_and_the_next_claim_for_the_pause(
    world: World, provider: ScriptedRail, first: bool
) -> None:
    """A pause that has been committed is seen by every later claim: both lock the switch, also when nobody has
    touched it before and its row is not there yet (`first`).
    """
    (payment,) = sales(world, 1)
    if not first:
        with transaction.atomic():
            assert switches_lock("payouts") == set()

    def claim() -> None:
        payment_step(payment.pk)
        connection.close()

    with transaction.atomic():
        switches_lock("payouts")
        thread = threading.Thread(target=claim)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # held back by the lock
        switch_pause(name="payouts", cause=Cause.STAFF, note="Counting the float.")
    thread.join(10)
    assert provider.sent == []
    assert states([payment]) == [State.CREATED]


@pytest.mark.fault("W12")
def test_after_a_restore_what_looks_unsent_is_asked_about(world: World, provider: ScriptedRail) -> None:
    payments = sales(world, 2)
    assert payouts_ask_first() == 2
    for payment in payments:
        payment_step(payment.pk)
    assert provider.sent == []
    assert len(provider.asked) == 2
    assert states(payments) == [State.UNKNOWN, State.UNKNOWN]
    assert_books()
