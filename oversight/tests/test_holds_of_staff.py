"""A hold on somebody who decides leaves two who can lift it; what the desk cannot lift, the command line can."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse

from accounts.models import User
from accounts.requests import roles_set_execute
from accounts.services import person_freeze
from accounts.tests.people import customer, signed_in, staff
from controls.models import AuditEntry, Request
from goldwallet.errors import Conflict
from oversight.tests.test_approvals import approve
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

WHY = "A stolen laptop."
LEFT = "fewer than two people could lift a hold"


def held(person: User) -> bool:
    return User.objects.get(pk=person.pk).frozen_reason != ""


def hold(by: User, person: User) -> Any:
    return signed_in(by).post(reverse("desk_hold"), {"email": person.email, "reason": WHY})


def put(person: User) -> User:
    """As the house itself does it, whoever is left."""
    person_freeze(user_id=person.pk, reason=WHY)
    return person


@pytest.fixture
def three() -> list[User]:
    return [staff("treasury"), staff("administrator"), staff("treasury", "vault")]


def test_one_person_holds_until_two_are_left(three: list[User]) -> None:
    me, other, third = three
    assert hold(me, third).status_code == 302
    assert held(third)
    assert f"{third.email} treasury, vault On hold" in text(signed_in(me).get(reverse("desk_roles")))
    answer = hold(me, other)
    assert answer.status_code == 409
    assert LEFT in text(answer)
    assert WHY in answer.content.decode()
    assert not held(other)
    assert AuditEntry.objects.filter(action="hold").count() == 1
    # The two who are left lift it.
    signed_in(me).post(reverse("desk_hold_lift", args=[third.pk]), {"reason": "The laptop was found."})
    approve(signed_in(other), Request.objects.get())
    assert not held(third)


def test_the_persons_own_page_refuses_as_well(three: list[User]) -> None:
    me, other, third = three
    put(third)
    answer = signed_in(me).post(reverse("desk_person_hold", args=[other.pk]), {"reason": WHY})
    assert answer.status_code == 409
    assert LEFT in text(answer)
    assert not held(other)


def test_who_decides_nothing_of_it_is_held_however_few_are_left() -> None:
    me = staff("treasury")
    for person in (staff("vault"), staff("reviewer"), staff("auditor"), staff(), customer()):
        assert hold(me, person).status_code == 302
        assert held(person)


def test_who_cannot_lift_is_not_counted(three: list[User]) -> None:
    """An account that is closed, an auditor, a second account of who comes on hold, and one of another lifter's."""
    me, other, third = three
    put(third)
    staff("auditor", "treasury")
    User.objects.filter(pk=staff("treasury").pk).update(is_active=False)
    assert hold(me, other).status_code == 409
    for twin in (me, other):
        twin.phone = "254711222333" if twin is me else "254711222444"
        twin.save()
        staff("treasury", phone=twin.phone)
        assert hold(me, other).status_code == 409, twin
    assert not held(other)
    staff("administrator")
    assert hold(me, other).status_code == 302


def test_what_the_house_itself_holds_is_not_limited(three: list[User]) -> None:
    for person in three:
        put(person)
    assert all(held(person) for person in three)


def test_a_second_hold_on_the_same_person_is_no_question_of_how_many(three: list[User]) -> None:
    me, other, third = three
    put(third)
    put(other)
    answer = hold(me, other)
    assert answer.status_code == 409
    assert "is on hold already" in text(answer)


def test_a_change_of_roles_leaves_two_as_well(three: list[User]) -> None:
    """The second person came on hold between the look and the act."""
    me, other, third = three
    request = Request(payload={"person": str(third.pk), "roles": ["vault"]}, maker=other, checker=me)
    put(me)
    with pytest.raises(Conflict, match=LEFT), transaction.atomic():
        roles_set_execute(request)
    User.objects.filter(pk=me.pk).update(frozen_reason="")
    roles_set_execute(request)
    assert [group.name for group in third.groups.all()] == ["vault"]


# --- from the command line ------------------------------------------------------------------------


def run(act: str, person: User, by: User, reason: str = "Nobody else is left to do it.") -> None:
    call_command("staff_hold", act, person.email, by=by.email, reason=reason)


def test_what_the_desk_cannot_lift_the_command_line_can(three: list[User]) -> None:
    me, other, third = three
    put(other)
    put(third)
    run("lift", other, third)
    assert [held(person) for person in three] == [False, False, True]
    line = AuditEntry.objects.get(action="hold_lift")
    assert (line.actor, line.person, line.page) == (third, other, "manage.py staff_hold")
    assert line.reason == "Nobody else is left to do it."
    event = User._meta.apps.get_model("accounts", "UserEvent").objects.filter(pgh_obj=other).latest("pgh_id")
    assert event.pgh_context.metadata["user"] == str(third.pk)
    # Two are free again, and do the rest themselves.
    with pytest.raises(CommandError, match="Two people at the desk can lift it"):
        run("lift", third, me)
    assert held(third)


def test_nobody_lifts_their_own_hold_from_the_command_line(three: list[User]) -> None:
    _, other, third = three
    other.phone = "254711222333"
    other.save()
    put(other)
    put(third)
    for by in (other, staff("vault", phone="254711222333")):
        with pytest.raises(CommandError, match="Nobody lifts their own hold"):
            run("lift", other, by)
    assert held(other)


@pytest.mark.parametrize(
    ("act", "by", "reason", "sentence"),
    [
        ("lift", "staff", "short", "at least 10 letters"),
        ("lift", "staff", "She is not on hold at all.", "is not on hold"),
        ("put", "staff", "", "Write why"),
        ("lift", "customer", "Nobody else is left to do it.", "Nobody who works here"),
        ("put", "own", "Trying the command.", "Nobody puts themselves on hold"),
    ],
)
def test_commands_that_make_no_sense(act: str, by: str, reason: str, sentence: str) -> None:
    person = staff("treasury")
    by_whom = {"staff": staff("vault"), "customer": customer(), "own": person}[by]
    with pytest.raises(CommandError, match=sentence):
        run(act, person, by_whom, reason)
    assert not held(person)
    assert not AuditEntry.objects.exists()


def test_the_command_line_holds_whom_the_desk_cannot_spare() -> None:
    me, thief = staff("treasury"), staff("treasury")
    assert hold(me, thief).status_code == 409
    run("put", thief, me, WHY)
    assert held(thief)
    line = AuditEntry.objects.get(action="hold")
    assert (line.actor, line.person, line.page) == (me, thief, "manage.py staff_hold")
