"""Payments at the desk: the list of all, the queue, and one payment with everything that belongs to it."""

import random
import re
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import PayoutNumber, User
from accounts.tests.people import signed_in, staff
from controls.exports import EXPORTS, rows_of
from controls.models import AuditEntry
from goldwallet import phones
from goldwallet.clock import NAIROBI, after, now
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed
from goldwallet.test.world import World, buy, paid, sell
from oversight.models import Break, BreakKind, Run, RunState
from payments.models import (
    Arrival,
    ArrivalState,
    Callback,
    Direction,
    Exchange,
    Float,
    Kind,
    Payment,
    Source,
    State,
    StatementFile,
    StatementLine,
)
from payments.tests.scripted import ScriptedRail
from trading.models import Order
from trading.tests.listing import DAYS, PHONES, orders_create
from trading.tests.pages import nothing_changes, text

pytestmark = pytest.mark.django_db

ROW = re.compile(r'<th scope="row"><a class="code" href="/desk/payouts/([0-9a-f-]{36})/"')
OLDER = re.compile(r'href="(/desk/payments/\?[^"]*after=[^"]+)"')
CANARY = "254799123456"
NAME = "CANARIA WANJIKU"


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(staff("treasury"))


@pytest.fixture
def people(world: World) -> list[User]:
    return [world.alice, world.bob, world.charlie]


def pages(desk: Client, **filters: object) -> list[str]:
    response, found = desk.get(reverse("desk_payments"), filters), []
    while True:
        assert response.status_code == 200, text(response)
        body = response.content.decode()
        found += ROW.findall(body)
        older = OLDER.search(body)
        if older is None:
            return found
        response = desk.get(unescape(older[1]))


# --- the list -------------------------------------------------------------------------------------


def minute_of(payment: Payment) -> str:
    return f"{payment.created_at.astimezone(NAIROBI):%Y-%m-%dT%H:%M}"


def fits(payment: Payment, asked: dict[str, object]) -> bool:
    """The same question asked of one row, without a database."""
    minute = minute_of(payment)
    codes = {payment.reference, payment.receipt, payment.reversal_receipt}
    wanted = {
        "state": lambda v: payment.state in v,
        "direction": lambda v: payment.direction == v,
        "purpose": lambda v: payment.purpose == v,
        "person": lambda v: v in payment.user.email or v in payment.user.username,
        "phone": lambda v: payment.phone == phones.normalise(v),
        "kes_from": lambda v: payment.amount >= int(v),
        "kes_to": lambda v: payment.amount <= int(v),
        "since": lambda v: minute[: len(v)] >= v,
        "until": lambda v: minute[: len(v)] <= v,
        "reference": lambda v: v.upper() in codes,
        "receipt": lambda v: v.upper() in codes - {payment.reference},
    }
    return all(wanted[name](value) for name, value in asked.items())


def test_each_filter_and_any_mixture_finds_exactly_what_a_plain_comparison_finds(
    desk: Client, people: list[User]
) -> None:
    payments = [order.payment for order in orders_create(people, 45)]
    taken_back = payments[4]
    Payment.objects.filter(pk=taken_back.pk).update(reversal_receipt="UKR0000001")
    taken_back.reversal_receipt = "UKR0000001"
    values: dict[str, list[object]] = {
        "state": [["succeeded"], ["failed", "cancelled"], ["unknown"]],
        "direction": ["in", "out"],
        "purpose": ["buy", "sell", "refund"],
        "person": ["alice", "bob@example.com", "nobody"],
        "phone": [phones.local(PHONES[0]), "0733000000"],
        "kes_from": ["1000", "1001"],
        "kes_to": ["1001", "25000"],
        "since": [DAYS[0].isoformat(), DAYS[4].isoformat(), minute_of(payments[3])],
        "until": [DAYS[4].isoformat(), DAYS[6].isoformat(), minute_of(payments[3])],
        "reference": [payments[3].reference.lower(), payments[3].receipt or ""],
        "receipt": [payments[3].receipt or "", "ukr0000001", payments[3].reference],
    }
    dice = random.Random(5)
    asked = [{name: value} for name, several in values.items() for value in several]
    for _ in range(20):
        names = dice.sample(sorted(values), dice.randint(2, 3))
        mixture = {name: dice.choice(values[name]) for name in names}
        if str(mixture.get("since", "")) <= str(mixture.get("until", "9999")):
            asked.append(mixture)
    hits = 0
    for question in asked:
        expected = sorted(
            (payment for payment in payments if fits(payment, question)),
            key=lambda payment: (payment.created_at, payment.pk),
            reverse=True,
        )
        found = ROW.findall(desk.get(reverse("desk_payments"), question).content.decode())
        assert found == [str(payment.pk) for payment in expected], question
        hits += bool(expected)
    assert hits > 20


