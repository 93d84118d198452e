"""Django's admin changes nothing: every path of it, every method, everybody, with everything in the form."""

import itertools

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver
from procrastinate.contrib.django.models import ProcrastinateJob

from goldwallet.test.world import World
from goldwallet.tests.answers import HEADERS
from goldwallet.tests.scene import Scene, taken_back, visitor_open, writes, written_since
from goldwallet.tests.test_routes import SEEN, Visit
from kyc.tests.making import photos_once

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.fault("Z05"),
    pytest.mark.usefixtures(photos_once.__name__),
]

#: What a form of it might carry: its own buttons and actions, and every column of a person.
BODY = {
    "action": "delete_selected",
    "_selected_action": "1",
    "select_across": "1",
    "index": "0",
    "post": "yes",
    "_save": "Save",
    "is_staff": "on",
    "is_superuser": "on",
    "is_active": "on",
    "kyc_status": "verified",
    "enhanced": "on",
    "groups": "1",
    "user_permissions": "1",
    "email": "x@example.com",
    "username": "x",
    "password1": "quiet-harbour-lamp-42",
    "password2": "quiet-harbour-lamp-42",
}


@pytest.fixture
def scene(shared: tuple[World, Scene]) -> Scene:
    return shared[1]


def paths(scene: Scene) -> list[str]:
    """Every path under /admin/, with a real row where it takes one."""
    found = [
        _filled(prefix + str(pattern.pattern), scene)
        for prefix, pattern in _walk(get_resolver().url_patterns, "/")
        if (prefix + str(pattern.pattern)).startswith("/admin/")
    ]
    assert len(found) > 15
    return found


def _walk(patterns: list[URLPattern | URLResolver], prefix: str):
    for one in patterns:
        if isinstance(one, URLPattern):
            yield prefix, one
        else:
            yield from _walk(one.url_patterns, prefix + str(one.pattern))


def _filled(pattern: str, scene: Scene) -> str:
    job = ProcrastinateJob.objects.order_by("pk").first()
    row = str(job.pk if "procrastinate" in pattern and job else scene.alice.pk)
    for name, value in (
        ("<path:object_id>", row),
        ("<str:object_id>", row),
        ("<int:object_id>", row),
        ("<id>", row),
        ("^(?P<app_label>accounts|procrastinate)/$", "accounts/"),
        ("(?P<url>.*)$", "anything/else/"),
    ):
        pattern = pattern.replace(name, value)
    assert not set("<>^$") & set(pattern), pattern
    return pattern


def test_it_holds_people_and_jobs_and_nothing_else() -> None:
    """No money, no role, no identity, and whatever is added later is thought about here first."""
    assert {model._meta.label for model in admin.site._registry} == {
        "accounts.User",
        "procrastinate.ProcrastinateJob",
    }
    for model_admin in admin.site._registry.values():
        assert not model_admin.actions


@pytest.mark.parametrize("visitor", ["anonymous", "owner", "no_factor", "treasury", "auditor", "all_roles"])
def test_no_method_changes_anything(scene: Scene, visitor: str) -> None:
    visit, wrong = Visit(visitor_open(visitor, scene)), []
    for path, method in itertools.product(paths(scene), ("get", "post", "put", "patch", "delete")):
        with taken_back():
            before = writes()
            answer = visit.ask(method, path, BODY if method in {"get", "post"} else None, looked_at=False)
            # Who read has a line in the audit trail, and nobody else has.
            read = method == "get" and answer.status_code == 200
            written = written_since(before) - SEEN - ({"controls_auditentry"} if read else set())
        inside = visitor in {"auditor", "all_roles"} and method == "get"
        if written or answer.status_code not in ({200, 302, 400, 403, 404} if inside else {302, 403}):
            wrong.append((method, path, answer.status_code, written))
        if any(name not in answer for name in HEADERS):
            wrong.append((method, path, "headers"))
    assert wrong == []
