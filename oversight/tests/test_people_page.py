"""One person's page: everything about them in few questions to the database, and what staff may do there."""

import base64
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import KnownDevice, PayoutNumber, Session, User
from accounts.roles import Role
from accounts.services import person_freeze
from accounts.tests.people import customer, read_mail, signed_in, staff
from controls.models import AuditEntry, Erasure, Note, Request
from controls.services.notes import flag_lower, note_add
from goldwallet.clock import after
from goldwallet.errors import Refused
from goldwallet.once import form_key
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy, paid, sell
from kyc.models import Case
from kyc.tests.making import photos_once, sent, written
from notifications.models import Message
from notifications.services import message_enqueue
from oversight.people import actions
from oversight.people.timeline import timeline
from payments.models import Payment
from trading.models import Order

__all__ = ["photos_once"]

pytestmark = pytest.mark.django_db


def page_of(person: User) -> str:
    return f"/desk/people/{person.pk}/"


@pytest.fixture
def treasury(world: World) -> User:
    return staff("treasury")


@pytest.fixture
def desk(treasury: User) -> Client:
    return signed_in(treasury)


def shown(browser: Client, person: User) -> str:
    answer = browser.get(page_of(person))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


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


# --- what staff do there --------------------------------------------------------------------------

WHY = "The bank asked us to."


def post(browser: Client, person: User, act: str, **fields: str) -> Any:
    """A form as its page has it: with a key of its own."""
    return browser.post(f"{page_of(person)}{act}/", {"key": form_key()} | fields)


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def test_a_hold_is_at_once_and_lifting_it_takes_two(world: World, desk: Client, treasury: User) -> None:
    assert post(desk, world.bob, "hold", reason=WHY).status_code == 302
    assert fresh(world.bob).frozen_reason == WHY
    line = AuditEntry.objects.get(action="hold")
    assert (line.actor, line.person, line.reason) == (treasury, world.bob, WHY)
    again = post(desk, world.bob, "hold", reason=WHY)
    assert again.status_code == 409
    assert "is on hold already" in again.content.decode()
    asked_ = post(desk, world.bob, "lift", reason="The bank has withdrawn it.")
    request = Request.objects.get(kind="person_unfreeze")
    assert asked_["Location"] == f"/desk/approvals/{request.pk}/"
    assert fresh(world.bob).frozen_reason == WHY
    assert f"/desk/approvals/{request.pk}/" in shown(desk, world.bob)


@pytest.mark.parametrize("reason", ["", " a ", "\x00\x00\x00\x00\x00\x00"])
def test_an_act_without_a_reason_is_refused_in_its_own_form(world: World, desk: Client, reason: str) -> None:
    for act in ("hold", "close"):
        answer = post(desk, world.bob, act, reason=reason)
        assert answer.status_code == 400, act
        assert answer.content.decode().count('role="alert"') == 1
        assert '<details class="fold" open>' in answer.content.decode()
    assert fresh(world.bob).frozen_reason == ""
    assert not Request.objects.exists()


def test_nobody_is_there(world: World, desk: Client) -> None:
    missing = User(pk=uuid.uuid4())
    assert desk.get(page_of(missing)).status_code == 404
    for act in ("hold", "lift", "factor", "close", "message"):
        assert post(desk, missing, act, reason=WHY).status_code == 404


def test_only_the_roles_that_may_act_do(world: World) -> None:
    allowed = {
        "hold": {"treasury", "administrator"},
        "lift": {"treasury", "administrator"},
        "factor": {"treasury", "administrator", "reviewer"},
        "close": {"treasury", "administrator"},
        "message": {"treasury", "administrator", "reviewer"},
    }
    for role in Role:
        browser = signed_in(staff(role))
        for act, roles in allowed.items():
            answer = post(browser, world.bob, act)
            assert (answer.status_code == 403) == (role not in roles), (role, act, answer.status_code)
        if role not in {"vault", "pricing"}:
            html = shown(browser, world.bob)
            assert ("Put on hold" in html) == (role in allowed["hold"]), role
            assert ("Write a mail" in html) == (role in allowed["message"]), role


@pytest.mark.fault("Z07")
def test_nobody_acts_on_themselves_nor_on_a_second_account(world: World) -> None:
    me = staff("treasury", phone="254712345678")  # the phone of Alice's account
    browser = signed_in(me)
    for person in (me, world.alice):
        html = shown(browser, person)
        assert "This is about yourself" in html
        assert "What you can do" not in html
        assert "Write a note" not in html
        for act in ("hold", "lift", "factor", "close", "message"):
            answer = post(browser, person, act, reason=WHY, subject="Hello", text="Me.")
            assert answer.status_code == 403, act
            assert "This is about yourself" in answer.content.decode()
    assert not Request.objects.exists()
    assert not Message.objects.exists()
    assert not User.objects.exclude(frozen_reason="").exists()
    assert "What you can do" in shown(browser, world.bob)


