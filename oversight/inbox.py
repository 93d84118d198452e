"""The list of approvals: what waits for a second person, what became of the others."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, cast

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from accounts.filters import ListFilters, one_of
from accounts.models import User
from accounts.own import own_accounts
from accounts.permissions import staff_page
from accounts.roles import SEES_ALL, Role
from accounts.selectors import roles_of, staff_ever
from controls.effects import effect_shown
from controls.kinds import KINDS
from controls.models import Attachment, Request, RequestState
from controls.selectors import requests_waiting
from goldwallet.clock import after
from goldwallet.fragments import page_or_part
from goldwallet.paging import page_of

#: Whoever asks for something or decides it (`controls.kinds`), each what is for their role. The auditor reads all.
ROLES = (Role.PRICING, Role.VAULT, Role.TREASURY, Role.REVIEWER, Role.ADMINISTRATOR)
_PAGE = 50
#: A request that expires within this time is marked.
_SOON_SECONDS = 12 * 3600


class Row(NamedTuple):
    """A request in a list. `grams` is the most that one account moves."""

    request: Any
    label: str
    summary: str
    leaving: Decimal
    grams: Decimal
    #: Why the reader does not decide it; empty when they may.
    why_not: str = ""


def _row(request: Request, why_not: str = "") -> Row:
    effect = effect_shown(request)
    return Row(
        request,
        KINDS[request.kind].label,
        effect.summary,
        Decimal(effect.leaving_kes),
        effect.most_moved(grams=True),
        why_not,
    )


class Reader:
    """Who looks, and what keeps them from deciding. One question to the database for all requests."""

    def __init__(self, user: User) -> None:
        self.id, self._user = user.pk, user
        self.on_hold = bool(user.frozen_reason)
        self.roles = roles_of(user)
        self.kinds = frozenset(
            name for name, kind in KINDS.items() if self.roles & (SEES_ALL | {*kind.readers})
        )

    @cached_property
    def accounts(self) -> frozenset[uuid.UUID]:
        return own_accounts(self._user) if Role.AUDITOR not in self.roles else frozenset({self.id})

    def sees(self, request: Request) -> bool:
        """Whether this request, its evidence and its line in the list open for this person."""
        return request.kind in self.kinds or request.maker_id == self.id

    def seen(self, rows: QuerySet[Request]) -> QuerySet[Request]:
        """Those of the rows that do."""
        return rows.filter(Q(kind__in=self.kinds) | Q(maker=self.id))

    def may_decide(self) -> Q:
        """Which requests this person may decide: those for which `why_not` has no words."""
        if self.on_hold or Role.AUDITOR in self.roles:
            return Q(pk__in=[])
        kinds = [name for name, kind in KINDS.items() if self.roles & kind.checkers]
        return Q(kind__in=kinds) & ~Q(maker__in=self.accounts) & ~Q(person__in=self.accounts)

    def why_not(self, request: Request) -> str:
        """In words; empty: this person may decide it. Binding is `controls.services`."""
        if request.maker_id == self.id:
            return "You asked for it."
        if Role.AUDITOR in self.roles:
            return "An auditor reads."
        if not self.roles & KINDS[request.kind].checkers:
            return f"It takes the role {' or '.join(sorted(KINDS[request.kind].checkers))}."
        if request.maker_id in self.accounts:
            return "You asked for it under another account."
        if request.person_id in self.accounts:
            return "It is about yourself."
        if self.on_hold:
            return "You are on hold."
        return ""


# --- filters --------------------------------------------------------------------------------------

_ENDED = [(state.value, state.label) for state in RequestState if state != RequestState.WAITING]


class DecidedFilters(ListFilters):
    """Which of the decided ones: what, by whom, how it ended, and when."""

    person = phone = kes_from = kes_to = reference = receipt = None  # type: ignore[assignment]
    kind = one_of("What", [], any_="Anything")
    state = one_of("How it ended", _ENDED, any_="Any way")
    maker = one_of("Asked by", [], any_="Anybody")
    checker = one_of("Decided by", [], any_="Anybody")
    field_order = ("kind", "state", "maker", "checker", "since", "until")

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        kinds = sorted(((name, kind.label) for name, kind in KINDS.items()), key=lambda pair: pair[1])
        people = staff_ever().order_by("email").values_list("pk", "email")
        staff = [(str(pk), email) for pk, email in people]
        for name, choices in (("kind", kinds), ("maker", staff), ("checker", staff)):
            cast(Any, self.fields[name]).choices += choices

    def decided(self) -> QuerySet[Request]:
        """What this asks for. Nothing, for filters that make no sense."""
        rows = Request.objects.exclude(decided_at=None).select_related("maker", "checker")
        if not self.is_valid():
            return rows.none()
        asked = self.cleaned_data
        for name in ("kind", "state", "maker", "checker"):
            if asked[name]:
                rows = rows.filter(**{name: asked[name]})
        if asked["since"]:
            rows = rows.filter(decided_at__gte=asked["since"])
        if asked["until"]:
            rows = rows.filter(decided_at__lt=asked["until"])
        return rows


# --- what waits ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for somebody, the oldest of it. `in_all`: how many there are, where these are not all."""

    name: str
    title: str
    note: str
    rows: list[Row]
    in_all: int
    next_url: str

    @property
    def shows_why(self) -> bool:
        """Why the reader does not decide them: of their own they know."""
        return self.name == "others"


