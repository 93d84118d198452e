"""Roles at the desk: two people change them, and holds; what the page says about who may do what is true."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import RoleGrant, User
from accounts.permissions import ON_HOLD
from accounts.roles import Role
from accounts.selectors import roles_of
from accounts.services import person_freeze
from accounts.tests.people import signed_in, staff
from controls.models import AuditEntry, Request, RequestState
from controls.services import request_effect
from goldwallet.errors import Refused
from goldwallet.test.two import asked
from goldwallet.test.world import World, buy
from oversight.tests.test_approvals import approve, seen
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

PAGE = "/desk/roles/"
WHY = "She leads the vault from Monday on."


def held(person: User) -> frozenset[Role]:
    return roles_of(User.objects.get(pk=person.pk))


def ask(desk: Client, person: User, *roles: str, reason: str = WHY, follow: bool = True):
    path = reverse("desk_person_roles", args=[person.pk])
    return desk.post(path, {"role": roles, "reason": reason}, follow=follow)


@pytest.fixture
def admin() -> User:
    return staff("administrator", email="admin@example.com")


@pytest.fixture
def second() -> User:
    return staff("treasury", email="second@example.com")


def test_two_people_change_a_role_and_the_sessions_end(admin: User, second: User) -> None:
    keeper = staff("pricing", email="keeper@example.com")
    theirs, other = signed_in(keeper), signed_in(staff("pricing"))
    assert theirs.get("/desk/").status_code == other.get("/desk/").status_code == 200
    page = ask(signed_in(admin), keeper, "vault", "pricing")
    assert "keeper@example.com has the roles pricing, vault instead of pricing." in text(page)
    assert "Where keeper@example.com is signed in as now signed out, and signs in again" in text(page)
    assert held(keeper) == {Role.PRICING}
    assert theirs.get("/desk/").status_code == 200
    approve(signed_in(second), Request.objects.get())
    assert held(keeper) == {Role.PRICING, Role.VAULT}
    assert theirs.get("/desk/")["Location"].startswith("/accounts/login/")
    assert "Your roles were changed. Please sign in again." in text(theirs.get("/accounts/login/"))
    assert other.get("/desk/").status_code == 200
    assert signed_in(keeper).get("/desk/pools/").status_code == 200
    events = RoleGrant._meta.apps.get_model("accounts", "RoleGrantEvent").objects.filter(user=keeper)
    assert events.latest("pgh_id").pgh_context.metadata["user"] == str(second.pk)


def test_a_role_that_is_taken_away_opens_nothing_any_more(admin: User, second: User) -> None:
    keeper = staff("vault")
    page = ask(signed_in(admin), keeper)
    assert f"{keeper.email} does not work here any more, and stays a customer." in text(page)
    before = signed_in(keeper)
    assert before.get("/desk/pools/").status_code == 200
    approve(signed_in(second), Request.objects.get())
    assert held(keeper) == frozenset()
    assert not User.objects.get(pk=keeper.pk).is_staff
    assert before.get("/desk/")["Location"].startswith("/accounts/login/")
    for path in ("/desk/", "/desk/approvals/", "/desk/pools/", PAGE):
        assert signed_in(keeper).get(path).status_code == 403, path
    assert keeper.email not in text(signed_in(admin).get(PAGE))


def test_nobody_asks_for_their_own(admin: User) -> None:
    answer = ask(signed_in(admin), admin, "administrator", "treasury")
    assert answer.status_code == 403
    assert "These are your own roles." in text(answer)
    assert not Request.objects.exists()


def test_nobody_approves_their_own(admin: User, second: User) -> None:
    ask(signed_in(admin), second, "treasury", "vault")
    request = Request.objects.get()
    desk = signed_in(second)
    page = desk.get(reverse("desk_approval", args=[request.pk]))
    assert "It is about yourself." in text(page)
    token = seen(signed_in(staff("treasury")).post(reverse("desk_approval", args=[request.pk])))
    answer = desk.post(reverse("desk_approval_approve", args=[request.pk]), {"seen": token})
    assert answer.status_code == 403
    assert "This is about yourself." in text(answer)
    assert held(second) == {Role.TREASURY}
    assert Request.objects.get().state == RequestState.WAITING


def test_one_administrator_remains(admin: User, second: User) -> None:
    """Two requests that each leave one administrator: the second approval finds that it would leave none."""
    other = staff("administrator", email="other@example.com")
    ask(signed_in(admin), other, "vault")
    ask(signed_in(other), admin, "vault")
    first, last = Request.objects.order_by("created_at")
    approve(signed_in(second), first)
    with pytest.raises(Refused, match="Then nobody would be administrator"):
        request_effect(last)
    answer = signed_in(second).post(reverse("desk_approval_approve", args=[last.pk]), {"seen": ""})
    assert answer.status_code == 403
    assert "Who asked may not ask for this any more." in text(answer)  # said first: who asked is none by now
    assert held(admin) == {Role.ADMINISTRATOR}


def test_a_closed_account_is_no_administrator(admin: User, second: User) -> None:
    closed = staff("administrator", "treasury")
    User.objects.filter(pk=closed.pk).update(is_active=False)
    asker = staff("administrator")
    User.objects.filter(pk=admin.pk).update(is_active=False)
    answer = ask(signed_in(asker), closed, "treasury")
    assert answer.status_code == 200  # the asker remains
    User.objects.filter(pk=asker.pk).update(is_active=False)
    with pytest.raises(Refused, match="Then nobody would be administrator"):
        request_effect(Request.objects.get())


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        (("auditor", "treasury"), "An auditor only reads"),
        (("king",), "There is no such role."),
        (("vault",), "has exactly these roles already"),
    ],
)
def test_roles_that_make_no_sense(admin: User, roles: tuple[str, ...], sentence: str) -> None:
    answer = ask(signed_in(admin), staff("vault"), *roles)
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert WHY in text(answer)
    assert not Request.objects.exists()


@pytest.mark.parametrize("role", list(Role))
def test_who_may_what(world: World, role: Role) -> None:
    desk, keeper = signed_in(staff(role)), staff("vault")
    person_freeze(user_id=world.bob.pk, reason="Owes us money.")
    reads = {Role.TREASURY: 200, Role.ADMINISTRATOR: 200, Role.AUDITOR: 200}.get(role, 403)
    acts = {Role.TREASURY: 200, Role.ADMINISTRATOR: 200}.get(role, 403)
    changes = 200 if role == Role.ADMINISTRATOR else 403
    assert desk.get(PAGE).status_code == reads
    assert ask(desk, keeper, "pricing").status_code == changes
    said = {"email": "alice@example.com", "reason": "The bank asks us to wait."}
    assert desk.post(reverse("desk_hold"), said, follow=True).status_code == acts
    assert bool(User.objects.get(pk=world.alice.pk).frozen_reason) == (acts == 200)
    lift = reverse("desk_hold_lift", args=[world.bob.pk])
    assert desk.post(lift, {"reason": "Bob has paid it back."}, follow=True).status_code == acts
    assert Request.objects.filter(kind="person_unfreeze").exists() == (acts == 200)


def test_nobody_else(world: World) -> None:
    for path in (PAGE, reverse("desk_person_roles", args=[staff("vault").pk])):
        assert signed_in(world.alice).get(path).status_code == 403
        assert Client().get(path)["Location"].startswith("/accounts/login/")
    assert signed_in(world.alice).post(reverse("desk_hold")).status_code == 403


def test_the_table_of_pages_is_that_of_the_guards(world: World) -> None:
    page = signed_in(staff("auditor")).get(PAGE)
    rows = {row.path: row.roles for row in page.context["pages"]}
    assert rows["/desk/payouts/"] == ["treasury"]
    assert rows["/desk/"] == []
    assert rows["/desk/roles/…/"] == ["administrator"]
    assert {"/desk/approvals/…/approve/", "/desk/pools/", "/desk/prices/"} <= rows.keys()
    assert "Payout above the threshold" in text(page)


# --- holds ----------------------------------------------------------------------------------------


def test_one_holds_and_two_lift(world: World, admin: User, second: User) -> None:
    desk = signed_in(second)
    said = {"email": " Alice@Example.com ", "reason": "The bank asks us to wait."}
    page = text(desk.post(reverse("desk_hold"), said, follow=True))
    assert "alice@example.com is on hold" in page
    assert "The bank asks us to wait." in page
    with pytest.raises(Refused):
        buy(world.alice, 1000)
    again = desk.post(reverse("desk_hold"), said)
    assert again.status_code == 409
    assert "alice@example.com is on hold already." in text(again)
    lift = reverse("desk_hold_lift", args=[world.alice.pk])
    short = desk.post(lift, {"reason": "ok"})
    assert short.status_code == 400
    assert "Write why, for the second person." in text(short)
    desk.post(lift, {"reason": "The bank says that all is well."})
    assert User.objects.get(pk=world.alice.pk).frozen_reason
    assert "second@example.com has asked to lift it" in text(desk.get(PAGE))
    approve(signed_in(staff("treasury")), Request.objects.get())
    assert not User.objects.get(pk=world.alice.pk).frozen_reason
    assert "Nobody is on hold." in text(desk.get(PAGE))
    buy(User.objects.get(pk=world.alice.pk), 1000)


@pytest.mark.parametrize(
    ("email", "reason", "sentence"),
    [
        ("nobody@example.com", "The bank asks us to wait.", "Nobody has this e-mail address."),
        ("", "The bank asks us to wait.", "Nobody has this e-mail address."),
        ("alice@example.com\x00", "no", "Write why."),
        ("alice@example.com", "", "Write why."),
    ],
)
def test_a_hold_that_makes_no_sense(
    world: World, second: User, email: str, reason: str, sentence: str
) -> None:
    answer = signed_in(second).post(reverse("desk_hold"), {"email": email, "reason": reason})
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert not User.objects.exclude(frozen_reason="").exists()


def test_nobody_puts_themselves_on_hold(admin: User, second: User) -> None:
    """Their own requests would stop half-way, and two others would have to lift it."""
    for person in (admin, second):
        form = {"email": person.email, "reason": "Trying the button."}
        answer = signed_in(person).post(reverse("desk_hold"), form)
        assert answer.status_code == 403
        assert "This is about yourself" in text(answer)
        assert "Trying the button." in answer.content.decode()
    assert not User.objects.exclude(frozen_reason="").exists()


@pytest.mark.fault("Z07")
def test_nobody_puts_a_second_account_of_theirs_on_hold_by_either_door(world: World) -> None:
    twin = signed_in(staff("treasury", phone="254712345678"))  # Alice's number
    form = {"email": world.alice.email, "reason": "Trying the button."}
    for path in (reverse("desk_hold"), reverse("desk_person_hold", args=[world.alice.pk])):
        answer = twin.post(path, form)
        assert answer.status_code == 403, path
        assert "This is about yourself" in text(answer)
    assert not User.objects.exclude(frozen_reason="").exists()
    # Whose page it was is told, too.
    assert AuditEntry.objects.filter(action="read", page="desk_hold", person=world.alice).count() == 1
    assert twin.post(reverse("desk_hold"), form | {"email": world.bob.email}).status_code == 302


def test_nobody_lifts_their_own_hold(world: World, second: User) -> None:
    person_freeze(user_id=second.pk, reason="Looked into.")
    lift = reverse("desk_hold_lift", args=[second.pk])
    answer = signed_in(second).post(lift, {"reason": "I am innocent."})
    assert answer.status_code == 403
    assert ON_HOLD in text(answer)
    # Nor by another way than the desk.
    with pytest.raises(Refused, match="This is about yourself"):
        asked("person_unfreeze", {"person": str(second.pk)}, by=second)
    assert not Request.objects.exists()


def test_lifting_what_is_not_there(world: World, second: User) -> None:
    lift = reverse("desk_hold_lift", args=[world.alice.pk])
    answer = signed_in(second).post(lift, {"reason": "She is not on hold."})
    assert answer.status_code == 400
    assert "alice@example.com is not on hold." in text(answer)
