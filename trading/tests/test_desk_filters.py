"""The desk's list of orders: its filters against a plain comparison, its pages while orders come in, and its file."""

import datetime as dt
import random
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.filters import MOST_PEOPLE
from accounts.models import User
from accounts.tests.people import signed_in, staff
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet import phones
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.sealing import fingerprint
from goldwallet.test.world import World, buy, paid
from payments.models import Payment
from trading.models import Order
from trading.tests.listing import DAYS, PHONES, orders_create
from trading.tests.pages import nothing_changes, text

pytestmark = pytest.mark.django_db

ROW = re.compile(r'<th scope="row"><a class="code" href="/desk/orders/([0-9a-f-]{36})/"')
OLDER = re.compile(r'href="(/desk/orders/\?[^"]*after=[^"]+)"')


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


@pytest.fixture
def people(world: World) -> list[User]:
    return [world.alice, world.bob, world.charlie]


def pages(desk: Client, **filters: object) -> list[str]:
    """The ids of all rows, page by page, as a person would click through them."""
    response = desk.get(reverse("desk_orders"), filters)
    found: list[str] = []
    while True:
        assert response.status_code == 200, text(response)
        body = response.content.decode()
        found += ROW.findall(body)
        older = OLDER.search(body)
        if older is None:
            return found
        response = desk.get(unescape(older[1]))


def fits(order: Order, asked: dict[str, object]) -> bool:
    """The same question asked of one row, without a database."""
    day = order.created_at.astimezone(NAIROBI).date().isoformat()
    payment = order.payment
    wanted = {
        "status": lambda v: order.status in v,
        "side": lambda v: order.side == v,
        "person": lambda v: v in order.user.email or v in order.user.username,
        "phone": lambda v: payment.phone == phones.normalise(v),
        "kes_from": lambda v: order.total_kes >= int(v),
        "kes_to": lambda v: order.total_kes <= int(v),
        "since": lambda v: day >= v,
        "until": lambda v: day <= v,
        "reference": lambda v: v.strip().upper() in {order.reference, payment.receipt},
        "receipt": lambda v: v.strip().upper() == payment.receipt,
    }
    return all(wanted[name](value) for name, value in asked.items())


def questions(seed: int, orders: list[Order]) -> list[dict[str, object]]:
    """One filter after another alone, and mixtures of up to four."""
    dice = random.Random(seed)
    one = orders[3]
    values: dict[str, list[object]] = {
        "status": [["completed"], ["failed", "expired"], ["paid_late"], ["refunded"]],
        "side": ["buy", "sell"],
        "person": ["alice", "bob@example.com", "example", "nobody"],
        "phone": [phones.local(PHONES[0]), "+" + PHONES[1], "0733000000"],
        "kes_from": ["1000", "1001", "0"],
        "kes_to": ["1000", "100", "25000"],
        "since": [DAYS[0].isoformat(), DAYS[3].isoformat(), DAYS[6].isoformat()],
        "until": [DAYS[0].isoformat(), DAYS[3].isoformat(), "2025-01-01"],
        "reference": [one.reference, f" {one.reference.lower()} ", one.payment.receipt or ""],
        "receipt": [one.payment.receipt or "", "UKL0000000"],
    }
    asked = [{name: value} for name, several in values.items() for value in several]
    for _ in range(25):
        names = dice.sample(sorted(values), dice.randint(2, 4))
        mixture = {name: dice.choice(values[name]) for name in names}
        if int(str(mixture.get("kes_from", 0))) > int(str(mixture.get("kes_to", 10**9))):
            continue
        if str(mixture.get("since", "")) > str(mixture.get("until", "9999")):
            continue
        asked.append(mixture)
    return asked


def test_each_filter_and_any_mixture_finds_exactly_what_a_plain_comparison_finds(
    desk: Client, people: list[User]
) -> None:
    orders = orders_create(people, 45)
    empty = 0
    for asked in questions(3, orders):
        expected = sorted(
            (order for order in orders if fits(order, asked)),
            key=lambda order: (order.created_at, order.pk),
            reverse=True,
        )
        found = ROW.findall(desk.get(reverse("desk_orders"), asked).content.decode())
        assert found == [str(order.pk) for order in expected], asked
        empty += not expected
    assert empty < 25, "most questions find something"


def test_a_day_in_nairobi_counts_from_its_first_moment_to_its_last(desk: Client, people: list[User]) -> None:
    orders = orders_create(people, 3)
    day = dt.date(2026, 5, 10)
    first = dt.datetime.combine(day, dt.time(), NAIROBI)
    moments = [first - dt.timedelta(microseconds=1), first, first + dt.timedelta(days=1)]
    for order, moment in zip(orders, moments, strict=True):
        Order.objects.filter(pk=order.pk).update(created_at=moment)
    assert pages(desk, since=day.isoformat(), until=day.isoformat()) == [str(orders[1].pk)]
    assert pages(desk, until="2026-05-09") == [str(orders[0].pk)]


