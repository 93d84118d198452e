"""Two accounts of which nothing tells that they are one person's: what the desk shows to whoever looks."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import KycStatus, User
from accounts.tests.people import PASSWORD, code_now, signed_in, staff, totp
from controls.models import AuditEntry, Request, RequestState
from controls.services import request_effect, request_seal
from goldwallet.test.two import YES, asked, typed_for
from goldwallet.test.world import World
from trading.tests.pages import text

pytestmark = [pytest.mark.django_db, pytest.mark.fault("Z02")]

SHARED = "Who asked for this has signed in with this browser too."
ABOUT = "The person whom this is about has signed in with this browser too."
UNKNOWN = "Nobody can see whether this account is a second one of somebody"


def browser_of(person: User, browser: Client | None = None) -> Client:
    """A browser in which this person has signed in, and then out."""
    browser = browser or Client()
    assert browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD}).status_code == 302
    assert browser.post("/accounts/code/", {"code": totp(person)}).status_code == 302
    browser.post("/accounts/logout/")
    return browser


def page_of(desk: Client, request: Request) -> str:
    return text(desk.get(reverse("desk_approval", args=[request.pk])))


def approved(desk: Client, checker: User, request: Request) -> AuditEntry:
    effect = request_effect(request)
    form = {
        "seen": request_seal(request, effect),
        "typed": typed_for(effect),
        "words": YES,
        "code": code_now(checker),
    }
    desk.get(reverse("desk_approval_file", args=[request.pk]))
    answer = desk.post(reverse("desk_approval_approve", args=[request.pk]), form, follow=True)
    assert answer.status_code == 200
    assert Request.objects.get(pk=request.pk).state == RequestState.EXECUTED
    return AuditEntry.objects.get(action="request_approve", subject=f"request:{request.pk}")


def test_who_decides_in_the_browser_of_who_asked_is_told_and_the_trail_says_so(world: World) -> None:
    maker, checker = staff("reviewer"), staff("treasury")
    request = asked("tier_set", {"person": str(world.alice.pk), "enhanced": True}, by=maker)
    home = browser_of(maker)
    desk = signed_in(checker, client=home)
    assert SHARED in page_of(desk, request)
    line = approved(desk, checker, request)
    assert line.after is not None and line.after["same_browser"] == "as who asked"
    auditor = signed_in(staff("auditor"))
    page = text(auditor.get(reverse("desk_audit"), {"subject": f"request:{request.pk}"}))
    assert "same browser" in page and "as who asked" in page


@pytest.mark.parametrize("both", [False, True])
def test_who_decides_in_the_browser_of_whom_it_is_about_is_told_as_well(both: bool) -> None:
    person, maker, checker = staff("vault"), staff("administrator"), staff("treasury")
    request = asked("roles_set", {"person": str(person.pk), "roles": ["pricing"]}, by=maker)
    home = browser_of(person)
    desk = signed_in(checker, client=browser_of(maker, home) if both else home)
    page = page_of(desk, request)
    assert ABOUT in page
    assert (SHARED in page) == both
    line = approved(desk, checker, request)
    told = "as who asked and whom it is about" if both else "as whom it is about"
    assert line.after is not None and line.after["same_browser"] == told


def test_a_request_about_nobody_is_about_nobodys_browser() -> None:
    maker, checker = staff("treasury"), staff("treasury")
    request = asked("threshold_set", {"name": "buy_min_kes", "value": "20"}, by=maker)
    page = page_of(signed_in(checker, client=browser_of(maker)), request)
    assert SHARED in page
    assert ABOUT not in page


def test_another_browser_is_nothing_to_tell(world: World) -> None:
    maker, checker = staff("reviewer"), staff("treasury")
    request = asked("tier_set", {"person": str(world.alice.pk), "enhanced": True}, by=maker)
    browser_of(maker)
    desk = signed_in(checker, client=browser_of(checker))
    page = page_of(desk, request)
    assert SHARED not in page
    assert ABOUT not in page
    line = approved(desk, checker, request)
    assert line.after is not None and "same_browser" not in line.after


def test_the_maker_reads_nothing_about_the_own_browser(world: World) -> None:
    maker = staff("reviewer")
    request = asked("tier_set", {"person": str(world.alice.pk), "enhanced": True}, by=maker)
    assert SHARED not in page_of(signed_in(maker, client=browser_of(maker)), request)


@pytest.mark.parametrize(
    ("known", "roles", "warned"),
    [
        ({}, ["treasury"], True),
        ({"phone": "254799000111"}, ["treasury"], False),
        ({"kyc_status": KycStatus.VERIFIED}, ["treasury"], False),
        ({"kyc_status": KycStatus.PENDING}, ["treasury"], True),
        ({}, [], False),
    ],
    ids=["unknown", "phone", "proven ID", "ID in review", "roles taken away"],
)
def test_a_role_for_an_account_that_nobody_can_know_is_warned_of(known, roles, warned) -> None:
    person = staff("vault", phone=known.pop("phone", ""))
    User.objects.filter(pk=person.pk).update(**known)
    request = asked("roles_set", {"person": str(person.pk), "roles": roles}, by=staff("administrator"))
    assert (UNKNOWN in page_of(signed_in(staff("treasury")), request)) == warned
