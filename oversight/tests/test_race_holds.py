"""Two holds at the same moment, of which each leaves two who can lift it: only one is put."""

from typing import Any

import pytest

from accounts import holds
from accounts.models import User
from accounts.services import person_freeze, staff_create
from goldwallet.errors import Conflict
from goldwallet.test.race import Meeting, errors, rows_unlocked, together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def both_hold(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Two of three hold one another; both have looked who is left, and neither has committed yet."""
    roles = {"one": "treasury", "two": "treasury", "three": "administrator"}
    people = [
        staff_create(email=f"{name}@example.com", password="x", roles=[role]) for name, role in roles.items()
    ]
    meeting, look = Meeting(2), holds.refuse_too_few

    def late(**kwargs: Any) -> None:
        look(**kwargs)
        meeting.wait()

    monkeypatch.setattr(holds, "refuse_too_few", late)

    def put(number: int) -> bool:
        return person_freeze(user_id=people[1 - number].pk, reason="A stolen phone.", by=people[number].pk)

    return together(2, put)


def free() -> int:
    return User.objects.filter(frozen_reason="").count()


def test_two_are_left(monkeypatch) -> None:
    (refused,) = errors(both_hold(monkeypatch))
    assert isinstance(refused, Conflict)
    assert refused.code == "too_few"
    assert free() == 2


def test_without_the_lock_one_is_left(monkeypatch) -> None:
    rows_unlocked(monkeypatch)
    assert errors(both_hold(monkeypatch)) == []
    assert free() == 1
