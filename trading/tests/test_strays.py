"""Money with an order's reference that could not pay it: the customer hears of it once, on the page and by mail."""

from collections.abc import Iterator

import pytest
from django.core import mail
from django.core.management import call_command
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import staff
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.provider import Simulator
from goldwallet.test.two import agreed, asked
from goldwallet.test.worker import work_until
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.selectors import balance
from notifications.models import Message
from notifications.services import messages_sweep
from payments.arrivals import pull_run
from payments.models import Arrival, ArrivalState
from trading.models import Order
from trading.services import orders_expire
from trading.tests.pages import browser, text

pytestmark = [pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STRANGER = "254733000777"


@pytest.fixture
def rail(world: World, simulator: Simulator, settings) -> Iterator[Simulator]:
    quiet = settings.DARAJA
    settings.DARAJA = {**quiet, "nominated_phone": "254700000000"}
    call_command("rail_register", verbosity=0)
    settings.DARAJA = quiet
    yield simulator
    simulator.faults()


@pytest.fixture
def tina(world: World) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def tom(world: World) -> User:
    return staff("treasury", username="tom")


def prompted(world: World, rail: Simulator) -> Order:
    order = buy(world.bob, 1000)
    work_until(lambda: bool(rail.prompts(world.bob.phone)))
    return order


@pytest.fixture
def order(world: World, rail: Simulator) -> Order:
    """Bob's order of KES 1,000, whose prompt is on his phone."""
    return prompted(world, rail)


@pytest.fixture
def stray(order: Order, rail: Simulator) -> Arrival:
    """KES 900 by hand, with the reference of bob's order."""
    receipt = rail.paybill(STRANGER, 900, order.payment.reference)
    assert pull_run().complete
    return Arrival.objects.get(receipt=receipt)


def letters(person: User) -> list[str]:
    """Subjects and texts of the mails about stray money that this person was sent."""
    messages_sweep(most=100)
    kinds = Message.objects.filter(user=person, kind__startswith="stray_").values_list("subject", flat=True)
    found = [one for one in mail.outbox if one.to == [person.email] and one.subject in set(kinds)]
    return [f"{one.subject}\n{one.body}" for one in found]


def read(person: User, order: Order) -> str:
    return text(browser(person).get(reverse("order", args=[order.pk])))


@pytest.mark.fault("P18")
def test_another_amount_is_told_on_the_page_and_in_one_mail(
    world: World, rail: Simulator, order: Order, stray: Arrival
) -> None:
    page = read(world.bob, order)
    assert "We received KES 900, and the order is for KES 1,000. Your money is safe" in page
    assert "still waits for KES 1,000 in one payment" in page
    assert pull_run().complete
    (letter,) = letters(world.bob)
    assert letter.startswith("Your KES 900 is safe with us\n")
    assert "We received KES 900, and the order is for KES 1,000." in letter
    assert stray.receipt in letter
    assert reverse("order", args=[order.pk]) in letter
    assert balance(chart.suspense_mpesa()) == 900
    assert_books(rail)


def test_an_expired_order_does_not_say_that_nothing_came(world: World, rail: Simulator) -> None:
    order = buy(world.bob, 1000)
    rail.paybill(STRANGER, 900, order.payment.reference)
    assert pull_run().complete
    with shift_clock(minutes=4):
        orders_expire()
        page = read(world.bob, order)
    assert "The right amount did not reach us within three minutes." in page
    assert "No payment reached us" not in page
    assert "still waits" not in page


def test_a_second_payment_is_told(world: World, rail: Simulator, order: Order) -> None:
    rail.answer(world.bob.phone, "accept")
    work_until(lambda: Order.objects.get(pk=order.pk).status == "completed")
    rail.paybill(STRANGER, 1000, order.payment.reference)
    work_until(lambda: Arrival.objects.filter(state=ArrivalState.SUSPENSE).exists())
    assert "We received KES 1,000 once more" in read(world.bob, order)
    (letter,) = letters(world.bob)
    assert "once more for an order that had its payment already" in letter
    assert_books(rail)


@pytest.mark.fault("P18")
def test_given_to_the_customer(
    world: World, rail: Simulator, order: Order, stray: Arrival, tina, tom
) -> None:
    payload = {"arrival": str(stray.pk), "user": str(world.bob.pk)}
    asked("suspense_assign", payload, by=tina, subject="only asked")
    assert len(letters(world.bob)) == 1, "what is only asked for is told to nobody"
    agreed("suspense_assign", payload, maker=tina, checker=tom)
    _, given = letters(world.bob)
    assert given.startswith("KES 900 is your cash with us now\n")
    assert stray.receipt in given
    assert "It is your cash with us: see your wallet." in read(world.bob, order)
    assert balance(chart.user_cash(world.bob.pk)) == 900
    assert_books(rail)


def test_given_to_somebody_else_both_hear_of_it(
    world: World, rail: Simulator, order: Order, stray: Arrival, tina, tom
) -> None:
    payload = {"arrival": str(stray.pk), "user": str(world.charlie.pk)}
    agreed("suspense_assign", payload, maker=tina, checker=tom)
    (given,) = letters(world.charlie)
    assert given.startswith("KES 900 is your cash with us now\n")
    assert order.reference not in given, "the order is none of theirs"
    assert letters(world.bob)[-1].startswith("KES 900 was not meant for your order\n")
    page = read(world.bob, order)
    assert "It turned out to be somebody else's money." in page
    assert world.charlie.email not in page
    assert_books(rail)


@pytest.mark.fault("P18")
def test_sent_back(world: World, rail: Simulator, order: Order, stray: Arrival, tina, tom) -> None:
    agreed("suspense_return", {"arrival": str(stray.pk)}, maker=tina, checker=tom)
    assert "It is going back to the phone that paid it." in read(world.bob, order)
    assert len(letters(world.bob)) == 1, "it is on its way, and has not gone yet"
    work_until(lambda: Arrival.objects.get(pk=stray.pk).state == ArrivalState.RETURNED)
    _, gone = letters(world.bob)
    assert gone.startswith("KES 900 went back to the phone that paid it\n")
    assert "It is back on the phone that paid it." in read(world.bob, order)
    assert_books(rail)


def test_nobodys_money_is_told_to_nobody(world: World, rail: Simulator, order: Order) -> None:
    rail.paybill(STRANGER, 900, "GOLD")
    assert pull_run().complete
    assert Arrival.objects.get().state == ArrivalState.SUSPENSE
    assert not Message.objects.filter(kind__startswith="stray_").exists()
    assert "900" not in read(world.bob, order)


def test_money_that_pays_the_order_is_no_stray(world: World, rail: Simulator, order: Order) -> None:
    rail.paybill(STRANGER, 1000, order.payment.reference)
    work_until(lambda: Order.objects.get(pk=order.pk).status == "completed")
    assert not Message.objects.filter(kind__startswith="stray_").exists()
    assert "could not pay" not in read(world.bob, order)
