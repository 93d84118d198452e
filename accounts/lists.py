"""A filtered list of the desk, a page at a time: the view of orders and that of payments are this one."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.filters import ListFilters
from accounts.permissions import about_person
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

    What cannot be read, or takes too long, is said with no rows at all: 400.
    """
    page: Page[Any] = Page([], "")
    sound, refused = False, None
    try:
        with in_time():
            if sound := filters.is_valid():
                page = read(request.GET.get("after", ""))
            about_person(request, filters.person_id(row.user_id for row in page.rows))
    except Refused as error:
        page, sound, refused = Page([], ""), False, error
    context = more | {
        "filters": filters,
        "refused": refused,
        name: page.rows,
        "older_url": f"{request.path}?{filters.query(after=page.older)}" if page.older else "",
        "query": filters.query(),
    }
    return page_or_part(request, template, context, part="rows", status=200 if sound else 400)
