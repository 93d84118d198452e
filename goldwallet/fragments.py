"""A page, or the part of it that htmx asks for. The view names the part; the client only says that it wants one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def page_or_part(
    request: HttpRequest, template: str, context: dict[str, Any], *, part: str, status: int = 200
) -> HttpResponse:
    """The whole page; for htmx asking with `hx-target="#<part>"` the partial of this name in the same template.

    htmx leaves the page as it is when an answer says that something is wrong, and nobody would see why. So the part
    goes out with 200, and says itself what is wrong.
    """
    htmx: Any = request.htmx  # type: ignore[attr-defined]
    if htmx and not htmx.boosted and htmx.target == part:
        return render(request, f"{template}#{part}", context)
    return render(request, template, context, status=status)
