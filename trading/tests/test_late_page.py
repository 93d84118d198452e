"""The choice for late money on the order's page, at the desk and in the wallet."""

import re
import uuid
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from controls.services import threshold_set
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell, world_create
from ledger import chart
from ledger.selectors import balance
from ledger.services import Transfer, post
from notifications.models import Message
from payments.models import Payment, State
from trading import services
from trading.models import Order, Quote, Status
from trading.selectors import CLOSED, SPENT
from trading.tests.late import assert_all_books, cash, gold, late, price, refund_ends, taken_back
from trading.tests.pages import attribute, browser, hidden, nothing_changes, text

pytestmark = pytest.mark.django_db

BUY, BACK = "Buy at today's price", "Send the money back"


def page(client: Client, order: Order, **headers: str):
    return client.get(reverse("order", args=[order.pk]), headers=headers)


def url(name: str, order: Order) -> str:
    return reverse(name, args=[order.pk])


def main(response) -> str:
    return response.content.decode().partition("<main")[2]


@pytest.mark.fault("P05", "P15")
def test_both_choices_as_forms_that_need_no_script(world: World) -> None:
    order = late(world.bob)
    response = page(browser(world.bob), order)
    said = text(response)
    assert attribute(response, "data-order-status") == "paid_late"
    assert "What shall we do with your KES 1,000" in said
    assert "KES 1,000 go back to 0722 000 002 by M-Pesa." in said
    assert "you get about 0.060606 g" in said
    assert said.index(BUY) < said.index(BACK)
    assert f'<form method="post" action="{url("order_rebuy", order)}">' in main(response)
    assert f'href="{url("order_refund", order)}"' in main(response)
    assert "Try again" not in said, "nobody is asked to pay twice"
    assert "hx-get" not in main(response)


def test_the_mail_names_the_choices_and_the_page(world: World) -> None:
    order = late(world.bob)
    letter = Message.objects.get(kind="order_paid_late").text
    assert "buy gold at today's price" in letter
    assert "sent back to your M-Pesa" in letter
    assert f"http://testserver{url('order', order)}" in letter or url("order", order) in letter


@pytest.mark.fault("P15")
def test_back_to_the_phone_step_by_step(world: World) -> None:
    order = late(world.bob)
    client = browser(world.bob)
    with nothing_changes():
        asks = client.get(url("order_refund", order))
    assert asks.status_code == 200
    assert "Send KES 1,000 to 0722 000 002" in text(asks)
    answer = client.post(url("order_refund", order))
    assert (answer.status_code, answer["Location"]) == (302, url("order", order))
    for state, sentence in [
        (State.CREATED, "We are about to ask M-Pesa to send KES 1,000 back to 0722 000 002."),
        (State.SENDING, "We are asking M-Pesa to send KES 1,000 back to 0722 000 002."),
        (State.PENDING, "This takes less than a minute."),
        (State.AWAITING_APPROVAL, "A member of our team looks at this before KES 1,000 go back"),
        (State.UNKNOWN, "We are asking M-Pesa whether KES 1,000 have reached 0722 000 002."),
    ]:
        Payment.objects.filter(purpose="refund").update(state=state)
        response = page(client, order)
        assert attribute(response, "data-order-status") == "paid_late"
        assert sentence in text(response)
        assert "every 2s" in attribute(response, "hx-trigger")
        assert BACK not in text(response)
        assert '<meta http-equiv="refresh" content="5">' in response.content.decode()
    assert "on the way back to your M-Pesa" in text(client.get(reverse("wallet")))
    refund_ends(order, is_paid=True, receipt="UKL7A2B3C4")
    response = page(client, order)
    assert attribute(response, "data-order-status") == "refunded"
    assert "KES 1,000 are back on 0722 000 002. Receipt UKL7A2B3C4." in text(response)
    assert "hx-get" not in main(response)


