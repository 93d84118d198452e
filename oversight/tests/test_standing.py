"""Who is on hold and whose flags are up stands wherever somebody decides about them, for who sees people; every flag
that the overview counts is in a list; and where an act is refused because it is one's own, a sentence has its place.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import second_factor
from accounts.models import User
from accounts.own import OWN
from accounts.services import person_freeze
from accounts.tests.people import customer, signed_in, staff
from controls.models import Flag, Note
from controls.services import threshold_set
from controls.services.notes import flag_lower, note_add, notes_blank
from goldwallet.clock import now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World, buy, paid, sell
from kyc.tests.making import photos_once, sent
from ledger import chart
from ledger.models import Transaction
from ledger.services import Transfer, post
from oversight.models import Break, BreakKind, Run, RunState
from oversight.selectors import waiting
from payments.models import Arrival, ArrivalState, Payment
from trading.models import Order

__all__ = ["photos_once"]

pytestmark = pytest.mark.django_db

HOLD, SIM, CALLS = "The bank asked for it.", "Two SIM cards in one week.", "She calls every day."


def raised(subject: str, text: str, *, by: User, person: User | None = None, flag: str = Flag.FRAUD) -> Note:
    return note_add(subject=subject, text=text, flag=flag, by=by, person_id=person.pk if person else None)


@pytest.fixture
def sale(world: World) -> Iterator[Order]:
    """A sale of alice's that waits for staff. Alice is flagged, her order is, and she is on hold."""
    alice = world.alice
    paid(buy(alice, 20_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(alice, Decimal("0.5"))
    by = staff("treasury")
    person_freeze(user_id=alice.pk, reason=HOLD, by=by.pk)
    raised(f"person:{alice.pk}", SIM, by=by, person=alice)
    raised(f"order:{order.pk}", CALLS, by=by, person=alice, flag=Flag.COMPLAINT)
    yield order
    assert_books()


def unescaped(answer: Any) -> str:
    return unescape(answer.content.decode())


def read(browser: Client, name: str, *args: Any, **query: str) -> str:
    answer = browser.get(reverse(name, args=args), query)
    assert answer.status_code == 200, (name, answer)
    return unescaped(answer)


@pytest.fixture
def pages(sale: Order, photos_once: None) -> dict[str, tuple[Any, ...]]:
    """Every page on which somebody decides about alice."""
    alice = sale.user
    payload = {"person": str(alice.pk), "kes": "500", "way": "credit", "words": "We were wrong."}
    request = asked("adjust_cash", payload, by=staff("treasury"), subject="correction")
    return {
        "desk_person": (alice.pk,),
        "desk_kyc_person": (alice.pk,),
        "desk_kyc_case": (sent(alice).pk,),
        "desk_payment": (sale.payment_id,),
        "desk_payouts": (),
        "desk_order": (sale.pk,),
        "desk_approval": (request.pk,),
    }


def test_who_decides_about_a_person_reads_the_hold_and_the_flags_first(
    pages: dict[str, tuple[Any, ...]],
) -> None:
    desk = signed_in(staff("treasury", "reviewer"))
    for name, args in pages.items():
        html = read(desk, name, *args)
        strip = re.search(r'aria-label="About alice@[^"]*">(.*?)</div>', html, re.DOTALL)
        assert strip, name
        assert HOLD in strip[1], name
        assert SIM in strip[1], name
        # On the order's own page its flag stands once, above the strip.
        assert (CALLS in strip[1]) == (name != "desk_order"), name
        assert html[: strip.end()].count(CALLS) == 1, name


def test_who_sees_no_people_reads_nothing_of_them(sale: Order) -> None:
    """But for what stands on the order itself."""
    for role in ("pricing", "vault"):
        html = read(signed_in(staff(role)), "desk_order", sale.pk)
        assert HOLD not in html, role
        assert SIM not in html, role
        assert html.index(CALLS) < html.index('id="order"'), role


def test_a_reviewer_reads_no_flag_of_an_order(sale: Order) -> None:
    """Whose page does not open to them."""
    html = read(signed_in(staff("reviewer")), "desk_person", sale.user_id)
    assert SIM in html
    assert CALLS not in html


def test_who_looks_at_a_case_of_their_own_reads_nothing_that_others_wrote(
    world: World, photos_once: None
) -> None:
    me = staff("reviewer", phone="254733999888")
    case = sent(me)
    raised(f"person:{me.pk}", SIM, by=world.vault, person=me)
    assert SIM not in read(signed_in(me), "desk_kyc_case", case.pk)
    assert SIM in read(signed_in(staff("reviewer")), "desk_kyc_case", case.pk)


def test_a_flag_that_is_down_stands_nowhere_on_top(sale: Order) -> None:
    by = staff("treasury")
    for note in Note.objects.all():
        flag_lower(note_id=note.pk, by=by, reason="All is cleared.")
    html = read(signed_in(by), "desk_payouts")
    assert HOLD in html
    assert SIM not in html
    assert CALLS not in html


def test_the_queue_warns_of_each_payout_and_asks_once_for_all(sale: Order, world: World) -> None:
    desk, by = signed_in(staff("treasury")), staff("treasury")

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked_for:
            read(desk, "desk_payouts")
        return len(asked_for)

    read(desk, "desk_payouts")
    before = questions()
    for number in range(3):
        person = customer(kyc_status="verified")
        paid(buy(person, 20_000))
        sell(person, Decimal("0.1"))
        raised(f"person:{person.pk}", f"Flag number {number}.", by=by, person=person)
    looked_at = buy(world.bob, 1000).payment
    Payment.objects.filter(pk=looked_at.pk).update(attention=True)
    raised(f"person:{world.bob.pk}", "Be kind.", by=by, person=world.bob, flag=Flag.CARE)
    assert questions() == before
    html = read(desk, "desk_payouts")
    for number in range(3):
        assert html.count(f"Flag number {number}.") == 1
    assert "Needs patience" in html[html.index('id="attention"') : html.index('id="recent"')]


def test_flags_of_a_pool_stand_on_top_of_its_page(world: World) -> None:
    raised(f"pool:{world.pool.pk}", "Count the bars again.", by=world.vault, flag=Flag.WATCH)
    html = read(signed_in(staff("vault")), "desk_pool", world.pool.pk)
    assert html.index("Count the bars again.") < html.index("<h2", html.index("<h1"))


# --- the list -------------------------------------------------------------------------------------


@pytest.fixture
def flags(sale: Order, world: World) -> dict[str, str]:
    """What a flag is about -> its words."""
    raised(f"pool:{world.pool.pk}", "Count the bars again.", by=world.vault)
    return {"person": SIM, "order": CALLS, "pool": "Count the bars again."}


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        ("treasury", {"person", "order"}),
        ("reviewer", {"person"}),
        ("pricing", {"order"}),
        ("vault", {"order", "pool"}),
        ("auditor", {"person", "order", "pool"}),
        ("administrator", {"person", "order", "pool"}),
    ],
)
def test_everybody_reads_the_flags_of_what_they_work_with(
    flags: dict[str, str], role: str, kinds: set[str]
) -> None:
    desk = signed_in(staff(role))
    html = read(desk, "desk_flags")
    assert {kind for kind, words in flags.items() if words in html} == kinds
    for kind, words in flags.items():
        answer = desk.get(reverse("desk_flags"), {"about": kind})
        assert answer.status_code == (200 if kind in kinds else 404), kind
        assert (words in unescaped(answer)) == (kind in kinds), kind


