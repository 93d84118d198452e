"""Two who become staff, or become staff and leave, at the same moment: the house still has whom it should have."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from accounts import hiring
from accounts.models import User
from accounts.roles import Role
from accounts.services import person_create, staff_create
from goldwallet.errors import Conflict, Refused
from goldwallet.test.race import Meeting, errors, rows_unlocked, together
from oversight.people.closing import KIND
from oversight.privacy import closing

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def meets(monkeypatch: pytest.MonkeyPatch, meeting: Meeting, module: Any, name: str) -> None:
    """What this function does comes after both have looked."""
    act: Callable[..., Any] = getattr(module, name)

    def late(*args: Any, **kwargs: Any) -> Any:
        meeting.wait()
        return act(*args, **kwargs)

    monkeypatch.setattr(module, name, late)


def someone(name: str) -> User:
    return person_create(email=f"{name}@example.com", password="x")


def become_administrator(person: User) -> None:
    hiring.staff_first(person=person, roles=frozenset({Role.ADMINISTRATOR}))


def two_commands(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One administrator is there, and two more come from the command line at once."""
    staff_create(email="first@example.com", password="x", roles=[Role.ADMINISTRATOR])
    people = [someone("one"), someone("two")]
    meets(monkeypatch, Meeting(2), hiring, "roles_give")
    return together(2, lambda number: become_administrator(people[number]))


def administrators() -> int:
    return User.objects.filter(groups__name=Role.ADMINISTRATOR, is_staff=True).count()


def test_the_command_line_makes_no_third_administrator(monkeypatch) -> None:
    (refused,) = errors(two_commands(monkeypatch))
    assert isinstance(refused, Conflict)
    assert refused.code == "desk"
    assert administrators() == 2


def test_without_the_lock_it_does(monkeypatch) -> None:
    rows_unlocked(monkeypatch)
    assert errors(two_commands(monkeypatch)) == []
    assert administrators() == 3


def hired_and_closed(monkeypatch: pytest.MonkeyPatch) -> tuple[User, list[object]]:
    """An account is closed at the moment in which its owner becomes staff."""
    person, meeting = someone("one"), Meeting(2)
    meets(monkeypatch, meeting, hiring, "roles_give")
    meets(monkeypatch, meeting, closing, "_let_go")

    def close() -> None:
        with transaction.atomic():
            closing.account_close_by_staff(user_id=person.pk, kind=KIND, by=None)

    done = together(2, lambda number: become_administrator(person) if number else close())
    return User.objects.get(pk=person.pk), done


def test_nobody_is_staff_with_a_closed_account(monkeypatch) -> None:
    person, done = hired_and_closed(monkeypatch)
    (refused,) = errors(done)
    assert isinstance(refused, Refused)
    assert person.is_staff == person.is_active == bool(administrators())


def test_without_the_lock_somebody_is(monkeypatch) -> None:
    rows_unlocked(monkeypatch)
    person, done = hired_and_closed(monkeypatch)
    assert errors(done) == []
    assert person.is_staff and not person.is_active
