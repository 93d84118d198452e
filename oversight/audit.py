"""The audit trail at the desk: who of the staff did what and who read what, newest first. Nothing is changed here."""

import ipaddress
import json
import re
import uuid
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, reverse
from django.views.decorators.http import require_GET

from accounts.filters import Moment, in_order
from accounts.models import User
from accounts.permissions import about_person, may_see, staff_page
from accounts.roles import Role
from accounts.searching import search_refused
from accounts.selectors import person_by_email
from controls.audit import ACTIONS
from controls.exports import EXPORTS
from controls.models import AuditEntry
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from goldwallet.paging import Page, more_than, page_by_number, page_of
from oversight.naming import SUBJECT_WORDS, subject_url, subject_words

_PAGE = 50
#: What only looks: everything else did something.
LOOKS = frozenset(
    {
        "read",
        "search",
        "export",
        "export_fetch",
        "evidence_open",
        "photo_ask",
        "photo_open",
        "assay_open",
        "callback_open",
    }
)
#: For lines that nobody of the staff wrote.
SYSTEM = "system"


def _text(label: str, most: int, help_text: str = "", **attrs: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=most,
        help_text=help_text,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", **attrs}
        ),
        error_messages={"max_length": f"This is too long: at most {most} characters."},
    )


def _choice(label: str, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        required=False,
        choices=choices,
        error_messages={"invalid_choice": "There is no such choice here."},
    )


def _pages() -> list[tuple[str, str]]:
    """Every page of the desk by the name of its path, as the lines have it."""
    names = [
        name for name in get_resolver().reverse_dict if isinstance(name, str) and name.startswith("desk")
    ]
    return [("", "Any page"), *sorted(((name, page_words(name)) for name in names), key=itemgetter(1))]


#: What the navigation calls a place whose addresses have another word.
_PLACES = {"kyc": "identity", "factor": "lost codes", "money": "money in", "close": "daily close"}


def page_words(name: str) -> str:
    """`desk_kyc_case` -> "Identity case"; the overview is called `desk`."""
    if name == "desk":
        return "Overview"
    place, *rest = name.removeprefix("desk_").replace(":", ": ").split("_")
    return " ".join([_PLACES.get(place, place), *rest]).capitalize()