def test_a_minute_in_nairobi_counts_from_its_first_moment_to_its_last(
    desk: Client, people: list[User]
) -> None:
    orders = orders_create(people, 3)
    first = dt.datetime(2026, 5, 10, 14, 30, tzinfo=NAIROBI)
    moments = [first - dt.timedelta(microseconds=1), first, first + dt.timedelta(minutes=1)]
    for order, moment in zip(orders, moments, strict=True):
        Order.objects.filter(pk=order.pk).update(created_at=moment)
    before, at, later = ([str(order.pk)] for order in orders)
    assert pages(desk, since="2026-05-10T14:30", until="2026-05-10T14:30") == at
    assert pages(desk, since="2026-05-10 14:31", until="2026-05-10") == later
    assert pages(desk, since="2026-05-10", until="2026-05-10T14:29:59") == before
    # As the form sends it; its links say it in one.
    asked = {"since": "2026-05-10", "since_time": "14:30", "until": "2026-05-10", "until_time": "14:30"}
    assert pages(desk, **asked) == at
    body = unescape(desk.get(reverse("desk_orders"), asked).content.decode())
    assert "&since=2026-05-10T14%3A30&until=2026-05-10T14%3A30" in body
    for shown in (
        'name="since" value="2026-05-10"',
        'name="since_time" value="14:30" aria-label="From time"',
    ):
        assert shown in body, shown


def test_paging_loses_and_repeats_no_row_while_others_come_in(desk: Client, people: list[User]) -> None:
    """Many share a moment, so the key behind the time decides; what is new stands before the first page."""
    orders = orders_create(people, 130)
    expected = [
        str(order.pk)
        for order in sorted(orders, key=lambda order: (order.created_at, order.pk), reverse=True)
    ]
    response, found = desk.get(reverse("desk_orders")), []
    for step in range(10):
        body = response.content.decode()
        found += ROW.findall(body)
        older = OLDER.search(body)
        if older is None:
            break
        newer = orders_create(people, 7, seed=20 + step)
        Order.objects.filter(pk__in=[order.pk for order in newer]).update(
            created_at=dt.datetime(2026, 4, 1, step, tzinfo=NAIROBI)
        )
        response = desk.get(unescape(older[1]))
    assert found == expected


def test_the_pages_keep_every_filter(desk: Client, people: list[User]) -> None:
    orders = orders_create(people, 130)
    asked = {"status": ["completed", "failed", "expired"], "kes_from": "100", "since": DAYS[0].isoformat()}
    expected = {str(order.pk) for order in orders if fits(order, asked)}
    found = pages(desk, **asked)
    assert len(expected) > 50, "more than a page"
    assert len(found) == len(set(found))
    assert set(found) == expected


WRONG = [
    ({"status": "no such"}, "There is no such choice here."),
    ({"status": ["completed", "no such"]}, "There is no such choice here."),
    ({"side": "both"}, "There is no such choice here."),
    ({"phone": "12"}, "Write a Kenyan mobile number"),
    ({"kes_from": "1e3"}, "Write the amount in shillings with digits only"),
    ({"kes_to": "-5"}, "Write the amount in shillings with digits only"),
    ({"kes_from": "1.50"}, "M-Pesa moves whole shillings"),
    ({"kes_from": "200", "kes_to": "100"}, "This is less than the amount it begins with."),
    ({"since": "yesterday"}, "Write a day like 2026-11-21"),
    ({"since": "2026-13-45"}, "Write a day like 2026-11-21"),
    ({"until": "9999-12-31"}, "Write a year between"),
    ({"since": "0001-01-01"}, "Write a year between"),
    ({"since": "2026-03-02", "until": "2026-03-01"}, "This is before the time it begins with."),
    ({"since": "2026-03-01T14:31", "until": "2026-03-01T14:30"}, "This is before the time it begins with."),
    ({"since_time": "14:30"}, "Write the day of this time, too."),
    ({"since": "2026-03-01", "since_time": "25:00"}, "Write a day like 2026-11-21, and a time like 14:30"),
    ({"reference": "x" * 50}, "This is too long"),
    ({"person": "x" * 5000}, "This is too long"),
]


@pytest.mark.parametrize(("asked", "sentence"), WRONG)
def test_what_cannot_be_read_has_a_sentence_and_shows_nobody(
    desk: Client, people: list[User], asked: dict[str, object], sentence: str
) -> None:
    orders_create(people, 3)
    with nothing_changes():
        whole = desk.get(reverse("desk_orders"), asked)
        part = desk.get(reverse("desk_orders"), asked, headers={"HX-Request": "true", "HX-Target": "rows"})
    assert (whole.status_code, part.status_code) == (400, 200)
    for response in (whole, part):
        assert sentence in text(response)
        assert ROW.findall(response.content.decode()) == []
    assert "<html" not in part.content.decode()
    assert "example.com" not in part.content.decode()
    with pytest.raises(Refused, match=re.escape(sentence)):
        rows_of("orders", {name: v if isinstance(v, str) else ",".join(v) for name, v in asked.items()})


