"""From a transaction to what it is about, and from there into the ledger."""

import re
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.chart import Code
from ledger.models import Transaction
from ledger.services import Transfer, post
from oversight.tests.posting import LIST, every_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


def links(desk: Client, key: str) -> str:
    posted = Transaction.objects.get(key=key)
    return desk.get(reverse("desk_transaction", args=[posted.pk])).content.decode()


def test_a_transaction_leads_to_what_it_is_about(world: World, desk: Client) -> None:
    order = paid(buy(world.alice, 1000), receipt="TKL7X2M9QA")
    for key in (f"order:{order.pk}:reserved", f"payment:{order.payment_id}:paid"):
        page = links(desk, key)
        assert f'href="{reverse("desk_order", args=[order.pk])}"' in page, key
        assert f'href="{reverse("desk_payment", args=[order.payment_id])}"' in page, key
        assert f"Order {order.reference}" in page
        assert "receipt TKL7X2M9QA" in page
        # And its accounts.
        assert f'href="/desk/ledger/accounts/user:{world.alice.pk}:gold:incoming/"' in page.replace(
            "%3A", ":"
        )


def test_a_transaction_of_bars_leads_to_their_pool_for_who_may_open_it(world: World, desk: Client) -> None:
    vault = links(signed_in(staff("administrator")), "vault:test:first")
    assert "Bars BAR-FIRST, pool First" in vault
    assert f'href="{reverse("desk_pool", args=[world.pool.pk])}"' in vault
    treasury = links(desk, "vault:test:first")
    assert "Bars BAR-FIRST, pool First" in treasury
    assert f'href="{reverse("desk_pool", args=[world.pool.pk])}"' not in treasury


def test_a_transaction_without_a_cause_that_we_know(world: World, desk: Client) -> None:
    for number, key in enumerate(
        ("request:x", "order:", "payment:00000000-0000-4000-8000-000000000000:paid", "x")
    ):
        transfer = Transfer(Code("test:a", "KES", may_go_negative=True), Code("test:b", "KES"), Decimal(1))
        post(key=key, kind=f"test{number}", transfers=[transfer])
        assert "<dt>About</dt>" not in links(desk, key), key


def test_looking_at_the_book_is_noted(world: World, desk: Client) -> None:
    paid(buy(world.alice, 1000))
    code = chart.user_cash(world.alice.pk).code
    posted = every_id()[0]
    for url in (LIST, reverse("desk_account", args=[code]), reverse("desk_transaction", args=[posted])):
        assert desk.get(url).status_code == 200
    told = AuditEntry.objects.filter(action="read").order_by("id").values_list("subject", "person_id")
    assert list(told) == [
        ("transactions", None),
        (f"account:{code}", world.alice.pk),
        (f"transaction:{posted}", None),
    ]


def test_a_request_and_money_that_came_lead_to_what_they_posted(world: World, desk: Client) -> None:
    """The other way round: from the page of the cause into the ledger, for who may open it."""
    move_on = Transfer(chart.mpesa_collections(), chart.house_sales(), Decimal(1))
    key = "00000000-0000-4000-8000-000000000001"
    made = [
        post(key=name, kind=f"test{number}", transfers=[move_on])
        for number, name in enumerate((f"request:{key}", f"adjustment:{key}", f"arrival:{key}:suspense"))
    ]
    shown = Template('{% include "components/posted.html" %}')

    def links_for(subject: str, role: str) -> list[int]:
        page = shown.render(Context({"subject": subject, "user": staff(role)}))
        return [int(number) for number in re.findall(rf"{LIST}(\d+)/", page)]

    assert links_for(f"request:{key}", "treasury") == made[:2]
    assert links_for(f"arrival:{key}", "auditor") == made[2:]
    assert links_for(f"request:{key}", "vault") == []
    assert links_for("request:x", "treasury") == []