def test_every_flag_that_is_counted_is_in_the_list_that_the_overview_links_to(
    flags: dict[str, str], sale: Order
) -> None:
    """Of somebody who was erased as well: their flags stay up."""
    notes_blank(person_id=sale.user_id)
    desk = signed_in(staff("auditor"))
    counted = {kind.label: kind for kind in waiting() if kind.label.startswith("Flags")}
    assert {label: kind.count for label, kind in counted.items()} == {
        "Flags on people": 1,
        "Flags on orders": 1,
        "Flags on pools": 1,
    }
    overview = read(desk, "desk")
    for label, kind in counted.items():
        assert f'href="{kind.url}"' in overview
        html = unescaped(desk.get(kind.url))
        assert html.count('<th scope="row"') == kind.count, label
    assert sale.reference in unescaped(desk.get(counted["Flags on orders"].url))
    assert "The text was erased." in unescaped(desk.get(counted["Flags on people"].url))


def test_the_overview_links_no_list_to_who_may_not_read_it(flags: dict[str, str]) -> None:
    html = read(signed_in(staff("pricing")), "desk")
    assert f'href="{reverse("desk_flags")}?about=order"' in html
    for kind in ("person", "pool"):
        assert f"about={kind}" not in html


def test_a_long_list_of_flags_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oversight.people.flags._PAGE", 2)
    for number in range(3):
        raised(f"pool:{world.pool.pk}", f"Bar {number} is missing.", by=world.vault)
    desk = signed_in(staff("vault"))
    first = desk.get(reverse("desk_flags"), {"about": "pool"})
    html = unescaped(first)
    assert "Bar 0 is missing." in html
    assert "Bar 2 is missing." not in html
    html = unescaped(desk.get(first.context["next_url"]))
    assert "Bar 2 is missing." in html
    assert "Bar 1 is missing." not in html
    assert "These are the last." in html


