"""One person's page: everything about them in few questions to the database, and what happened as a timeline."""

import base64
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import KnownDevice, PayoutNumber, User
from accounts.services import person_freeze
from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry
from controls.services.notes import flag_lower, note_add
from goldwallet.clock import after
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, asked
from goldwallet.test.world import World, buy, paid, sell
from kyc.models import Case
from kyc.tests.making import photos_once, sent, written
from notifications.services import message_enqueue
from oversight.people.timeline import timeline
from oversight.tests.persons import page_of, shown
from payments.models import Payment
from trading.models import Order

__all__ = ["photos_once"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def treasury(world: World) -> User:
    return staff("treasury")


@pytest.fixture
def desk(treasury: User) -> Client:
    return signed_in(treasury)


# --- what it shows --------------------------------------------------------------------------------


def test_it_shows_what_somebody_has_and_what_happened(world: World, desk: Client) -> None:
    alice = world.alice
    bought = paid(buy(alice, 33_000), receipt="TKL7X2M9QA")
    sold = sell(alice, Decimal("0.5"))
    signed_in(alice).get("/wallet/")
    message_enqueue(
        user_id=alice.pk,
        to=alice.email,
        subject="Your gold",
        text="It is a secret text.",
        kind="test",
        key="k1",
    )
    html = shown(desk, alice)
    for words in (
        "alice@example.com",
        "0712 345 678",
        bought.reference,
        sold.reference,
        "TKL7X2M9QA",
        "Your gold",
        "Account made",
        "Agreed to buy",
        f"Order {bought.reference}: completed",
        f'href="/desk/orders/{bought.pk}/"',
        f'href="/desk/payouts/{bought.payment_id}/"',
        "Tier: verified",
        "No second factor",
    ):
        assert words in html, words
    assert "It is a secret text." not in html
    line = AuditEntry.objects.get(action="read", subject=f"person:{alice.pk}")
    assert line.person == alice
    assert_books()


def test_a_proven_name_stands_in_the_head_and_a_claimed_one_does_not(world: World, desk: Client) -> None:
    case = written(world.bob, name="Amina Otieno")
    assert "Amina Otieno" not in shown(desk, world.bob)
    Case.objects.filter(pk=case.pk).update(state="submitted")
    Case.objects.filter(pk=case.pk).update(state="approved", decided_at=after(0), valid_until=after(1000))
    assert "Amina Otieno" in shown(desk, world.bob)


def test_a_phone_is_masked_for_who_only_reads(world: World, desk: Client) -> None:
    number = PayoutNumber(user=world.alice, usable_from=after(3600))
    number.phone = "254799000111"
    number.save(force_insert=True)
    assert "0799 000 111" in shown(desk, world.alice)
    for role in ("auditor", "administrator"):
        html = shown(signed_in(staff(role)), world.alice)
        assert "2547****5678" in html, role
        assert "0712 345 678" not in html
        assert "0799 000 111" not in html


def test_who_may_not_open_a_page_gets_no_link_to_it(world: World) -> None:
    order = paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    html = shown(signed_in(staff("reviewer")), world.alice)
    assert order.reference in html
    assert f"/desk/orders/{order.pk}/" not in html
    assert f"/desk/payouts/{order.payment_id}/" not in html


def test_flags_stand_on_top_until_they_are_taken_down(world: World, desk: Client, treasury: User) -> None:
    subject = f"person:{world.alice.pk}"
    note = note_add(
        subject=subject, text="Two SIM cards.", flag="fraud", by=treasury, person_id=world.alice.pk
    )
    html = shown(desk, world.alice)
    assert html.index("Suspected fraud") < html.index("Holdings")
    assert "Flag raised: suspected fraud" in html
    flag_lower(note_id=note.pk, by=treasury, reason="Her sister's card.")
    html = shown(desk, world.alice)
    assert "Suspected fraud" not in html[: html.index("Holdings")]
    assert "Flag taken down: suspected fraud" in html


def test_staff_are_people_too_with_their_roles(world: World, desk: Client) -> None:
    keeper = staff("vault", "pricing")
    assert "Staff: pricing, vault" in shown(desk, keeper)


@pytest.mark.usefixtures("photos_once")
def test_however_much_there_is_it_asks_no_more_than_25_questions(
    world: World, desk: Client, treasury: User
) -> None:
    alice = world.alice
    order = paid(buy(alice, 33_000), receipt="TKL7X2M9QA")
    sent(alice)
    with CaptureQueriesContext(connection) as few:
        desk.get(page_of(alice))
    assert len(few) <= 25, [query["sql"][:120] for query in few]
    payment = Payment.objects.get(pk=order.payment_id)
    for number in range(200):
        subject = f"person:{alice.pk}"
        note_add(
            subject=subject, text="Kind.", flag="care" if number % 2 else "", by=treasury, person_id=alice.pk
        )
        message_enqueue(
            user_id=alice.pk, to=alice.email, subject="Hello", text="x", kind="t", key=f"m{number}"
        )
        copy_of_order(order, payment, number)
        signed_in(alice)
    KnownDevice.objects.bulk_create([KnownDevice(user=alice, mark=f"{n:064d}") for n in range(200)])
    asked("person_close", {"person": str(world.bob.pk)}, by=treasury, subject="closing:1")
    for browser in (desk, signed_in(staff("auditor")), signed_in(staff("reviewer"))):
        with CaptureQueriesContext(connection) as many:
            assert browser.get(page_of(alice)).status_code == 200
        assert len(many) <= 25, [query["sql"][:120] for query in many]
        assert len(many) <= len(few) + 1


def copy_of_order(order: Order, payment: Payment, number: int) -> None:
    payment.pk, payment.receipt, payment.token = uuid.uuid4(), f"R{number:08d}A", f"{number:032d}"
    payment.reference = f"P{number:07d}"
    payment.phone = order.user.phone
    payment.save(force_insert=True)


# --- the timeline ---------------------------------------------------------------------------------


def test_the_timeline_goes_back_page_by_page_and_loses_nothing(world: World, treasury: User) -> None:
    alice = world.alice
    paid(buy(alice, 33_000), receipt="TKL7X2M9QA")
    paid(buy(alice, 16_500), receipt="TKL7X2M9QB")
    person_freeze(user_id=alice.pk, reason="Asked by the bank.", by=treasury.pk)
    agreed("person_unfreeze", {"person": str(alice.pk)}, maker=treasury, checker=staff("treasury"))
    for _ in range(5):
        note_add(subject=f"person:{alice.pk}", text="Kind.", by=treasury, person_id=alice.pk)
    whole = timeline(alice, reader=treasury, limit=1000)
    assert whole.older == ""
    assert len(whole.rows) > 15
    rows, after_ = [], ""
    while True:
        page = timeline(alice, reader=treasury, after=after_, limit=2)
        rows += page.rows
        if not (after_ := page.older):
            break
    assert rows == whole.rows
    assert [row.at for row in rows] == sorted((row.at for row in rows), reverse=True)
    said = [row.text for row in rows]
    for words in ("Put on hold", "Hold lifted", "Asked for: hold on a person lifted", "Note written"):
        assert words in said, said


def test_the_older_part_is_a_fragment_and_works_as_a_page_too(
    world: World, desk: Client, treasury: User
) -> None:
    for _ in range(40):
        note_add(subject=f"person:{world.bob.pk}", text="Kind.", by=treasury, person_id=world.bob.pk)
    answer = desk.get(page_of(world.bob))
    older = answer.context["older_url"]
    part = desk.get(older, headers={"HX-Request": "true", "HX-Target": "older"}).content.decode()
    assert part.strip().startswith("<tbody>")
    assert "<html" not in part
    assert "Account made" in part
    assert "To the newest" in desk.get(older).content.decode()
    for nonsense in ("x", "%00", "====", "MjAyNi0xMS0yMXw", "é", "bm9wZXxhOmI"):
        assert desk.get(f"{page_of(world.bob)}?after={nonsense}").status_code == 200
    # Moments that Python reads and PostgreSQL does not, or that no year holds.
    for moment in (
        "2026-01-01T00:00:00+00:00:30.5",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ):
        mark = base64.urlsafe_b64encode(f"{moment}|x".encode()).decode()
        assert desk.get(page_of(world.bob), {"after": mark}).status_code == 200, moment


def test_acts_of_staff_stand_in_it_for_who_reads_the_audit_trail(world: World, treasury: User) -> None:
    person_freeze(user_id=world.bob.pk, reason="Asked by the bank.", by=treasury.pk)
    audited = [row.text for row in timeline(world.bob, reader=treasury).rows]
    assert f"Put a person on hold ({treasury.email})" in audited
    others = [row.text for row in timeline(world.bob, reader=staff("reviewer")).rows]
    assert "Put on hold" in others
    assert not any("Put a person on hold" in text for text in others)
