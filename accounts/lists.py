"""A filtered list of the desk, a page at a time: the view of orders and that of payments are this one."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.filters import ListFilters
from accounts.permissions import about_person
from accounts.searching import search_refused
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from goldwallet.paging import Page


def list_page(
    request: HttpRequest,
    filters: ListFilters,
    template: str,
    *,
    name: str,
    read: Callable[[str], Page[Any]],
    **more: Any,
) -> HttpResponse:
    """The page, or its part `rows`. `read(after)` reads the rows for filters that are valid; each has a `user_id`. The
    template knows them as `name`, and `more` beside them.

    What cannot be read, or takes too long, is said with no rows at all: 400. Who has looked for too many people gets
    none either: 429, with the filters empty, since reading them would look for one more.
    """
    page: Page[Any] = Page([], "")
    refused: Refused | None = search_refused(request, "person", "phone")
    sound = False
    if refused is None:
        sound, refused, page = _read(request, filters, read)
    else:
        filters = type(filters)({})
    context = more | {
        "filters": filters,
        "refused": refused,
        name: page.rows,
        "older_url": f"{request.path}?{filters.query(after=page.older)}" if page.older else "",
        "query": filters.query(),
    }
    status = refused.status if refused else 200 if sound else 400
    return page_or_part(request, template, context, part="rows", status=status)


def _read(
    request: HttpRequest, filters: ListFilters, read: Callable[[str], Page[Any]]
) -> tuple[bool, Refused | None, Page[Any]]:
    """Whether the filters can be read, why there is nothing all the same, and what there is."""
    try:
        with in_time():
            page: Page[Any] = read(request.GET.get("after", "")) if filters.is_valid() else Page([], "")
            about_person(request, filters.person_id(row.user_id for row in page.rows))
    except Refused as refused:
        return True, refused, Page([], "")
    return filters.is_valid(), None, page
