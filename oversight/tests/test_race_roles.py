"""Two role changes at the same moment, of which each leaves one administrator: one remains all the same."""

import threading

import pytest

from accounts import requests as under_test
from accounts.models import User
from accounts.roles import Role
from accounts.services import roles_give, staff_create
from controls import services
from controls.models import Request
from goldwallet.errors import Refused
from goldwallet.test.race import Meeting, errors, rows_unlocked, together
from goldwallet.test.two import YES

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def both_step_down() -> list[object]:
    """Each administrator asks that the other one becomes a keeper of the vault; both are approved at once."""

    def someone(name: str, role: Role) -> User:
        return staff_create(email=f"{name}@example.com", password="x", roles=[role])

    admins = [someone("one", Role.ADMINISTRATOR), someone("two", Role.ADMINISTRATOR)]
    checkers = [someone("three", Role.TREASURY), someone("four", Role.TREASURY)]
    made = [
        services.request_make(
            kind="roles_set",
            payload={"person": str(other.pk), "roles": ["vault"]},
            subject=f"roles:{other.pk}",
            reason="The vault needs another keeper.",
            by=asker,
        )
        for asker, other in (admins, admins[::-1])
    ]
    seals = [services.request_seal(request, services.request_effect(request)) for request in made]

    def approve(number: int) -> Request:
        return services.request_approve(
            request_id=made[number].pk, by=checkers[number], seen=seals[number], words=YES
        )

    return together(2, approve)


def meet_before_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked whether another administrator is left, and neither has written yet."""
    meeting = Meeting(2)

    def late(**kwargs) -> None:
        # What asks and shows runs it as well, before the threads begin.
        if threading.current_thread() is not threading.main_thread():
            meeting.wait()
        roles_give(**kwargs)

    monkeypatch.setattr(under_test, "roles_give", late)


def administrators() -> int:
    return User.objects.filter(groups__name=Role.ADMINISTRATOR).count()


def test_one_administrator_remains(monkeypatch) -> None:
    meet_before_writing(monkeypatch)
    (refused,) = errors(both_step_down())
    assert isinstance(refused, Refused)
    assert refused.code == "last"
    assert administrators() == 1


def test_without_the_lock_none_is_left(monkeypatch) -> None:
    meet_before_writing(monkeypatch)
    rows_unlocked(monkeypatch)
    assert errors(both_step_down()) == []
    assert administrators() == 0