def test_a_lost_second_factor_is_asked_for_from_the_page(world: World) -> None:
    person = staff("vault")
    browser = signed_in(staff("reviewer"))
    assert "Remove a lost second factor" in shown(browser, person)
    assert post(browser, person, "factor", reason="Seen at the counter.").status_code == 302
    assert Request.objects.get(kind="factor_reset").person == person
    assert "Remove a lost second factor" not in shown(browser, person)
    refused = post(browser, world.bob, "factor", reason="Seen at the counter.")
    assert refused.status_code in {400, 409}


# --- closing --------------------------------------------------------------------------------------


def test_two_people_close_an_account_and_its_owner_hears_of_it(
    world: World, desk: Client, treasury: User
) -> None:
    bob = world.bob
    signed_in(bob).get("/wallet/")
    assert post(desk, bob, "close", reason="They wrote and asked for it.").status_code == 302
    request = Request.objects.get(kind="person_close")
    assert (request.person, fresh(bob).is_active) == (bob, True)
    other = signed_in(staff("administrator"))
    assert "closed for good" in other.get(f"/desk/approvals/{request.pk}/").content.decode()
    approve(request, staff("treasury"))
    closed = fresh(bob)
    assert not closed.is_active
    assert closed.closed_at is not None
    assert not Session.objects.filter(user_id=bob.pk).exists()
    assert "as our team decided" in read_mail(bob.email).body
    assert "two of the staff" in Erasure.objects.get(what="closure").rule
    html = shown(desk, bob)
    assert "Account closed" in html
    assert "What you can do" not in html
    assert post(desk, bob, "close", reason="Once more, please.").status_code == 409


def test_an_account_with_gold_or_money_under_way_is_not_closed(world: World, desk: Client) -> None:
    paid(buy(world.alice, 33_000), receipt="TKL7X2M9QA")
    answer = post(desk, world.alice, "close", reason="They wrote and asked for it.")
    assert answer.status_code == 409
    assert "Sell it first." in answer.content.decode()
    assert not Request.objects.exists()


def test_what_changed_since_it_was_asked_for_stops_the_closing(world: World, treasury: User) -> None:
    request = asked("person_close", {"person": str(world.alice.pk)}, by=treasury)
    buy(world.alice, 33_000)
    with pytest.raises(Refused, match="in progress"):
        approve(request, staff("treasury"))
    assert fresh(world.alice).is_active
    assert_books()


def test_staff_lose_their_roles_before_their_account_is_closed(world: World, treasury: User) -> None:
    keeper = staff("vault")
    with pytest.raises(Refused, match="roles here"):
        asked("person_close", {"person": str(keeper.pk)}, by=treasury)
    keeper.groups.clear()
    agreed("person_close", {"person": str(keeper.pk)}, maker=treasury, checker=staff("treasury"))
    assert not fresh(keeper).is_active


@pytest.mark.fault("Z07")
def test_nobody_closes_their_own_account_with_a_second_one(world: World) -> None:
    twin = staff("treasury", phone="254712345678")
    with pytest.raises(Refused, match="yourself"):
        asked("person_close", {"person": str(world.alice.pk)}, by=twin)
    request = asked("person_close", {"person": str(world.alice.pk)}, by=staff("treasury"))
    with pytest.raises(Refused, match="yourself"):
        approve(request, twin)
    assert fresh(world.alice).is_active


# --- writing --------------------------------------------------------------------------------------

MAIL = {"subject": "About your call", "text": "We looked at it.\r\nAll is well.", "reason": "She called us."}


