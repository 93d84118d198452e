"""One order as a timeline, the fragment that polls, and the list of orders."""

import re
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from controls.services import threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Exchange, Kind, Payment, State
from payments.services import payment_settle
from trading.models import Order, Status
from trading.selectors import orders_of, orders_page
from trading.tests.pages import attribute, browser, nothing_changes, text

pytestmark = pytest.mark.django_db


def page(client: Client, order: Order, **headers: str):
    return client.get(reverse("order", args=[order.pk]), headers=headers)


def ended(order: Order, *, is_paid: bool, code: str = "") -> None:
    Payment.objects.filter(pk=order.payment_id, state=State.CREATED).update(state=State.PENDING)
    exchange = Exchange.objects.create(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT)
    assert payment_settle(payment_id=order.payment_id, paid=is_paid, code=code, exchange=exchange)


def stands(order: Order, state: State, **changes: object) -> None:
    Payment.objects.filter(pk=order.payment_id).update(state=state, **changes)


# --- a buy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.CREATED, "We are sending the prompt to 0722 000 002."),
        (State.PENDING, "Look at your phone and enter your M-Pesa PIN."),
        (State.UNKNOWN, "Please do not pay again"),
    ],
)
def test_a_buy_that_waits_for_its_money(world: World, state: State, sentence: str) -> None:
    order = buy(world.bob, 1000)
    stands(order, state)
    response = page(browser(world.bob), order)
    assert response.status_code == 200
    assert attribute(response, "data-order-status") == "pending"
    assert sentence in text(response)
    assert "every 2s" in attribute(response, "hx-trigger")
    assert "Try again" not in text(response)


def test_a_buy_that_was_paid(world: World) -> None:
    order = paid(buy(world.bob, 1000), receipt="UKL7A2B3C4")
    response = page(browser(world.bob), order)
    assert attribute(response, "data-order-status") == "completed"
    assert "M-Pesa has confirmed your payment. Receipt UKL7A2B3C4." in text(response)
    assert "hx-get" not in response.content.decode(), "a final page asks no more"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("1032", "You cancelled the request on your phone. No money was taken."),
        ("2001", "The PIN was wrong. No money was taken."),
        ("1", "There was not enough money on your M-Pesa."),
        ("1037", "There was no answer from your phone."),
        ("a code nobody knows", "The payment did not go through."),
    ],
)
def test_a_buy_that_was_not_paid_says_why(world: World, code: str, sentence: str) -> None:
    order = buy(world.bob, 1000)
    ended(order, is_paid=False, code=code)
    response = page(browser(world.bob), order)
    assert attribute(response, "data-order-status") == "failed"
    assert sentence in text(response)
    assert "Try again" in text(response)
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


@pytest.mark.fault("W15")
def test_an_unsent_buy_expires_when_its_page_is_read(world: World) -> None:
    """The tidying job may be hours behind: the deadline is judged when it is used."""
    order = buy(world.bob, 1000)
    client = browser(world.bob)
    with shift_clock(seconds=178):
        assert attribute(page(client, order), "data-order-status") == "pending"
    with shift_clock(seconds=181):
        response = page(client, order)
    assert attribute(response, "data-order-status") == "expired"
    assert "No payment reached us within three minutes. Nothing was bought." in text(response)
    assert balance(chart.pool_available(world.pool.pk)) == 1000
    assert_books()


@pytest.mark.fault("P15")
def test_an_expired_buy_whose_prompt_is_out_says_that_we_still_ask(world: World) -> None:
    order = buy(world.bob, 1000)
    stands(order, State.PENDING)
    with shift_clock(seconds=181):
        response = page(browser(world.bob), order)
    assert attribute(response, "data-order-status") == "expired"
    assert "if you paid, your money is not lost" in text(response)
    assert "Try again" not in text(response), "nobody is asked to pay twice"
    assert "hx-get" in response.content.decode(), "it still looks"


def test_late_money_is_told_with_its_amount(world: World) -> None:
    order = buy(world.bob, 1000)
    stands(order, State.PENDING)
    with shift_clock(minutes=16):
        ended(order, is_paid=True)
        response = page(browser(world.bob), order)
    assert attribute(response, "data-order-status") == "paid_late"
    assert "KES 1,000 came too late for this price. It is safe: it is your cash with us." in text(response)


def test_a_payment_before_staff_is_told_as_a_check(world: World) -> None:
    order = buy(world.bob, 1000)
    stands(order, State.PENDING, attention=True, note="A callback names another prompt.")
    said = text(page(browser(world.bob), order))
    assert "do not pay again" in said
    assert "A callback names another prompt." not in said, "that is for staff"


# --- a sale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.CREATED, "We are about to ask M-Pesa to pay 0712 345 678."),
        (State.SENDING, "We are asking M-Pesa to pay 0712 345 678."),
        (State.PENDING, "M-Pesa is paying 0712 345 678."),
        (State.AWAITING_APPROVAL, "A member of our team looks at this payout before it goes."),
        (State.UNKNOWN, "Your gold is held until we know."),
    ],
)
def test_a_sale_on_its_way(world: World, state: State, sentence: str) -> None:
    paid(buy(world.alice, 1000))
    order = sell(world.alice, None)
    stands(order, state)
    response = page(browser(world.alice), order)
    assert attribute(response, "data-order-status") == "pending"
    assert sentence in text(response)


def test_a_sale_that_was_paid_and_one_that_was_not(world: World) -> None:
    paid(buy(world.alice, 1000))
    first = sell(world.alice, Decimal("0.02"))
    ended(first, is_paid=True)
    second = sell(world.alice, None)
    ended(second, is_paid=False, code="2040")
    client = browser(world.alice)
    assert "The money is on 0712 345 678." in text(page(client, first))
    said = text(page(client, second))
    assert "That number is not registered with M-Pesa." in said
    assert "Your gold is back in your wallet." in said
    assert_books()


