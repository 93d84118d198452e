"""A large sale and a new payout number in a real browser at a phone's width, with codes that come by mail."""

import re

import pytest

from accounts.models import PayoutNumber
from goldwallet.test.books import assert_books
from goldwallet.test.house import owns
from goldwallet.test.race import patiently
from goldwallet.test.world import PASSWORD, World
from trading.models import Order, Quote

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

_CODE = re.compile(r"^([0-9]{6})$", re.MULTILINE)


def enters_the_code(person, house, phone: str) -> None:
    """The one that came by mail to the person's phone."""
    person.sees("Is it you?")
    found: list[str] = []

    def came() -> bool:
        mails = [m["text"] for m in house.simulator.phone(phone)["messages"] if m["kind"] == "mail"]
        found[:] = [code for text in mails for code in _CODE.findall(text)]
        return bool(found)

    patiently(came, what="a mail with a code")
    person.fill(code=found[-1])
    person.press("Confirm")


def test_a_large_sale_takes_a_code_from_the_mail(world: World, house, visit) -> None:
    owns(house, world.alice, 99_000)
    person = visit()
    person.sign_in("alice@example.com", PASSWORD)
    person.go("/sell/")
    person.fill(grams="5")
    person.send()
    person.sees("KES 80,000", "we ask you for a code")
    person.press("Confirm with a code")
    person.sees("5.000000 g", "KES 80,000", "0712 345 678", "alice@example.com")
    person.fill(code="12")
    person.press("Confirm")
    person.sees("That code is not right")
    enters_the_code(person, house, world.alice.phone)
    person.sees("Your code is right")
    assert not Order.objects.filter(side="sell").exists()
    person.press("Sell and get KES 80,000")
    person.waits_for_order("completed")
    quote = Quote.objects.get(side="sell")
    payout = house.simulator.payouts()[0]
    assert (payout["phone"], payout["amount"]) == (world.alice.phone, quote.total_kes)
    assert_books()


def test_another_number_is_asked_for_and_called_off_without_javascript(world: World, house, visit) -> None:
    person = visit(javascript=False)
    person.sign_in("alice@example.com", PASSWORD)
    person.go("/accounts/security/")
    person.page.get_by_role("link", name="Change your M-Pesa number").click()
    person.fill(phone="0733 000 111")
    person.press("Go on")
    enters_the_code(person, house, world.alice.phone)
    person.press("Change it to 0733 000 111")
    person.sees("Your new number waits", "Until then we pay you on 0712 345 678")
    person.go("/accounts/phone/")
    person.press("This was not me: call it off")
    person.sees("Called off", "0712 345 678")
    assert PayoutNumber.objects.get().cancelled_at is not None