def test_paging_loses_and_repeats_no_payment(desk: Client, people: list[User]) -> None:
    payments = [order.payment for order in orders_create(people, 120)]
    newest_first = sorted(payments, key=lambda one: (one.created_at, one.pk), reverse=True)
    assert pages(desk) == [str(payment.pk) for payment in newest_first]
    incoming = [str(one.pk) for one in newest_first if one.direction == Direction.IN]
    assert len(incoming) > 50
    assert pages(desk, direction="in") == incoming


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"state": "no such"}, "There is no such choice here."),
        ({"purpose": "theft"}, "There is no such choice here."),
        ({"direction": "up"}, "There is no such choice here."),
        ({"phone": "12"}, "Write a Kenyan mobile number"),
        ({"kes_from": "NaN"}, "with digits only"),
        ({"until": "soon"}, "Write a day like 2026-11-21"),
    ],
)
def test_what_cannot_be_read_has_a_sentence_and_shows_nobody(
    desk: Client, people: list[User], asked: dict[str, str], sentence: str
) -> None:
    orders_create(people, 3)
    with nothing_changes():
        response = desk.get(reverse("desk_payments"), asked)
    assert response.status_code == 400
    assert sentence in text(response)
    assert ROW.findall(response.content.decode()) == []
    with pytest.raises(Refused, match=re.escape(sentence)):
        rows_of("payments", asked)


def test_the_list_and_its_file_mask_every_number(desk: Client, people: list[User]) -> None:
    orders_create(people, 12)
    body = desk.get(reverse("desk_payments")).content.decode()
    rows = list(rows_of("payments", {}))
    assert {row[5] for row in rows} <= {phones.mask(phone) for phone in PHONES}
    for phone in PHONES:
        assert phone not in body
        assert phones.local(phone) not in body
        assert phones.mask(phone) in body


@pytest.mark.parametrize("asked", [{}, {"direction": "out"}, {"state": "failed,succeeded", "purpose": "buy"}])
def test_the_file_has_exactly_the_rows_of_the_list(
    desk: Client, people: list[User], asked: dict[str, str]
) -> None:
    orders_create(people, 70)
    references = dict(Payment.objects.values_list("pk", "reference"))
    by_id = {str(key): reference for key, reference in references.items()}
    rows = list(rows_of("payments", asked))
    assert [row[1] for row in rows] == [by_id[key] for key in pages(desk, **asked)]
    assert rows
    assert {len(row) for row in rows} == {len(EXPORTS["payments"].columns)}


def test_the_list_costs_as_many_questions_for_sixty_rows_as_for_one(
    desk: Client, people: list[User], django_assert_max_num_queries
) -> None:
    orders_create(people, 1)
    desk.get(reverse("desk_payments"))
    with django_assert_max_num_queries(25) as few:
        desk.get(reverse("desk_payments"))
    orders_create(people, 60, seed=8)
    with django_assert_max_num_queries(25) as many:
        desk.get(reverse("desk_payments"))
    assert len(few) == len(many)


def test_who_sees_payments(world: World, people: list[User]) -> None:
    payment = orders_create(people, 1)[0].payment
    urls = [reverse("desk_payments"), reverse("desk_payment", args=[payment.pk])]
    for role in ("treasury", "auditor", "administrator"):
        browser = signed_in(staff(role))
        assert [browser.get(url).status_code for url in urls] == [200, 200], role
        assert 'href="/desk/payments/"' in browser.get(urls[0]).content.decode()
    for role in ("pricing", "vault", "reviewer"):
        assert [signed_in(staff(role)).get(url).status_code for url in urls] == [403, 403], role
    assert [signed_in(world.alice).get(url).status_code for url in urls] == [403, 403]


