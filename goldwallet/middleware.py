"""One line in the log for each request, under an id; and refusals turned into pages."""

import re
import secrets
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from goldwallet.errors import Refused

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


class RefusedMiddleware:
    """A refusal that no form caught becomes a page with its sentence and its status."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refused):
            return None
        return render(request, "refused.html", {"sentence": error.sentence}, status=error.status)
