"""Notes and flags: who writes about what, what stands on top, and that nobody writes about themselves."""

import re
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.template import Context, Template
from django.test import Client, RequestFactory

from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry, Note
from controls.services.notes import flag_lower, flags_up, note_add, notes_blank
from goldwallet.errors import Conflict, Refused
from goldwallet.once import form_key
from goldwallet.test.world import World, buy

pytestmark = pytest.mark.django_db

ADD, LOWER = "/desk/notes/", "/desk/notes/lower/"


def post(browser: Client, url: str, **fields: Any) -> Any:
    """A form as its page has it: with a key of its own."""
    return browser.post(url, {"key": form_key()} | {key: str(value) for key, value in fields.items()})


def test_a_note_about_a_pool_stands_on_its_subject_with_who_wrote_it(world: World) -> None:
    keeper = staff("vault")
    subject = f"pool:{world.pool.pk}"
    answer = post(signed_in(keeper), ADD, subject=subject, text="  The door sticks.\n\n Push it. ", flag="")
    assert answer.status_code == 302
    assert answer["Location"] == f"/desk/pools/{world.pool.pk}/#notes"
    note = Note.objects.get(subject=subject)
    assert (note.text, note.author, note.person) == ("The door sticks.\n\nPush it.", keeper, None)
    assert "door" not in note.text_sealed
    line = AuditEntry.objects.filter(action="note").latest("id")
    assert (line.actor, line.subject) == (keeper, subject)
    assert "door" not in str(line.after)


def test_a_note_about_an_order_says_whose_order_it_is(world: World) -> None:
    order = buy(world.alice, 2000)
    answer = post(
        signed_in(staff("treasury")), ADD, subject=f"order:{order.pk}", text="She called.", flag="complaint"
    )
    assert answer["Location"] == f"/desk/orders/{order.pk}/#notes"
    note = Note.objects.get(person=world.alice)
    assert (note.subject, note.flag) == (f"order:{order.pk}", "complaint")
    assert AuditEntry.objects.filter(action="flag", person=world.alice).count() == 1


def test_only_who_works_on_a_page_writes_there(world: World) -> None:
    for role, kind, status in [
        ("vault", "pool", 302),
        ("administrator", "pool", 302),
        ("treasury", "pool", 403),
        ("reviewer", "pool", 403),
        ("pricing", "person", 403),
        ("vault", "person", 403),
        ("auditor", "person", 403),
    ]:
        key = world.pool.pk if kind == "pool" else world.alice.pk
        answer = post(signed_in(staff(role)), ADD, subject=f"{kind}:{key}", text="Hello.")
        assert answer.status_code == status, (role, kind)
    assert Note.objects.count() == 2


@pytest.mark.fault("Z07")
def test_nobody_writes_about_themselves_nor_takes_their_own_flag_down(world: World) -> None:
    me = staff("treasury", phone="254712345678")  # Alice's number: her second account
    for person in (me, world.alice):
        answer = post(signed_in(me), ADD, subject=f"person:{person.pk}", text="A fine customer.")
        assert answer.status_code == 403
        assert "about yourself" in answer.content.decode()
    other = staff("treasury")
    note = note_add(
        subject=f"person:{world.alice.pk}", text="Look.", flag="fraud", by=other, person_id=world.alice.pk
    )
    answer = post(signed_in(me), LOWER, note=note.pk, reason="She is honest.")
    assert answer.status_code == 403
    assert list(flags_up()) == [note]


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"text": "  "}, 400, "Write what others should know."),
        ({"text": "\x00"}, 400, "Write what others should know."),
        ({"text": "x" * 2001}, 400, "Keep a note under 2000 letters."),
        ({"text": "Look.", "flag": "gold"}, 400, "There is no such flag."),
    ],
)
def test_a_wrong_note_is_said_beside_its_field_and_changes_nothing(
    world: World, fields: dict[str, str], status: int, sentence: str
) -> None:
    answer = post(signed_in(staff("vault")), ADD, subject=f"pool:{world.pool.pk}", **fields)
    assert answer.status_code == status
    assert sentence in answer.content.decode()
    assert "errorlist" in answer.content.decode()
    assert not Note.objects.exists()


def test_a_form_that_comes_twice_writes_one_note(world: World) -> None:
    browser, subject = signed_in(staff("vault")), f"pool:{world.pool.pk}"
    page = browser.get(f"/desk/pools/{world.pool.pk}/").content.decode()
    (key,) = set(re.findall(r'name="key" value="([^"]+)"', page))
    assert f'value="{key}"' not in browser.get(f"/desk/pools/{world.pool.pk}/").content.decode()
    written = {"subject": subject, "text": "The door sticks.", "flag": "watch", "key": key}
    first, second = post(browser, ADD, **written), post(browser, ADD, **written)
    assert (first.status_code, first["Location"]) == (second.status_code, second["Location"])
    assert Note.objects.count() == 1
    acts = AuditEntry.objects.exclude(action="read").values_list("action", flat=True)
    assert [act for act in acts if act in {"flag", "note", "act"}] == ["flag"]