class AuditFilters(forms.Form):
    """Which lines. Each field is a column with an index, or narrows what the others find; none searches in values."""

    show = _choice(
        "Lines", [("", "Everything"), ("acts", "Only what was done"), ("looks", "Only what was read")]
    )
    who = _text("Who did it (e-mail)", 254)
    action = _choice("What", [("", "Anything"), *ACTIONS.items()])
    subject = _text("About", 120, "An id, or a word and an id, like order:1b9d…")
    person = _text("About whom (e-mail)", 254)
    where = _choice("Page", _pages)
    address = _text("IP address", 45)
    since = Moment("From day")
    until = Moment("To day", ends=True)

    def __init__(self, data: Mapping[str, Any]) -> None:
        names = [*self.base_fields, "since_time", "until_time"]
        super().__init__({name: str(data.get(name) or "").replace("\x00", "")[:400] for name in names})

    # --- each field ---

    def clean_who(self) -> User | str:
        text = str(self.cleaned_data["who"])
        return SYSTEM if text == SYSTEM else _somebody(text) or ""

    def clean_person(self) -> User | str:
        return _somebody(str(self.cleaned_data["person"])) or ""

    def clean_address(self) -> str:
        text = str(self.cleaned_data["address"])
        if not text:
            return ""
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            raise forms.ValidationError("Write an address like 41.90.4.7.", code="address") from None

    def clean_subject(self) -> list[str]:
        """What the column may hold for what was typed: a bare id may be that of anything."""
        text = str(self.cleaned_data["subject"])
        if not text or not re.fullmatch(r"\d{1,18}|[0-9a-fA-F-]{32,36}", text):
            return [text] if text else []
        try:
            text = text if text.isdigit() and len(text) < 19 else str(uuid.UUID(text))
        except ValueError:
            raise forms.ValidationError("This is no id.", code="id") from None
        return [f"{word}:{text}" for word in SUBJECT_WORDS]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        in_order(self, data)
        return data

    # --- what it finds ---

    def lines(self, *, after: str, limit: int = _PAGE) -> Page[AuditEntry]:
        """A page of the lines, newest first. For a form that is valid."""
        asked = self.cleaned_data
        rows = self._narrowed(AuditEntry.objects.select_related("actor", "person"))
        if asked["since"] or asked["until"]:
            # By the index that the span is found by: numbers would be walked from the newest down to it.
            return page_of(rows, by="at", after=after, limit=limit)
        return page_by_number(rows, after=after, limit=limit)

    def exceeds(self, most: int) -> bool:
        """Whether more lines fit. For a form that is valid."""
        return more_than(self._narrowed(AuditEntry.objects.all()), most)

    def _narrowed(self, rows: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        asked = self.cleaned_data
        if asked["show"] == "acts":
            rows = rows.exclude(action__in=LOOKS)
        if asked["show"] == "looks":
            rows = rows.filter(action__in=LOOKS)
        if asked["who"]:
            rows = rows.filter(actor=None if asked["who"] == SYSTEM else asked["who"])
        if asked["subject"]:
            rows = rows.filter(Q(subject__in=asked["subject"]) | Q(about__in=asked["subject"]))
        if asked["since"]:
            rows = rows.filter(at__gte=asked["since"])
        if asked["until"]:
            rows = rows.filter(at__lt=asked["until"])
        if asked["where"]:
            rows = rows.filter(page=asked["where"])
        same = {name: asked[name] for name in ("action", "person", "address") if asked[name]}
        return rows.filter(**same)

    def query(self, **more: str) -> str:
        """What was typed as part of an address, with `more` behind it."""
        found = {name: self[name].value() for name in self.fields}
        typed = {name: str(text) for name, text in found.items() if text}
        return urlencode({**typed, **{name: text for name, text in more.items() if text}}, errors="replace")

    @property
    def sentences(self) -> list[str]:
        """What is wrong, each with its field, for the part of the page that htmx puts in."""
        return [f"{self.fields[name].label}: {errors[0]}" for name, errors in self.errors.items()]


def _somebody(email: str) -> User | None:
    if not email:
        return None
    found = person_by_email(email)
    if found is None:
        raise forms.ValidationError("Nobody has this e-mail address.", code="person")
    return found


# --- the page -------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A line as the page shows it. `changes`: each value's name, before and after. `thing`: what a request is about."""

    entry: AuditEntry
    did: str
    page: str
    about: str
    url: str
    thing: str
    thing_url: str
    person_url: str
    changes: list[tuple[str, str, str]]


@require_GET
@staff_page(Role.TREASURY, reads="audit")
def audit(request: HttpRequest) -> HttpResponse:
    """The trail and its filters. Reading it is a line of it as well, written once for each look."""
    me = cast(User, request.user)
    refused: Refused | None = search_refused(request, "who", "person", address=True)
    # Who has looked for too many people gets the filters empty: reading them would look for one more.
    form = AuditFilters({} if refused else request.GET)
    page: Page[AuditEntry] = Page([], "")
    if refused is None and form.is_valid():
        if isinstance(form.cleaned_data["person"], User):
            about_person(request, form.cleaned_data["person"].pk)
        try:
            with in_time():
                page = form.lines(after=request.GET.get("after", ""))
        except Refused as error:
            refused = error
    context = {
        "form": form,
        "refused": refused,
        "rows": [_row(entry, me) for entry in page.rows],
        "query": form.query(),
        "older_url": f"{reverse('desk_audit')}?{form.query(after=page.older)}" if page.older else "",
        "takes_out": may_see(me, *EXPORTS["audit"].roles),
    }
    status = refused.status if refused else 200 if form.is_valid() else 400
    return page_or_part(request, "oversight/audit.html", context, part="rows", status=status)


def _row(entry: AuditEntry, reader: User) -> Row:
    person = f"person:{entry.person_id}" if entry.person_id else ""
    return Row(
        entry=entry,
        did=ACTIONS.get(entry.action, entry.action),
        page=page_words(entry.page) if entry.page else "",
        about=subject_words(entry.subject),
        url=subject_url(entry.subject, reader),
        thing=subject_words(entry.about),
        thing_url=subject_url(entry.about, reader),
        person_url=subject_url(person, reader) if person else "",
        changes=changes(entry),
    )


def changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Before and after, name by name, in the order in which they were written."""
    before, after = entry.before or {}, entry.after or {}
    names = list(dict.fromkeys([*before, *after]))
    return [(name.replace("_", " "), _shown(before.get(name)), _shown(after.get(name))) for name in names]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def filters_read(filters: Mapping[str, str]) -> AuditFilters:
    """The form of a list that is taken out. Raises Refused with its first sentence."""
    form = AuditFilters(filters)
    if not form.is_valid():
        raise Refused(form.sentences[0], code="filters")
    return form
