"""The page that asks what a sale pays: what it refuses, in which words, and that nothing changes."""

from decimal import Decimal

import pytest
from django.urls import reverse

from controls.services import threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from kyc.limits import Use
from ledger import chart
from ledger.selectors import balance
from payments.models import State
from trading.models import Quote, Status
from trading.selectors import used
from trading.tests.pages import (
    ask,
    browser,
    confirm,
    nothing_changes,
    order_confirmed,
    quote_asked,
    text,
)
from trading.tests.test_buy_page import NOT_DIGITS

pytestmark = pytest.mark.django_db
BOB = "0722 000 002"


@pytest.fixture
def owner(world: World) -> World:
    """alice owns 1.000000 g (KES 16,500)."""
    assert paid(buy(world.alice, 16_500)).grams == 1
    return world


def test_grams_that_are_not_plain_digits(owner: World) -> None:
    client = browser(owner.alice)
    for written in NOT_DIGITS:
        with nothing_changes():
            response = ask(client, "sell", grams=written)
        assert response.status_code == 400, written
        assert "Write the amount in grams with digits only, for example 0.25." in text(response), written


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"grams": "0.1234567"}, "Use at most 6 digits after the point."),
        ({}, "Write how many grams you want to sell."),
        ({"grams": "0"}, "Write how many grams you want to sell."),
        ({"grams": "0.000000"}, "Write how many grams you want to sell."),
        ({"grams": "1.000001"}, "You can sell up to 1.000000 g."),
        ({"grams": "999999999999"}, "You can sell up to 1.000000 g."),
        ({"grams": "0.000624"}, "A sale must pay at least KES 10."),
        ({"grams": "0.5", "phone": "0812345678"}, "Write a Kenyan mobile number"),
        ({"grams": "0.5", "phone": ""}, "Write the M-Pesa number"),
        ({"grams": "0.5", "phone": "0110 000 009"}, "We pay only to your own number, 0712 345 678."),
    ],
)
def test_what_cannot_be_sold(owner: World, fields: dict[str, str], sentence: str) -> None:
    with nothing_changes():
        response = ask(browser(owner.alice), "sell", **fields)
    assert response.status_code == 400
    assert sentence in text(response)


def test_who_owns_nothing_has_nothing_to_sell(world: World) -> None:
    client = browser(world.bob)
    page = client.get(reverse("sell"))
    assert page.status_code == 200
    assert "You have no gold to sell yet" in text(page)
    for fields in ({"grams": "0.5"}, {"everything": "on"}):
        with nothing_changes():
            response = ask(client, "sell", **fields)
        assert response.status_code == 400
        assert "You have no gold to sell yet" in text(response)


def test_what_is_reserved_or_being_sold_cannot_be_sold(owner: World) -> None:
    client = browser(owner.alice)
    buy(owner.alice, 16_500)
    sell(owner.alice, Decimal("0.4"))
    with nothing_changes():
        response = ask(client, "sell", grams="0.600001")
    assert response.status_code == 400
    assert "You can sell up to 0.600000 g." in text(response)
    assert quote_asked(client, "sell", grams="0.6").grams == Decimal("0.6")


def test_more_than_mpesa_moves_at_once(owner: World) -> None:
    paid(buy(owner.alice, 250_000))
    with nothing_changes():
        response = ask(browser(owner.alice), "sell", everything="on")
    assert response.status_code == 400
    assert "M-Pesa moves at most KES 250,000 at once." in text(response)
    assert quote_asked(browser(owner.alice), "sell", grams="15.625000").total_kes == 250_000


