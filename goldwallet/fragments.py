"""A page, or the part of it that htmx asks for. The view names the part; the client only says that it wants one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page_or_part(
    request: HttpRequest, template: str, context: dict[str, Any], *, part: str, status: int = 200
) -> HttpResponse:
    """The whole page; for htmx asking with `hx-target="#<part>"` the partial of this name in the same template."""
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    wanted = htmx and not htmx.boosted and htmx.target == part
    return render(request, f"{template}#{part}" if wanted else template, context, status=status)
