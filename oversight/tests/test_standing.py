"""Who is on hold and whose flags are up stands wherever somebody decides about them, for who sees people; every flag
that the overview counts is in a list; and where an act is refused because it is one's own, a sentence has its place.
"""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import second_factor
from accounts.tests.people import customer, signed_in, staff
from controls.models import Flag, Note
from controls.services.notes import flag_lower, notes_blank
from goldwallet.clock import now
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World, buy, paid, sell
from kyc.tests.making import photos_once, sent
from ledger import chart
from ledger.services import Transfer, post
from oversight.selectors import waiting
from oversight.tests.standing import CALLS, HOLD, SIM, raised, read, sale, unescaped
from payments.models import Arrival, ArrivalState, Payment
from trading.models import Order

__all__ = ["photos_once", "sale"]

pytestmark = pytest.mark.django_db


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
