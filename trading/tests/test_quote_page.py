"""One price with its countdown, and its confirmation: good for one person, one side, one minute, once."""

import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.selectors import balance
from pools import services as pools
from trading import services
from trading.models import Order, Quote
from trading.tests.pages import (
    attribute,
    browser,
    confirm,
    hidden,
    nothing_changes,
    order_confirmed,
    quote_asked,
    text,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(world: World) -> World:
    paid(buy(world.alice, 16_500))
    return world


def page(client: Client, side: str, quote: Quote):
    return client.get(reverse(f"{side}_quote", args=[quote.pk]))


FIELDS = {"buy": {"amount_kes": "1000"}, "sell": {"grams": "0.5"}}
SIDES = pytest.mark.parametrize("side", ["buy", "sell"])


@SIDES
def test_it_shows_everything_that_is_agreed(owner: World, side: str) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    response = page(client, side, quote)
    said = text(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert hidden(response, "quote") == str(quote.pk)
    assert 55 <= int(attribute(response, "data-seconds")) <= 60
    for figure in ["KES 1,000", "KES 16,500"] if side == "buy" else ["KES 8,000", "KES 16,000"]:
        assert figure in said
    assert "0712 345 678" in said


@SIDES
def test_confirming_leads_to_the_order(owner: World, side: str) -> None:
    client = browser(owner.alice)
    response = confirm(client, side, quote_asked(client, side, **FIELDS[side]))
    order = Order.objects.latest("created_at")
    assert response.status_code == 302
    assert response["Location"] == reverse("order", args=[order.pk])
    assert order.side == side
    assert_books()


@pytest.mark.fault("Q01")
@SIDES
def test_a_price_is_good_for_a_minute(owner: World, side: str) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    with shift_clock(seconds=58):
        assert page(client, side, quote).status_code == 200
    with shift_clock(seconds=61), nothing_changes():
        shown = page(client, side, quote)
        assert attribute(shown, "data-seconds") == "0"
        assert "This price is gone. Nothing was paid." in text(shown)
        assert 'name="quote"' not in shown.content.decode()
        response = confirm(client, side, quote)
    assert response.status_code == 409
    assert "This price has run out. Please ask for a new one." in text(response)
    assert "Get a new price" in text(response)
    assert "no-store" in response["Cache-Control"]


@SIDES
def test_a_price_is_good_once(owner: World, side: str) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    first = confirm(client, side, quote)
    with nothing_changes():
        second = confirm(client, side, quote)
        shown = page(client, side, quote)
    assert second.status_code == shown.status_code == 409
    assert "You have confirmed this price already. It is good for one order." in text(second)
    assert f'href="{first["Location"]}"' in second.content.decode(), "the way to the order that it became"
    assert f'href="{first["Location"]}"' in shown.content.decode()
    assert_books()


@SIDES
def test_a_used_price_stays_used_after_its_minute(owner: World, side: str) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    confirm(client, side, quote)
    with shift_clock(minutes=5), nothing_changes():
        assert "You have confirmed this price already." in text(confirm(client, side, quote))


@SIDES
def test_somebody_elses_price(owner: World, side: str) -> None:
    paid(buy(owner.bob, 9_000))
    quote = quote_asked(browser(owner.alice), side, **FIELDS[side])
    bob = browser(owner.bob)
    with nothing_changes():
        assert page(bob, side, quote).status_code == 404
        response = confirm(bob, side, quote)
    assert response.status_code == 404
    assert "We do not find this price. Please ask for a new one." in text(response)
    assert confirm(browser(owner.alice), side, quote).status_code == 302


@SIDES
def test_a_price_of_the_other_side(owner: World, side: str) -> None:
    other = "sell" if side == "buy" else "buy"
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    with nothing_changes():
        assert page(client, other, quote).status_code == 404
        response = confirm(client, other, quote)
    assert response.status_code == 404
    assert "We do not find this price." in text(response)


@SIDES
def test_a_price_that_never_was(owner: World, side: str) -> None:
    client = browser(owner.alice)
    for written in [
        "",
        "0",
        "1",
        "x" * 5000,
        "None",
        "'; --",
        "\x00",
        str(uuid.UUID(int=0)),
        "00000000-0000",
    ]:
        with nothing_changes():
            response = confirm(client, side, written)
        assert response.status_code == 404, written
        assert "We do not find this price. Please ask for a new one." in text(response)
        assert f'href="{reverse(side)}"' in response.content.decode()
        assert "no-store" in response["Cache-Control"]


@pytest.mark.fault("L13")
def test_what_the_browser_adds_to_the_confirmation_is_ignored(owner: World) -> None:
    client = browser(owner.bob)
    quote = quote_asked(client, "buy", amount_kes="1000", phone="0722 000 002")
    response = confirm(
        client,
        "buy",
        quote,
        grams="100",
        amount_kes="1",
        total_kes="1",
        price_per_gram="1",
        phone="0733000000",
        user=str(owner.alice.pk),
        status="completed",
        side="sell",
    )
    order = Order.objects.get(quote=quote)
    assert response.status_code == 302
    assert (order.user, order.grams, order.total_kes) == (owner.bob, Decimal("0.060606"), 1000)
    assert order.payment.phone == owner.bob.phone
    assert order.status == "pending"
    assert_books()


@pytest.mark.fault("Q01", "Q11")
def test_a_new_price_does_not_change_one_that_was_given(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "buy", amount_kes="1000")
    pools.price_set(buy=Decimal(17_500), sell=Decimal(17_000), by=owner.pricing, reason="up", confirmed=True)
    assert "KES 16,500" in text(page(client, "buy", quote))
    assert confirm(client, "buy", quote).status_code == 302
    assert Order.objects.get(quote=quote).price_per_gram == 16_500
    assert order_confirmed(client, "buy", amount_kes="1000").price_per_gram == 17_500


def test_nothing_is_reserved_by_looking(owner: World) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, "buy", amount_kes="100000")
    with nothing_changes():
        for _ in range(3):
            page(client, "buy", quote)
    assert balance(chart.pool_available(owner.pool.pk)) == 999


@SIDES
def test_the_page_of_a_price_takes_no_posts(owner: World, side: str) -> None:
    client = browser(owner.alice)
    quote = quote_asked(client, side, **FIELDS[side])
    with nothing_changes():
        assert client.post(reverse(f"{side}_quote", args=[quote.pk]), {"quote": quote.pk}).status_code == 405


def test_a_stranger_is_sent_to_sign_in(owner: World) -> None:
    quote = quote_asked(browser(owner.alice), "buy", amount_kes="1000")
    with nothing_changes():
        for path in ("/wallet/", "/buy/", "/sell/", "/orders/", f"/buy/{quote.pk}/", f"/orders/{quote.pk}/"):
            response = Client().get(path)
            assert response.status_code == 302
            assert response["Location"] == f"/accounts/login/?next={path}"
        assert confirm(Client(), "buy", quote)["Location"].startswith("/accounts/login/")


def test_somebody_whose_account_was_closed_meanwhile(owner: World) -> None:
    quote = quote_asked(browser(owner.alice), "buy", amount_kes="1000")
    owner.alice.is_active = False
    owner.alice.save()
    with nothing_changes(), pytest.raises(Refused, match="closed"):
        services.buy_confirm(user_id=owner.alice.pk, quote_id=quote.pk)


def test_prompts_from_one_address_are_limited(world: World, settings) -> None:
    """Each rings a phone, and the number may be anybody's; so people at one place together have a limit, too."""
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "buy_prompts_address": (2, 600)}
    alice, bob = browser(world.alice), browser(world.bob)
    order_confirmed(alice, "buy", amount_kes="1000")
    order_confirmed(bob, "buy", amount_kes="1000")
    quote = quote_asked(bob, "buy", amount_kes="1000")
    with nothing_changes():
        answer = confirm(bob, "buy", quote)
    assert answer.status_code == 429 and "too often" in text(answer)
    assert 0 < int(answer["Retry-After"]) <= 600
    elsewhere = bob.post(reverse("buy"), {"quote": str(quote.pk)}, REMOTE_ADDR="192.0.2.44")
    assert elsewhere.status_code == 302, "the price is as good as before"