def test_a_look_at_a_payment_is_noted_with_whose_it_is(desk: Client, people: list[User]) -> None:
    payment = orders_create(people, 1)[0].payment
    desk.get(reverse("desk_payment", args=[payment.pk]))
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.subject, entry.person_id) == (
        "read",
        f"payment:{payment.pk}",
        payment.user_id,
    )


# --- the queue ------------------------------------------------------------------------------------


@pytest.fixture
def waiting(world: World, provider: ScriptedRail) -> Order:
    """A sale of alice's whose payout two people decide."""
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    Payment.objects.filter(pk=order.payment_id).update(state=State.AWAITING_APPROVAL, due_at=None)
    return order


def test_the_navigation_marks_the_place_that_lists_a_payment(desk: Client, waiting: Order) -> None:
    """A payment of a customer stands under Payments, a payout under Payouts, though their addresses are alike."""
    came = Payment.objects.get(user=waiting.user, direction=Direction.IN).pk
    for payment_id, place in ((came, "desk_payments"), (waiting.payment_id, "desk_payouts")):
        page = desk.get(reverse("desk_payment", args=[payment_id])).content.decode()
        marked = [link for link in re.findall(r"<a [^>]*data-place[^>]*>", page) if "aria-current" in link]
        assert len(marked) == 1 and f'href="{reverse(place)}"' in marked[0]


def test_a_payout_says_when_its_person_changes_to_another_number(desk: Client, waiting: Order) -> None:
    urls = [reverse("desk_payouts"), reverse("desk_payment", args=[waiting.payment_id])]
    assert all("Their number changes" not in text(desk.get(url)) for url in urls)
    number = PayoutNumber(user=waiting.user, usable_from=after(3600))
    number.phone = CANARY
    number.save(force_insert=True)
    for url in urls:
        said = text(desk.get(url))
        assert "Their number changes on" in said
        assert phones.mask(CANARY) in said
        assert f"This payout is for {phones.local(waiting.payment.phone)}" in said
        assert CANARY not in said
    PayoutNumber.objects.filter(pk=number.pk).update(cancelled_at=now())
    assert all("Their number changes" not in text(desk.get(url)) for url in urls)


def test_the_queue_costs_as_many_questions_for_sixty_payouts_as_for_one(
    desk: Client, people: list[User], django_assert_max_num_queries
) -> None:
    def wait(count: int, seed: int) -> None:
        orders = orders_create(people, count, seed=seed)
        keys = [order.payment_id for order in orders]
        Payment.objects.filter(pk__in=keys).update(
            state=State.AWAITING_APPROVAL, direction=Direction.OUT, purpose="sell"
        )

    def fail(count: int, seed: int) -> None:
        orders = orders_create(people, count, seed=seed)
        Payment.objects.filter(pk__in=[order.payment_id for order in orders]).update(attention=True)

    wait(1, 1)
    fail(1, 2)
    orders_create(people, 5, seed=6)
    desk.get(reverse("desk_payouts"))
    with django_assert_max_num_queries(25) as few:
        desk.get(reverse("desk_payouts"))
    wait(60, 3)
    fail(60, 4)
    with django_assert_max_num_queries(25) as many:
        response = desk.get(reverse("desk_payouts"))
    assert len(few) == len(many)
    assert "These are the 50 that wait the longest." in text(response)
    assert f'href="{reverse("desk_payments")}?state=awaiting_approval"' in response.content.decode()


# --- what M-Pesa said -----------------------------------------------------------------------------


@pytest.fixture
def said(world: World) -> Callback:
    """A callback that names a person and a number."""
    order = paid(buy(world.alice, 1000), receipt="UKL7A2B3C4")
    callback = Callback(payment_id=order.payment_id, kind="collect")
    callback.body = f'{{"MSISDN": "{CANARY}", "FirstName": "{NAME}", "TransID": "UKL7A2B3C4"}}'
    callback.save(force_insert=True)
    asked = Exchange(payment_id=order.payment_id, kind=Kind.COLLECT_REPORT, text=f"Sent to {CANARY}")
    asked.body = f'{{"PhoneNumber": {CANARY}, "ResultCode": "0"}}'
    asked.save(force_insert=True)
    return callback


