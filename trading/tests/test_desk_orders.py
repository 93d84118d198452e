"""Orders at the desk: who sees them, finding one, and everything about it."""

import re
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Callback
from trading import services
from trading.models import Order
from trading.services import orders_expire
from trading.tests.late import late, refund_ends, taken_back
from trading.tests.pages import nothing_changes, text
from trading.tests.test_buy import fail
from trading.tests.test_order_page import many_prompts

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders(world: World) -> dict[str, Order]:
    """One of each kind; alice's sale is pending, the others are bob's and charlie's."""
    made = {
        "bought": paid(buy(world.alice, 20_000), receipt="UKL7A2B3C4"),
        "selling": sell(world.alice, Decimal("0.5")),
        "failed": fail(buy(world.bob, 1000)),
    }
    expired = buy(world.charlie, 500)
    with shift_clock(minutes=4):
        orders_expire()
    expired.refresh_from_db()
    return {**made, "expired": expired}


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


def found(browser: Client, orders: dict[str, Order], **filters: str) -> set[str]:
    response = browser.get(reverse("desk_orders"), filters)
    assert response.status_code == 200
    shown = set(re.findall(r"/desk/orders/([0-9a-f-]{36})/", response.content.decode()))
    return {name for name, order in orders.items() if str(order.pk) in shown}


EVERYTHING = {"bought", "selling", "failed", "expired"}


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({}, EVERYTHING),
    ({"status": "completed"}, {"bought"}),
    ({"status": "expired"}, {"expired"}),
    ({"side": "sell"}, {"selling"}),
    ({"side": "buy", "status": "failed"}, {"failed"}),
    ({"person": "alice"}, {"bought", "selling"}),
    ({"person": "BOB@example.com"}, {"failed"}),
    ({"person": "nobody"}, set()),
    ({"person": "%"}, set()),
    ({"phone": "0722 000 002"}, {"failed"}),
    ({"phone": "+254712345678"}, {"bought", "selling"}),
    ({"phone": "0733000000"}, set()),
    ({"reference": "ukl7a2b3c4"}, {"bought"}),
    ({"reference": "G"}, set()),
    ({"person": "\x00"}, EVERYTHING),
    ({"after": "x", "status": ""}, EVERYTHING),
]


def test_the_filters(desk: Client, orders: dict[str, Order]) -> None:
    for filters, names in FILTERS:
        assert found(desk, orders, **filters) == names, filters


def test_by_reference(desk: Client, orders: dict[str, Order]) -> None:
    for name, order in orders.items():
        assert found(desk, orders, reference=f" {order.reference.lower()} ") == {name}


def test_a_filter_that_cannot_be_read_says_so(desk: Client, orders: dict[str, Order]) -> None:
    assert "Write a Kenyan mobile number" in text(desk.get(reverse("desk_orders"), {"phone": "12"}))


def test_the_next_page_keeps_the_filters(desk: Client, world: World) -> None:
    many_prompts(world)
    for _ in range(54):
        buy(world.alice, 100)
    paid(buy(world.bob, 1000))
    sell(world.bob, None)
    first = desk.get(reverse("desk_orders"), {"side": "buy"})
    older = re.search(r'href="(/desk/orders/\?[^"]*after=[^"]+)"', first.content.decode())
    assert older is not None
    assert "side=buy" in older[1]
    second = desk.get(older[1].replace("&amp;", "&"))
    rows = re.compile(r"/desk/orders/([0-9a-f-]{36})/")
    one, two = (set(rows.findall(page.content.decode())) for page in (first, second))
    assert (len(one), len(two)) == (50, 5)
    assert not one & two


