"""The page that asks for a price to buy at: what it refuses, in which words, and that nothing changes."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, world_create
from ledger import chart
from ledger.selectors import balance
from pools import services as pools
from trading.models import Quote
from trading.tests.pages import (
    PHONE,
    ask,
    browser,
    confirm,
    hidden,
    nothing_changes,
    order_confirmed,
    quote_asked,
    text,
)

pytestmark = pytest.mark.django_db

NOT_DIGITS = [
    "1,000",
    "1e3",
    "-0",
    "-1000",
    "+1000",
    "١٠٠٠",
    "９９９",
    "NaN",
    "Infinity",
    "1 000",
    "0x10",
    "01000",
    "1_000",
    "½",
    "1000/-",
    "KES 1000",
    "1000; DROP TABLE",
    "1.",
    ".5",
    "1.000,50",
]


@pytest.fixture
def small(db: None) -> World:
    """A house with half a gram."""
    return world_create(grams=Decimal("0.500000"))


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.fault("Q12")
@pytest.mark.parametrize("field", ["amount_kes", "grams"])
def test_an_amount_that_is_not_plain_digits(world: World, field: str) -> None:
    client = browser(world.alice)
    for written in NOT_DIGITS:
        with nothing_changes():
            response = ask(client, "buy", **{field: written})
        assert response.status_code == 400, written
        assert "with digits only, for example" in text(response), written
        assert f'value="{written}"' in response.content.decode(), "what was typed stays"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount_kes": "1000.50"}, "M-Pesa moves whole shillings. Leave out the cents."),
        ({"amount_kes": "1000.00"}, "M-Pesa moves whole shillings. Leave out the cents."),
        ({"grams": "0.1234567"}, "Use at most 6 digits after the point."),
        ({}, "Write how much you want to buy."),
        ({"amount_kes": " ", "grams": " "}, "Write how much you want to buy."),
        ({"amount_kes": "1000", "grams": "1"}, "Fill in one: shillings or grams."),
        ({"amount_kes": "0"}, "The smallest purchase is KES 100."),
        ({"amount_kes": "99"}, "The smallest purchase is KES 100."),
        ({"grams": "0"}, "The smallest purchase is KES 100."),
        ({"grams": "0.000001"}, "The smallest purchase is KES 100."),
        ({"amount_kes": "250001"}, "M-Pesa moves at most KES 250,000 at once."),
        ({"amount_kes": "999999999999"}, "M-Pesa moves at most KES 250,000 at once."),
        ({"grams": "15.151516"}, "M-Pesa moves at most KES 250,000 at once."),
        ({"grams": "999999999999"}, "M-Pesa moves at most KES 250,000 at once."),
        ({"amount_kes": "9999999999999"}, "This number is too large."),
        ({"grams": "9999999999999.5"}, "This number is too large."),
    ],
)
def test_an_amount_out_of_bounds(world: World, fields: dict[str, str], sentence: str) -> None:
    with nothing_changes():
        response = ask(browser(world.alice), "buy", **fields)
    assert response.status_code == 400
    assert sentence in text(response)


NO_PHONES = [
    "12345",
    "0812345678",
    "+255712345678",
    "07123456789",
    "071234567",
    "0712a45678",
    "٠٧١٢٣٤٥٦٧٨",
    "254 0712345678",
    "07-1",
    "0712345678\x00",
]


def test_a_number_that_is_not_a_kenyan_mobile(world: World) -> None:
    client = browser(world.alice)
    for phone in NO_PHONES:
        with nothing_changes():
            response = ask(client, "buy", amount_kes="1000", phone=phone)
        assert response.status_code == 400, phone
        said = text(response)
        assert (
            "Write a Kenyan mobile number" in said or "A sign in this cannot be read. Type it anew." in said
        ), phone


def test_no_number_at_all(world: World) -> None:
    with nothing_changes():
        response = ask(browser(world.alice), "buy", amount_kes="1000", phone="")
    assert response.status_code == 400
    assert "Write the M-Pesa number, for example 0712 345 678." in text(response)


def test_both_ends_of_what_may_be_bought(world: World) -> None:
    client = browser(world.alice)
    assert quote_asked(client, "buy", amount_kes="100").grams == Decimal("0.006060")
    assert quote_asked(client, "buy", amount_kes="250000").grams == Decimal("15.151515")
    assert quote_asked(client, "buy", grams="0.006060").total_kes == 100
    assert quote_asked(client, "buy", grams="15.151515").total_kes == 250_000


def test_the_ways_in_which_people_write_a_number(world: World) -> None:
    client = browser(world.alice)
    for phone in ("0712345678", "+254 712 345 678", "254712345678", "0712-345-678"):
        assert quote_asked(client, "buy", amount_kes="1000", phone=phone).phone == "254712345678"
    assert quote_asked(client, "buy", amount_kes="1000", phone="0110000003").phone == "254110000003"


# --- the day's limit ------------------------------------------------------------------------------


def test_an_unverified_person_up_to_the_limit_of_the_day(world: World) -> None:
    client = browser(world.bob)
    order_confirmed(client, "buy", amount_kes="15000")
    with nothing_changes():
        response = ask(client, "buy", amount_kes="5001")
    assert response.status_code == 400
    assert "You can buy for KES 20,000 a day, and KES 5,000 of it is left today." in text(response)
    assert "When you have shown us who you are, you can trade more." in text(response)
    order_confirmed(client, "buy", amount_kes="5000")
    assert "KES 0 of it is left today" in text(ask(client, "buy", amount_kes="100"))


def test_the_limit_is_judged_again_when_the_price_is_confirmed(world: World) -> None:
    client = browser(world.bob)
    first = quote_asked(client, "buy", amount_kes="15000")
    second = quote_asked(client, "buy", amount_kes="15000")
    assert confirm(client, "buy", first).status_code == 302
    with nothing_changes():
        response = confirm(client, "buy", second)
    assert response.status_code == 400
    assert "KES 5,000 of it is left today" in text(response)
    assert_books()


# --- not enough gold ------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"amount_kes": "10000"}, {"grams": "0.500001"}, {"grams": "3"}])
def test_what_there_is_is_offered_and_can_be_bought(small: World, fields: dict[str, str]) -> None:
    client = browser(small.alice)
    with nothing_changes():
        response = ask(client, "buy", **fields)
    assert response.status_code == 409
    assert "There are 0.500000 g for sale right now. That would cost KES 8,250." in text(response)
    quote = quote_asked(client, "buy", grams=hidden(response, "grams"), phone=hidden(response, "phone"))
    assert (quote.grams, quote.total_kes) == (Decimal("0.500000"), 8250)
    assert quote.phone == small.alice.phone
    assert confirm(client, "buy", quote).status_code == 302
    assert balance(chart.pool_available(small.pool.pk)) == 0
    assert_books()


@pytest.mark.parametrize("stock", ["0.006061", "0.006066", "0.010000", "0.123457", "15.151515", "20.000000"])
def test_every_offer_can_be_bought(db: None, stock: str) -> None:
    world = world_create(grams=Decimal(stock))
    client = browser(world.alice)
    response = ask(client, "buy", amount_kes="250000")
    if response.status_code == 302:
        # As much as M-Pesa moves at once lies there: nothing needs to be offered.
        assert Decimal(stock) >= Decimal("15.151515")
        return
    order = order_confirmed(client, "buy", grams=hidden(response, "grams"))
    assert order.grams <= Decimal(stock)
    assert_books()


def test_no_gold_at_all(small: World) -> None:
    pools.pool_close(pool_id=small.pool.pk, reason="A test closes it.", by=small.vault)
    with nothing_changes():
        response = ask(browser(small.alice), "buy", amount_kes="1000")
    assert response.status_code == 409
    assert "All our gold is sold right now." in text(response)
    assert "for sale right now" not in text(response)


def test_gold_worth_less_than_the_smallest_purchase_is_no_offer(db: None) -> None:
    world = world_create(grams=Decimal("0.006000"))
    response = ask(browser(world.alice), "buy", amount_kes="1000")
    assert response.status_code == 409
    assert "All our gold is sold right now." in text(response)


def test_the_gold_went_between_price_and_confirmation(small: World) -> None:
    client = browser(small.alice)
    quote = quote_asked(client, "buy", grams="0.5", phone="0110 000 009")
    paid(buy(small.bob, 3300))
    with nothing_changes():
        response = confirm(client, "buy", quote)
    assert response.status_code == 409
    assert "There are 0.300000 g for sale right now. That would cost KES 4,950." in text(response)
    assert hidden(response, "grams") == "0.300000"
    assert quote_asked(client, "buy", grams="0.3", phone=hidden(response, "phone")).phone == "254110000009"
    assert_books()


def test_all_the_gold_went_between_price_and_confirmation(small: World) -> None:
    client = browser(small.alice)
    quote = quote_asked(client, "buy", grams="0.5")
    paid(buy(small.bob, 8250))
    with nothing_changes():
        response = confirm(client, "buy", quote)
    assert response.status_code == 409
    assert "All our gold is sold right now." in text(response)
    assert_books()


# --- closed trading -------------------------------------------------------------------------------


@pytest.mark.fault("Q04")
def test_an_old_price_closes_trading(world: World) -> None:
    client = browser(world.alice)
    with shift_clock(hours=24, minutes=1):
        page = client.get(reverse("buy"))
        assert page.status_code == 200
        assert "Buying and selling is closed until there is a new price." in text(page)
        assert 'name="amount_kes"' not in page.content.decode()
        with nothing_changes():
            response = ask(client, "buy", amount_kes="1000")
        assert response.status_code == 409
        assert "Buying and selling is closed" in text(response)
        pools.price_set(
            buy=Decimal(17000), sell=Decimal(16500), by=world.pricing, reason="new", confirmed=True
        )
        assert quote_asked(client, "buy", amount_kes="1000").price_per_gram == 17000


@pytest.mark.fault("Q04")
def test_no_price_yet_closes_trading(world: World) -> None:
    client = browser(world.alice)
    with shift_clock(hours=-1):
        assert "Buying and selling is closed" in text(client.get(reverse("buy")))
        assert ask(client, "buy", amount_kes="1000").status_code == 409
        assert client.get(reverse("wallet")).status_code == 200
        assert Client().get(reverse("home")).status_code == 200


# --- how it answers -------------------------------------------------------------------------------


def test_the_form_is_filled_with_the_own_number(world: World) -> None:
    page = browser(world.alice).get(reverse("buy"))
    assert page.status_code == 200
    assert f'value="{PHONE}"' in page.content.decode()
    assert "KES 16,500" in text(page)
    assert "no-store" in page["Cache-Control"]
    assert "HX-Request" in page["Vary"]


def test_asking_redirects_to_the_price_and_reserves_nothing(world: World) -> None:
    with nothing_changes(quotes=False):
        response = ask(browser(world.alice), "buy", amount_kes="1000")
    quote = Quote.objects.get()
    assert response.status_code == 302
    assert response["Location"] == reverse("buy_quote", args=[quote.pk])
    assert "no-store" in response["Cache-Control"]


@pytest.mark.fault("Q06")
def test_too_many_prices_at_once(world: World) -> None:
    client = browser(world.alice)
    for _ in range(20):
        assert ask(client, "buy", amount_kes="1000").status_code == 302
    with nothing_changes():
        response = ask(client, "buy", amount_kes="1000")
    assert response.status_code == 429
    assert "You have asked for many prices at once." in text(response)
    with shift_clock(seconds=61):
        assert ask(client, "buy", amount_kes="1000").status_code == 302


def test_a_refused_form_is_not_kept_by_a_cache(world: World) -> None:
    response = ask(browser(world.alice), "buy", amount_kes="1,000")
    assert "no-store" in response["Cache-Control"]


def test_a_post_without_the_token_of_the_form_is_refused(world: World) -> None:
    from accounts.tests.people import signed_in

    client = signed_in(world.alice, client=Client(enforce_csrf_checks=True))
    with nothing_changes():
        assert ask(client, "buy", amount_kes="1000").status_code == 403


@pytest.mark.parametrize("verb", ["put", "delete", "patch"])
def test_other_verbs(world: World, verb: str) -> None:
    with nothing_changes():
        assert getattr(browser(world.alice), verb)(reverse("buy")).status_code == 405
