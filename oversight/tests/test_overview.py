"""The overview: its figures are the ledger's, and what waits is listed with its age."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.people import signed_in, staff
from controls.services import request_make, threshold_set
from goldwallet.clock import NAIROBI, now
from goldwallet.money import show_grams, show_kes
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Account
from ledger.selectors import balance
from oversight.selectors import figures, waiting
from payments.models import Payment, State
from trading.tests.pages import text

pytestmark = pytest.mark.django_db


def ledger_sum(ends: str) -> Decimal:
    rows = Account.objects.filter(code__endswith=ends).values_list("balance", flat=True)
    return sum(rows, Decimal(0))


@pytest.fixture
def busy(world: World) -> World:
    """Two pools, finished and open orders on both sides, and cash that came too late."""
    world.gold(Decimal(5), name="Second")
    paid(buy(world.alice, 33_000))
    buy(world.alice, 1650)
    paid(sell(world.alice, Decimal("0.25")))
    sell(world.alice, Decimal("0.5"))
    late = buy(world.bob, 1000)
    Payment.objects.filter(pk=late.payment_id).update(state=State.PENDING)
    with shift_clock(minutes=20):
        paid(late)
    return world


def test_the_figures_are_those_of_the_ledger(busy: World) -> None:
    shown = figures()
    assert shown.gold_vault == -ledger_sum(":vault") == 1005
    assert shown.gold_free == ledger_sum(":available")
    assert shown.gold_reserved == ledger_sum(":gold:incoming") == Decimal("0.1")
    assert shown.gold_owed == ledger_sum(":gold") + ledger_sum(":gold:locked") == Decimal("1.75")
    assert shown.gold_vault == shown.gold_free + shown.gold_reserved + shown.gold_owed
    assert shown.collections == -balance(chart.mpesa_collections()) == 34_000
    assert shown.payouts_float == -balance(chart.mpesa_payouts()) == 5_000_000 - 4_000 - 9  # its charge
    assert shown.payouts_clearing == balance(chart.payouts_clearing()) == 8_000
    assert shown.suspense == 0
    assert shown.spread == 33_000 - 4_000 - 8_000
    assert shown.customers == 3
    assert_books()


def test_todays_trade_is_that_of_the_day_in_nairobi(busy: World) -> None:
    assert (figures().volume_today_buy, figures().volume_today_sell) == (33_000, 4_000)
    here = now().astimezone(NAIROBI)
    midnight = here.replace(hour=23, minute=59, second=59) - here
    with shift_clock(seconds=midnight.total_seconds() + 5):
        assert (figures().volume_today_buy, figures().volume_today_sell) == (0, 0)


def test_the_page_shows_them(busy: World) -> None:
    response = signed_in(staff("treasury")).get(reverse("desk"))
    plain = re.sub(r"\s", "", text(response))
    shown = figures()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    for grams in (shown.gold_vault, shown.gold_owed, shown.gold_reserved, shown.gold_free):
        assert re.sub(r"\s", "", show_grams(grams)) in plain
    for kes in (shown.collections, shown.payouts_float, shown.payouts_clearing, shown.spread):
        assert re.sub(r"\s", "", show_kes(kes)) in plain


def test_what_waits_is_counted_with_its_oldest(world: World) -> None:
    assert [kind for kind in waiting() if kind.count] == []
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    paid(buy(world.alice, 10_000))
    first = sell(world.alice, Decimal("0.1"))
    sell(world.alice, Decimal("0.1"))
    flagged = buy(world.bob, 1000).payment
    Payment.objects.filter(pk=flagged.pk).update(attention=True)
    found = {kind.label: kind for kind in waiting() if kind.count}
    assert {label: kind.count for label, kind in found.items()} == {
        "Payouts to decide": 2,
        "Payments to look at": 1,
    }
    assert found["Payouts to decide"].oldest == Payment.objects.get(pk=first.payment_id).created_at
    Payment.objects.filter(pk=first.payment_id).update(state=State.UNKNOWN)
    found = {kind.label: kind.count for kind in waiting() if kind.count}
    assert found["Payouts that M-Pesa has not answered"] == 1
    assert found["Payouts to decide"] == 1


def test_late_cash_waits(busy: World) -> None:
    (late,) = [kind for kind in waiting() if kind.label == "Late payments kept as cash"]
    assert late.count == 1
    page = signed_in(staff("treasury")).get(late.url)
    assert "bob@example.com" in text(page)
    assert "alice@example.com" not in text(page)


@pytest.mark.parametrize("role", ["pricing", "vault", "reviewer", "treasury", "auditor", "administrator"])
def test_all_staff_see_the_overview(world: World, role: str) -> None:
    browser = signed_in(staff(role))
    assert browser.get(reverse("desk")).status_code == 200
    assert browser.post(reverse("desk")).status_code in {403, 405}


def test_nobody_else_does(world: World) -> None:
    assert signed_in(world.alice).get(reverse("desk")).status_code == 403
    assert Client().get(reverse("desk"))["Location"] == "/accounts/login/?next=/desk/"
    unproven = signed_in(staff("treasury"), verified=False)
    assert unproven.get(reverse("desk"))["Location"].startswith("/accounts/code/")


def test_a_house_without_a_price_says_so(world: World) -> None:
    with shift_clock(days=-1):
        response = signed_in(staff("treasury")).get(reverse("desk"))
    assert response.status_code == 200
    assert "There is no price, so trading is closed." in text(response)


def test_it_asks_the_database_a_bounded_number_of_times(busy: World, django_assert_max_num_queries) -> None:
    browser = signed_in(staff("treasury"))
    browser.get(reverse("desk"))
    with django_assert_max_num_queries(32) as few:
        browser.get(reverse("desk"))
    for number in range(3):
        busy.gold(Decimal(1), name=f"More {number}")
        paid(buy(busy.alice, 1000))
    with django_assert_max_num_queries(32) as many:
        browser.get(reverse("desk"))
    assert len(many) == len(few)


def test_a_link_stands_only_where_it_opens(busy: World) -> None:
    """Late cash is on the orders' page, which the vault may open and the reviewer may not; requests are for both."""
    request_make(
        kind="threshold_set",
        payload={"name": "sell_min_kes", "value": "20"},
        subject="threshold:sell_min_kes",
        reason="Small sales cost more than they bring.",
        by=staff("treasury"),
    )
    link, inbox = 'href="/desk/orders/?status=paid_late"', 'href="/desk/approvals/"><span>'
    for role, late_opens, inbox_opens in (("vault", True, True), ("reviewer", False, True)):
        page = re.sub(r">\s+<", "><", signed_in(staff(role)).get(reverse("desk")).content.decode())
        assert "Late payments kept as cash" in page
        assert "Requests to decide" in page
        assert (link in page, inbox in page) == (late_opens, inbox_opens)
