"""The web's own dangers: what a browser is told, where a redirect may lead, what an error gives away.

Headers and policy of every page are looked at by the route matrix (`test_routes`); here is what a matrix does not see.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path

from accounts.tests.people import PASSWORD, customer, signed_in, staff, totp
from goldwallet.errors import Refused, TooOften
from goldwallet.test.world import World
from goldwallet.tests.answers import complaints

SECRET = "the password of the database is hunter2"


# --- pages that go wrong --------------------------------------------------------------------------


def broken(request) -> HttpResponse:
    raise RuntimeError(SECRET)


def refused(request) -> HttpResponse:
    raise Refused("You may not do that today.", status=409)


def too_often(request) -> HttpResponse:
    raise TooOften(seconds=150)


def in_a_form(request) -> HttpResponse:
    return HttpResponse("later", status=429)


urlpatterns = [
    path("broken/", broken),
    path("refused/", refused),
    path("too-often/", too_often),
    path("in-a-form/", in_a_form),
]
handler500 = "goldwallet.middleware.broken"


@pytest.fixture
def stranger() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.fault("X09")
@pytest.mark.urls(__name__)
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"),
    [("/broken/", 500), ("/too-often/", 429), ("/in-a-form/", 429), ("/nowhere/", 404)],
)
def test_an_error_page_gives_nothing_away(stranger: Client, address: str, status: int, monkeypatch) -> None:
    # The pages lead home, which this test's paths do not have.
    monkeypatch.setattr("django.template.defaulttags.URLNode.render", lambda self, context: "/")
    answer = stranger.get(address)
    assert answer.status_code == status
    assert complaints(answer) == []
    text = answer.content.decode()
    assert not re.search(r"hunter2|Traceback|RuntimeError|\.py\b|Django|urlpatterns|nowhere", text)


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_who_comes_too_often_hears_when_to_come_back(stranger: Client, monkeypatch) -> None:
    monkeypatch.setattr("django.template.defaulttags.URLNode.render", lambda self, context: "/")
    answer = stranger.get("/too-often/")
    assert answer["Retry-After"] == "150"
    assert "Wait 3 minutes, then try again." in answer.content.decode()
    assert int(stranger.get("/in-a-form/")["Retry-After"]) > 0


@pytest.mark.fault("X09")
@pytest.mark.django_db
@pytest.mark.parametrize("host", ["evil.example", "gold.example.evil.example", "gold.example@evil.example"])
def test_a_forged_host_gets_a_page_that_does_not_repeat_it(stranger: Client, settings, host: str) -> None:
    settings.ALLOWED_HOSTS = ["gold.example"]
    for address in ("/", "/accounts/login/", "/nowhere/"):
        answer = stranger.get(address, HTTP_HOST=host)
        assert answer.status_code == 400
        assert complaints(answer) == []
        assert "evil" not in answer.content.decode()
        assert "ALLOWED_HOSTS" not in answer.content.decode()
    assert stranger.get("/", HTTP_HOST="gold.example").status_code == 200


@pytest.mark.django_db
def test_a_post_without_its_token_says_what_to_do(world: World) -> None:
    browser = signed_in(world.alice, client=Client(enforce_csrf_checks=True))
    answer = browser.post("/buy/", {"amount_kes": "1000"})
    assert answer.status_code == 403
    assert complaints(answer) == []
    assert not re.search(r"CSRF cookie|Django|Referer", answer.content.decode())


def test_error_pages_stand_without_a_database() -> None:
    for name in ("500.html", "503.html"):
        assert "<h1" in render_to_string(name)


@pytest.mark.fault("X09")
@pytest.mark.django_db
def test_a_broken_callback_is_no_page(stranger: Client) -> None:
    answer = stranger.post("/hooks/daraja/collect/nothing/", b"\xff{", content_type="application/json")
    assert answer.status_code == 404
    assert complaints(answer) == []
    assert answer.content == b"Not found"


# --- files and machines ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_files_are_kept_by_browsers_and_carry_the_headers(stranger: Client) -> None:
    answer = stranger.get("/static/css/tokens.css")
    assert answer.status_code == 200
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" not in answer["Cache-Control"]


@pytest.mark.django_db
def test_the_camera_is_for_photos_of_identity_alone() -> None:
    browser = signed_in(customer())
    assert "camera=(self)" in browser.get("/kyc/")["Permissions-Policy"]
    for address in ("/", "/wallet/", "/accounts/security/"):
        assert "camera=()" in browser.get(address)["Permissions-Policy"]


# --- redirects ------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "\\\\evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "\t//evil.example/",
    "https:evil.example",
    "http:///evil.example/",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "//evil.example/\r\nX-Planted: 1",
]


def leads(answer: HttpResponse) -> str:
    """Where a redirect leads, as a browser would take it."""
    where = re.sub(r"[\t\r\n]", "", answer["Location"]).replace("\\", "/")
    parts = urlsplit(where)
    assert not parts.scheme and not parts.netloc and not where.startswith("//"), answer["Location"]
    assert "X-Planted" not in answer
    return parts.path


@pytest.mark.fault("X09")
@pytest.mark.django_db
@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_redirect_leaves_the_house(target: str) -> None:
    alice, keeper = customer(), staff("vault")
    asked = quote(target)

    def sign_in(person, client: Client) -> HttpResponse:
        form = {"login": person.email, "password": PASSWORD, "next": target}
        return client.post(f"/accounts/login/?next={asked}", form)

    browser = Client()
    assert leads(sign_in(alice, browser)) == "/"
    assert leads(browser.get(f"/accounts/login/?next={asked}")) in {"/", "/accounts/login/"}
    assert leads(browser.get(f"/accounts/signup/?next={asked}")) in {"/", "/accounts/signup/"}
    reauthenticated = browser.post(
        f"/accounts/reauthenticate/?next={asked}", {"password": PASSWORD, "next": target}
    )
    assert "evil" not in leads(reauthenticated)
    assert leads(browser.post(f"/accounts/logout/?next={asked}", {"next": target})) == "/"

    desk = Client()
    assert leads(sign_in(keeper, desk)) == "/accounts/code/"
    code = desk.post(f"/accounts/code/?next={asked}", {"code": totp(keeper), "next": target})
    assert leads(code) in {"/", "/desk/"}
    late = signed_in(staff("vault"), verified=False)
    assert "evil" not in leads(late.get("/desk/", headers={"Referer": target.strip()}))

    reset = Client().post(f"/accounts/password/reset/?next={asked}", {"email": alice.email, "next": target})
    assert leads(reset) == "/accounts/password/reset/done/"


@pytest.mark.django_db
@pytest.mark.parametrize("target", [one for one in ELSEWHERE if "\r" not in one])
def test_htmx_is_not_led_elsewhere_either(target: str) -> None:
    answer = Client().get("/wallet/", headers={"HX-Request": "true", "HX-Current-URL": target})
    assert answer.status_code == 401
    assert answer["HX-Redirect"].startswith("/accounts/login/?next=%2F")
    assert "evil" not in answer["HX-Redirect"]


# --- caches ---------------------------------------------------------------------------------------


@pytest.fixture
def private_pages(world: World) -> Iterator[list[tuple[Client, str]]]:
    mine = signed_in(world.alice)
    desk = signed_in(staff("treasury", "vault", "pricing"))
    pages = ["/", "/wallet/", "/buy/", "/sell/", "/orders/", "/accounts/security/", "/kyc/"]
    yield [(mine, page) for page in pages] + [(desk, page) for page in ("/desk/", "/desk/orders/")]


@pytest.mark.fault("X07")
@pytest.mark.django_db
def test_no_cache_keeps_a_page_nor_gives_a_fragment_for_it(private_pages) -> None:
    for browser, page in private_pages:
        for headers in ({}, {"HX-Request": "true"}):
            answer = browser.get(page, headers=headers)
            assert answer.status_code == 200
            assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", ")), page
            assert "HX-Request" in answer["Vary"] and "Cookie" in answer["Vary"], page


@pytest.mark.fault("X07")
@pytest.mark.django_db
def test_htmx_keeps_no_history(world: World) -> None:
    page = signed_in(world.alice).get("/wallet/").content.decode()
    assert '"historyCacheSize":0' in page
    assert '"allowEval":false' in page and '"selfRequestsOnly":true' in page
