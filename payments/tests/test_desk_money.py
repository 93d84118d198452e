"""The desk's pages about money that comes by itself: what stands there, who may ask, and what a bad form is told."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.models import Request
from goldwallet import clock
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import WHY, agreed
from goldwallet.test.world import World, buy
from ledger import chart
from ledger.selectors import balance
from payments.arrivals import arrival_take
from payments.arrivals.matching import Arrived
from payments.models import Arrival, BalanceReading, Exchange, Kind
from payments.tests.scripted import ScriptedRail
from trading.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def tina(world: World) -> User:
    return staff("treasury", username="tina")


@pytest.fixture
def tom(world: World) -> User:
    return staff("treasury", username="tom")


@pytest.fixture
def order(world: World, provider: ScriptedRail) -> Order:
    return buy(world.bob, 1000)


@pytest.fixture
def stray(order: Order) -> Arrival:
    """KES 1,000 from bob's number, with the reference of his order mistyped."""
    reference = order.payment.reference[:-1] + "?"
    masked = f"{order.payment.phone[:4]}****{order.payment.phone[-3:]} BOB"
    return came("UKL7A2B3C4", 1000, reference, masked)


def came(receipt: str, kes: int, reference: str = "", payer: str = "") -> Arrival:
    return arrival_take(
        Arrived(
            receipt=receipt,
            amount=Decimal(kes),
            reference=reference,
            payer=payer,
            arrived_at=clock.now(),
        )
    )


def read(browser: Client, url: str, *, status: int = 200) -> str:
    answer = browser.get(url)
    assert answer.status_code == status
    return answer.content.decode()


def test_what_waits_stands_first_and_a_receipt_is_found(stray: Arrival, order: Order, tina: User) -> None:
    matched = came("UKL7A2B3C5", 1000, order.payment.reference)
    browser, url = signed_in(tina), reverse("desk_money")
    page = read(browser, url)
    assert stray.receipt in page
    assert "Its reference is that of no payment." in page
    assert matched.receipt not in page
    assert matched.receipt in read(browser, f"{url}?show=all")
    assert matched.receipt in read(browser, f"{url}?receipt=%20ukl7a2b3c5")
    assert "No such receipt" in read(browser, f"{url}?receipt=%00'--")
    assert '"/desk/money/"' in read(browser, reverse("desk_payouts"))


def test_a_list_longer_than_a_page(world: World, tina: User, provider: ScriptedRail) -> None:
    receipts = [came(f"UKL{number:07d}", 10).receipt for number in range(55)]
    browser = signed_in(tina)
    first = browser.get(reverse("desk_money"))
    second = read(browser, first.context["older_url"])
    shown = first.content.decode() + second
    assert [receipt for receipt in receipts if receipt not in shown] == []


def test_one_shows_whose_it_may_be(stray: Arrival, order: Order, tina: User) -> None:
    page = read(signed_in(tina), reverse("desk_arrival", args=[stray.pk]))
    assert order.payment.reference in page
    assert "amount, number, reference" in page
    assert "BOB" in page


def test_the_desk_asks_to_give_it_to_a_customer(stray: Arrival, tina: User, tom: User, world: World) -> None:
    browser, url = signed_in(tina), reverse("desk_arrival_assign", args=[stray.pk])
    for nobody in ("nobody@example.com", "0799999999", "0712", ""):
        answer = browser.post(url, {"person": nobody, "reason": WHY})
        assert answer.status_code in {400, 404}
        assert WHY in answer.content.decode()
    assert not Request.objects.exists()
    answer = browser.post(url, {"person": "Bob@example.com", "reason": WHY})
    request = Request.objects.get()
    assert answer["Location"] == reverse("desk_approval", args=[request.pk])
    assert request.payload["user"] == str(world.bob.pk)
    page = read(browser, reverse("desk_arrival", args=[stray.pk]))
    assert answer["Location"] in page
    assert "It goes back to who paid it" not in page
    again = browser.post(reverse("desk_arrival_return", args=[stray.pk]), {"reason": WHY})
    assert again.status_code == 409
    assert balance(chart.user_cash(world.bob.pk)) == 0


def test_the_desk_asks_to_send_it_back(stray: Arrival, tina: User) -> None:
    answer = signed_in(tina).post(reverse("desk_arrival_return", args=[stray.pk]), {"reason": WHY})
    assert answer.status_code == 302
    assert (Request.objects.get().kind, Request.objects.get().effect["leaving_kes"]) == (
        "suspense_return",
        "1000.00",
    )


@pytest.mark.parametrize("role", ["auditor", "vault"])
def test_others_read_at_most(stray: Arrival, role: str) -> None:
    browser = signed_in(staff(role))
    reads = 200 if role == "auditor" else 403
    for url in (reverse("desk_money"), reverse("desk_arrival", args=[stray.pk]), reverse("desk_floats")):
        assert "It belongs to a customer" not in read(browser, url, status=reads)
    posts = ["desk_arrival_assign", "desk_arrival_return"]
    urls = [reverse(name, args=[stray.pk]) for name in posts]
    for url in [*urls, reverse("desk_floats_ask"), reverse("desk_float_move")]:
        assert browser.post(url, {"reason": WHY}).status_code == 403
    assert not Request.objects.exists()


def test_cash_that_rests_is_listed_after_a_day(stray: Arrival, tina: User, tom: User, world: World) -> None:
    payload = {"arrival": str(stray.pk), "user": str(world.bob.pk)}
    agreed("suspense_assign", payload, maker=tina, checker=tom)
    title = "Cash that people have left with us"
    assert title not in read(signed_in(tina), reverse("desk_money"))
    with shift_clock(hours=25):
        page = read(signed_in(tina), reverse("desk_money"))
    assert title in page
    assert world.bob.email in page


def test_floats_before_anybody_asked_and_a_transfer(world: World, tina: User) -> None:
    browser = signed_in(tina)
    page = read(browser, reverse("desk_floats"))
    assert "KES 5,000,000" in page
    assert "Not asked yet" in page
    form = {"move": "owner_payouts", "amount": "1,000", "reference": "BANK 117", "reason": WHY}
    answer = browser.post(reverse("desk_float_move"), form)
    assert answer.status_code == 400
    assert "BANK 117" in answer.content.decode()
    answer = browser.post(reverse("desk_float_move"), form | {"amount": "1000"})
    assert answer["Location"] == reverse("desk_approval", args=[Request.objects.get().pk])
    assert browser.post(reverse("desk_float_move"), form | {"amount": "1000"}).status_code == 409


def test_a_float_that_differs_says_by_how_much_and_where_to_look(world: World, tina: User) -> None:
    exchange = Exchange.objects.create(kind=Kind.BALANCE)
    BalanceReading.objects.create(
        exchange=exchange, shortcode="174379", name="Utility Account", current=700, available=700
    )
    page = read(signed_in(tina), reverse("desk_floats"))
    assert "Differs" in page
    assert "M-Pesa had more by</dt><dd>KES 700" in page
    assert f'href="{reverse("desk_reconciliation")}">reconciliation</a>' in page


def test_asking_for_the_balances_twice_enqueues_one_question(world: World, tina: User) -> None:
    from procrastinate.contrib.django.models import ProcrastinateJob

    browser = signed_in(tina)
    for _ in range(2):
        assert browser.post(reverse("desk_floats_ask"))["Location"] == reverse("desk_floats")
    assert ProcrastinateJob.objects.filter(task_name="payments.balances_now", status="todo").count() == 1