def test_a_sale_does_not_expire(world: World) -> None:
    paid(buy(world.alice, 1000))
    order = sell(world.alice, None)
    with shift_clock(days=30):
        assert attribute(page(browser(world.alice), order), "data-order-status") == "pending"


# --- the fragment ---------------------------------------------------------------------------------


def test_the_poll_gets_the_fragment_and_nothing_else(world: World) -> None:
    order = buy(world.bob, 1000)
    response = page(browser(world.bob), order, **{"HX-Request": "true"})
    body = response.content.decode()
    assert response.status_code == 200
    assert body.strip().startswith("<div")
    assert "<html" not in body
    assert "<title" not in body
    assert attribute(response, "data-order-status") == "pending"
    assert "no-store" in response["Cache-Control"]
    assert "HX-Request" in response["Vary"]


def test_a_boosted_visit_gets_the_whole_page(world: World) -> None:
    order = buy(world.bob, 1000)
    response = page(browser(world.bob), order, **{"HX-Request": "true", "HX-Boosted": "true"})
    assert "<html" in response.content.decode()


def test_a_poll_after_sign_out_is_sent_to_sign_in(world: World) -> None:
    order = buy(world.bob, 1000)
    response = page(Client(), order, **{"HX-Request": "true"})
    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/accounts/login/")


def test_without_scripts_the_page_loads_itself_again(world: World) -> None:
    order = buy(world.bob, 1000)
    assert (
        '<noscript><meta http-equiv="refresh" content="5"></noscript>'
        in page(browser(world.bob), order).content.decode()
    )
    paid(order)
    assert "http-equiv" not in page(browser(world.bob), order).content.decode()


# --- whose ----------------------------------------------------------------------------------------


def test_somebody_elses_order(world: World) -> None:
    order = buy(world.alice, 1000)
    for person in (world.bob, world.charlie, world.vault):
        with nothing_changes():
            response = page(browser(person), order)
        assert response.status_code == 404
        assert order.reference not in response.content.decode()
    assert browser(world.alice).get(reverse("order", args=[uuid.uuid4()])).status_code == 404


def test_somebody_elses_order_does_not_expire_by_looking(world: World) -> None:
    order = buy(world.alice, 1000)
    with shift_clock(minutes=4):
        assert page(browser(world.bob), order).status_code == 404
    order.refresh_from_db()
    assert order.status == Status.PENDING


@pytest.mark.parametrize("verb", ["post", "put", "delete"])
def test_an_order_is_only_read(world: World, verb: str) -> None:
    order = buy(world.bob, 1000)
    client = browser(world.bob)
    with nothing_changes():
        for url in (reverse("order", args=[order.pk]), reverse("orders"), reverse("wallet"), reverse("home")):
            assert getattr(client, verb)(url).status_code == 405


# --- the list -------------------------------------------------------------------------------------


def many_prompts(world: World) -> None:
    for name in ("prompts_unpaid_per_phone_hour", "prompts_unpaid_per_person_hour"):
        threshold_set(name=name, value=Decimal(1000), by=world.vault)


def references(response) -> list[str]:
    return re.findall(r'href="/orders/([0-9a-f-]{36})/"', response.content.decode())


def test_an_empty_list_offers_the_first_step(world: World) -> None:
    response = browser(world.bob).get(reverse("orders"))
    assert "No orders yet" in text(response)
    assert f'href="{reverse("buy")}"' in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_the_list_goes_on_page_by_page_and_shows_each_order_once(world: World) -> None:
    many_prompts(world)
    made = [str(buy(world.alice, 100 + number).pk) for number in range(12)]
    buy(world.bob, 100)
    seen, after = [], ""
    while True:
        found = orders_page(orders_of(world.alice.pk), after=after, limit=5)
        seen += [str(order.pk) for order in found.rows]
        after = found.older
        if not after:
            break
    assert seen == made[::-1]


def test_orders_of_one_moment_are_not_lost_between_pages(world: World) -> None:
    orders = [buy(world.alice, 100) for _ in range(7)]
    Order.objects.update(created_at=orders[0].payment.created_at)
    seen, after = set(), ""
    for _ in range(4):
        found = orders_page(orders_of(world.alice.pk), after=after, limit=2)
        seen |= {order.pk for order in found.rows}
        after = found.older
    assert seen == {order.pk for order in orders}
    assert after == ""


def test_the_link_to_older_orders(world: World) -> None:
    many_prompts(world)
    made = [str(buy(world.alice, 100).pk) for _ in range(27)]
    client = browser(world.alice)
    first = client.get(reverse("orders"))
    assert references(first) == made[:1:-1]
    older = re.search(r'href="(/orders/\?after=[^"]+)"', first.content.decode())
    assert older is not None
    second = client.get(older[1])
    assert references(second) == made[1::-1]
    assert "?after=" not in second.content.decode()


NOWHERE = [
    "x",
    "-",
    "1-1",
    "²-6f0d1c3e-0000-4000-8000-000000000000",
    "٣-6f0d1c3e-0000-4000-8000-000000000000",
    "99999999999999999-6f0d1c3e-0000-4000-8000-000000000000",
    "999999999999999999999999-6f0d1c3e-0000-4000-8000-000000000000",
    "-5-6f0d1c3e-0000-4000-8000-000000000000",
    "\x00",
    "1-{6f0d1c3e-0000-4000-8000-000000000000}",
]


def test_a_place_in_the_list_that_is_nonsense(world: World) -> None:
    buy(world.alice, 100)
    client = browser(world.alice)
    for after in NOWHERE:
        assert client.get(reverse("orders"), {"after": after}).status_code == 200, after
