"""Treasury at work in a real browser: an order is found by what one knows of it, and leads to its money."""

import re

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet import phones
from goldwallet.test.browser import DESK, TABLET
from goldwallet.test.look import look
from goldwallet.test.world import World, buy, paid
from payments.models import Callback
from trading.models import Order
from trading.tests.listing import orders_create

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CANARY = "254799123456"


@pytest.fixture
def bought(world: World) -> Order:
    """Alice's order among others, with a callback that names somebody's number."""
    orders_create([world.alice, world.bob], 70)
    order = paid(buy(world.alice, 33_000), receipt="UKL7A2B3C4")
    callback = Callback(payment_id=order.payment_id, kind="collect")
    callback.body = f'{{"PhoneNumber": {CANARY}, "ResultCode": 0}}'
    callback.save(force_insert=True)
    return order


def test_treasury_finds_an_order_while_typing_and_opens_what_m_pesa_said(
    world: World, house, visit, bought: Order
) -> None:
    staff = visit(user=world.staff(Role.TREASURY), size=DESK)
    staff.go("/desk/orders/")
    rows = staff.page.locator("#rows tbody tr")
    expect(rows).to_have_count(50)
    heading = staff.page.locator("h1").element_handle()

    staff.page.get_by_label("Completed", exact=True).check()
    staff.page.wait_for_url(re.compile("status=completed"))
    expect(rows.filter(has_not_text="Completed")).to_have_count(0)
    staff.page.get_by_label("From KES").fill("30000")
    staff.page.get_by_label("From KES").press("Enter")
    expect(rows).to_have_count(1)
    assert heading.is_visible(), "the page was not loaded anew"

    staff.page.get_by_label("Phone").fill("12")
    staff.page.get_by_label("Phone").press("Enter")
    staff.sees("Phone: Write a Kenyan mobile number")
    expect(rows).to_have_count(0)
    staff.page.get_by_label("Phone").fill("0712 345 678")
    staff.page.get_by_label("Phone").press("Enter")
    expect(rows).to_have_count(1)

    order = rows.get_by_role("link", name=bought.reference)
    look(staff, "orders", order)
    order.click()
    staff.sees("In the ledger", "What belongs to it", "Prices then")
    payment = staff.page.get_by_role("link", name="Open the payment")
    look(staff, "order", payment)
    payment.click()
    told = staff.page.get_by_role("region", name="What we were told")
    told.get_by_text("Show", exact=True).click()
    expect(told).to_contain_text(phones.mask(CANARY))
    expect(told).not_to_contain_text(CANARY)
    told.get_by_label("Why do you need it as it came?").fill("The customer says that it was another phone.")
    show = told.get_by_role("button", name="Show as it came")
    look(staff, "payment", show)
    show.click()
    expect(told).to_contain_text(CANARY)
    staff.sees("Opened what M-Pesa had sent", "The customer says that it was another phone.")


def test_the_same_without_script(world: World, house, visit, bought: Order) -> None:
    staff = visit(user=world.staff(Role.TREASURY), size=TABLET, javascript=False)
    staff.go("/desk/payments/")
    staff.page.get_by_label("Paid", exact=True).check()
    staff.page.get_by_label("M-Pesa receipt").fill("ukl7a2b3c4")
    staff.press("Show")
    expect(staff.page.locator("#rows tbody tr")).to_have_count(1)
    staff.page.get_by_label("To KES").fill("1,000")
    staff.press("Show")
    staff.sees("Write the amount in shillings with digits only")
    staff.page.get_by_label("To KES").fill("33000")
    staff.press("Show")
    payment = staff.page.get_by_role("link", name=bought.reference)
    look(staff, "payments", payment)
    payment.click()
    staff.sees("KES 33,000 from alice@example.com")
