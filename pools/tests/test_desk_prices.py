"""The two prices at the desk."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from controls.models import Request
from goldwallet.clock import NAIROBI, now
from goldwallet.errors import Refused
from goldwallet.test.two import approve
from pools import services
from pools.models import Price
from pools.selectors import current_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def pricing():
    return staff("pricing")


@pytest.fixture
def desk(pricing) -> Client:
    return signed_in(pricing)


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def send(desk: Client, **values):
    typed = {"buy": "13000", "sell": "12800", "effective_from": "", "reason": "Morning"}
    return desk.post(reverse("desk_prices"), typed | values)


def in_nairobi(moment: dt.datetime) -> str:
    return moment.astimezone(NAIROBI).strftime("%Y-%m-%dT%H:%M")


def test_a_price_is_set_and_shown_with_who_and_why(desk, pricing):
    assert "trading is closed" in text(desk.get(reverse("desk_prices")))
    assert send(desk, buy="13250.50").url == reverse("desk_prices")
    page = text(desk.get(reverse("desk_prices")))
    assert "The new prices are in force. People buy at KES 13,250.50 and sell at KES 12,800 a gram" in page
    assert "In force KES 13,250.50 KES 12,800 3.40 %" in page
    assert pricing.email in page and "Morning" in page
    assert "trading is closed" not in page
    price = current_price()
    assert (price.buy, price.sell, price.created_by) == (Decimal("13250.50"), Decimal(12800), pricing)
    recorded = Price.pgh_event_model.objects.get().pgh_context.metadata
    assert (recorded["user"], recorded["action"]) == (str(pricing.pk), "price_set")


def test_a_price_is_scheduled_in_nairobi_time_and_set_anew(desk):
    send(desk)
    at = in_nairobi(now() + dt.timedelta(hours=5))
    send(desk, buy="13100", sell="12900", effective_from=at, reason="Tomorrow")
    send(desk, buy="13150", sell="12950", effective_from=at, reason="Better")
    page = text(desk.get(reverse("desk_prices")))
    assert "The prices are scheduled." in page
    assert current_price().buy == 13000
    scheduled = page[page.index("to change one") : page.index("Set the prices")]
    assert "KES 13,150" in scheduled and "KES 13,100" not in scheduled
    assert in_nairobi(Price.objects.latest("id").effective_from) == at


@pytest.mark.fault("Q11")
def test_a_large_move_takes_a_second_person(desk, pricing):
    send(desk)
    typed = {"buy": "130000", "sell": "128000", "reason": "The shilling has fallen overnight."}
    assert b'name="ask"' not in desk.get(reverse("desk_prices")).content
    refused = send(desk, **typed)
    assert refused.status_code == 400
    assert "would go up by 900.0%" in text(refused) and "takes a second person" in text(refused)
    assert b'name="ask"' in refused.content and b'value="130000"' in refused.content
    assert "The shilling has fallen overnight." in refused.content.decode()
    short = send(desk, **typed | {"reason": "Up"}, ask="1")
    assert (
        short.status_code == 400 and "At least 10 letters" in text(short) and b'name="ask"' in short.content
    )

    asked = send(desk, **typed, ask="1")
    request = Request.objects.get()
    assert asked.url == reverse("desk_approval", args=[request.pk])
    assert "waits for a second person" in text(desk.get(reverse("desk_prices")))
    assert send(desk, **typed, ask="1").status_code == 409  # a double click
    assert (Price.objects.count(), current_price().buy) == (1, 13000)
    with pytest.raises(Refused, match="yourself"):
        approve(request, pricing)
    approve(request, staff("treasury"))
    assert current_price().buy == 130000
    assert "The shilling has fallen overnight." in text(desk.get(reverse("desk_prices")))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sell": "13000.01"}, "must not be above the buy price"),
        ({"buy": ""}, "Write the price at which people buy"),
        ({"sell": ""}, "Write the price at which people sell"),
        ({"buy": "13,000"}, "digits only"),
        ({"buy": "1.3e4"}, "digits only"),
        ({"buy": "-13000"}, "digits only"),
        ({"sell": "0"}, "more than nothing"),
        ({"sell": "12800.005"}, "at most 2 digits"),
        ({"buy": "999999999999"}, "less than a billion"),
        ({"effective_from": "2020-01-01T10:00"}, "has passed"),
        ({"effective_from": "2999-01-01T10:00"}, "31 days"),
        ({"effective_from": "soon"}, "Write the day and the time"),
        ({"reason": " "}, "Say in a few words why"),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(desk, change, sentence):
    response = send(desk, **change)
    assert response.status_code == 400
    assert sentence in text(response)
    assert not Price.objects.exists()


def test_an_old_price_is_called_old(desk, pricing):
    old = services.PastPrice(
        buy=Decimal(13000), sell=Decimal(12800), effective_from=now() - dt.timedelta(hours=25)
    )
    services.price_history_load(prices=[old], by=pricing, reason="Before")
    assert "older than 24 hours" in text(desk.get(reverse("desk_prices")))


def test_history_turns_its_pages(desk, pricing):
    past = [
        services.PastPrice(
            buy=Decimal(13000 + n), sell=Decimal(12000), effective_from=now() - dt.timedelta(hours=100 - n)
        )
        for n in range(60)
    ]
    services.price_history_load(prices=past, by=pricing, reason="Before")
    first = desk.get(reverse("desk_prices"))
    assert "KES 13,059" in text(first) and "KES 13,009 " not in text(first).split("All prices")[1]
    older = first.context["older_url"]
    second = text(desk.get(reverse("desk_prices") + older)).split("All prices")[1]
    assert "KES 13,009" in second and "KES 13,059" not in second
    assert desk.get(reverse("desk_prices") + "?before=x").status_code == 200


def test_only_pricing_sets_prices(client):
    assert client.get(reverse("desk_prices")).url.startswith(reverse("account_login"))
    for person, reads in (
        (customer(), 403),
        (staff("vault"), 403),
        (staff("auditor"), 200),
        (staff("administrator"), 200),
    ):
        browser = signed_in(person)
        page = browser.get(reverse("desk_prices"))
        assert page.status_code == reads and b'name="buy"' not in page.content
        assert send(browser).status_code == 403
    assert not Price.objects.exists()