def test_slow_is_not_called_quick(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    from goldwallet.clock import Now

    Payment.objects.filter(pk=order.refund_id).update(state=State.PENDING, sent_at=Now())
    with shift_clock(minutes=3):
        assert "It takes longer than usual, and nothing is lost." in text(page(browser(world.bob), order))


def test_not_sent_tells_why_and_offers_both_again(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=False, code="2040")
    said = text(page(browser(world.bob), order))
    assert "That number is not registered with M-Pesa." in said
    assert "The money is your cash with us again." in said
    assert BUY in said
    assert BACK in said


@pytest.mark.fault("P05")
def test_buying_with_it_from_the_page(world: World) -> None:
    old = late(world.bob)
    price(world, 20_000, 19_000)
    client = browser(world.bob)
    answer = client.post(url("order_rebuy", old))
    assert answer.status_code == 302
    shown = client.get(answer["Location"])
    said = text(shown)
    assert "Nothing more leaves your phone." in said
    assert "You get 0.050" in said
    assert "Buy with my KES 1,000" in said
    assert "M-Pesa asks" not in said.partition("You pay")[2]
    assert f'action="{url("order_rebuy", old)}"' in main(shown)
    done = client.post(url("order_rebuy", old), {"quote": hidden(shown, "quote")})
    new = Order.objects.get(rebuys=old)
    assert (done.status_code, done["Location"]) == (302, url("order", new))
    bought, was = page(client, new), page(client, old)
    assert attribute(bought, "data-order-status") == "completed"
    assert "With the KES 1,000 that had come too late for another order." in text(bought)
    assert f'href="{url("order", old)}"' in main(bought)
    assert attribute(was, "data-order-status") == "rebought"
    assert f'href="{url("order", new)}"' in main(was)
    assert (gold(world.bob), cash(world.bob)) == (new.grams, 0)
    assert_all_books()


@pytest.mark.fault("P15")
def test_a_second_press_and_a_second_choice(world: World) -> None:
    old = late(world.bob)
    client = browser(world.bob)
    quote = {"quote": client.post(url("order_rebuy", old))["Location"].rstrip("/").rpartition("/")[2]}
    client.post(url("order_rebuy", old), quote)
    with nothing_changes():
        again = client.post(url("order_rebuy", old), quote)
        others = [
            client.post(url("order_rebuy", old)),
            client.post(url("order_refund", old)),
            client.get(url("order_refund", old)),
        ]
    assert again.status_code == 409
    assert "See your order" in text(again)
    for answer in others:
        assert answer.status_code == 409
        assert "You have bought gold with this money already." in text(answer)
        assert f'href="{url("order", old)}"' in main(answer)
    used = client.get(reverse("buy_quote", args=[quote["quote"]]))
    assert used.status_code == 409


def test_twice_back_is_once(world: World) -> None:
    order = late(world.bob)
    client = browser(world.bob)
    client.post(url("order_refund", order))
    with nothing_changes():
        for answer in (client.post(url("order_refund", order)), client.get(url("order_refund", order))):
            assert answer.status_code == 409
            assert "This money is on its way back to you already." in text(answer)


def test_somebody_elses_order_and_none(world: World) -> None:
    order = late(world.bob)
    with nothing_changes():
        for person in (world.alice, world.vault):
            client = browser(person)
            for name in ("order_refund", "order_rebuy"):
                answer = client.post(url(name, order))
                assert answer.status_code == 404
                assert order.reference not in answer.content.decode()
            assert client.get(url("order_refund", order)).status_code == 404
        client = browser(world.bob)
        assert client.post(reverse("order_refund", args=[uuid.uuid4()])).status_code == 404
        assert client.get(url("order_rebuy", order)).status_code == 405
        assert client.put(url("order_refund", order)).status_code == 405
        for name in ("order_refund", "order_rebuy"):
            assert Client().post(url(name, order)).status_code == 302, "to sign-in"
            strict = Client(enforce_csrf_checks=True)
            strict.cookies = browser(world.bob).cookies
            assert strict.post(url(name, order)).status_code == 403


@pytest.mark.parametrize("quote", ["", "x", "0", str(uuid.uuid4()), "\x00", "{}"])
def test_a_quote_that_is_none(world: World, quote: str) -> None:
    order = late(world.bob)
    with nothing_changes():
        answer = browser(world.bob).post(url("order_rebuy", order), {"quote": quote})
    assert answer.status_code == 404
    assert "We do not find this price." in text(answer)


def test_a_usual_quote_does_not_take_the_cash(world: World) -> None:
    order = late(world.bob)
    usual = services.quote_buy(user=world.bob, phone=world.bob.phone, kes=Decimal(1000))
    client = browser(world.bob)
    with nothing_changes():
        assert client.post(url("order_rebuy", order), {"quote": str(usual.pk)}).status_code == 404
    asked = services.quote_rebuy(user=world.bob, order_id=order.pk)
    with nothing_changes():
        assert client.post(reverse("buy"), {"quote": str(asked.pk)}).status_code == 404


def test_a_price_that_ran_out_leads_back_to_the_order(world: World) -> None:
    order = late(world.bob)
    asked = services.quote_rebuy(user=world.bob, order_id=order.pk)
    client = browser(world.bob)
    with shift_clock(seconds=61), nothing_changes():
        shown = client.get(reverse("buy_quote", args=[asked.pk]))
        answer = client.post(url("order_rebuy", order), {"quote": str(asked.pk)})
    assert f'href="{url("order", order)}"' in main(shown)
    assert answer.status_code == 409
    assert f'href="{url("order", order)}"' in main(answer)
    assert "run out" in text(answer)


# --- when only one way is open --------------------------------------------------------------------


def only_back(world: World, order: Order, sentence: str) -> None:
    client = browser(order.user)
    said = text(page(client, order))
    assert sentence in said
    assert BUY not in said
    assert BACK in said
    before = Quote.objects.count()
    answer = client.post(url("order_rebuy", order))
    assert answer.status_code in {400, 409}
    assert "Back to the order" in text(answer)
    assert Quote.objects.count() == before


def test_too_little_for_a_purchase(world: World) -> None:
    order = late(world.bob, 150)
    threshold_set(name="buy_min_kes", value=Decimal(200), by=world.vault)
    only_back(world, order, "The smallest purchase is KES 200, so we can only send this money back.")


def test_trading_is_closed(world: World) -> None:
    order = late(world.bob)
    with shift_clock(days=2):
        only_back(world, order, CLOSED)


def test_the_gold_is_gone(db: None) -> None:
    small = world_create(grams=Decimal("0.5"))
    order = late(small.bob, 8250)
    paid(buy(small.charlie, 1000))
    only_back(small, order, "There is not enough gold for all of this money right now.")


def test_the_cash_is_gone(world: World) -> None:
    order = late(world.bob)
    gone = Transfer(chart.user_cash(world.bob.pk), chart.house_adjustments(), Decimal(1))
    post(key="test:gone", kind="adjustment", transfers=[gone])
    said = text(page(browser(world.bob), order))
    assert SPENT in said
    assert BUY not in said
    assert BACK not in said


# --- elsewhere ------------------------------------------------------------------------------------


def test_the_wallet_leads_to_each_choice(world: World) -> None:
    first, second = late(world.bob), late(world.bob, 500)
    client = browser(world.bob)
    response = client.get(reverse("wallet"))
    for order in (first, second):
        assert f'<a href="{url("order", order)}">Choose what happens with it</a>' in main(response)
    assert "as cash" not in text(response)
    services.refund_ask(user_id=world.bob.pk, order_id=first.pk)
    said = text(client.get(reverse("wallet")))
    assert "KES 1,000 on the way back to your M-Pesa." in said
    assert "KES 500 of yours is with us" in said
    assert "Choose what happens with it" not in text(browser(world.alice).get(reverse("wallet")))


def test_a_payment_that_was_taken_back(world: World) -> None:
    order = paid(buy(world.bob, 1000))
    paid(sell(world.bob, None))
    taken_back(order)
    client = browser(world.bob)
    response = page(client, order)
    assert attribute(response, "data-order-status") == "reversed"
    assert "M-Pesa took KES 1,000 back from us, so this order is undone." in text(response)
    assert "Try again" not in text(response)
    assert "You owe us KES 1,000" in text(client.get(reverse("wallet")))


def test_a_refund_and_then_the_payment_is_taken_back(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=True)
    taken_back(order)
    said = text(page(browser(world.bob), order))
    assert "Money is back" in said
    assert "Taken back by M-Pesa" in said


def test_the_desk_shows_the_refund_with_its_postings(world: World) -> None:
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    refund_ends(order, is_paid=True, receipt="UKL7A2B3C4")
    client = browser(world.staff(Role.TREASURY))
    response = client.get(reverse("desk_order", args=[order.pk]))
    said = text(response)
    assert "UKL7A2B3C4" in said
    assert re.search(r"refund agreed", said, re.I)
    assert re.search(r"refund paid", said, re.I)
    assert reverse("desk_payment", args=[order.refund_id]) in main(response)


def test_the_desk_links_what_late_money_bought(world: World) -> None:
    old = late(world.bob)
    asked = services.quote_rebuy(user=world.bob, order_id=old.pk)
    new = services.rebuy_confirm(user_id=world.bob.pk, quote_id=asked.pk)
    client = browser(world.staff(Role.TREASURY))
    assert reverse("desk_order", args=[new.pk]) in main(client.get(reverse("desk_order", args=[old.pk])))
    assert reverse("desk_order", args=[old.pk]) in main(client.get(reverse("desk_order", args=[new.pk])))
    old.refresh_from_db()
    assert old.status == Status.REBOUGHT
    assert balance(chart.house_sales()) == 1000
