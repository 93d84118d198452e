"""Whose data was looked at or taken out is told when a filter names them, and who only reads sees no whole number."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts import exporting
from accounts.exporting import Asked
from accounts.models import User
from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry, Export
from controls.services import threshold_set
from goldwallet import phones
from goldwallet.sealing import fingerprint
from goldwallet.test.world import World, buy, paid, sell
from ledger import chart
from ledger.models import Transaction
from payments.models import Payment
from trading.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def bought(world: World) -> Order:
    """Alice's, beside one of Bob's."""
    paid(buy(world.bob, 1000), receipt="UKL7BBBBBB")
    return paid(buy(world.alice, 20_000), receipt="UKL7A2B3C4")


@pytest.fixture
def desk(world: World) -> Client:
    return signed_in(staff("treasury"))


# --- whole numbers --------------------------------------------------------------------------------

SEES = {"treasury"}
READS = {"pricing", "vault", "auditor", "administrator"}


def spelled(phone: str) -> set[str]:
    return {phone, phones.local(phone), phones.local(phone).replace(" ", "")}


def tells(page: Any, phone: str) -> bool:
    html = page.content.decode()
    return any(text in html for text in spelled(phone))


def test_an_order_shows_the_number_to_who_pays_people_out_and_to_nobody_else(world: World) -> None:
    order = paid(buy(world.alice, 20_000))
    payout = sell(world.alice, Decimal("0.1")).payment
    Order.objects.filter(pk=order.pk).update(refund=payout)
    for role in sorted(SEES | READS):
        page = signed_in(staff(role)).get(reverse("desk_order", args=[order.pk]))
        assert page.status_code == 200
        assert tells(page, world.alice.phone) == (role in SEES), role
        assert page.content.decode().count(phones.mask(world.alice.phone)) >= (0 if role in SEES else 2), role


@pytest.mark.parametrize("roles", [["treasury"], ["auditor"], ["administrator"], ["treasury", "auditor"]])
def test_a_payout_shows_the_number_to_who_pays_people_out_and_to_nobody_else(
    world: World, bought: Order, roles: list[str]
) -> None:
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.pricing)
    payout = sell(world.alice, Decimal("0.1")).payment
    browser = signed_in(staff(*roles))
    for path in (reverse("desk_payment", args=[payout.pk]), reverse("desk_payouts")):
        page = browser.get(path)
        assert page.status_code == 200
        assert tells(page, world.alice.phone) == (roles == ["treasury"]), path
        assert (phones.mask(world.alice.phone) in page.content.decode()) == (roles != ["treasury"]), path


# --- lists that are asked for one person ----------------------------------------------------------


def whose(browser: Client, name: str, **asked: str) -> User | None:
    """Whom the line of this look names."""
    before = AuditEntry.objects.count()
    assert browser.get(reverse(name), asked).status_code == 200
    assert AuditEntry.objects.count() == before + 1
    line = AuditEntry.objects.latest("id")
    assert (line.action, line.page) == ("read", name)
    return line.person


@pytest.mark.fault("Z10")
@pytest.mark.parametrize("name", ["desk_orders", "desk_payments"])
def test_a_list_that_is_asked_for_one_person_says_whom(
    world: World, bought: Order, desk: Client, name: str
) -> None:
    for asked in (
        {"person": "alice@example.com"},
        {"person": "alice"},
        {"phone": "0712 345 678"},
        {"receipt": "UKL7A2B3C4"},
        {"reference": bought.payment.reference},
        {"person": "alice@example.com", "since": "2020-01-01"},
    ):
        assert whose(desk, name, **asked) == world.alice, asked
    for asked in ({}, {"since": "2020-01-01"}, {"person": "example.com"}, {"receipt": "UKL7ZZZZZZ"}):
        assert whose(desk, name, **asked) is None, asked
    # Who has none is asked for all the same.
    assert whose(desk, name, person=world.charlie.email) == world.charlie


@pytest.mark.fault("Z10")
def test_a_list_of_a_number_says_whose_rows_it_shows(world: World, desk: Client) -> None:
    """The number is nobody's own: somebody paid with another one."""
    order = buy(world.bob, 1000)
    Payment.objects.filter(pk=order.payment_id).update(phone_lookup=fingerprint("254733000009", kind="phone"))
    assert whose(desk, "desk_orders", phone="0733000009") == world.bob
    assert whose(desk, "desk_payments", phone="0733000009") == world.bob


