"""Who comes to work here: at the desk two people decide it; the first administrators come from the command line."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Authenticator, RoleGrant, User
from accounts.roles import Role
from accounts.second_factor import authenticator_give, new_key
from accounts.selectors import address_proven, roles_of
from accounts.services import person_freeze
from accounts.tests.people import PASSWORD, customer, signed_in, staff, totp_of
from controls.models import AuditEntry, Request
from controls.services import request_effect
from goldwallet.errors import Refused
from goldwallet.test.books import assert_books
from goldwallet.test.two import agreed, approve, asked
from goldwallet.test.world import World, buy, paid
from ledger import chart
from ledger.selectors import balance
from oversight.privacy.closing import obstacles
from oversight.privacy.told import mails
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

HIRE = "/desk/roles/hire/"
ROLES = "/desk/roles/"
PHONE = "254799000111"
WHY = "She begins on Monday, in the vault."


def now(person: User) -> User:
    return User.objects.get(pk=person.pk)


def standing(person: User) -> tuple[bool, frozenset[Role]]:
    found = now(person)
    return found.is_staff, roles_of(found)


def grants(person: User) -> list[tuple[str, str, str]]:
    """The history of roles: what happened, to which role, and by what."""
    events = RoleGrant._meta.apps.get_model("accounts", "RoleGrantEvent").objects.filter(user=person)
    names = dict(Group.objects.values_list("pk", "name"))
    return [
        (event.pgh_label, names[event.group_id], event.pgh_context.metadata["action"])
        for event in events.order_by("pgh_id").select_related("pgh_context")
    ]


def roles_page(person: User) -> str:
    return reverse("desk_person_roles", args=[person.pk])


def ask(desk: Client, person: User, *roles: str):
    return desk.post(roles_page(person), {"role": roles, "reason": WHY}, follow=True)


@pytest.fixture
def ann() -> User:
    return customer(email="ann@example.com")


@pytest.fixture
def admin() -> User:
    return staff("administrator", email="admin@example.com")


# --- at the desk ----------------------------------------------------------------------------------


def test_two_people_hire_who_has_an_account(admin: User, ann: User) -> None:
    desk, theirs = signed_in(admin), signed_in(ann)
    assert theirs.get("/desk/").status_code == 403
    found = desk.post(HIRE, {"email": " Ann@Example.com "})
    assert found["Location"] == roles_page(ann)
    assert "This is a customer." in text(desk.get(found["Location"]))
    page = text(ask(desk, ann, "vault", "pricing"))
    assert "ann@example.com comes to work here, with the roles pricing, vault." in page
    assert "ann@example.com works here no yes" in page
    assert "set up at the next sign-in by who has the password" in page
    assert standing(ann) == (False, frozenset())
    assert theirs.get("/").status_code == 200
    approve(Request.objects.get(), staff("treasury"))
    assert standing(ann) == (True, {Role.VAULT, Role.PRICING})
    assert {(what, role) for what, role, _ in grants(ann)} == {
        ("role_granted", "pricing"),
        ("role_granted", "vault"),
    }
    assert "ann@example.com pricing, vault Works here" in text(desk.get(ROLES))
    assert "Became staff" in text(desk.get(reverse("desk_person", args=[ann.pk])))
    # Their old session ends, and the next sign-in leads to the authenticator, then to the desk.
    assert theirs.get("/desk/")["Location"].startswith("/accounts/login/")
    signs_in_and_enrols(ann)


def signs_in_and_enrols(person: User) -> None:
    browser = Client()
    answer = browser.post("/accounts/login/?next=/desk/", {"login": person.email, "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/code/enrol/")
    assert browser.get("/desk/")["Location"].startswith("/accounts/login/")
    browser.get("/accounts/code/enrol/")
    key = Authenticator.objects.get(user=person, confirmed=False).key
    assert browser.post("/accounts/code/enrol/", {"code": totp_of(key)}).status_code == 200
    assert browser.get("/desk/").status_code == 200


def test_who_has_an_authenticator_keeps_it(admin: User, ann: User) -> None:
    authenticator_give(user=ann, key=new_key())
    assert "an authenticator app asked for at each sign-in" in text(ask(signed_in(admin), ann, "vault"))


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("nobody@example.com", "Nobody has this e-mail address."),
        ("", "Nobody has this e-mail address."),
        ("ann@example.com\x00x", "Nobody has this e-mail address."),
        ("<b>ann</b>", "Nobody has this e-mail address."),
    ],
)
def test_an_address_that_nobody_has_is_said_beside_it(
    admin: User, ann: User, email: str, sentence: str
) -> None:
    answer = signed_in(admin).post(HIRE, {"email": email})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "<b>ann</b>" not in page
    _, field = page.split('id="hire-email"')
    assert sentence in field.split("</form>")[0]
    assert 'class="fold" open' in page


def test_looking_for_a_person_is_counted_and_noted(admin: User, ann: User, settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "searches_person": (2, 3600)}
    desk = signed_in(admin)
    found = [desk.post(HIRE, {"email": email}).status_code for email in (ann.email, "x@y.z", ann.email)]
    assert found == [302, 400, 429]
    line = AuditEntry.objects.get(action="search")
    assert (line.actor, line.after) == (admin, {"by": "e-mail address", "found": 1})
    desk.get(roles_page(ann))
    assert AuditEntry.objects.get(action="read", subject=f"roles:{ann.pk}").person == ann


def _unproven(person: User) -> None:
    person.emailaddress_set.update(verified=False)


def _held(person: User) -> None:
    person_freeze(user_id=person.pk, reason="Owes us money.")


def _closed(person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


UNFIT = pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_unproven, "ann@example.com is not confirmed yet."),
        (_held, "ann@example.com is on hold. Two people lift the hold first."),
        (_closed, "The account of ann@example.com is closed."),
    ],
)


@UNFIT
def test_who_cannot_begin_here_is_said_before_and_after_the_form(
    admin: User, ann: User, make, sentence: str
) -> None:
    desk = signed_in(admin)
    make(ann)
    page = desk.get(roles_page(ann))
    assert text(page).count(sentence) == 1
    assert "Ask a second person" not in text(page)
    answer = ask(desk, ann, "vault")
    assert answer.status_code == 400
    assert text(answer).count(sentence) == 1
    assert not Request.objects.exists()


@UNFIT
def test_who_cannot_begin_here_any_more_is_not_hired(admin: User, ann: User, make, sentence: str) -> None:
    request = asked("roles_set", {"person": str(ann.pk), "roles": ["vault"]}, by=admin)
    make(ann)
    with pytest.raises(Refused, match=sentence):
        approve(request, staff("treasury"))
    assert standing(ann) == (False, frozenset())


def test_an_address_that_was_changed_and_not_proven_is_not_the_one_that_was(ann: User) -> None:
    assert address_proven(ann)
    User.objects.filter(pk=ann.pk).update(email="other@example.com")
    assert not address_proven(now(ann))


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ((), "ann@example.com does not work here yet. Choose a role."),
        (("king",), "There is no such role."),
        (("auditor", "vault"), "An auditor only reads"),
    ],
)
def test_roles_that_make_no_colleague(admin: User, ann: User, roles: tuple[str, ...], sentence: str) -> None:
    answer = ask(signed_in(admin), ann, *roles)
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert WHY in text(answer)
    assert not Request.objects.exists()


@pytest.mark.parametrize("role", list(Role))
def test_only_an_administrator_hires(ann: User, role: Role) -> None:
    desk = signed_in(staff(role))
    opens = 200 if role == Role.ADMINISTRATOR else 403
    assert desk.post(HIRE, {"email": ann.email}, follow=True).status_code == opens
    assert ask(desk, ann, "vault").status_code == opens
    assert Request.objects.exists() == (opens == 200)
    assert ("A new colleague" in text(desk.get(ROLES))) == (opens == 200)


@pytest.mark.fault("Z02", "Z07")
def test_nobody_hires_a_second_account_of_theirs(ann: User) -> None:
    """Neither asks for it nor decides it."""
    ann.phone = PHONE
    ann.save()
    payload = {"person": str(ann.pk), "roles": ["treasury"]}
    with pytest.raises(Refused, match="This is about yourself"):
        asked("roles_set", payload, by=staff("administrator", phone=PHONE))
    request = asked("roles_set", payload, by=staff("administrator"))
    with pytest.raises(Refused, match="This is about yourself"):
        approve(request, staff("treasury", phone=PHONE))
    assert standing(ann) == (False, frozenset())


def test_who_comes_and_goes_keeps_their_gold_and_no_door(world: World, admin: User) -> None:
    """Hired and let go, twice: a customer all along, whose account two people close now."""
    alice, checker = world.alice, staff("treasury")
    paid(buy(alice, 1000))
    grams = balance(chart.user_gold(alice.pk))
    payload = {"person": str(alice.pk), "roles": ["treasury", "vault"]}
    for times in (1, 2):
        agreed("roles_set", payload, maker=admin, checker=checker, subject=f"roles:{alice.pk}")
        assert standing(alice) == (True, {Role.TREASURY, Role.VAULT})
        inside = signed_in(now(alice), verified=False)
        assert inside.get("/").status_code == 200
        agreed(
            "roles_set", payload | {"roles": []}, maker=admin, checker=checker, subject=f"roles:{alice.pk}"
        )
        assert standing(alice) == (False, frozenset())
        assert inside.get("/desk/")["Location"].startswith("/accounts/login/")
        assert len(grants(alice)) == 4 * times
    browser = signed_in(now(alice))
    assert browser.get("/").status_code == 200
    assert browser.get("/desk/").status_code == 403
    assert balance(chart.user_gold(alice.pk)) == grams > 0
    page = text(signed_in(admin).get(reverse("desk_person", args=[alice.pk])))
    assert page.count("Became staff") == page.count("Is not staff any more") == 2
    # What they wrote and decided stays theirs: they do not wipe themselves out of it.
    assert obstacles(now(alice)) == ["You have worked here, so two of us close your account. Write to us."]
    assert obstacles(world.bob) != obstacles(now(alice))
    assert all("text" not in told for told in mails(now(alice)))
    options = signed_in(admin).get("/desk/approvals/").content.decode()
    assert "alice@example.com" in options
    assert_books()


def test_who_worked_here_without_a_role_is_let_go_as_well(admin: User) -> None:
    """As they were left before the last role took the work with it."""
    left = staff("vault")
    left.groups.clear()
    assert standing(left) == (True, frozenset())
    agreed("roles_set", {"person": str(left.pk), "roles": []}, maker=admin, checker=staff("treasury"))
    assert standing(left) == (False, frozenset())


def test_the_last_administrator_is_not_let_go(admin: User) -> None:
    """Others are left who lift holds, and none who gives roles."""
    other, *_ = staff("administrator"), staff("treasury"), staff("treasury")
    request = asked("roles_set", {"person": str(other.pk), "roles": []}, by=admin)
    person_freeze(user_id=admin.pk, reason="The house has held them.")
    with pytest.raises(Refused, match="Then nobody would be administrator"):
        request_effect(request)


# --- from the command line ------------------------------------------------------------------------


def first(person: User | str, *roles: str) -> str:
    said = StringIO()
    email = person if isinstance(person, str) else person.email
    call_command("staff_first", email, *(roles or ["administrator"]), stdout=said)
    return said.getvalue()


def test_an_empty_house_gets_two_administrators_who_hire_the_others(ann: User) -> None:
    ben, cho = customer(email="ben@example.com"), customer(email="cho@example.com")
    said = first(" Ann@Example.com ", "treasury", "administrator")
    assert said.startswith("ann@example.com works here now, as administrator, treasury.\n")
    assert "the person sets up an authenticator app" in said
    assert standing(ann) == (True, {Role.ADMINISTRATOR, Role.TREASURY})
    granted = [("role_granted", role, "staff_first") for role in ("administrator", "treasury")]
    assert sorted(grants(ann)) == granted
    line = AuditEntry.objects.get()
    assert (line.action, line.actor, line.person, line.page) == (
        "staff_first",
        None,
        ann,
        "manage.py staff_first",
    )
    assert (line.subject, line.before) == (f"roles:{ann.pk}", {"roles": []})
    assert line.after == {"roles": ["administrator", "treasury"]}
    first(ben)
    for again in (cho, ann, ben):
        with pytest.raises(CommandError, match="Two people at the desk can give roles"):
            first(again)
    assert standing(cho) == (False, frozenset())
    assert AuditEntry.objects.count() == 2
    signs_in_and_enrols(ann)
    agreed("roles_set", {"person": str(cho.pk), "roles": ["vault"]}, maker=now(ann), checker=now(ben))
    assert standing(cho) == (True, {Role.VAULT})


def test_the_audit_trail_says_that_the_system_did_it(ann: User) -> None:
    first(ann)
    page = text(signed_in(staff("auditor")).get("/desk/audit/", {"who": "system"}))
    assert "the system Made an administrator from the command line" in page


def test_an_administrator_and_a_treasurer_are_two_who_can_do_it(ann: User) -> None:
    staff("administrator")
    second = staff("treasury")
    with pytest.raises(CommandError, match="Two people at the desk"):
        first(ann)
    # An administrator asks and no other decides: nobody at the desk can.
    User.objects.filter(pk=second.pk).update(frozen_reason="A stolen laptop.")
    first(ann)
    assert standing(ann) == (True, {Role.ADMINISTRATOR})


def test_who_cannot_act_is_not_counted(ann: User) -> None:
    """On hold, closed, an auditor, two without an administrator, a second account of the one who is left."""
    person_freeze(user_id=staff("administrator").pk, reason="A stolen laptop.")
    User.objects.filter(pk=staff("administrator").pk).update(is_active=False)
    staff("auditor", "administrator")
    staff("treasury", phone=PHONE)
    staff("administrator", phone=PHONE)
    first(ann)
    assert standing(ann) == (True, {Role.ADMINISTRATOR})


def test_the_second_administrator_is_another_person(ann: User) -> None:
    first(ann)
    twin = customer(email="twin@example.com", phone=ann.phone)
    with pytest.raises(CommandError, match=r"a phone or an ID in common with ann@example\.com"):
        first(twin)
    assert standing(twin) == (False, frozenset())


@UNFIT
def test_the_command_refuses_whom_the_desk_refuses(ann: User, make, sentence: str) -> None:
    make(ann)
    noted = AuditEntry.objects.count()
    with pytest.raises(CommandError, match=sentence):
        first(ann)
    assert standing(ann) == (False, frozenset())
    assert AuditEntry.objects.count() == noted


@pytest.mark.parametrize(
    ("email", "roles", "sentence"),
    [
        ("nobody@example.com", ["administrator"], "Nobody has the e-mail address nobody@example.com."),
        ("ann@example.com", ["vault"], "Name the role administrator"),
        ("ann@example.com", ["administrator", "king"], "There is no such role."),
        ("ann@example.com", ["administrator", "auditor"], "An auditor only reads"),
    ],
)
def test_commands_that_make_no_administrator(ann: User, email: str, roles: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        first(email, *roles)
    assert standing(ann) == (False, frozenset())
    assert not AuditEntry.objects.exists()


def test_the_same_twice_is_said(ann: User) -> None:
    first(ann)
    with pytest.raises(CommandError, match="has exactly these roles already"):
        first(ann)
    assert AuditEntry.objects.count() == 1
