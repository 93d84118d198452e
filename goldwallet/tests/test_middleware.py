import re

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path, re_path

from goldwallet.middleware import RequestIdMiddleware


def page(request, **kwargs):
    structlog.get_logger("page").info("inside")
    return HttpResponse("ok")


def crash(request):
    raise RuntimeError("crash of a page")


urlpatterns = [
    path("page/", page),
    path("crash/", crash),
    path("hooks/<slug:method>/<slug:kind>/<slug:token>/", page),
    re_path(r"^reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$", page),
    path("healthz", page),
]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def lines():
    """What is logged by structlog, with what is bound to it."""
    caught = []

    def keep(logger, method, event):
        caught.append({**structlog.contextvars.get_contextvars(), **event, "level": method})
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.get_config()["processors"][:] = [keep, *before]
    try:
        yield caught
    finally:
        structlog.get_config()["processors"][:] = before[1:] if before[0] is keep else before


def access(lines):
    (line,) = [line for line in lines if line["event"] == "request"]
    return line


def test_one_line_without_the_query(client, lines):
    response = client.get("/page/?phone=254712345678&secret=x")
    line = access(lines)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/page/", 200)
    assert line["ms"] >= 0
    assert "254712345678" not in str(lines)
    assert re.fullmatch("[0-9a-f]{16}", response.headers["X-Request-ID"])
    assert {one["request_id"] for one in lines} == {response.headers["X-Request-ID"]}
    assert "user" not in line


def test_the_id_of_the_proxy_is_kept(client, lines):
    response = client.get("/page/", headers={"X-Request-ID": "proxy-1234_abc"})
    assert response.headers["X-Request-ID"] == access(lines)["request_id"] == "proxy-1234_abc"


@pytest.mark.parametrize(
    "given", ["", "short", "x" * 65, "a b c d e f", "abcdefgh\tx", "<script>alert(1)</script>", "émilie-12"]
)
def test_an_id_that_is_not_sane_is_not_repeated(client, lines, given):
    response = client.get("/page/", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] != given
    assert access(lines)["request_id"] == response.headers["X-Request-ID"]


def test_keys_in_a_path_are_cut(client, lines):
    client.post("/hooks/daraja/collect/0123456789abcdef0123456789abcdef/")
    assert access(lines)["path"] == "/hooks/daraja/collect/***/"
    lines.clear()
    client.get("/reset/key/1a-cafe-0123456789abcdef/")
    assert "0123456789abcdef" not in str(lines)


def test_nothing_is_left_for_the_next_request(client, lines):
    client.get("/page/")
    assert structlog.contextvars.get_contextvars() == {}


def test_a_page_that_crashes_has_its_line(client, lines):
    client.raise_request_exception = False
    response = client.get("/crash/")
    assert (response.status_code, access(lines)["status"]) == (500, 500)
    assert response.headers["X-Request-ID"]


def test_machines_that_ask_all_the_time_are_logged_below(client, lines):
    client.get("/healthz")
    assert access(lines)["level"] == "debug"


@pytest.mark.django_db
def test_who_asked_is_told_when_the_page_looked(lines):
    from accounts.models import User

    user = User.objects.create_user(username="alice", email="alice@example.com")

    def view(request):
        request._cached_user = user
        return HttpResponse()

    RequestIdMiddleware(view)(RequestFactory().get("/page/"))
    assert access(lines)["user"] == str(user.pk)