@pytest.mark.fault("Z10")
def test_the_ledger_asked_for_one_person_says_whom(world: World, bought: Order, desk: Client) -> None:
    gold = chart.user_gold(world.alice.pk).code
    for written in (world.alice.email, gold, f"user:{world.alice.pk}", str(world.alice.pk)[:13]):
        assert whose(desk, "desk_ledger", code=written) == world.alice, written
    for written in ("mpesa:", "user:", f"user:{uuid.uuid4()}", "x"):
        assert whose(desk, "desk_ledger", code=written) is None, written
    assert whose(desk, "desk_ledger") is None
    assert whose(desk, "desk_ledger", code=world.charlie.email) == world.charlie


@pytest.mark.fault("Z10")
def test_transactions_asked_for_one_person_say_whom(world: World, bought: Order, desk: Client) -> None:
    gold = chart.user_gold(world.alice.pk).code
    number = Transaction.objects.filter(key__startswith=f"order:{bought.pk}").earliest("pk").pk
    for asked in (
        {"account": world.alice.email},
        {"account": gold},
        {"account": f"user:{world.alice.pk}"},
        {"about": bought.reference},
        {"about": f"order:{bought.pk}"},
        {"number": str(number)},
        {"actor": world.alice.email},
    ):
        assert whose(desk, "desk_transactions", **asked) == world.alice, asked
    for asked in ({}, {"account": "house:sales"}, {"actor": "system"}, {"kind": "float_in"}):
        assert whose(desk, "desk_transactions", **asked) is None, asked


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.fault("Z10")
@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("audit", {"person": "alice@example.com"}),
        ("orders", {"person": " Alice@example.com"}),
        ("payments", {"person": "alice@example.com"}),
        ("transactions", {"account": "alice@example.com"}),
        ("transactions", {"actor": "alice@example.com"}),
    ],
)
def test_nobody_hides_by_a_name_who_s_data_left(
    world: World, bought: Order, kind: str, filters: dict[str, str]
) -> None:
    """Somebody's username has Alice's whole address in it."""
    hidden = customer(username="xalice@example.com")
    paid(buy(hidden, 1000), receipt="UKL7CCCCCC")
    assert Asked(kind, "csv", filters, sees_people=True).person_id == world.alice.pk
    lists = {"orders": "desk_orders", "payments": "desk_payments"}
    if kind in lists:
        page = signed_in(staff("treasury")).get(reverse(lists[kind]), filters).content.decode()
        rows = page.partition('id="rows"')[2]
        assert "alice@example.com" in rows and hidden.email not in rows


def written_for(browser: Client, kind: str) -> Export:
    assert browser.post(reverse("desk_export", args=[kind]), {"format": "csv"}).status_code == 302
    export = Export.objects.latest("created_at")
    exporting.export_do(export.pk)
    return export


def fetched(person: User, export: Export) -> Any:
    return signed_in(User.objects.get(pk=person.pk)).get(reverse("desk_export_file", args=[export.pk]))


def content(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_a_written_file_with_people_in_it_closes_with_the_right_to_see_people(
    world: World, bought: Order
) -> None:
    person = staff("treasury", "pricing")
    export = written_for(signed_in(person), "orders")
    assert "alice@example.com" in content(fetched(person, export))
    person.groups.set(Group.objects.filter(name="pricing"))
    answer = fetched(person, export)
    assert answer.status_code == 403
    assert "your roles do not open that any more" in answer.content.decode()
    assert AuditEntry.objects.filter(action="export_fetch").count() == 1
    page = signed_in(User.objects.get(pk=person.pk)).get(reverse("desk_exports")).content.decode()
    assert "Your roles do not open it any more" in page and "Download" not in page
    # Written anew it shows nobody, and so it opens, and goes on to when the role comes back.
    other = written_for(signed_in(User.objects.get(pk=person.pk)), "orders")
    text = content(fetched(person, other))
    assert "alice@example.com" not in text and str(world.alice.pk)[:8] in text
    person.groups.set(Group.objects.filter(name="treasury"))
    assert fetched(person, other).status_code == fetched(person, export).status_code == 200


def test_a_file_of_before_that_was_kept_closes_as_if_it_showed_people(world: World, bought: Order) -> None:
    person = staff("pricing")
    export = written_for(signed_in(person), "orders")
    assert fetched(person, export).status_code == 200
    Export.objects.filter(pk=export.pk).update(shows_people=True)
    assert fetched(person, export).status_code == 403
