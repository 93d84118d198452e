"""The navigation shows what opens and nothing else; the server refuses the rest whatever the navigation says."""

import re

import pytest
from django.urls import resolve, reverse

from accounts.models import User
from accounts.roles import SEES_ALL, Role
from accounts.tests.people import signed_in, staff
from controls.kinds import KINDS
from goldwallet.context import desk_nav
from goldwallet.test.world import World
from trading.tests.pages import text

pytestmark = pytest.mark.django_db

ROLES_PAGE = "/desk/roles/"


def places(person: User) -> set[str]:
    """The addresses in the navigation as the person sees it."""
    page = signed_in(person).get(reverse("desk")).content.decode()
    nav = page.split('<nav class="desk-nav"')[1].split("</nav>")[0]
    return set(re.findall(r'<a href="([^"]+)"', nav))


@pytest.mark.parametrize("role", list(Role))
def test_the_navigation_is_what_the_guards_open(world: World, role: Role) -> None:
    desk, shown = signed_in(staff(role)), places(staff(role))
    everywhere = [entry.url for entry in desk_nav(path="", roles=frozenset({"administrator"}))]
    assert len(everywhere) > 10 and shown <= set(everywhere)
    for path in everywhere:
        opens = desk.get(path).status_code
        if path in shown:
            assert opens == 200, path
            continue
        assert opens == 403, f"{path} opens for {role} and is not in the navigation"
        assert desk.post(path).status_code in {403, 405}, path


@pytest.mark.parametrize("role", list(Role))
def test_the_search_in_the_head_is_for_who_may_find(role: Role) -> None:
    desk = signed_in(staff(role))
    page = desk.get(reverse("desk")).content.decode()
    may_find = desk.get(reverse("desk_find")).status_code == 200
    assert ('role="search"' in page) == may_find
    # And its key in the list of keys.
    assert ("<kbd>/</kbd>" in page) == may_find


@pytest.mark.parametrize("role", list(Role))
def test_who_works_at_a_place_finds_it(role: Role) -> None:
    """Without a page: each place's guard against the list of the navigation."""
    shown = {entry.url for entry in desk_nav(path="", roles=frozenset({role}))}
    for entry in desk_nav(path="", roles=frozenset({"administrator"})):
        guard = resolve(entry.url).func.staff_roles
        assert (entry.url in shown) == (not guard or role in guard or role in SEES_ALL), entry.url


def test_somebody_without_a_role_sees_and_does_nothing_that_takes_one(world: World) -> None:
    nobody = staff()
    desk = signed_in(nobody)
    for entry in desk_nav(path="", roles=frozenset({"administrator"})):
        if resolve(entry.url).func.staff_roles:
            assert desk.get(entry.url).status_code == 403, entry.url


def test_the_matrix_says_what_the_guards_and_the_kinds_say(world: World) -> None:
    me = staff("treasury", email="me@example.com")
    page = signed_in(me).get(ROLES_PAGE)
    where = {row.label: dict(zip(Role, row.cells, strict=True)) for row in page.context["places"]}
    assert where["Prices"] == {
        Role.PRICING: "works",
        Role.VAULT: "",
        Role.REVIEWER: "",
        Role.TREASURY: "",
        Role.AUDITOR: "reads",
        Role.ADMINISTRATOR: "reads",
    }
    assert set(where["Overview"].values()) == {"reads"}
    kinds = {row.label: dict(zip(Role, row.cells, strict=True)) for row in page.context["kinds"]}
    assert kinds.keys() == {kind.label for kind in KINDS.values()}
    assert kinds["Roles of a person"][Role.ADMINISTRATOR] == "asks, decides"
    assert kinds["Roles of a person"][Role.TREASURY] == "decides"
    assert {row[Role.AUDITOR] for row in kinds.values()} == {""}
    assert "me@example.com (you)" in text(page)
    assert page.content.decode().count("row-own") == 1
