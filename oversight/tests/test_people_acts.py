"""What staff do on one person's page: hold, ask for what takes two, close, and write; nobody to themselves."""

import re
import uuid

import pytest
from django.test import Client

from accounts.models import Session, User
from accounts.roles import Role
from accounts.tests.people import customer, read_mail, signed_in, staff
from controls.models import AuditEntry, Erasure, Note, Request
from goldwallet.clock import after
from goldwallet.errors import Refused
from goldwallet.once import form_key
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy, paid
from notifications.models import Message
from oversight.people import actions
from oversight.tests.persons import fresh, page_of, post, shown

pytestmark = pytest.mark.django_db


WHY = "The bank asked us to."


@pytest.fixture
def treasury(world: World) -> User:
    return staff("treasury")


@pytest.fixture
def desk(treasury: User) -> Client:
    return signed_in(treasury)


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