def test_one_order_with_all_that_belongs_to_it(desk: Client, orders: dict[str, Order]) -> None:
    order = orders["bought"]
    callback = Callback(payment_id=order.payment_id, kind="collect")
    callback.body = '{"planted": "callback text"}'
    callback.save()
    response = desk.get(reverse("desk_order", args=[order.pk]))
    said = text(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    for word in (order.reference, "UKL7A2B3C4", "alice@example.com", "First", "callback text"):
        assert word in said, word
    for name in ("alice@example.com: gold reserved for a buy", "At M-Pesa, collections", "Sales of gold"):
        assert name in said


def test_every_kind_of_order_has_its_page(desk: Client, orders: dict[str, Order]) -> None:
    for name, order in orders.items():
        with nothing_changes():
            response = desk.get(reverse("desk_order", args=[order.pk]))
        assert response.status_code == 200, name


def test_no_order_s_page_asks_more_than_25_questions(
    desk: Client, world: World, django_assert_max_num_queries
) -> None:
    """Also with a refund that failed, late money, a second purchase, and a payment that M-Pesa took back."""
    waiting, again, refunded, failed = (late(world.alice, kes) for kes in (1000, 1100, 1200, 1300))
    new = services.rebuy_confirm(
        user_id=world.alice.pk, quote_id=services.quote_rebuy(user=world.alice, order_id=again.pk).pk
    )
    for order, is_paid in ((refunded, True), (failed, False)):
        services.refund_ask(user_id=order.user_id, order_id=order.pk)
        refund_ends(
            order, is_paid=is_paid, code="" if is_paid else "2001", receipt="UKF0000001" if is_paid else ""
        )
    gone = taken_back(paid(buy(world.bob, 20_000), receipt="UKG0000001"))
    pending = sell(world.alice, None)
    desk.get(reverse("desk"))  # now and then a session is written anew: not in what is counted
    for order in (waiting, again, refunded, failed, new, gone, pending):
        for url in (reverse("desk_order", args=[order.pk]), reverse("desk_payment", args=[order.payment_id])):
            with django_assert_max_num_queries(25):
                assert desk.get(url).status_code == 200, (order.status, url)


def test_looking_at_the_desk_expires_nothing(desk: Client, world: World) -> None:
    order = buy(world.bob, 1000)
    with shift_clock(hours=1), nothing_changes():
        desk.get(reverse("desk_order", args=[order.pk]))
        desk.get(reverse("desk_orders"))


def test_who_sees_orders(orders: dict[str, Order], world: World) -> None:
    urls = [reverse("desk_orders"), reverse("desk_order", args=[orders["bought"].pk])]
    for role in ("treasury", "pricing", "vault", "auditor", "administrator"):
        browser = signed_in(staff(role))
        assert [browser.get(url).status_code for url in urls] == [200, 200], role
        assert [browser.post(url).status_code for url in urls] in ([405, 405], [403, 403]), role
    assert [signed_in(staff("reviewer")).get(url).status_code for url in urls] == [403, 403]
    assert [signed_in(world.alice).get(url).status_code for url in urls] == [403, 403]
    assert all(Client().get(url)["Location"].startswith("/accounts/login/") for url in urls)


def test_a_payment_and_its_order_lead_to_each_other(desk: Client, world: World) -> None:
    order = paid(buy(world.alice, 1000))
    sale = sell(world.alice, None)
    for one in (order, sale):
        there, back = reverse("desk_payment", args=[one.payment_id]), reverse("desk_order", args=[one.pk])
        assert f'href="{there}"' in desk.get(back).content.decode()
        assert f'href="{back}"' in desk.get(there).content.decode()


def test_an_order_that_does_not_exist(desk: Client) -> None:
    assert desk.get(reverse("desk_order", args=[uuid.uuid4()])).status_code == 404


def test_the_list_asks_the_database_a_bounded_number_of_times(
    desk: Client, world: World, django_assert_max_num_queries
) -> None:
    paid(buy(world.alice, 100))
    desk.get(reverse("desk_orders"))
    with django_assert_max_num_queries(25) as few:
        desk.get(reverse("desk_orders"))
    for _ in range(8):
        paid(buy(world.alice, 100))
        buy(world.bob, 100)
    with django_assert_max_num_queries(25) as many:
        desk.get(reverse("desk_orders"))
    assert len(few) == len(many)