def test_a_name_that_too_many_share_asks_for_more_of_it(desk: Client, world: World) -> None:
    User.objects.bulk_create(
        User(username=f"crowd{number}", email=f"crowd{number}@example.com")
        for number in range(MOST_PEOPLE + 1)
    )
    response = desk.get(reverse("desk_orders"), {"person": "crowd"})
    assert response.status_code == 400
    assert f"More than {MOST_PEOPLE} people" in text(response)
    assert desk.get(reverse("desk_orders"), {"person": "crowd19"}).status_code == 200


def test_what_is_wrong_in_an_address_reaches_no_query(desk: Client, people: list[User]) -> None:
    orders_create(people, 3)
    for asked in ({"person": "a\x00l"}, {"reference": "\x00"}, {"status": "\x00"}, {"phone": "\x00"}):
        assert desk.get(reverse("desk_orders"), asked).status_code in {200, 400}, asked


def test_htmx_gets_the_rows_alone(desk: Client, people: list[User]) -> None:
    orders_create(people, 3)
    part = desk.get(
        reverse("desk_orders"), {"side": "buy"}, headers={"HX-Request": "true", "HX-Target": "rows"}
    ).content.decode()
    assert part.lstrip().startswith('<div id="rows"')
    assert "<form" not in part


@pytest.mark.parametrize("asked", [{}, {"side": "sell"}, {"status": "completed,failed", "kes_to": "1000"}])
def test_the_file_has_exactly_the_rows_of_the_list(
    desk: Client, people: list[User], asked: dict[str, str]
) -> None:
    orders_create(people, 80)
    by_id = {str(order.pk): order for order in Order.objects.select_related("user", "payment")}
    rows = list(rows_of("orders", asked, sees_people=True))
    assert [row[1] for row in rows] == [by_id[key].reference for key in pages(desk, **asked)]
    assert rows
    assert {len(row) for row in rows} == {len(EXPORTS["orders"].columns)}
    for row in rows[:5]:
        order = next(order for order in by_id.values() if order.reference == row[1])
        assert row[2:7] == (
            order.user.email,
            order.get_side_display(),
            order.grams,
            order.price_per_gram,
            order.total_kes,
        )


def test_the_list_links_to_its_file_with_all_filters(desk: Client, people: list[User]) -> None:
    orders_create(people, 20)
    asked = {"status": ["completed", "failed"], "side": "buy", "after": "x"}
    body = unescape(desk.get(reverse("desk_orders"), asked).content.decode())
    link = f"{reverse('desk_export', args=['orders'])}?format=csv&status=completed%2Cfailed&side=buy"
    assert f'href="{link}"' in body


def test_the_list_costs_as_many_questions_for_sixty_rows_as_for_one(
    desk: Client, people: list[User], django_assert_max_num_queries
) -> None:
    orders_create(people, 1)
    asked = {"person": "example", "status": ["completed", "failed", "expired", "paid_late"]}
    desk.get(reverse("desk_orders"), asked)
    with django_assert_max_num_queries(25) as few:
        desk.get(reverse("desk_orders"), asked)
    orders_create(people, 60, seed=8)
    with django_assert_max_num_queries(25) as many:
        desk.get(reverse("desk_orders"), asked)
    assert len(few) == len(many)


def test_every_look_at_the_list_is_noted_without_what_was_typed(desk: Client, people: list[User]) -> None:
    orders_create(people, 2)
    desk.get(reverse("desk_orders"), {"person": "alice"})
    entry = AuditEntry.objects.filter(action="read", subject="orders").latest("id")
    assert entry.after == {"asked_by": ["person"]}


def test_only_who_may_see_people_is_led_to_them(people: list[User], desk: Client) -> None:
    order = orders_create(people, 1)[0]
    vault = signed_in(staff("vault"))
    for url in (reverse("desk_orders"), reverse("desk_order", args=[order.pk])):
        assert f"/desk/people/{order.user_id}/" not in vault.get(url).content.decode()


@pytest.mark.fault("Z10")
@pytest.mark.parametrize("kind", ["orders", "payments"])
def test_a_file_that_is_asked_for_by_a_number_of_one_person_says_whose_it_is(world: World, kind: str) -> None:
    """As the list on the page does."""
    paid(buy(world.bob, 1000), receipt="UKL7BBBBBB")
    order = paid(buy(world.alice, 20_000), receipt="UKL7A2B3C4")
    elsewhere = buy(world.bob, 1000)
    Payment.objects.filter(pk=elsewhere.payment_id).update(
        phone_lookup=fingerprint("254733000009", kind="phone")
    )
    desk = signed_in(staff("treasury"))
    for asked, whose in (
        ({"receipt": "UKL7A2B3C4"}, world.alice),
        ({"reference": order.payment.reference}, world.alice),
        ({"phone": "0733000009"}, world.bob),
        ({"person": "charlie"}, world.charlie),
        ({"person": "example.com"}, None),
        ({"kes_from": "2000"}, None),
        ({}, None),
    ):
        assert desk.get(reverse("desk_export", args=[kind]), {"format": "csv", **asked}).status_code == 200
        line = AuditEntry.objects.latest("id")
        assert (line.action, line.person) == ("export", whose), asked