@pytest.mark.parametrize("change", [{"text": "The window does."}, {"flag": "care"}, {"subject": "person"}])
def test_a_form_that_comes_twice_with_other_words_is_asked_about(
    world: World, change: dict[str, str]
) -> None:
    browser, key = signed_in(staff("vault", "treasury")), form_key()
    written = {"subject": f"pool:{world.pool.pk}", "text": "The door sticks.", "flag": "", "key": key}
    assert post(browser, ADD, **written).status_code == 302
    if "subject" in change:
        change = {"subject": f"person:{world.bob.pk}"}
    answer = post(browser, ADD, **written | change)
    assert answer.status_code == 409
    assert "has written a note already" in answer.content.decode()
    assert Note.objects.count() == 1
    # What was typed is there, and goes out when it is sent again.
    (fresh,) = re.findall(r'name="key" value="([^"]+)"', answer.content.decode())
    assert post(browser, ADD, **written | change | {"key": fresh}).status_code == 302
    assert Note.objects.count() == 2


@pytest.mark.parametrize("key", ["", "x", "\x00"])
def test_a_note_without_the_key_of_its_form_is_not_written(world: World, key: str) -> None:
    answer = post(
        signed_in(staff("vault")), ADD, subject=f"pool:{world.pool.pk}", text="Push the door.", key=key
    )
    assert answer.status_code == 400
    assert "came without its key" in answer.content.decode()
    assert "Push the door." in answer.content.decode()
    assert not Note.objects.exists()


@pytest.mark.parametrize("subject", ["", "pool", "pool:", "pool:x", f"pool:{uuid.uuid4()}", "bar:1", "\x00"])
def test_a_note_about_nothing_is_refused(world: World, subject: str) -> None:
    answer = post(signed_in(staff("vault")), ADD, subject=subject, text="Look.")
    assert answer.status_code == 404
    assert not Note.objects.exists()


def test_a_flag_is_taken_down_once_with_a_reason(world: World) -> None:
    keeper, other = staff("vault"), staff("vault")
    note = note_add(subject=f"pool:{world.pool.pk}", text="Count again.", flag="watch", by=keeper)
    browser = signed_in(other)
    wrong = post(browser, LOWER, note=note.pk, reason=" no ")
    assert wrong.status_code == 400
    assert "Write why the flag can go." in wrong.content.decode()
    assert list(flags_up()) == [note]
    assert post(browser, LOWER, note=note.pk, reason="Counted on Monday.").status_code == 302
    assert not flags_up()
    again = post(browser, LOWER, note=note.pk, reason="Counted on Monday.")
    assert again.status_code == 409
    note.refresh_from_db()
    assert note.lowered_by == other
    line = AuditEntry.objects.get(action="flag_lower")
    assert (line.actor, line.reason) == (other, "Counted on Monday.")
    with pytest.raises(Conflict):
        flag_lower(note_id=note.pk, by=keeper, reason="Counted again.")


@pytest.mark.parametrize("key", ["", "x", "\x00", str(uuid.uuid4())])
def test_a_flag_that_is_none_cannot_be_taken_down(world: World, key: str) -> None:
    assert post(signed_in(staff("vault")), LOWER, note=key, reason="Counted.").status_code == 404
    plain = note_add(subject=f"pool:{world.pool.pk}", text="No flag.", by=world.vault)
    with pytest.raises(Refused, match="no such flag"):
        flag_lower(note_id=plain.pk, by=world.vault, reason="Counted.")


def test_the_database_lowers_a_flag_once_and_keeps_who_wrote_what_about_whom(world: World) -> None:
    note = note_add(subject=f"pool:{world.pool.pk}", text="Look.", flag="watch", by=world.vault)
    flag_lower(note_id=note.pk, by=world.pricing, reason="Looked.")
    for changes in (
        {"lowered_at": None, "lowered_by": None},
        {"flag": "care"},
        {"author": world.pricing},
        {"key": uuid.uuid4()},
    ):
        with pytest.raises(Exception, match=r"[Cc]annot"), transaction.atomic():
            Note.objects.filter(pk=note.pk).update(**changes)
    with pytest.raises(IntegrityError), transaction.atomic():
        Note.objects.create(subject="pool:1", author=world.vault, lowered_by=world.vault)


def test_what_was_said_about_an_erased_person_is_blanked(world: World) -> None:
    bob = customer()
    for person in (world.alice, bob):
        note_add(subject=f"person:{person.pk}", text="Kind.", by=world.vault, person_id=person.pk)
    assert notes_blank(person_id=world.alice.pk) == 1
    assert [note.text for note in Note.objects.order_by("made_at")] == ["", "Kind."]


def test_the_component_shows_notes_and_flags_to_who_works_there(world: World, rf: RequestFactory) -> None:
    subject = f"pool:{world.pool.pk}"
    note_add(subject=subject, text="<b>Look</b>", flag="watch", by=world.vault)
    page = Template(
        '{% include "components/flags.html" with subject=subject %}'
        '{% include "components/notes.html" with subject=subject %}'
    )

    def shown(role: str) -> str:
        return page.render(Context({"subject": subject, "user": staff(role), "request": rf.get("/")}))

    html = shown("vault")
    assert html.count("&lt;b&gt;Look&lt;/b&gt;") == 2
    assert "Write the note" in html
    assert "Take it down" in html
    reading = shown("auditor")
    assert "&lt;b&gt;Look" in reading
    assert "Write the note" not in reading
    assert "Take it down" not in reading
    assert shown("pricing").strip() == ""