# --- one's own ------------------------------------------------------------------------------------


@pytest.fixture
def me(sale: Order) -> User:
    """Alice works in the treasury under another account, with the same phone."""
    return staff("treasury", phone=sale.user.phone)


@pytest.mark.fault("Z07")
def test_of_ones_own_payout_the_queue_has_a_sentence_and_no_form(sale: Order, me: User) -> None:
    mine, others = (read(signed_in(one), "desk_payouts") for one in (me, staff("treasury")))
    assert mine.count(OWN) == 1
    assert OWN not in others
    # Alice is on hold, so it takes two: what one person does alone is to refuse it.
    for what in ("refuse", "release", "record"):
        form = reverse(f"desk_payout_{what}", args=[sale.payment_id])
        assert form not in mine, what
        assert form in others, what


@pytest.mark.fault("Z07")
def test_of_ones_own_payment_the_page_has_a_sentence_and_no_form(sale: Order, me: User) -> None:
    came = Payment.objects.get(user=sale.user, direction="in")
    reverse_it = reverse("desk_payment_reversed", args=[came.pk])
    assert reverse_it in read(signed_in(staff("treasury")), "desk_payment", came.pk)
    for payment in (came.pk, sale.payment_id):
        html = read(signed_in(me), "desk_payment", payment)
        assert html.count(OWN) == 1
        assert "<form" not in html[html.index('id="main"') :]


@pytest.mark.fault("Z07")
def test_of_ones_own_order_a_sentence_stands_where_the_note_is_written(sale: Order, me: User) -> None:
    html = read(signed_in(me), "desk_order", sale.pk)
    assert html.index(OWN) > html.index('id="notes"')
    assert reverse("desk_note_add") not in html
    assert reverse("desk_flag_lower") not in html
    other = read(signed_in(staff("treasury")), "desk_order", sale.pk)
    assert OWN not in other
    assert reverse("desk_note_add") in other
    # Who could not write there anyway is told nothing.
    assert OWN not in read(signed_in(staff("auditor", phone=sale.user.phone)), "desk_order", sale.pk)


@pytest.mark.fault("Z07")
def test_of_ones_own_limits_a_sentence_stands_in_place_of_the_form(sale: Order, me: User) -> None:
    html = read(signed_in(me), "desk_kyc_person", sale.user_id)
    assert OWN in html
    assert reverse("desk_kyc_tier", args=[sale.user_id]) not in html


def test_of_ones_own_payment_with_nothing_to_do_nothing_is_said(sale: Order, me: User) -> None:
    """Somebody has asked a second person already: nobody else could do anything here either."""
    payload = {"payment": str(sale.payment_id), "receipt": "TKL7X2M9QB"}
    asked("payout_record", payload, by=staff("treasury"), subject=f"payment:{sale.payment_id}")
    assert OWN not in read(signed_in(me), "desk_payment", sale.payment_id)
    assert OWN not in read(signed_in(me), "desk_payouts")