def hidden_on(response) -> bool:
    body = response.content.decode()
    return not any(word in body for word in (CANARY, phones.local(CANARY), NAME))


def test_what_m_pesa_said_names_nobody_until_somebody_says_why(
    desk: Client, said: Callback, world: World
) -> None:
    payment_id = said.payment_id
    page = reverse("desk_payment", args=[payment_id])
    order = reverse("desk_order", args=[Order.objects.get(payment=payment_id).pk])
    press = reverse("desk_payment_said", args=[payment_id, said.pk])
    for url in (page, order):
        shown = desk.get(url)
        assert hidden_on(shown), url
        assert phones.mask(CANARY) in text(shown)
        assert f'action="{press}"' in shown.content.decode()
    opened = AuditEntry.objects.filter(action="callback_open")

    for reason in ("", "  ", "why"):
        refused = desk.post(press, {"reason": reason})
        assert refused.status_code == 400
        assert "Write why you open it." in text(refused)
        assert hidden_on(refused)
    assert not opened.exists()

    answer = desk.post(press, {"reason": "The customer says that it was another phone."})
    assert answer.status_code == 200
    assert CANARY in text(answer)
    assert NAME in text(answer)
    assert "no-store" in answer["Cache-Control"]
    entry = opened.get()
    assert (entry.subject, entry.person_id) == (f"payment:{payment_id}", world.alice.pk)
    assert entry.after == {"opened": "callback", "id": str(said.pk)}
    assert entry.reason == "The customer says that it was another phone."
    assert CANARY not in str([entry.after, entry.before, entry.reason])
    assert hidden_on(desk.get(page)), "it was open for that one answer"


def test_only_what_was_pressed_is_open(desk: Client, said: Callback) -> None:
    asked = Exchange.objects.exclude(body_sealed="").get(payment_id=said.payment_id)
    url = reverse("desk_payment_said", args=[said.payment_id, asked.pk])
    answer = text(desk.post(url, {"reason": "A customer complains."}))
    assert CANARY in answer
    assert NAME not in answer
    assert AuditEntry.objects.get(action="callback_open").after["opened"] == "exchange"


def test_who_may_not_open_what_m_pesa_said(said: Callback, world: World) -> None:
    press = reverse("desk_payment_said", args=[said.payment_id, said.pk])
    page = reverse("desk_payment", args=[said.payment_id])
    for role in ("auditor", "administrator", "pricing", "vault", "reviewer"):
        browser = signed_in(staff(role))
        assert browser.post(press, {"reason": "I would like to know."}).status_code == 403, role
        shown = browser.get(page)
        assert "Show as it came" not in text(shown), role
        assert hidden_on(shown)
    vault = signed_in(staff("vault")).get(
        reverse("desk_order", args=[Order.objects.get(payment=said.payment_id).pk])
    )
    assert hidden_on(vault)
    assert "Show as it came" not in text(vault)
    assert not AuditEntry.objects.filter(action="callback_open").exists()


def test_what_was_said_about_another_payment_stays_shut(desk: Client, said: Callback, world: World) -> None:
    other = buy(world.bob, 1000).payment
    answer = desk.post(
        reverse("desk_payment_said", args=[other.pk, said.pk]), {"reason": "A customer complains."}
    )
    assert answer.status_code == 404
    assert hidden_on(answer)
    assert not AuditEntry.objects.filter(action="callback_open").exists()


def test_what_was_said_about_money_that_came_is_hidden_and_opened_alike(desk: Client) -> None:
    arrival = Arrival.objects.create(
        receipt="UKL7A2B3C9",
        amount=Decimal(500),
        source=Source.PULL,
        arrived_at=now(),
        state=ArrivalState.SUSPENSE,
    )
    asked = Exchange(arrival=arrival, kind=Kind.REVERSE)
    asked.body = f'{{"ReceiverPartyPublicName": "{CANARY} - {NAME}"}}'
    asked.save(force_insert=True)
    assert hidden_on(desk.get(reverse("desk_arrival", args=[arrival.pk])))
    press = reverse("desk_arrival_said", args=[arrival.pk, asked.pk])
    assert desk.post(press).status_code == 400
    assert NAME in text(desk.post(press, {"reason": "Whose money is this?"}))
    assert AuditEntry.objects.get(action="callback_open").subject == f"arrival:{arrival.pk}"


