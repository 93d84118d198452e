"""For machines that watch us: is the process alive, can it serve, and how is it doing."""

import hmac
import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from goldwallet import metrics, schema

# A worker writes a sign of life every ten seconds (procrastinate's default); three missed ones are too many.
WORKER_SILENCE_SECONDS = 30


class NotReady(Exception):
    """Why a check fails, in words that a stranger may read."""


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives and answers. Asks nobody else, so a sick database does not have us restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether all that a request needs is there: 200, or 503. The body names each check."""
    answers = {name: _ask(check) for name, check in CHECKS.items()}
    ready = all(answer == "ok" for answer in answers.values())
    return JsonResponse({"ready": ready, "checks": answers}, status=200 if ready else 503)


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus; to this machine, or to who brings METRICS_TOKEN."""
    if not _may_read_metrics(request):
        return HttpResponse("Not for you\n", status=403, content_type="text/plain")
    return HttpResponse(metrics.page(), content_type=CONTENT_TYPE_LATEST)


def _ask(check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as why:
        return str(why)
    except DatabaseError:
        return "the database does not answer"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise NotReady("the database only reads")


def _migrations() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = schema.migrations_on_disk() - set(cursor.fetchall())
    if missing:
        raise NotReady(f"{len(missing)} migrations are not applied")


def _schema() -> None:
    wrong = schema.differences() if settings.SCHEMA_GUARDED else []
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise NotReady("the database differs from its migrations: " + ", ".join(wrong[:3]) + more)


def _queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers")
        silence = cursor.fetchone()[0]
    if silence is None:
        raise NotReady("no worker runs")
    if silence > WORKER_SILENCE_SECONDS:
        raise NotReady("no worker has given a sign of life lately")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "schema": _schema,
    "queue": _queue,
}


def _may_read_metrics(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token: str = settings.METRICS_TOKEN
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # Behind a proxy on this machine every stranger comes from here: then what the proxy adds gives them away.
    forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"))
    return not forwarded and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics_page, name="metrics"),
]