def test_a_mail_goes_out_in_our_frame_and_is_noted_without_its_words(
    world: World, desk: Client, treasury: User
) -> None:
    assert "It goes to <strong>bob@example.com</strong>" in shown(desk, world.bob)
    assert post(desk, world.bob, "message", **MAIL).status_code == 302
    letter = read_mail(world.bob.email, about="About your call")
    assert letter.body.startswith(f"Hello {world.bob.username},\n\nWe looked at it.\nAll is well.\n\n")
    assert letter.body.endswith("Gold Wallet\n")
    row = Message.objects.get()
    assert (row.kind, row.user) == ("staff-message", world.bob)
    line = AuditEntry.objects.get(action="message")
    assert (line.actor, line.person, line.reason) == (treasury, world.bob, "She called us.")
    assert "looked" not in str(line.after)
    assert "About your call" in shown(desk, world.bob)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subject": ""}, "Write what it is about."),
        ({"subject": "x" * 121}, "Keep the subject under 120 letters."),
        ({"subject": "a\x00b"}, "A sign in this cannot be read. Type it anew."),
        ({"text": " "}, "Write the text."),
        ({"text": "x" * 4001}, "Keep the text under 4000 letters."),
        ({"reason": ""}, "Write why."),
        ({"reason": "no"}, "Write why, in at least 5 letters."),
    ],
)
def test_a_wrong_mail_is_said_beside_its_field_and_goes_nowhere(
    world: World, desk: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = post(desk, world.bob, "message", **(MAIL | changes))
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not Message.objects.exists()
    assert not AuditEntry.objects.filter(action="message").exists()


def test_one_person_gets_so_many_mails_a_day_and_no_more(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MESSAGES_A_DAY", 2)
    assert [post(desk, world.bob, "message", **MAIL).status_code for _ in range(3)] == [302, 302, 429]
    other = signed_in(staff("reviewer"))
    assert post(other, world.bob, "message", **MAIL).status_code == 429, "whoever of us writes"
    assert post(other, world.alice, "message", **MAIL).status_code == 302
    assert Message.objects.filter(user=world.bob).count() == 2


def test_a_form_that_comes_twice_sends_one_mail(world: World, desk: Client) -> None:
    keys = [re.findall(r'name="key" value="([^"]+)"', part) for part in mail_forms(desk, world.bob, times=2)]
    assert len(keys[0]) == len(keys[1]) == 1 and keys[0] != keys[1]
    (key,) = keys[0]
    first, second = (post(desk, world.bob, "message", **MAIL, key=key) for _ in range(2))
    assert (first.status_code, first["Location"]) == (second.status_code, second["Location"])
    assert Message.objects.count() == 1
    assert AuditEntry.objects.filter(action__in=["message", "act"]).count() == 1
    # A new form may say the same.
    assert post(desk, world.bob, "message", **MAIL).status_code == 302
    assert Message.objects.count() == 2


def mail_forms(browser: Client, person: User, *, times: int) -> list[str]:
    """The form as it stands on the person's page each time."""
    action = f'action="{page_of(person)}message/"'
    return [shown(browser, person).partition(action)[2].partition("</form>")[0] for _ in range(times)]


def test_a_form_that_comes_twice_counts_once(
    world: World, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MESSAGES_A_DAY", 1)
    key = form_key()
    for _ in range(3):
        assert post(desk, world.bob, "message", **MAIL, key=key).status_code == 302
    assert post(desk, world.bob, "message", **MAIL).status_code == 429


def test_a_form_that_comes_twice_with_another_mail_is_asked_about(world: World, desk: Client) -> None:
    key = form_key()
    assert post(desk, world.bob, "message", **MAIL, key=key).status_code == 302
    for person, change in [
        (world.bob, {"text": "There is more to say."}),
        (world.bob, {"subject": "About something else"}),
        (world.alice, {}),
    ]:
        answer = post(desk, person, "message", **MAIL | change, key=key)
        assert answer.status_code == 409
        html = answer.content.decode()
        assert "This form has sent a mail already." in html
        assert (change.get("text") or "We looked at it.") in html, "what was typed is there"
        assert key not in html
    assert Message.objects.count() == 1
    assert AuditEntry.objects.filter(action="message").count() == 1


@pytest.mark.parametrize("key", ["", "x", "x" * 41])
def test_a_mail_without_the_key_of_its_form_goes_nowhere(world: World, desk: Client, key: str) -> None:
    answer = post(desk, world.bob, "message", **MAIL, key=key)
    assert answer.status_code == 400
    assert "came without its key" in answer.content.decode()
    assert "We looked at it." in answer.content.decode()
    assert not Message.objects.exists()


def test_a_closed_account_gets_no_mail(world: World, desk: Client) -> None:
    person = customer()
    User.objects.filter(pk=person.pk).update(is_active=False, closed_at=after(0))
    assert post(desk, person, "message", **MAIL).status_code == 409
    assert not Message.objects.exists()


def test_every_act_leaves_its_own_line_and_none_relies_on_the_guard(world: World, desk: Client) -> None:
    post(desk, world.bob, "message", **MAIL)
    post(desk, world.bob, "close", reason="They wrote and asked for it.")
    post(desk, world.alice, "hold", reason=WHY)
    post(desk, world.alice, "lift", reason="The bank has withdrawn it.")
    note_form = {"subject": f"person:{world.bob.pk}", "text": "Kind.", "flag": "care", "key": form_key()}
    desk.post("/desk/notes/", note_form)
    note = Note.objects.get()
    desk.post("/desk/notes/lower/", {"note": str(note.pk), "reason": "All is well."})
    acts = set(AuditEntry.objects.exclude(person=None).values_list("action", flat=True))
    assert not AuditEntry.objects.filter(action="act").exists()
    assert acts == {"message", "request_make", "hold", "flag", "flag_lower"}
