"""One line in the log for each request, under an id; headers that every answer has; refusals, and a database that is
away, turned into pages.
"""

import re
import secrets
import sys
import time
from collections.abc import Callable

import psycopg
import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.views.defaults import server_error

from goldwallet.errors import Refused, TooOften

type Handler = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger("goldwallet.access")

# What a proxy in front of us may hand over as the request's id. Anything else is not repeated, in no log and
# no header.
_SANE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Parts of a path that open something for whoever knows them.
_SECRET_PARTS = frozenset({"token", "key", "uidb36", "uidb64", "secret"})
_LONGEST_PATH = 200


class RequestIdMiddleware:
    """Gives every request an id, binds it to all lines logged meanwhile, and writes the access line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
            response.headers["X-Request-ID"] = request_id
            tell = log.debug if _dull(request) and response.status_code != 500 else log.info
            tell(
                "request",
                method=request.method,
                path=shown_path(request),
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
                **_person(request),
            )
        return response


def shown_path(request: HttpRequest) -> str:
    """The path without its query and without the parts that are keys (of a callback, of a password reset)."""
    path = request.path
    match = request.resolver_match
    keys = [str(value) for name, value in match.kwargs.items() if name in _SECRET_PARTS] if match else []
    for key in sorted(keys, key=len, reverse=True):  # a short one may stand within a long one
        path = "***".join(path.rsplit(key, 1))
    return path[:_LONGEST_PATH]


def _dull(request: HttpRequest) -> bool:
    """Asked every few seconds by machines, or a file: a line each would bury the others."""
    return request.path in {"/healthz", "/readyz", "/metrics"} or request.path.startswith("/static/")


def _person(request: HttpRequest) -> dict[str, str]:
    """Who asked, if the page has looked that up anyway: an id that says nothing outside this database."""
    user = getattr(request, "_cached_user", None)
    return {"user": str(user.pk)} if user is not None and user.is_authenticated else {}


# What pages may use of the machine they are shown on: nothing, but for the photos of an identity.
_NO_DEVICES = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"
_CAMERA = _NO_DEVICES.replace("camera=()", "camera=(self)")
_CAMERA_PAGES = "/kyc/"


class HeadersMiddleware:
    """What every answer says, also one that goes wrong. Django's own middleware adds the rest (settings, "web").

    Nothing is kept by a cache unless its view says so: a page shows who is signed in, if only in its head. htmx gets a
    part of what others get whole, so whoever keeps all the same must keep both apart. A file brings its own rule.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = _CAMERA if request.path.startswith(_CAMERA_PAGES) else _NO_DEVICES
        response.headers["Permissions-Policy"] = policy
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request"])
        if response.status_code == 429:
            response.headers.setdefault("Retry-After", "60")
        return response


class RefusedMiddleware:
    """A refusal that no form caught becomes a page with its sentence and its status."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refused):
            return None
        page = render(request, "refused.html", {"sentence": error.sentence}, status=error.status)
        if isinstance(error, TooOften):
            page.headers["Retry-After"] = str(error.seconds)
        return page


# States of the database in which it does nothing that Django files under other errors: it only reads, and it has
# ended a transaction that stood idle for too long.
_AWAY = frozenset({"25006", "25P03"})
#: The queue passes on the driver's own errors.
_ABSENCE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
_RETRY_SECONDS = 5


def broken(request: HttpRequest) -> HttpResponse:
    """`handler500`: what no page has caught. A database that is away is no bug of ours: 503, and try again.

    It is away when it cannot be reached, has no place left for us, is full, only reads, took too long or has thrown us
    out. Whatever was begun is rolled back with its transaction. The page asks nobody anything.
    """
    if not _database_is_away(sys.exception()):
        return server_error(request)
    page = loader.get_template("503.html").render()
    return HttpResponse(page, status=503, headers={"Retry-After": str(_RETRY_SECONDS)})


def _database_is_away(error: BaseException | None) -> bool:
    """Whether this, or what caused it (the queue wraps what its connection raises), is the database's absence."""
    while error is not None:
        if isinstance(error, _ABSENCE):
            return True
        if getattr(error, "sqlstate", None) in _AWAY:
            return True
        error = error.__cause__
    return False
