"""One form sent twice at the same moment: one mail with one line in the trail, and one note."""

from typing import Any

import pytest

from controls.models import AuditEntry, Note
from controls.services.notes import note_add
from goldwallet.once import form_key, form_key_read
from goldwallet.test.race import Meeting, errors, together
from goldwallet.test.world import World
from notifications.models import Message
from oversight.people import actions

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def mails(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Both have seen that nothing was sent; answers how many mails there are then, and how many lines about them."""
    key, meeting = form_key_read(form_key()), Meeting(2)
    monkeypatch.setattr(actions, "hit", lambda *given, **more: meeting.wait())

    def write(number: int) -> None:
        actions.write(
            person=world.bob,
            subject="About your call",
            text="We looked at it.",
            reason="She asked us to.",
            by=world.vault,
            key=key,
        )

    assert errors(together(2, write)) == []
    return Message.objects.count(), AuditEntry.objects.filter(action="message").count()


def test_a_mail_goes_out_once_and_is_told_of_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mails(world, monkeypatch) == (1, 1)


def test_without_the_wait_it_is_told_of_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, meeting = actions._sent, Meeting(2)

    def both_look(*given: Any) -> bool:
        found = looked(*given)
        meeting.wait()
        return found

    monkeypatch.setattr(actions, "_wait_for", lambda name: None)
    monkeypatch.setattr(actions, "_sent", both_look)
    assert mails(world, monkeypatch) == (1, 2)


@pytest.mark.parametrize("guarded", [True, False])
def test_a_note_is_written_once(world: World, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    key, meeting = form_key_read(form_key()), Meeting(2)

    save = Note.save

    def late(note: Note, **given: Any) -> None:
        note.key = note.key if guarded else None
        meeting.wait()
        save(note, **given)

    monkeypatch.setattr(Note, "save", late)
    subject = f"pool:{world.pool.pk}"
    found = together(2, lambda number: note_add(subject=subject, text="Push it.", by=world.vault, key=key))
    assert errors(found) == []
    assert Note.objects.count() == AuditEntry.objects.filter(action="note").count() == (1 if guarded else 2)