def test_sales_have_limits_of_their_own(world: World) -> None:
    """What was bought today takes nothing from them."""
    threshold_set(name="unverified_sell_day_kes", value=Decimal(10_000), by=world.vault)
    threshold_set(name="price_max_age_hours", value=Decimal(48), by=world.vault)
    paid(buy(world.bob, 20_000))
    sell(world.bob, Decimal("0.5"))
    with nothing_changes():
        response = ask(browser(world.bob), "sell", grams="0.2", phone=BOB)
    assert response.status_code == 400
    assert "You can sell for KES 10,000 a day, and KES 2,000 of it is left today." in text(response)
    threshold_set(name="unverified_sell_month_kes", value=Decimal(11_000), by=world.vault)
    with shift_clock(hours=24):
        with nothing_changes():
            response = ask(browser(world.bob), "sell", grams="0.2", phone=BOB)
        assert "You can sell for KES 11,000 in 30 days, and KES 3,000 of it is left." in text(response)
        assert ask(browser(world.bob), "sell", grams="0.1", phone=BOB).status_code == 302
    found = used(user_id=world.bob.pk)
    assert (found.buy, found.sell) == (
        Use(Decimal(20_000), Decimal(20_000)),
        Use(Decimal(8000), Decimal(8000)),
    )
    with shift_clock(days=30, hours=1):
        assert used(user_id=world.bob.pk).sell == Use(Decimal(0), Decimal(0))


@pytest.mark.fault("Q09")
def test_sell_all_leaves_nothing(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "sell", everything="on", grams="0.1")
    assert (quote.grams, quote.total_kes, quote.everything) == (Decimal(1), 16_000, True)
    assert confirm(client, "sell", quote).status_code == 302
    assert balance(chart.user_gold(owner.alice.pk)) == 0
    assert balance(chart.user_gold_locked(owner.alice.pk)) == 1
    assert_books()


def test_a_sale_pays_whole_shillings_rounded_down(owner: World) -> None:
    quote = quote_asked(browser(owner.alice), "sell", grams="0.333333")
    assert quote.total_kes == 5333
    page = text(browser(owner.alice).get(reverse("sell_quote", args=[quote.pk])))
    assert "KES 5,333" in page
    assert "These grams are worth KES 5,333.32; the cents are cut." in page


def test_the_grams_went_between_price_and_confirmation(owner: World) -> None:
    client = browser(owner.alice)
    first = quote_asked(client, "sell", grams="0.7")
    second = quote_asked(client, "sell", grams="0.7")
    assert confirm(client, "sell", first).status_code == 302
    with nothing_changes():
        response = confirm(client, "sell", second)
    assert response.status_code == 400
    assert "You can sell up to 0.300000 g." in text(response)
    assert Quote.objects.get(pk=second.pk).used_at is None
    assert_books()


def test_all_the_grams_went_between_price_and_confirmation(owner: World) -> None:
    client = browser(owner.alice)
    first = quote_asked(client, "sell", everything="on")
    second = quote_asked(client, "sell", everything="on")
    assert confirm(client, "sell", first).status_code == 302
    with nothing_changes():
        response = confirm(client, "sell", second)
    assert response.status_code == 400
    assert "You have no gold that you can sell now" in text(response)
    assert_books()


def test_the_confirmed_sale_locks_grams_and_money(owner: World) -> None:
    order = order_confirmed(browser(owner.alice), "sell", grams="0.25")
    assert order.status == Status.PENDING
    assert order.payment.state == State.CREATED
    assert order.payment.phone == owner.alice.phone
    assert order.payment.expires_at is None
    assert order.expires_at is None
    assert balance(chart.user_gold(owner.alice.pk)) == Decimal("0.75")
    assert balance(chart.payouts_clearing()) == order.total_kes == 4000
    assert balance(chart.user_cash(owner.alice.pk)) == 0
    assert_books()


@pytest.mark.fault("Q04")
def test_an_old_price_closes_trading(owner: World) -> None:
    client = browser(owner.alice)
    with shift_clock(hours=25):
        assert "Buying and selling is closed" in text(client.get(reverse("sell")))
        with nothing_changes():
            response = ask(client, "sell", grams="0.5")
        assert response.status_code == 409
        assert "Your gold is safe." in text(response)


def test_the_page_shows_what_can_be_sold(owner: World) -> None:
    sell(owner.alice, Decimal("0.4"))
    page = browser(owner.alice).get(reverse("sell"))
    assert "no-store" in page["Cache-Control"]
    assert "Sell all 0.600 000 g" in text(page) or "Sell all 0.600000 g" in text(page)
