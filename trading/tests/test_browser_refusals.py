"""What is refused, in a real browser as wide as a phone: a sentence for a customer, and nothing in the books."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.house import House, owns, prompted
from goldwallet.test.race import patiently
from goldwallet.test.world import PASSWORD, World
from ledger.models import Entry, Transaction
from payments.models import Payment
from pools import services as pools
from trading.models import Order, Quote, Status

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

DIGITS = "with digits only"
PHONE = "Write a Kenyan mobile number, for example 0712 345 678."
SMALLEST = "The smallest purchase is KES 100."
LARGEST = "M-Pesa moves at most KES 250,000 at once."


@contextmanager
def nothing_changes(house: House) -> Iterator[None]:
    """No order, no payment, no entry in the book, nothing at M-Pesa comes of what happens within."""
    before = written(house)
    yield
    assert written(house) == before
    assert_books(house.simulator)


def written(house: House) -> list[int]:
    ours = [table.objects.count() for table in (Order, Payment, Transaction, Entry)]
    return [*ours, len(house.simulator.books()["transactions"])]


# --- what is typed --------------------------------------------------------------------------------


def refuses(person, fields: dict[str, str], sentence: str) -> None:
    """Type and send: the sentence stands there, and so does what was typed."""
    person.fill(**fields)
    person.send()
    person.sees(sentence)
    for name, value in fields.items():
        assert person.page.input_value(f"main [name={name}]:not([type=hidden])") == value


BUYS = [
    ({"amount_kes": ""}, "Write how much you want to buy."),
    *(({"amount_kes": text}, DIGITS) for text in ("1,000", "1e3", "-500", "0500", "٥٠٠", "NaN", "ten")),
    ({"amount_kes": "100.50"}, "M-Pesa moves whole shillings. Leave out the cents."),
    *(({"amount_kes": text}, SMALLEST) for text in ("0", "99")),
    *(({"amount_kes": text}, LARGEST) for text in ("250001", "999999999999")),
    # Whoever types grams has typed no shillings: the page empties the other field.
    *(({"grams": text, "amount_kes": ""}, DIGITS) for text in ("0,5", "1e-3", "-1")),
    ({"grams": "0.0000001"}, "Use at most 6 digits after the point."),
    # 0.006 g cost KES 99; 15.15152 g cost KES 250,000.08, which is one shilling more.
    *(({"grams": text}, SMALLEST) for text in ("0", "0.006")),
    *(({"grams": text}, LARGEST) for text in ("15.15152", "999999")),
    *(({"amount_kes": "500", "phone": text}, PHONE) for text in ("0612345678", "07123", "+255712345678")),
    ({"phone": ""}, "Write the M-Pesa number, for example 0712 345 678."),
]


def test_what_a_buyer_may_not_write(world: World, house, visit) -> None:
    person = visit(user=world.alice)
    with nothing_changes(house):
        person.go("/buy/")
        for fields, sentence in BUYS:
            refuses(person, fields, sentence)
        person.fill(phone="0712 345 678")
        person.send()
        person.sees("You pay", "KES 500")
    assert Quote.objects.count() == 1

    unverified = visit(user=world.bob)
    with nothing_changes(house):
        unverified.go("/buy/")
        refuses(unverified, {"amount_kes": "20001"}, "You can buy for at most KES 20,000 at once.")
        unverified.sees("When you have shown us who you are, you can trade more.")


SALES = [
    ({"grams": ""}, "Write how many grams you want to sell."),
    ({"grams": "0"}, "Write how many grams you want to sell."),
    *(({"grams": text}, DIGITS) for text in ("1,5", "1e-3", "-1", "all")),
    ({"grams": "0.0000001"}, "Use at most 6 digits after the point."),
    ({"grams": "0.000624"}, "A sale must pay at least KES 10."),
    ({"grams": "16.666667"}, "You can sell up to 16.666666 g."),
    ({"grams": "15.63"}, LARGEST),
    *(({"grams": "1", "phone": text}, PHONE) for text in ("0612345678", "712345678")),
]


def test_what_a_seller_may_not_write(world: World, house, visit) -> None:
    person = visit(user=world.alice)
    with nothing_changes(house):
        person.go("/sell/")
        person.sees("You have no gold to sell yet")
    owns(house, world.alice, 137_500)
    owns(house, world.alice, 137_500)
    with nothing_changes(house):
        person.go("/sell/")
        person.press("Sell all 16.666666 g")
        person.sees(LARGEST)
        for fields, sentence in SALES:
            refuses(person, fields, sentence)
        person.go("/wallet/")
        assert person.attribute("data-grams") == "16.666666"
        assert Decimal(person.attribute("data-locked-grams")) == 0
    assert Quote.objects.filter(side="sell").count() == 0


# --- too little gold ------------------------------------------------------------------------------


def test_less_gold_than_asked_is_offered_and_bought_until_none_is_left(world: World, house, visit) -> None:
    first = world.pool
    pools.pool_close(pool_id=first.pk, reason="A test closes it.", by=world.vault)
    world.gold(Decimal("0.5"))
    person = visit(user=world.alice)
    with nothing_changes(house):
        for amount in ({"grams": "2"}, {"amount_kes": "10000"}):
            person.go("/buy/")
            refuses(person, amount, "There are 0.500000 g for sale right now. That would cost KES 8,250.")
        person.press("See the price of 0.500000 g")
        person.sees("You pay", "KES 8,250", "0.500000 g")

    # While she looks at it somebody else takes a part: she is told how much is left, and takes that.
    owns(house, world.bob, 3300)
    with nothing_changes(house):
        person.press("Pay KES 8,250 with M-Pesa")
        person.sees("There are 0.300000 g for sale right now. That would cost KES 4,950.")
        person.press("See the price of 0.300000 g")
        person.sees("KES 4,950")
    person.press("Pay KES 4,950 with M-Pesa")
    person.waits_for_order("pending")
    house.simulator.answer(world.alice.phone, "accept")
    person.waits_for_order("completed")
    person.sees("You bought 0.300000 g")

    with nothing_changes(house):
        person.go("/buy/")
        refuses(person, {"amount_kes": "100"}, "All our gold is sold right now. More is on its way")
        assert person.page.get_by_role("button", name="See the price of").count() == 0


# --- the price ------------------------------------------------------------------------------------


def test_a_price_that_has_run_out(world: World, house, visit) -> None:
    person = visit(user=world.alice)
    person.go("/buy/")
    person.fill(amount_kes="1000")
    person.send()
    person.sees("This price is yours for")
    held = person.page.url
    with nothing_changes(house):
        with shift_clock(seconds=61):
            # The phone has slept, so its page still shows the button.
            person.press("Pay KES 1,000 with M-Pesa")
            person.sees("This price has run out. Please ask for a new one.", "Nothing was changed.")
            person.go(held)
            person.sees("This price is gone. Nothing was paid.")
            assert person.page.get_by_role("button", name="Pay").count() == 0
        person.page.get_by_role("link", name="Get a new price").click()

        person.page.clock.install()
        person.fill(grams="0.1")
        person.send()
        pay = person.page.get_by_role("button", name="Pay KES 1,650 with M-Pesa")
        again = person.page.get_by_role("link", name="Get a new price")
        expect(pay).to_be_visible()
        expect(again).to_be_hidden()
        person.page.clock.fast_forward(61_000)
        person.sees("This price is gone. Nothing was paid.")
        expect(pay).to_be_hidden()
        again.click()
        expect(person.page.locator("main [name=amount_kes]")).to_be_visible()


@pytest.mark.fault("P14")
def test_a_price_is_for_one_person_and_one_order(world: World, house, visit) -> None:
    alice, bob = visit(user=world.alice), visit(user=world.bob)
    alice.go("/buy/")
    alice.fill(amount_kes="1000")
    alice.send()
    alice.sees("You pay")
    held = alice.page.url
    with nothing_changes(house):
        bob.go(held)
        bob.sees("There is no such page")
        for forged in (held.rstrip("/").rpartition("/")[2], "8250"):
            bob.go("/buy/")
            bob.fill(amount_kes="500")
            bob.send()
            bob.page.locator("main [name=quote]").evaluate(
                "(field, value) => { field.value = value }", forged
            )
            bob.press("Pay KES 500 with M-Pesa")
            bob.sees("We do not find this price. Please ask for a new one.")

    second = alice.tab()
    second.goto(held)
    alice.press("Pay KES 1,000 with M-Pesa")
    alice.waits_for_order("pending")
    prompted(house, world.alice)
    with nothing_changes(house):
        second.get_by_role("button", name="Pay KES 1,000 with M-Pesa").click()
        expect(second.locator("main")).to_contain_text("You have confirmed this price already.")
        second.goto(held)
        expect(second.locator("main")).to_contain_text("You have confirmed this price already.")
        second.get_by_role("link", name="See your order").click()
        second.wait_for_url(alice.page.url)
    assert Order.objects.count() == 1


class SlowAnswer:
    """The first POST of a page reaches the house at once, and its answer waits until `let_go`: time to press again."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.posts: list[Route] = []
        self._answers: list[APIResponse] = []
        page.route("**/buy/", self._hold)

    def _hold(self, route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        self.posts.append(route)
        if len(self.posts) == 1:
            self._answers.append(route.fetch(max_redirects=0))
        else:
            route.continue_()

    def press_twice(self, label: str) -> None:
        box = self.page.get_by_role("button", name=label).bounding_box()
        assert box is not None
        # By the mouse: a click on the element would wait for the page that the first press asked for.
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.click(*place)
        while not self._answers:
            self.page.wait_for_timeout(20)
        self.page.mouse.click(*place)

    def let_go(self) -> None:
        self.posts[0].fulfill(response=self._answers[0])


@pytest.mark.fault("P14")
def test_pressing_twice_makes_one_order(world: World, house, visit) -> None:
    """The page's script holds the second press back; without the script it is sent, and answered with the order."""
    quick, plain = visit(user=world.alice), visit(user=world.bob, javascript=False)
    for person in (quick, plain):
        person.go("/buy/")
        person.fill(amount_kes="1000")
        person.send()
        person.sees("You pay")

    slow = SlowAnswer(quick.page)
    slow.press_twice("Pay KES 1,000 with M-Pesa")
    quick.page.wait_for_timeout(300)
    slow.let_go()
    quick.waits_for_order("pending")
    assert len(slow.posts) == 1

    slow = SlowAnswer(plain.page)
    slow.press_twice("Pay KES 1,000 with M-Pesa")
    plain.sees("You have confirmed this price already.")
    plain.page.get_by_role("link", name="See your order").click()
    plain.waits_for_order("pending")
    assert len(slow.posts) == 2

    for user in (world.alice, world.bob):
        prompted(house, user)
        assert len(house.simulator.prompts(user.phone)) == 1
        assert Order.objects.filter(user=user).count() == Payment.objects.filter(user=user).count() == 1
    assert_books(house.simulator)


# --- the order ------------------------------------------------------------------------------------


def test_an_order_that_nobody_answers_expires_and_late_money_is_honoured(world: World, house, visit) -> None:
    person = visit(user=world.bob)
    person.go("/buy/")
    person.fill(amount_kes="1500")
    person.send()
    person.press("Pay KES 1,500 with M-Pesa")
    person.waits_for_order("pending")
    prompted(house, world.bob)
    with shift_clock(minutes=3, seconds=1):
        person.waits_for_order("expired")
        person.sees(
            "The gold was let go after three minutes. We still ask M-Pesa: if you paid, your money is not lost."
        )
        assert_books(house.simulator)
        # The prompt is still on the phone, and now it is paid: in time for its price after all.
        house.simulator.answer(world.bob.phone, "accept")
        patiently(lambda: Order.objects.get().status == Status.COMPLETED, what="the late money is honoured")
        person.go(person.page.url)
        person.sees("You bought 0.090909 g")
    assert_books(house.simulator)


def test_a_buy_without_javascript(world: World, house, visit) -> None:
    person = visit(javascript=False)
    person.sign_in("alice@example.com", PASSWORD)
    person.go("/buy/")
    person.fill(grams="0.5")
    person.send()
    person.sees("You pay", "KES 8,250", "This price is yours until")
    person.press("Pay KES 8,250 with M-Pesa")
    person.waits_for_order("pending")
    handset = visit(house.simulator.url, javascript=False)
    prompted(house, world.alice)
    handset.go(f"/phone/{world.alice.phone}/")
    handset.page.fill("input[name=pin]", "1234")
    handset.page.click("button[name=action][value=accept]")
    # The page loads itself again every five seconds.
    person.waits_for_order("completed")
    person.go("/wallet/")
    assert person.attribute("data-grams") == "0.500000"
    assert_books(house.simulator)
