"""Taking a list out of the house: at once, or by a job whose files stand on a page of the asker's own."""

import re
import uuid
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods

from accounts.exporting import (
    DIRECT_ROWS,
    FORMATS,
    Asked,
    TooLong,
    asked_by,
    export_ask,
    export_parts,
    file_count,
    may_fetch,
    may_take,
    sees_people,
    shows_too_much,
    written_at_once,
)
from accounts.models import User
from accounts.permissions import staff_page
from controls.audit import record
from controls.exports import EXPORTS
from controls.models import Export, ExportState
from goldwallet.clock import NAIROBI, now
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_MOST_FILTERS = 20
_LONGEST = 400
#: Of the form or of the page that the list was looked at by, and no filters.
_NOT_FILTERS = frozenset({"format", "csrfmiddlewaretoken", "after", "page"})
_RECENT = 50


@require_http_methods(["GET", "POST"])
@staff_page(copies=True)
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """GET: the file, or for a long list the question whether to have it written. POST has it written."""
    if kind not in EXPORTS:
        raise Http404
    me = _me(request)
    if not may_take(me, kind):
        raise PermissionDenied("Your role does not allow this.")
    asked = _asked(kind, request.POST if request.method == "POST" else request.GET, me)
    file_count(me)
    if request.method == "POST":
        export_ask(asked=asked, by=me)
        messages.success(request, "It is being written. It stands here when it is ready.")
        return redirect("desk_exports")
    try:
        file, rows = written_at_once(asked)
    except TooLong:
        context = {"listing": EXPORTS[kind], "asked": asked, "most": DIRECT_ROWS}
        return render(request, "accounts/export_long.html", context)
    record(
        "export",
        subject=asked.subject,
        person_id=asked.person_id,
        after={"format": asked.format, "asked_by": asked.names, "rows": rows},
    )
    return FileResponse(
        file, as_attachment=True, filename=_name(kind, asked.format), content_type=FORMATS[asked.format]
    )


def _asked(kind: str, given: QueryDict, by: User) -> Asked:
    wanted = given.get("format", "")
    if wanted not in FORMATS:
        raise Refused("Choose CSV or Excel.", code="format")
    # A filter of several values stands once for each in an address, or with commas (accounts.filters).
    several = {name: ",".join(value for value in map(str, values) if value) for name, values in given.lists()}
    filters = {
        name: text.replace("\x00", "").strip()
        for name, text in several.items()
        if name not in _NOT_FILTERS and text
    }
    if len(filters) > _MOST_FILTERS or any(
        not _NAME.fullmatch(name) or len(value) > _LONGEST for name, value in filters.items()
    ):
        raise Refused(
            "This list cannot be filtered like that. Go back to the list and try again.", code="filters"
        )
    return Asked(kind, wanted, filters, sees_people(by))


@require_GET
@staff_page()
def exports(request: HttpRequest) -> HttpResponse:
    """What one has had written."""
    me = _me(request)
    mine = Export.objects.filter(by=me).defer("filters_sealed").order_by("-created_at")[:_RECENT]
    rows = [
        (one, EXPORTS[one.kind].label if one.kind in EXPORTS else one.kind, may_fetch(one, me))
        for one in mine
    ]
    context = {
        "exports": rows,
        "open": any(one.state in {ExportState.WAITING, ExportState.RUNNING} for one, *_ in rows),
        "now": now(),
    }
    return page_or_part(request, "accounts/exports.html", context, part="rows")


@require_GET
@staff_page(copies=True)
def export_file(request: HttpRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """The written file, for who asked for it and may still read the list."""
    me = _me(request)
    found = get_object_or_404(Export, pk=export_id, by=me)
    if found.kind not in EXPORTS or not may_take(me, found.kind):
        raise PermissionDenied("Your role does not open this list any more.")
    if found.state == ExportState.GONE or found.expires_at <= now():
        raise Refused(
            "This file was deleted, a day after it was written. Ask for the list again.", status=410
        )
    if found.state != ExportState.DONE:
        raise Refused("This file is not ready.", status=409)
    if shows_too_much(found, me):
        raise Refused(
            "This file shows who people are, and your roles do not open that any more. Ask for the list again.",
            code="people",
            status=403,
        )
    asked = asked_by(found)
    record(
        "export_fetch",
        subject=asked.subject,
        person_id=asked.person_id,
        after={"format": found.format, "rows": found.rows, "asked": str(found.pk)},
    )
    name = content_disposition_header(as_attachment=True, filename=_name(found.kind, found.format))
    # With its length: a browser then tells a file that was cut off from a whole one.
    return StreamingHttpResponse(
        export_parts(found.pk),
        content_type=FORMATS[found.format],
        headers={"Content-Length": str(found.size), "Content-Disposition": str(name)},
    )


def _name(kind: str, format: str) -> str:
    return f"gold-wallet-{kind}-{now().astimezone(NAIROBI):%Y-%m-%d-%H%M}.{format}"


def _me(request: HttpRequest) -> User:
    return cast(User, request.user)
