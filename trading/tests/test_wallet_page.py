"""The wallet: every number on it comes from the ledger or from an order."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.selectors import balance
from payments.models import Payment, State
from pools import services as pools
from trading.models import Order
from trading.selectors import CLOSED, holding
from trading.tests.pages import attribute, browser, text

pytestmark = pytest.mark.django_db


def wallet(person) -> tuple[Decimal, Decimal, str]:
    response = browser(person).get(reverse("wallet"))
    assert response.status_code == 200
    grams, locked = attribute(response, "data-grams"), attribute(response, "data-locked-grams")
    return Decimal(grams), Decimal(locked), text(response)


def test_an_empty_wallet_offers_the_first_buy(world: World) -> None:
    grams, locked, said = wallet(world.bob)
    assert (grams, locked) == (0, 0)
    assert "Your gold will be here" in said
    assert "Buy your first gold" in said


def test_reserved_gold_is_shown_and_not_owned(world: World) -> None:
    order = buy(world.bob, 1000)
    grams, _, said = wallet(world.bob)
    assert grams == 0
    assert "reserved: your purchase is not finished yet." in said
    paid(order)
    assert wallet(world.bob)[0] == order.grams


def test_gold_that_is_being_sold_is_still_owned(world: World) -> None:
    order = paid(buy(world.alice, 10_000))
    sale = sell(world.alice, Decimal("0.2"))
    grams, locked, said = wallet(world.alice)
    assert grams == order.grams == balance(chart.user_gold(world.alice.pk)) + locked
    assert locked == Decimal("0.2") == balance(chart.user_gold_locked(world.alice.pk))
    assert "being sold: it leaves your wallet when the money has reached you" in said
    paid(sale)
    grams, locked, _ = wallet(world.alice)
    assert (grams, locked) == (order.grams - Decimal("0.2"), 0)
    assert_books()


def test_value_cost_and_gain(world: World) -> None:
    paid(buy(world.alice, 16_500))
    pools.price_set(buy=Decimal(18_500), sell=Decimal(18_000), by=world.pricing, reason="up", confirmed=True)
    said = wallet(world.alice)[2]
    assert "worth KES 18,000 if you sell it now" in said
    assert "You paid KES 16,500" in said
    assert "Gain so far" in said
    assert "KES 1,500" in said
    assert "9.1" in said
    pools.price_set(buy=Decimal(16_000), sell=Decimal(15_500), by=world.pricing, reason="dn", confirmed=True)
    said = wallet(world.alice)[2]
    assert "Loss so far" in said
    assert "KES 1,000" in said


def test_cost_after_a_sale_is_that_of_what_is_left(world: World) -> None:
    paid(buy(world.alice, 33_000))
    paid(sell(world.alice, Decimal("0.5")))
    found = holding(world.alice.pk, price=None)
    assert found.grams == Decimal("1.5")
    assert found.cost == 24_750
    assert found.value is None
    assert found.gain is None
    assert found.gain_percent is None


def test_gold_on_its_way_out_keeps_its_cost_until_it_is_paid(world: World) -> None:
    paid(buy(world.alice, 33_000))
    sell(world.alice, Decimal("0.5"))
    assert holding(world.alice.pk, price=None).cost == 33_000


def test_cash_that_came_too_late_is_shown(world: World) -> None:
    order = buy(world.bob, 1000)
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    with shift_clock(minutes=16):
        paid(order)
    assert "KES 1,000 of yours is with us: it came too late for its price." in wallet(world.bob)[2]


def test_what_is_left_of_the_day(world: World) -> None:
    paid(buy(world.bob, 1500))
    said = " ".join(wallet(world.bob)[2].split())
    assert "Left today KES 18,500 of KES 20,000 KES 20,000 of KES 20,000" in said
    assert "Left in 30 days KES 98,500 of KES 100,000" in said
    assert "Show us who you are, and you can trade more." in said
    assert "Do you need more? Write to us" in wallet(world.alice)[2]


def test_without_a_price_the_grams_stay(world: World) -> None:
    order = paid(buy(world.alice, 16_500))
    with shift_clock(days=-2):
        grams, _, said = wallet(world.alice)
    assert grams == order.grams
    assert CLOSED in said


def test_nobody_sees_anything_of_others(world: World) -> None:
    order = paid(buy(world.alice, 16_500))
    response = browser(world.bob).get(reverse("wallet"))
    assert str(order.pk) not in response.content.decode()
    assert Decimal(attribute(response, "data-grams")) == 0


def test_home_is_the_wallet_for_who_is_signed_in(world: World) -> None:
    assert "Your wallet" in text(browser(world.bob).get("/"))
    landing = Client().get("/")
    assert landing.status_code == 200
    assert "KES 16,500" in text(landing)


@pytest.mark.parametrize("name", ["wallet", "buy", "sell", "orders", "home"])
def test_private_pages_are_stored_nowhere(world: World, name: str) -> None:
    response = browser(world.alice).get(reverse(name))
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    assert "HX-Request" in response["Vary"]


# --- how many queries -----------------------------------------------------------------------------


def trades(world: World, number: int) -> None:
    for _ in range(number):
        paid(buy(world.alice, 1000))
        paid(sell(world.alice, Decimal("0.01")))


@pytest.mark.parametrize(
    ("name", "most"), [("wallet", 16), ("buy", 10), ("sell", 11), ("orders", 8)], ids=lambda value: str(value)
)
def test_a_page_asks_the_database_a_bounded_number_of_times(
    world: World, django_assert_max_num_queries, name: str, most: int
) -> None:
    trades(world, 1)
    client = browser(world.alice)
    client.get(reverse(name))
    with django_assert_max_num_queries(most) as few:
        client.get(reverse(name))
    trades(world, 5)
    with django_assert_max_num_queries(most) as many:
        client.get(reverse(name))
    assert len(many) == len(few), "no more for more orders"


def test_an_order_page_asks_the_database_a_bounded_number_of_times(
    world: World, django_assert_max_num_queries
) -> None:
    order = buy(world.alice, 1000)
    client = browser(world.alice)
    url = reverse("order", args=[order.pk])
    client.get(url)
    with django_assert_max_num_queries(6):
        client.get(url, headers={"HX-Request": "true"})
    paid(Order.objects.get(pk=order.pk))
    with django_assert_max_num_queries(6):
        client.get(url)