def test_who_opens_what_was_said_about_money_is_noted_with_the_person_it_seems_to_be_of(
    world: World, desk: Client
) -> None:
    arrival = Arrival.objects.create(
        receipt="UKL7A2B3C9",
        amount=Decimal(500),
        source=Source.PULL,
        arrived_at=now(),
        state=ArrivalState.SUSPENSE,
        payment=buy(world.alice, 500).payment,
    )
    asked = Exchange.objects.create(arrival=arrival, kind=Kind.REVERSE)
    press = reverse("desk_arrival_said", args=[arrival.pk, asked.pk])
    assert desk.post(press, {"reason": "Whose money is this?"}).status_code == 200
    assert AuditEntry.objects.get(action="callback_open").person_id == world.alice.pk


# --- what belongs together ------------------------------------------------------------------------


def test_an_order_and_its_payment_lead_to_everything_that_caused_them(
    desk: Client, world: World, django_assert_max_num_queries
) -> None:
    order = paid(buy(world.alice, 1000), receipt="UKL7A2B3C4")
    payment = order.payment
    arrival = Arrival.objects.create(
        receipt="UKL7A2B3C4",
        amount=payment.amount,
        source=Source.PULL,
        arrived_at=now(),
        state=ArrivalState.MATCHED,
        payment=payment,
        due_at=None,
    )
    file = StatementFile.objects.create(
        account=Float.COLLECTIONS,
        name="march.csv",
        sha256="0" * 64,
        starts_at=now(),
        ends_at=now(),
        uploaded_by=world.vault,
    )
    line = StatementLine.objects.create(
        file=file,
        account=Float.COLLECTIONS,
        receipt="UKL7A2B3C4",
        kind="in",
        status="Completed",
        completed_at=now(),
        paid_in=payment.amount,
        withdrawn=0,
        fingerprint="x",
    )
    run = Run.objects.create(state=RunState.DONE, starts_at=now(), ends_at=now(), finished_at=now())
    difference = Break.objects.create(
        key="test",
        kind=BreakKind.AMOUNT_DIFFERS,
        kes=Decimal(7),
        sentence="A shilling differs.",
        cause="Nobody knows.",
        line=line,
        first_run=run,
        last_run=run,
    )
    there, back = reverse("desk_payment", args=[payment.pk]), reverse("desk_order", args=[order.pk])
    wanted = [
        reverse("desk_arrival", args=[arrival.pk]),
        reverse("desk_break", args=[difference.pk]),
    ]
    with django_assert_max_num_queries(25):
        page = desk.get(there).content.decode()
    assert all(f'href="{url}"' in page for url in [*wanted, back])
    with django_assert_max_num_queries(25):
        page = desk.get(back).content.decode()
    assert all(f'href="{url}"' in page for url in [*wanted, there])
    assert "Line of M-Pesa&#x27;s statement" in page or "Line of M-Pesa's statement" in page
    assert re.findall(r'href="/desk/ledger/transactions/\d+/"', page)
    assert f'href="{reverse("desk_pool", args=[world.pool.pk])}"' not in page, "treasury has no pools"
    assert (
        f'href="{reverse("desk_pool", args=[world.pool.pk])}"'
        in signed_in(staff("vault")).get(back).content.decode()
    )


def test_a_request_of_two_people_about_a_payment_is_linked_after_it_was_decided(
    desk: Client, world: World, provider: ScriptedRail
) -> None:
    paid(buy(world.alice, 20_000))
    order = sell(world.alice, Decimal(1))
    Payment.objects.filter(pk=order.payment_id).update(state=State.AWAITING_APPROVAL, due_at=None)
    tina, tom = staff("treasury", username="tina"), staff("treasury", username="tom")
    request = agreed(
        "payout_release",
        {"payment": str(order.payment_id)},
        maker=tina,
        checker=tom,
        subject=f"payment:{order.payment_id}",
    )
    for url in (
        reverse("desk_payment", args=[order.payment_id]),
        reverse("desk_order", args=[order.pk]),
    ):
        page = desk.get(url).content.decode()
        assert f'href="{reverse("desk_approval", args=[request.pk])}"' in page
        assert "decided by" in page
    assert_books()
