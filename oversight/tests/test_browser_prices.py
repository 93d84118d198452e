"""Prices in a real browser: a pair that one person sets, one that takes two, and what customers see of them."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.browser import DESK, TABLET
from goldwallet.test.desk import decides, figure
from goldwallet.test.look import look
from goldwallet.test.world import PASSWORD, TOTP, World
from pools.models import Price
from trading.models import Order

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STAFF_PHONE = "254711000005"


def test_pricing_signs_in_with_the_code_on_the_phone_and_moves_the_price(world: World, house, visit) -> None:
    world.staff(Role.PRICING, email="pricing@example.com")
    authenticator = {"account": "pricing@example.com", "secret": TOTP, "digits": 6, "period": 30}
    house.simulator.set_phone(STAFF_PHONE, authenticator=authenticator)
    customer = visit(user=world.alice)
    customer.go("/buy/")
    customer.fill(amount_kes="1650")
    customer.send()
    customer.sees("You pay", "0.100000 g")

    staff = visit(size=DESK)
    staff.go("/desk/prices/")
    staff.page.wait_for_url("**/accounts/login/?next=/desk/prices/")
    staff.fill(login="pricing@example.com", password=PASSWORD)
    staff.send()
    staff.page.wait_for_url("**/accounts/code/**")
    staff.fill(code="12345")
    staff.send()
    staff.sees("That code is not right.")
    phone = visit(house.simulator.url)
    phone.go(f"/phone/{STAFF_PHONE}/")
    staff.fill(code=phone.attribute("data-code"))
    staff.send()
    staff.page.wait_for_url("**/desk/prices/")
    assert figure(staff, "People buy at") == "KES 16,500"

    for buy_at, sell_at, sentence in [
        ("17000", "17000.01", "the sell price must not be above the buy price"),
        ("17,000", "16400", "with digits only"),
        ("170000", "164000", "The buy price would go up by 930.3%"),
    ]:
        staff.fill(buy=buy_at, sell=sell_at)
        staff.press("Show the effect")
        staff.sees(sentence)
    assert Price.objects.count() == 1
    staff.go("/desk/prices/")
    staff.fill(buy="17000", sell="16400")
    staff.press("Show the effect")
    staff.sees("Inside the band", "Then it is too old")
    staff.fill(reason="Morning fixing")
    look(staff, "prices-effect", staff.page.get_by_role("button", name="Set these prices now"))
    staff.press("Set these prices now")
    staff.sees("The new prices are in force. People buy at KES 17,000 and sell at KES 16,400 a gram.")
    assert figure(staff, "People sell at") == "KES 16,400"
    row = staff.page.get_by_role("row").filter(has_text="Morning fixing")
    expect(row).to_contain_text("pricing@example.com")

    # The price that the customer holds stays hers; her next one is the new one.
    customer.press("Pay KES 1,650 with M-Pesa")
    customer.waits_for_order("pending")
    customer.sees("KES 16,500")
    customer.go("/buy/")
    customer.sees("KES 17,000 a gram")
    customer.fill(amount_kes="1700")
    customer.send()
    customer.sees("You pay", "KES 1,700", "0.100000 g", "KES 17,000")
    assert list(Order.objects.values_list("total_kes", "grams")) == [(1650, Decimal("0.1"))]


@pytest.mark.fault("Q11")
def test_a_price_beyond_the_band_takes_two(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.PRICING), size=DESK)
    second = visit(user=world.staff(Role.TREASURY), size=TABLET)
    customer = visit(user=world.alice)
    staff.go("/desk/prices/")
    staff.fill(buy="33000", sell="32000")
    staff.press("Show the effect")
    staff.sees("The buy price would go up by 100.0%, from KES 16,500 to KES 33,000.", "takes a second person")
    staff.fill(reason="The shilling has halved overnight.")
    ask = staff.page.get_by_role("button", name="Ask a second person for these prices")
    look(staff, "prices-beyond-the-band", ask)
    staff.press("Ask a second person for these prices")
    staff.sees("Asked. A second person decides this now.")
    assert staff.page.get_by_role("button", name="Decide").count() == 0
    staff.go("/desk/prices/")
    staff.sees("waits for a second person and counts for nobody before that")
    assert figure(staff, "People buy at") == "KES 16,500"
    customer.go("/buy/")
    customer.sees("KES 16,500 a gram")

    decides(second, "Price beyond the band", "KES 33,000", "The shilling has halved overnight.")
    customer.go("/buy/")
    customer.sees("KES 33,000 a gram")