@pytest.mark.fault("Z07")
def test_what_two_people_would_do_about_oneself_is_not_offered_to_oneself(sale: Order, me: User) -> None:
    """A correction taken back, a difference resolved, money sent back: others ask for it."""
    maker, checker = staff("treasury"), staff("treasury")
    payload = {"person": str(sale.user_id), "kes": "500", "way": "credit", "words": "We were wrong."}
    agreed("adjust_cash", payload, maker=maker, checker=checker, subject="correction")
    run = Run.objects.create(state=RunState.DONE, starts_at=now(), ends_at=now(), finished_at=now())
    difference = Break.objects.create(
        key="own",
        kind=BreakKind.CHARGE_DIFFERS,
        kes=7,
        sentence="M-Pesa took another charge.",
        cause="Nobody knows.",
        payment=sale.payment,
        first_run=run,
        last_run=run,
    )
    came = Arrival.objects.create(
        receipt="TKL7X2M9QC",
        amount=7,
        arrived_at=now(),
        state=ArrivalState.SUSPENSE,
        source="pull",
        payment=Payment.objects.get(user=sale.user, direction="in"),
    )
    others = signed_in(maker)
    for name, key, form in [
        ("desk_transaction", Transaction.objects.latest("id").pk, "desk_transaction_reverse"),
        ("desk_break", difference.pk, "desk_break_resolve"),
        ("desk_arrival", came.pk, "desk_arrival_return"),
    ]:
        mine, theirs = (read(desk, name, key) for desk in (signed_in(me), others))
        assert OWN in mine, name
        assert OWN not in theirs, name
        assert reverse(form, args=[key]) not in mine, name
        assert reverse(form, args=[key]) in theirs, name


# --- the ways on ----------------------------------------------------------------------------------


def test_the_payments_of_a_person_lead_to_all_of_them(sale: Order) -> None:
    there = f"{reverse('desk_payments')}?person={sale.user.email}"
    desk = signed_in(staff("treasury"))
    assert f'href="{there.replace("@", "%40")}"' in read(desk, "desk_person", sale.user_id)
    assert sale.reference in unescaped(desk.get(there))
    # A reviewer sees ten payments, and no list of them opens to them.
    assert reverse("desk_payments") not in read(signed_in(staff("reviewer")), "desk_person", sale.user_id)


def test_recent_payouts_lead_to_all_payouts_and_to_people(world: World) -> None:
    paid(buy(world.alice, 20_000))
    sell(world.alice, Decimal("0.5"))
    html = read(signed_in(staff("treasury")), "desk_payouts")
    recent = html[html.index('id="recent"') :]
    assert f'href="{reverse("desk_payments")}?direction=out"' in recent
    assert f'href="{reverse("desk_person", args=[world.alice.pk])}"' in recent
    assert_books()


def test_who_has_cash_with_us_owes_us_or_has_paid_is_linked(world: World) -> None:
    cash, debt, got, lost = (customer() for _ in range(4))
    with shift_clock(days=-2):
        moves = [
            Transfer(chart.house_adjustments(), chart.user_cash(cash.pk), Decimal(70)),
            Transfer(chart.user_receivable(debt.pk), chart.house_adjustments(), Decimal(30)),
        ]
        for move in moves:
            post(key=f"standing:{move.amount}", kind="adjustment", transfers=[move])
    Arrival.objects.create(
        receipt="TKL7X2M9QA",
        amount=7,
        arrived_at=now(),
        state=ArrivalState.ASSIGNED,
        source="pull",
        user=got,
        note="Given by two people.",
    )
    second_factor.authenticator_give(user=lost, key=second_factor.new_key())
    maker, checker = staff("treasury"), staff("treasury")
    agreed(
        "factor_reset", {"person": str(lost.pk)}, maker=maker, checker=checker, subject=f"factor:{lost.pk}"
    )
    desk = signed_in(staff("treasury"))
    for name, people in {
        "desk_money": [cash],
        "desk_adjustments": [cash, debt],
        "desk_factor": [lost],
    }.items():
        html = read(desk, name)
        for person in people:
            assert f'href="{reverse("desk_person", args=[person.pk])}"' in html, (name, person)
    assert reverse("desk_person", args=[got.pk]) in read(desk, "desk_money", show="all")
    assert_books()
