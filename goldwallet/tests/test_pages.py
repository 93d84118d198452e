"""The pages as they come out of the views: what stands on them, and that each keeps the CSP's rules."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.people import signed_in
from controls.services import threshold_set
from goldwallet.test.world import World, buy, paid, sell, world_create
from payments.models import Payment, State
from pools.models import Price
from trading import services
from trading.models import Order, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(world: World) -> Client:
    return signed_in(world.alice)


@pytest.fixture
def treasury(world: World) -> Client:
    return signed_in(world.staff(Role.TREASURY))


@pytest.fixture
def bought(world: World) -> Order:
    return paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")


def read(browser: Client, path: str, *, status: int = 200, **headers: str) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == status
    page = answer.content.decode()
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|<style", page)
    assert len(re.findall(r"<h1\b", page)) == 1, "one heading says what the page is"
    for field in set(re.findall(r'aria-describedby="([^"]+)"', page)):
        assert all(f'id="{name}"' in page for name in field.split())
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "an id stands once on a page"
    return page


def test_landing_shows_both_prices_and_what_we_earn(world: World) -> None:
    page = read(Client(), "/")
    assert "KES 16,500" in page
    assert "KES 16,000" in page
    assert "KES 500 a gram" in page
    assert reverse("account_signup") in page


def test_landing_without_a_price_says_so() -> None:
    assert "trading is closed" in read(Client(), "/")


def test_an_empty_wallet_offers_the_first_buy(alice: Client) -> None:
    page = read(alice, "/wallet/")
    assert 'data-grams="0.000000"' in page
    assert "Buy your first gold" in page


def test_the_wallet_shows_grams_value_cost_and_loss(alice: Client, bought: Order) -> None:
    page = read(alice, "/wallet/")
    assert 'data-grams="2.000000"' in page
    assert "KES 32,000" in page
    assert "KES 33,000" in page
    assert "−KES 1,000" in page
    assert "Loss so far" in page


def test_the_wallet_keeps_grams_that_are_being_sold_apart(world: World, alice: Client, bought: Order) -> None:
    sell(world.alice, Decimal("0.5"))
    page = read(alice, "/wallet/")
    assert 'data-grams="2.000000"' in page
    assert 'data-locked-grams="0.500000"' in page
    assert "being sold" in page


def test_a_closed_shop_has_no_form(world: World, alice: Client, monkeypatch) -> None:
    monkeypatch.setattr("trading.selectors.price_is_old", lambda price: isinstance(price, Price))
    page = read(alice, "/buy/")
    assert 'name="amount_kes"' not in page
    assert "closed" in page


def test_the_buy_form_names_its_fields_and_its_price(alice: Client) -> None:
    page = read(alice, "/buy/")
    for name in ("amount_kes", "grams", "phone"):
        assert f'name="{name}"' in page
    assert 'data-price="16500.00"' in page


def test_an_error_stands_at_its_field_and_what_was_typed_stays(alice: Client) -> None:
    answer = alice.post("/buy/", {"amount_kes": "1,000", "grams": "", "phone": "0712345678"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="1,000"' in page
    assert 'aria-invalid="true"' in page
    assert 'id="id_amount_kes_error"' in page


def test_too_little_gold_offers_what_there_is_by_one_button(db: None) -> None:
    browser = signed_in(world_create(grams=Decimal(1)).alice)
    page = browser.post("/buy/", {"grams": "2", "amount_kes": "", "phone": "0712345678"}).content.decode()
    grams = re.search(r'type="hidden" name="grams" value="([0-9.]+)"', page)
    phone = re.search(r'type="hidden" name="phone" value="([0-9]+)"', page)
    assert grams
    assert phone
    answer = browser.post("/buy/", {"grams": grams[1], "phone": phone[1]})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/buy/")


def test_the_quote_shows_everything_before_anyone_agrees(world: World, alice: Client) -> None:
    quote = services.quote_buy(user=world.alice, phone=world.alice.phone, kes=Decimal(1000))
    page = read(alice, reverse("buy_quote", args=[quote.pk]))
    for figure in ("KES 1,000", "0.060<span", "KES 16,500", "0712 345 678"):
        assert figure in page
    assert f'name="quote" value="{quote.pk}"' in page
    assert "data-seconds=" in page


def test_the_quote_of_a_sale_shows_how_it_was_rounded(world: World, alice: Client, bought: Order) -> None:
    quote = services.quote_sell(user=world.alice, phone=world.alice.phone, grams=Decimal("0.030303"))
    page = read(alice, reverse("sell_quote", args=[quote.pk]))
    assert "KES 484" in page
    assert "KES 484.84" in page


def test_the_order_polls_itself_until_it_is_final(world: World, alice: Client) -> None:
    order = buy(world.alice, 1000)
    path = reverse("order", args=[order.pk])
    page = read(alice, path)
    assert 'data-order-status="pending"' in page
    assert 'hx-trigger="every 2s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    paid(order, receipt="TKL7X2M9QB")
    page = read(alice, path)
    assert 'data-order-status="completed"' in page
    assert "hx-get" not in page
    assert "TKL7X2M9QB" in page


def test_htmx_gets_the_part_and_not_the_page(world: World, alice: Client) -> None:
    part = read(alice, reverse("order", args=[buy(world.alice, 1000).pk]), **{"HX-Request": "true"})
    assert part.lstrip().startswith("<div")
    assert "<html" not in part
    assert 'data-order-status="pending"' in part


def test_while_we_check_nobody_is_asked_to_pay_again(world: World, alice: Client) -> None:
    order = buy(world.alice, 1000)
    Payment.objects.filter(pk=order.payment_id).update(state=State.UNKNOWN)
    path = reverse("order", args=[order.pk])
    assert "Please do not pay again" in read(alice, path)
    Order.objects.filter(pk=order.pk).update(status=Status.EXPIRED)
    page = read(alice, path)
    assert "Please do not pay again" in page
    assert "Try again" not in page
    assert 'hx-trigger="every 10s"' in page


def test_orders_of_nobody_and_of_somebody(alice: Client, world: World) -> None:
    assert "No orders yet" in read(alice, "/orders/")
    order = buy(world.alice, 1000)
    assert reverse("order", args=[order.pk]) in read(alice, "/orders/")


# --- desk --------------------------------------------------------------------------------------------


def test_every_desk_page_opens_for_the_administrator(world: World, bought: Order) -> None:
    sale = sell(world.alice, Decimal("0.5"))
    browser = signed_in(world.staff(Role.ADMINISTRATOR))
    for path in (
        reverse("desk"),
        reverse("desk_orders"),
        reverse("desk_order", args=[bought.pk]),
        reverse("desk_order", args=[sale.pk]),
        reverse("desk_payouts"),
        reverse("desk_payment", args=[sale.payment_id]),
        reverse("desk_ledger"),
        reverse("desk_account", args=["mpesa:collections"]),
        reverse("desk_ledger") + "?code=mpesa",
    ):
        read(browser, path)


def test_the_order_at_the_desk_shows_money_gold_and_book(treasury: Client, bought: Order) -> None:
    page = read(treasury, reverse("desk_order", args=[bought.pk]))
    for said in ("alice@example.com", "TKL7X2M9QA", "First", "mpesa:collections", "house:sales"):
        assert said in page


def test_the_account_has_a_running_balance(treasury: Client, bought: Order) -> None:
    page = read(treasury, reverse("desk_account", args=["mpesa:collections"]))
    assert "−KES 33,000" in page
    transaction = re.search(r'href="(/desk/ledger/transactions/\d+/)"', page)
    assert transaction
    assert "house:sales" in read(treasury, transaction[1])


def test_a_waiting_payout_can_be_decided_by_the_treasury_only(
    world: World, treasury: Client, bought: Order
) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    sale = sell(world.alice, Decimal("0.5"))
    approve = reverse("desk_payout_approve", args=[sale.payment_id])
    page = read(treasury, reverse("desk_payouts"))
    assert approve in page
    assert "0712 345 678" in page
    page = read(signed_in(world.staff(Role.AUDITOR)), reverse("desk_payouts"))
    assert approve not in page
    assert reverse("desk_payouts_mode") not in page


def test_the_mode_of_payouts_is_switched_by_its_button(treasury: Client) -> None:
    assert "By themselves" in read(treasury, reverse("desk_payouts"))
    treasury.post(reverse("desk_payouts_mode"), {"manual": "1"})
    assert "Each one waits for staff" in read(treasury, reverse("desk_payouts"))


# --- what goes wrong ------------------------------------------------------------------------------------


def test_pages_for_what_is_not_there_and_not_allowed(alice: Client) -> None:
    assert "There is no such page" in read(alice, "/nowhere/", status=404)
    assert "You may not open this page" in read(alice, "/desk/", status=403)


def test_a_form_without_its_token_says_what_to_do(world: World) -> None:
    browser = signed_in(world.alice, client=Client(enforce_csrf_checks=True))
    answer = browser.post("/buy/", {"amount_kes": "1000", "phone": "0712345678"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
