"""Every flag that is up, by what it is about: what the overview counts, for whoever works on those things."""

import uuid
from typing import Any, NamedTuple, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.own import own_accounts
from accounts.permissions import staff_page
from controls.models import Note
from controls.services.notes import flags_up
from goldwallet.context import stands_under
from goldwallet.paging import page_of
from oversight.people.about import ABOUT, WRITERS, may_read

_PAGE = 50


class Row(NamedTuple):
    """A flag, with what it stands on: `called` as its page calls it."""

    note: Note
    called: str
    url: str


@require_GET
@staff_page(*WRITERS, reads="flags")
def flags(request: HttpRequest) -> HttpResponse:
    """`about`: one of ABOUT alone. What the reader does not work with is not here, nor what is about the reader."""
    me = cast(User, request.user)
    mine = [kind for kind, about in ABOUT.items() if may_read(me, about)]
    chosen, after = (request.GET.get(name, "").replace("\x00", "") for name in ("about", "after"))
    if chosen and chosen not in mine:
        raise Http404
    shown = [chosen] if chosen else mine
    rows = flags_up().filter(subject__regex=f"^({'|'.join(shown)}):").select_related("author")
    rows = rows.exclude(person__in=own_accounts(me))
    page = page_of(rows, by="made_at", after=after, limit=_PAGE, oldest_first=True)
    stands_under(request, reverse("desk"))
    url = reverse("desk_flags")
    context = {
        "tabs": [("All", url, not chosen)]
        + [(f"On {ABOUT[kind].many}", f"{url}?about={kind}", kind == chosen) for kind in mine],
        "rows": _named(page.rows),
        "further": bool(after),
        "first_url": f"{url}?about={chosen}" if chosen else url,
        "next_url": f"{url}?{urlencode({'about': chosen, 'after': page.older})}" if page.older else "",
    }
    return render(request, "oversight/flags.html", context)


def _named(notes: list[Note]) -> list[Row]:
    """One question for each kind of thing, however many there are."""
    keys: dict[str, set[uuid.UUID]] = {}
    for note in notes:
        kind, _, key = note.subject.partition(":")
        keys.setdefault(kind, set()).add(uuid.UUID(key))
    called: dict[str, Any] = {}
    for kind, some in keys.items():
        rows = ABOUT[kind].rows().filter(pk__in=some).values_list("pk", ABOUT[kind].called)
        called |= {f"{kind}:{key}": name for key, name in rows}
    return [Row(note, called.get(note.subject, "gone"), _url(note.subject)) for note in notes]


def _url(subject: str) -> str:
    kind, _, key = subject.partition(":")
    return reverse(ABOUT[kind].page, args=[key])