_HEADS = {
    "me": ("For you to decide", ""),
    "mine": ("Yours", "somebody else decides them"),
    "others": ("For others to decide", ""),
}


def _queue(reader: Reader, name: str, *, older: str = "") -> Queue:
    """A page of one of `_HEADS`, what waits the longest first."""
    (title, note), own = _HEADS[name], Q(maker=reader.id)
    which = {"me": reader.may_decide(), "mine": own, "others": ~own & ~reader.may_decide()}[name]
    waiting = reader.seen(requests_waiting()).filter(which)
    rows: QuerySet[Any] = waiting.annotate(
        soon=ExpressionWrapper(Q(expires_at__lte=after(_SOON_SECONDS)), output_field=BooleanField()),
        evidence=Exists(Attachment.objects.filter(request=OuterRef("pk"))),
    )
    page = page_of(rows, by="created_at", after=older, limit=_PAGE, oldest_first=True)
    query = urlencode({"waiting": name, "after": page.older})
    return Queue(
        name,
        title,
        note,
        [_row(found, reader.why_not(found)) for found in page.rows],
        waiting.count() if page.older or older else 0,
        f"{reverse('desk_approvals')}?{query}" if page.older else "",
    )


# --- the page -------------------------------------------------------------------------------------


@require_GET
@staff_page(*ROLES, reads="requests")
def approvals(request: HttpRequest) -> HttpResponse:
    """The inbox: what this person may decide, what they asked for, what waits for others, and what is decided."""
    filters, reader = DecidedFilters(request.GET), Reader(cast(User, request.user))
    older = request.GET.get("after", "").replace("\x00", "")
    if (name := request.GET.get("waiting", "")) in _HEADS:
        queues = [_queue(reader, name, older=older)]
        return render(request, "oversight/approvals.html", {"queues": queues, "further": True})
    page = page_of(reader.seen(filters.decided()), by="decided_at", after=older, limit=_PAGE)
    query = filters.query(after=page.older)
    context = {
        "inbox": not filters.query(after=older),
        "filters": filters,
        "decided": [_row(found) for found in page.rows],
        "older_url": f"{reverse('desk_approvals')}?{query}" if page.older else "",
    }
    if context["inbox"]:
        queues = [_queue(reader, each) for each in _HEADS]
        context["queues"] = [queue for queue in queues if queue.rows or queue.name == "me"]
    status = 200 if filters.is_valid() else 400
    return page_or_part(request, "oversight/approvals.html", context, part="rows", status=status)
