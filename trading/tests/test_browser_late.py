"""Late money both ways in a real browser as wide as a phone, and pauses as a customer meets them."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from accounts.models import User
from controls.models import Cause, Switch
from controls.selectors import PAUSED
from controls.services import switch_pause
from goldwallet.test.books import assert_books
from goldwallet.test.browser import Visitor
from goldwallet.test.clock import shift_clock
from goldwallet.test.house import House, owns, prompted
from goldwallet.test.race import patiently
from goldwallet.test.world import World
from ledger import chart
from ledger.selectors import balance
from payments.models import Payment
from trading.models import Order, Status
from trading.tests.late import cash, gold, price

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


@contextmanager
def paid_late(house: House, person: Visitor, user: User) -> Iterator[Order]:
    """The person buys for KES 1,000 and answers the prompt twenty minutes later, with the order's page open."""
    person.go("/buy/")
    person.fill(amount_kes="1000")
    person.send()
    person.sees("KES 1,000")
    person.send()
    person.waits_for_order("pending")
    prompted(house, user)
    with shift_clock(minutes=20):
        person.page.reload()
        person.waits_for_order("expired")
        person.sees("if you paid, your money is not lost")
        expect(person.page.get_by_text("Try again")).to_have_count(0)
        house.simulator.answer(user.phone, "accept")
        person.page.reload()
        patiently(lambda: Order.objects.get().status == Status.PAID_LATE, what="the money is booked")
        person.page.reload()
        person.waits_for_order("paid_late")
        yield Order.objects.get()


@pytest.mark.fault("P05", "P15")
def test_late_money_buys_at_todays_price(world: World, house: House, visit) -> None:
    person = visit(user=world.bob)
    with paid_late(house, person, world.bob) as old:
        price(world, 20_000, 19_000)
        person.go("/wallet/")
        person.page.get_by_role("link", name="Choose what happens with it").click()
        person.sees("What shall we do with your KES 1,000?", "KES 20,000")
        person.press("Buy at today's price")
        person.sees("Nothing more leaves your phone.", "0.050")
        person.press("Buy with my KES 1,000")
        person.waits_for_order("completed")
        person.sees("You bought 0.050000 g", old.reference)
        person.page.get_by_role("link", name=old.reference).click()
        person.waits_for_order("rebought")
        person.go("/wallet/")
        assert Decimal(person.attribute("data-grams")) == Decimal("0.05")
    assert house.simulator.prompts(world.bob.phone) == []
    assert house.simulator.phone(world.bob.phone)["balance"] == 299_000
    assert (cash(world.bob), balance(chart.house_sales())) == (0, 1000)
    assert_books(house.simulator)


@pytest.mark.fault("P05", "P15")
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_late_money_goes_back_to_the_phone(world: World, house: House, visit, javascript: bool) -> None:
    """The first try fails, since the number has left M-Pesa; the choice comes back, and the second arrives."""
    person = visit(user=world.bob, javascript=javascript)
    with paid_late(house, person, world.bob):
        house.simulator.set_phone(world.bob.phone, registered=False)
        goes_back(person)
        patiently(lambda: cash(world.bob) == 1000, what="it could not be sent")
        person.page.reload()
        person.sees("That number is not registered with M-Pesa.", "What shall we do with your KES 1,000?")
        house.simulator.set_phone(world.bob.phone, registered=True)
        goes_back(person)
        if not javascript:
            patiently(lambda: Order.objects.get().status == Status.REFUNDED, what="it has arrived")
            person.page.reload()
        person.waits_for_order("refunded")
        (done,) = (payout for payout in house.simulator.payouts() if payout["state"] == "completed")
        person.sees("KES 1,000 are back on 0722 000 002.", done["receipt"])
        person.go("/wallet/")
        assert "KES 1,000 of yours" not in person.text()
    assert house.simulator.phone(world.bob.phone)["balance"] == 300_000
    assert gold(world.bob) == cash(world.bob) == balance(chart.payouts_clearing()) == 0
    assert_books(house.simulator)


def goes_back(person: Visitor) -> None:
    person.page.get_by_role("link", name="Send the money back").click()
    person.sees("You get back", "0722 000 002")
    person.press("Send KES 1,000 to 0722 000 002")
    person.page.wait_for_selector("[data-order-status]")


def test_a_pause_as_a_customer_meets_it(world: World, house: House, visit) -> None:
    owns(house, world.alice, 5000)
    person = visit(user=world.alice)
    person.go("/buy/")
    person.fill(amount_kes="1000")
    person.send()
    person.sees("KES 1,000")
    switch_pause(name="buy", cause=Cause.STAFF, note="Counting the bars.")
    person.send()
    person.sees(PAUSED["buy"], "Nothing was changed.")
    person.go("/wallet/")
    person.sees(PAUSED["buy"])
    expect(person.page.locator("main").get_by_role("link", name="Buy", exact=True)).to_have_count(0)
    person.go("/buy/")
    person.sees(PAUSED["buy"])
    expect(person.page.locator("main form")).to_have_count(0)
    assert Order.objects.count() == 1

    switch_pause(name="payouts", cause=Cause.STAFF, note="Comparing the statement.")
    person.go("/sell/")
    person.sees(PAUSED["payouts"])
    person.fill(grams="0.1")
    person.send()
    person.sees("KES 1,600")
    person.send()
    person.waits_for_order("pending")
    person.sees(PAUSED["payouts"])
    assert house.simulator.payouts() == []
    Switch.objects.update(paused=False)
    Payment.objects.filter(direction="out").update(due_at=Payment.objects.get(direction="out").created_at)
    person.waits_for_order("completed")
    assert_books(house.simulator)
