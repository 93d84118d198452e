"""The two prices at the desk."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry, Request
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


TYPED = {"buy": "13000", "sell": "12800", "effective_from": "", "reason": "Morning"}


def look(desk: Client, **values):
    """Show the effect of a pair."""
    return desk.get(reverse("desk_prices"), TYPED | values)


def send(desk: Client, *, ask: bool = False, **values):
    """Set a pair, or ask for it, as who has looked at its effect."""
    seen = (look(desk, **values).context or {}).get("effect")
    button = {"ask" if ask else "set": seen.seal if seen else "x"}
    return desk.post(reverse("desk_prices"), TYPED | values | button)


def in_nairobi(moment: dt.datetime) -> str:
    return moment.astimezone(NAIROBI).strftime("%Y-%m-%dT%H:%M")


def test_a_price_is_set_and_shown_with_who_and_why(desk, pricing):
    assert "trading is closed" in text(desk.get(reverse("desk_prices")))
    assert send(desk, buy="13250.50").url == reverse("desk_prices")
    page = text(desk.get(reverse("desk_prices")))
    assert "The new prices are in force. People buy at KES 13,250.50 and sell at KES 12,800 a gram" in page
    assert "In force KES 13,250.50 KES 12,800 3.40%" in page
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
    scheduled = page[page.index("to change one") : page.index("Ninety days")]
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
    short = send(desk, **typed | {"reason": "Up"}, ask=True)
    assert (
        short.status_code == 400 and "At least 10 letters" in text(short) and b'name="ask"' in short.content
    )

    asked = send(desk, **typed, ask=True)
    request = Request.objects.get()
    assert asked.url == reverse("desk_approval", args=[request.pk])
    assert "waits for a second person" in text(desk.get(reverse("desk_prices")))
    assert send(desk, **typed, ask=True).status_code == 409  # a double click
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
        ({"buy": "13000\x00"}, "A sign in this cannot be read"),
        ({"reason": " "}, "Say in a few words why"),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(desk, change, sentence):
    response = send(desk, **change)
    assert response.status_code == 400
    assert sentence in text(response)
    assert not Price.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"sell": "13000.01"},
        {"buy": "1e4"},
        {"sell": ""},
        {"effective_from": "2020-01-01T10:00"},
        {"buy": "0"},
    ],
)
def test_nonsense_has_no_effect_to_look_at(desk, change):
    page = look(desk, **change)
    assert page.status_code == 400
    assert page.context["effect"] is None and b'name="set"' not in page.content


def test_looking_at_an_effect_says_what_it_does_and_does_nothing(desk):
    send(desk)
    page = look(desk, buy="13130", sell="12672")
    shown = text(page)
    assert page.status_code == 200
    assert "Inside the band" in shown
    assert "People buy at KES 13,000 KES 13,130 +1.00%" in shown
    assert "People sell at KES 12,800 KES 12,672 −1.00%" in shown
    assert "Difference KES 200, 1.54% KES 458, 3.49% +KES 258" in shown
    assert "trading closes unless there is a new one" in shown
    assert b'name="set"' in page.content and b'name="ask"' not in page.content
    assert Price.objects.count() == 1
    assert not AuditEntry.objects.filter(action="act").exists()


def test_a_pair_for_a_taken_minute_is_compared_with_the_one_before_both(desk):
    send(desk)
    at = in_nairobi(now() + dt.timedelta(hours=5))
    send(desk, buy="15000", sell="12800", effective_from=at)
    page = look(desk, buy="13130", sell="12672", effective_from=at)
    shown = text(page)
    assert "People buy at KES 13,000 KES 13,130 +1.00%" in shown
    assert "replaces the pair that is scheduled for the same minute: people buy at KES 15,000" in shown
    beyond = look(desk, buy="16000", sell="12800", effective_from=at).context["effect"]
    assert (beyond.before.buy, beyond.around.replaced.buy) == (13000, 15000)
    assert "up by 23.1%, from KES 13,000" in beyond.breaks[0]
    seen = page.context["effect"].seal
    send(desk, buy="14000", sell="12800", effective_from=at)  # what it would replace is another by now
    answer = desk.post(
        reverse("desk_prices"), TYPED | {"buy": "13130", "sell": "12672", "effective_from": at, "set": seen}
    )
    assert answer.status_code == 409 and Price.objects.count() == 3


def test_an_effect_that_has_changed_is_shown_anew(desk, pricing):
    send(desk)
    seen = look(desk, buy="13100").context["effect"].seal
    other = signed_in(staff("pricing"))
    send(other, buy="13050", reason="Noon")
    answer = desk.post(reverse("desk_prices"), TYPED | {"buy": "13100", "set": seen})
    assert answer.status_code == 409
    shown = text(answer)
    assert "Meanwhile the prices have changed" in shown
    assert "People buy at KES 13,050 KES 13,100" in shown
    assert current_price().buy == 13050
    again = answer.context["effect"].seal
    assert again != seen
    assert desk.post(reverse("desk_prices"), TYPED | {"buy": "13100", "set": again}).status_code == 302
    assert current_price().buy == 13100


@pytest.mark.parametrize("button", [{}, {"set": ""}, {"set": "0" * 32}, {"ask": "1"}])
def test_nobody_sets_what_was_not_looked_at(desk, button):
    assert desk.post(reverse("desk_prices"), TYPED | button).status_code == 409
    assert not Price.objects.exists() and not Request.objects.exists()


def test_a_scheduled_price_is_taken_back_with_a_reason(desk):
    send(desk)
    at = now() + dt.timedelta(hours=5)
    send(desk, buy="13100", effective_from=in_nairobi(at), reason="Tomorrow")
    wrong = Price.objects.latest("id")
    url = reverse("desk_price_cancel", args=[wrong.pk])
    refused = desk.post(url, {"reason": " "})
    assert refused.status_code == 400 and "Say in a few words why" in text(refused)
    assert desk.post(url, {"reason": "No\x00pe"}).url == reverse("desk_prices")
    page = text(desk.get(reverse("desk_prices")))
    assert "nothing changes: the pair before it stays in force" in page
    assert "Scheduled" not in page
    assert "Takes back" in page and "Taken back" in page and "Nope" in page
    assert desk.post(url, {"reason": "Again"}).status_code == 409
    assert desk.post(reverse("desk_price_cancel", args=[10**9]), {"reason": "x"}).status_code == 404
    for other in (staff("auditor"), staff("vault"), customer()):
        assert signed_in(other).post(url, {"reason": "Mine"}).status_code == 403
    assert Price.objects.count() == 3


# --- from a spot price ----------------------------------------------------------------------------

SPOT = {"spot": "3150.25", "rate": "129.45", "above": "1.5", "below": "2"}


def test_the_helper_shows_its_steps_and_fills_the_form(desk):
    send(desk)
    page = desk.get(reverse("desk_prices"), SPOT)
    shown, typed = text(page), page.context["form"].initial
    assert page.status_code == 200
    for step in ("KES 407,799.86", "31.1034768 g KES 13,111.07", "KES 13,307.74", "KES 12,848.84"):
        assert step in shown, step
    assert (typed["buy"], typed["sell"]) == ("13307.74", "12848.84")
    assert "Far from the pair in force" not in shown
    # What it came from goes along as the reason.
    seen = look(desk, **typed)
    assert seen.context["form"]["reason"].value() == typed["reason"]
    assert typed["reason"] == "Spot USD 3150.25 an ounce, KES 129.45 a dollar, 1.5% above and 2% below"
    assert Price.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"spot": "101.28"},  # dollars for a gram
        {"spot": "129.45", "rate": "101.28"},
        {"rate": "0.0077"},  # dollars for a shilling
        {"spot": "31502.5"},  # a digit too many
    ],
)
def test_a_gram_for_an_ounce_is_said_aloud(desk, change):
    send(desk)
    shown = text(desk.get(reverse("desk_prices"), SPOT | change))
    assert "Far from the pair in force" in shown
    assert "that of a troy ounce and not of a gram" in shown


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"spot": "0"}, "more than nothing"),
        ({"spot": "-3150"}, "digits only"),
        ({"spot": "NaN"}, "digits only"),
        ({"spot": "3,150"}, "digits only"),
        ({"spot": "3150.12345"}, "at most 4 after the point"),
        ({"spot": ""}, "price of an ounce in dollars"),
        ({"rate": "1e2"}, "digits only"),
        ({"rate": "٣"}, "digits only"),
        ({"rate": "10000"}, "less than 10,000"),
        ({"above": "51"}, "between 0 and 50%"),
        ({"below": "-1"}, "digits only"),
    ],
)
def test_the_helper_refuses_nonsense(desk, change, sentence):
    page = desk.get(reverse("desk_prices"), SPOT | change)
    assert page.status_code == 400
    assert sentence in text(page)
    assert "People buy at, " not in text(page)


def test_the_page_asks_the_database_a_bounded_number_of_times(desk, pricing, django_assert_max_num_queries):
    past = [
        services.PastPrice(
            buy=Decimal(13000 + n), sell=Decimal(12900), effective_from=now() - dt.timedelta(hours=200 - n)
        )
        for n in range(150)
    ]
    services.price_history_load(prices=past, by=pricing, reason="Before")
    for hours in range(1, 8):
        services.price_set(
            buy=Decimal(13000 + hours),
            sell=Decimal(12900),
            effective_from=now() + dt.timedelta(hours=hours),
            by=pricing,
        )
    last = desk.get(reverse("desk_prices")).context["rows"][-1].price.pk
    for query in ({}, {"before": last}, TYPED, SPOT):
        with django_assert_max_num_queries(25):
            assert desk.get(reverse("desk_prices"), query).status_code == 200


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
