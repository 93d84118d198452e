"""Every URL name x every kind of visitor x every method, with the ids of real rows that are somebody else's.

Who may what stands in `routes.ROUTES`; a route that is not there fails. Whatever a request writes is taken back. Each
answer is looked at for its headers, and each page for script and style that the policy would refuse.
"""

import copy
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, reverse

from goldwallet.test.world import World
from goldwallet.tests.answers import complaints
from goldwallet.tests.routes import ROUTES, Answers, Route, all_routes, walk
from goldwallet.tests.scene import (
    CUSTOMERS,
    STAFF,
    VISITORS,
    Scene,
    Written,
    nonsense,
    taken_back,
    visitor_open,
)
from kyc.tests.making import photos_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(photos_once.__name__)]

FOUND = all_routes()
# The others fail the first test.
ROUTED = {name: arguments for name, arguments in FOUND.items() if name in ROUTES}
# When somebody was last seen, and how often somebody has tried, is no state that a person has.
SEEN = {"django_session", "accounts_session"}
# These read whatever they may; the last one acts as well.
READERS = ("auditor", "administrator", "all_roles")


@pytest.fixture
def scene(shared: tuple[World, Scene]) -> Scene:
    return shared[1]


class Visit:
    """A browser that comes to each request as to its first: a sign-out before does not matter."""

    def __init__(self, browser: Client) -> None:
        browser.raise_request_exception = False
        self._browser, self._cookies = browser, copy.deepcopy(browser.cookies)

    def ask(
        self, method: str, path: str, body: dict[str, str] | None = None, *, looked_at: bool = True
    ) -> HttpResponse:
        self._browser.cookies = SimpleCookie(copy.deepcopy(self._cookies))
        answer: HttpResponse = getattr(self._browser, method)(path, body or {})
        assert not looked_at or complaints(answer) == [], (method, path)
        return answer


def path_of(name: str, arguments: dict[str, Any]) -> str:
    # The two sides of a quote share a pattern but for the word that Django must hear again.
    side = {"side": name.removesuffix("_quote")} if name in {"buy_quote", "sell_quote"} else {}
    return reverse(name, kwargs=arguments | side)


def test_every_route_has_an_expectation() -> None:
    assert set(FOUND) - set(ROUTES) == set(), "say in routes.py who may open these"
    assert set(ROUTES) - set(FOUND) == set(), "these are gone"


# --- who may what ---------------------------------------------------------------------------------


def answers_for(route: Route, visitor: str) -> Answers:
    staff = visitor in STAFF or visitor in {"no_factor", "all_roles"}
    return route.others.get(visitor) or (staff and route.others.get("staff")) or route.answers


def wanted(route: Route, visitor: str, *, post: bool) -> int:
    """The status that this visitor must get."""
    status = answers_for(route, visitor)[post]
    if status is None:
        return 405
    if route.kind == "stranger" and visitor != "anonymous":
        return 302
    if route.kind == "customer":
        hidden = route.own and visitor != "owner"
        return 302 if visitor == "anonymous" else 404 if hidden else status
    if route.kind == "staff":
        return _wanted_at_the_desk(route, visitor, status, post=post)
    return status


def _wanted_at_the_desk(route: Route, visitor: str, status: int, *, post: bool) -> int:
    if visitor in {"anonymous", "no_factor"}:
        return 302
    may = (
        visitor in route.roles
        or visitor == "all_roles"
        or (visitor in READERS and (route.copies or not post))
    )
    return 403 if visitor in CUSTOMERS or visitor in route.closed or not may else status


@pytest.mark.fault("X02", "X09", "D03")
@pytest.mark.parametrize("visitor", VISITORS)
def test_who_may_open_what(scene: Scene, visitor: str) -> None:
    visit, written, wrong = Visit(visitor_open(visitor, scene)), Written(), []
    for name, names in ROUTED.items():
        path = path_of(name, scene.arguments(name, names))
        for method in ("get", "post"):
            with taken_back():
                answer = visit.ask(method, path)
                # Who looked has a line in the audit trail.
                found = written.look() - SEEN - ROUTES[name].notes - {"controls_auditentry"}
            expected = wanted(ROUTES[name], visitor, post=method == "post")
            if answer.status_code != expected:
                wrong.append(f"{method} {name}: {answer.status_code}, not {expected}")
            if expected == 302 and ROUTES[name].kind == "staff" and visitor in {"anonymous", "no_factor"}:
                door = "/accounts/login/" if visitor == "anonymous" else "/accounts/code/"
                assert answer["Location"].startswith(door), (name, answer["Location"])
            if method == "get" and found:
                wrong.append(f"looking at {name} writes {found}")
    assert wrong == []


OTHERS = ("put", "patch", "delete")


@pytest.mark.fault("X02")
@pytest.mark.parametrize("visitor", ["anonymous", "owner", "no_factor", "auditor", "all_roles"])
def test_no_other_method_does_anything(scene: Scene, visitor: str) -> None:
    visit, written, wrong = Visit(visitor_open(visitor, scene)), Written(), []
    for name, names in ROUTED.items():
        path = path_of(name, scene.arguments(name, names))
        for method in OTHERS:
            with taken_back():
                answer = visit.ask(method, path)
                found = written.look() - SEEN - {"controls_count"}
            # A link of a reset that is over says so, whatever it is asked by.
            if answer.status_code not in {302, 400, 403, 404, 405} and "reset_password_from" not in name:
                wrong.append(f"{method} {name}: {answer.status_code}")
            if found:
                wrong.append(f"{method} {name} writes {found}")
    assert wrong == []


@pytest.mark.parametrize("visitor", ["verified", "all_roles"])
def test_ids_that_are_nobodys(scene: Scene, visitor: str) -> None:
    """Not there, or not allowed; a page never breaks over them."""
    visit, wrong = Visit(visitor_open(visitor, scene)), []
    for name, names in ROUTED.items():
        if not names or "reset_password_from" in name:
            continue
        arguments = {key: nonsense(value) for key, value in scene.arguments(name, names).items()}
        path = path_of(name, arguments)
        for method in ("get", "post"):
            with taken_back():
                answer = visit.ask(method, path)
            if answer.status_code not in {403, 404, 405}:
                wrong.append(f"{method} {name}: {answer.status_code}")
    assert wrong == []


# --- forged requests ------------------------------------------------------------------------------


FORGERS = ("anonymous", "owner", "all_roles")


@pytest.mark.fault("X02")
@pytest.mark.parametrize("visitor", FORGERS)
def test_no_post_without_its_token(scene: Scene, visitor: str) -> None:
    """Each posts to every route; of the other methods each tries one, and all three together all of them."""
    browser = visitor_open(visitor, scene)
    browser.handler.enforce_csrf_checks = True
    visit, written, passed = Visit(browser), Written(), {}
    for number, (name, names) in enumerate(ROUTED.items()):
        path = path_of(name, scene.arguments(name, names))
        for method in ("post", OTHERS[(number + FORGERS.index(visitor)) % len(OTHERS)]):
            with taken_back():
                answer = visit.ask(method, path)
                found = written.look() - SEEN
            if answer.status_code != 403 or found:
                passed[name] = answer.status_code
    assert set(passed) == {"hook"}


@pytest.mark.fault("X02")
def test_only_the_providers_callback_is_exempt() -> None:
    """Django's admin has its own login exempt, and we have replaced that."""
    exempt = {
        pattern.name
        for pattern in walk(get_resolver().url_patterns)
        if getattr(pattern.callback, "csrf_exempt", False)
    }
    assert exempt == {"hook"}
