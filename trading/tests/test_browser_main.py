"""The main job in a real browser, from sign-up to money back on the phone; and prompts that are not paid."""

import re
from decimal import Decimal

import pytest

from accounts.models import User
from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK
from goldwallet.test.world import PASSWORD, TOTP_KEY, World
from ledger import chart
from ledger.selectors import balance
from trading.models import Order

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

PHONE = "254733123456"


def mails(house, phone: str) -> list[str]:
    return [m["text"] for m in house.simulator.phone(phone)["messages"] if m["kind"] == "mail"]


def pays_on_the_phone(visit, house, phone: str, *, pin: str = "1234") -> None:
    """Open the phone in a window of its own, type the PIN, send."""
    handset = visit(house.simulator.url)
    handset.go(f"/phone/{phone}/")
    handset.page.wait_for_selector("[data-prompt]")
    handset.page.fill("input[name=pin]", pin)
    handset.page.click("button[name=action][value=accept]")
    handset.page.wait_for_selector("[data-prompt]", state="detached")


def test_sign_up_buy_sell_half(world: World, house, visit) -> None:
    person = visit()
    person.go("/accounts/signup/")
    person.fill(
        email="wanjiru@example.com",
        username="wanjiru",
        phone="0733 123 456",
        password1="copper-lake-seven-9",
        password2="copper-lake-seven-9",
    )
    person.send()
    person.sees("wanjiru@example.com")
    for _ in range(100):
        if letters := mails(house, PHONE):
            break
        person.page.wait_for_timeout(100)
    code = re.search(r"\b(\d{6})\b", letters[0])
    assert code, letters[0]
    person.fill(code=code.group(1))
    person.send()
    person.page.wait_for_selector("[data-grams]")
    assert Decimal(person.attribute("data-grams")) == 0

    person.go("/buy/")
    person.fill(amount_kes="1000")
    person.send()
    person.sees("KES 1,000", "16,500")
    person.send()
    person.waits_for_order("pending")
    bought_url = person.page.url
    pays_on_the_phone(visit, house, PHONE)
    person.waits_for_order("completed")
    person.go("/wallet/")
    assert Decimal(person.attribute("data-grams")) == Decimal("0.060606")

    person.go("/sell/")
    person.fill(grams="0.030303")
    person.send()
    person.sees("KES 484")
    person.send()
    person.waits_for_order("completed")
    sold_url = person.page.url
    person.go("/wallet/")
    assert Decimal(person.attribute("data-grams")) == Decimal("0.030303")
    assert Decimal(person.attribute("data-locked-grams")) == 0

    payout = house.simulator.payouts()[0]
    assert (payout["phone"], payout["amount"], payout["state"]) == (PHONE, 484, "completed")
    handset = visit(house.simulator.url)
    handset.go(f"/phone/{PHONE}/")
    assert handset.page.locator("[data-message]", has_text=payout["receipt"]).count() == 1
    assert "KES 299,484" in handset.page.locator("[data-balance]").inner_text()
    for _ in range(100):
        subjects = " ".join(mails(house, PHONE))
        if payout["receipt"] in subjects:
            break
        person.page.wait_for_timeout(100)
    assert payout["receipt"] in subjects

    user = User.objects.get(email="wanjiru@example.com")
    assert balance(chart.user_gold(user.pk)) == Decimal("0.030303")
    assert_books(house.simulator)
    desk_agrees(world, visit, [bought_url, sold_url], payout["receipt"])


def desk_agrees(world: World, visit, order_urls: list[str], receipt: str) -> None:
    """The desk shows the same orders, with the same figures."""
    world.staff(Role.TREASURY)
    staff = visit(size=DESK)
    staff.sign_in("treasury@example.com", PASSWORD, totp_key=TOTP_KEY)
    staff.go("/desk/orders/")
    staff.sees("KES 1,000", "KES 484", "Completed")
    for url in order_urls:
        order = Order.objects.get(pk=url.rstrip("/").rpartition("/")[2])
        staff.go(f"/desk/orders/{order.pk}/")
        staff.sees(order.reference, "Completed")
    staff.sees(receipt)
    staff.go("/desk/")
    staff.sees("1,000.000000")


@pytest.mark.parametrize(
    ("action", "sentence"),
    [("decline", "cancel"), ("wrong_pin", "PIN"), ("ignore", "no answer")],
)
def test_a_prompt_that_is_not_paid(world: World, house, visit, action: str, sentence: str) -> None:
    person = visit(user=world.bob)
    person.go("/buy/")
    person.fill(amount_kes="1500")
    person.send()
    person.page.wait_for_selector("[name=quote]", state="attached")
    person.send()
    person.waits_for_order("pending")
    house.simulator.answer(world.bob.phone, action)
    assert person.waits_for_order("failed", "expired") == "failed"
    assert sentence in person.text()
    person.go("/wallet/")
    assert Decimal(person.attribute("data-grams")) == 0
    assert house.simulator.account("paybill:174379:utility") == 0
    assert_books(house.simulator)
