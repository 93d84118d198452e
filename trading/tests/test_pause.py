"""Pauses and holds as customers meet them: one calm sentence, nothing that looks as if it worked, nothing changed."""

from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from accounts.services import person_freeze
from controls.models import Cause, Switch
from controls.selectors import PAUSED
from controls.services import switch_pause
from goldwallet.errors import Conflict, Refused
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from payments.models import Payment, State
from trading import services
from trading.models import Side
from trading.selectors import FROZEN
from trading.tests.late import assert_all_books, late
from trading.tests.pages import ask, attribute, browser, confirm, nothing_changes, quote_asked, text

pytestmark = pytest.mark.django_db

SIDES = ["buy", "sell"]


def pause(name: str) -> None:
    switch_pause(name=name, cause=Cause.STAFF, note="Counting the bars.")


@pytest.fixture
def owner(world: World) -> World:
    paid(buy(world.alice, 16_500))
    return world


@pytest.mark.parametrize("side", SIDES)
def test_neither_quoted_nor_confirmed(owner: World, side: str) -> None:
    alice = owner.alice
    agreed = {
        "buy": services.quote_buy(user=alice, phone=alice.phone, kes=Decimal(1000)),
        "sell": services.quote_sell(user=alice, phone=alice.phone, grams=Decimal("0.1")),
    }
    confirms = {"buy": services.buy_confirm, "sell": services.sell_confirm}
    pause(side)
    with nothing_changes(), pytest.raises(Conflict) as refused:
        confirms[side](user_id=alice.pk, quote_id=agreed[side].pk)
    assert (refused.value.sentence, refused.value.status) == (PAUSED[side], 409)
    with nothing_changes(), pytest.raises(Conflict) as refused:
        (buy(alice, 1000) if side == "buy" else sell(alice, None))
    assert refused.value.sentence == PAUSED[side]
    # The other side goes on, and so does this one after the pause: the quote was not used up.
    other = "sell" if side == "buy" else "buy"
    confirms[other](user_id=alice.pk, quote_id=agreed[other].pk)
    Switch.objects.update(paused=False)
    confirms[side](user_id=alice.pk, quote_id=agreed[side].pk)
    assert_all_books()


def test_the_reason_is_the_pause_only_when_it_is(owner: World) -> None:
    alice = owner.alice
    used = services.quote_buy(user=alice, phone=alice.phone, kes=Decimal(1000))
    services.buy_confirm(user_id=alice.pk, quote_id=used.pk)
    over = services.quote_buy(user=alice, phone=alice.phone, kes=Decimal(1000))
    with shift_clock(seconds=61), pytest.raises(Conflict, match="run out"):
        services.buy_confirm(user_id=alice.pk, quote_id=over.pk)
    pause("buy")
    with pytest.raises(Conflict, match="confirmed this price already"):
        services.buy_confirm(user_id=alice.pk, quote_id=used.pk)
    with pytest.raises(Refused, match="do not find this price"):
        services.buy_confirm(user_id=owner.bob.pk, quote_id=over.pk)


@pytest.mark.parametrize("side", SIDES)
def test_the_pages_say_so_and_offer_nothing_that_does_not_work(owner: World, side: str) -> None:
    client = browser(owner.alice)
    asked = quote_asked(client, side, **({"amount_kes": "1000"} if side == "buy" else {"grams": "0.1"}))
    pause(side)
    shown = client.get(reverse(f"{side}_quote", args=[asked.pk]))
    assert PAUSED[side] in text(shown)
    assert 'name="quote"' not in shown.content.decode()
    pressed = client.post(reverse(side), {"quote": str(asked.pk)})
    assert pressed.status_code == 409
    assert PAUSED[side] in text(pressed)
    assert "Back to the wallet" in text(pressed)
    assert "Get a new price" not in text(pressed)
    page = client.get(reverse(side))
    assert page.status_code == 200
    assert PAUSED[side] in text(page)
    assert 'name="phone"' not in page.content.decode()
    with nothing_changes():
        posted = ask(client, side, **({"amount_kes": "1000"} if side == "buy" else {"grams": "0.1"}))
        confirmed = confirm(client, side, asked)
    for answer in (posted, confirmed):
        assert answer.status_code == 409
        assert PAUSED[side] in text(answer)
    wallet = client.get(reverse("wallet"))
    main = wallet.content.decode().partition("<main")[2]
    assert PAUSED[side] in text(wallet)
    assert f'href="{reverse(side)}"' not in main
    other = "sell" if side == "buy" else "buy"
    assert f'href="{reverse(other)}"' in main


def test_a_first_visitor_during_a_pause(world: World) -> None:
    pause("buy")
    main = browser(world.bob).get(reverse("wallet")).content.decode().partition("<main")[2]
    assert PAUSED["buy"] in main
    assert f'href="{reverse("buy")}"' not in main


@pytest.mark.fault("O16")
def test_a_sale_while_payouts_are_paused_is_accepted_and_waits(owner: World) -> None:
    pause("payouts")
    client = browser(owner.alice)
    assert PAUSED["payouts"] in text(client.get(reverse("sell")))
    order = sell(owner.alice, Decimal("0.1"))
    page = client.get(reverse("order", args=[order.pk]))
    assert attribute(page, "data-order-status") == "pending"
    assert PAUSED["payouts"] in text(page)
    assert "less than a minute" not in text(page)
    Payment.objects.filter(pk=order.payment_id).update(state=State.PENDING)
    assert PAUSED["payouts"] not in text(client.get(reverse("order", args=[order.pk])))
    assert_all_books()


def test_a_refund_while_payouts_are_paused_waits(world: World) -> None:
    pause("payouts")
    order = services.refund_ask(user_id=world.bob.pk, order_id=late(world.bob).pk)
    page = browser(world.bob).get(reverse("order", args=[order.pk]))
    assert PAUSED["payouts"] in text(page)
    assert "every 2s" in attribute(page, "hx-trigger")


def test_who_is_on_hold_reads_one_calm_sentence(owner: World) -> None:
    alice = owner.alice
    client = browser(alice)
    asked = quote_asked(client, "buy", amount_kes="1000")
    order = late(alice)
    person_freeze(user_id=alice.pk, reason="M-Pesa took a payment back")
    for name in ("wallet", "buy", "sell"):
        page = client.get(reverse(name))
        said = text(page)
        main = page.content.decode().partition("<main")[2]
        assert said.count(FROZEN) == 1, name
        assert "M-Pesa took a payment back" not in said, "why is for staff"
        assert f'href="{reverse("buy")}"' not in main
        assert 'name="phone"' not in main
    said = text(client.get(reverse("order", args=[order.pk])))
    assert FROZEN in said
    assert "Send the money back" not in said
    with nothing_changes():
        for answer in (
            confirm(client, "buy", asked),
            ask(client, "buy", amount_kes="1000"),
            ask(client, "sell", grams="0.1"),
            client.post(reverse("order_refund", args=[order.pk])),
            client.post(reverse("order_rebuy", args=[order.pk])),
        ):
            assert answer.status_code == 403
            assert FROZEN in text(answer)


def test_the_statement_that_uses_a_quote_judges_the_pause(owner: World) -> None:
    """Paused after every look that Python took: the UPDATE itself finds it."""
    from trading.services import quotes

    for side in Side.values:
        assert "controls_switch" in quotes._CONSUME[side]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + quotes._CONSUME[side], [owner.pool.pk, owner.alice.pk, False])
            assert "controls_switch" in " ".join(line for (line,) in cursor.fetchall())
