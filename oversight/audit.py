"""The audit trail at the desk: who of the staff did what and who read what, newest first. Nothing is changed here."""

import ipaddress
import re
import uuid
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver, reverse
from django.views.decorators.http import require_GET

from accounts.filters import Moment, in_order
from accounts.models import User
from accounts.permissions import about_person, may_see, staff_page
from accounts.roles import Role
from accounts.searching import search_refused
from accounts.selectors import person_by_email
from controls.audit import ACTIONS, entries_about, people_of
from controls.exports import EXPORTS
from controls.models import AuditEntry
from goldwallet.budget import in_time
from goldwallet.errors import Refused
from goldwallet.fragments import page_or_part
from goldwallet.paging import Page, more_than, page_by_number, page_of
from oversight.naming import SUBJECT_WORDS
from oversight.trail import LOOKS, page_words, row_of, things

_PAGE = 50
#: What a page shows in place is asked for by one address: all prices that it lists.
_LONGEST, _MOST_THINGS = 2000, 200
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


class AuditFilters(forms.Form):
    """Which lines. Each field is a column with an index, or narrows what the others find; none searches in values."""

    show = _choice(
        "Lines", [("", "Everything"), ("acts", "Only what was done"), ("looks", "Only what was read")]
    )
    who = _text("Who did it (e-mail)", 254)
    action = _choice("What", [("", "Anything"), *ACTIONS.items()])
    subject = _text(
        "About", _LONGEST, "An id, or a word and an id, like order:1b9d…, or several with blanks between"
    )
    person = _text("About whom (e-mail)", 254)
    where = _choice("Page", _pages)
    address = _text("IP address", 45)
    since = Moment("From day")
    until = Moment("To day", ends=True)

    def __init__(self, data: Mapping[str, Any]) -> None:
        names = [*self.base_fields, "since_time", "until_time"]
        most = dict.fromkeys(names, 400) | {"subject": _LONGEST + 1}
        super().__init__(
            {name: str(data.get(name) or "").replace("\x00", "")[:long] for name, long in most.items()}
        )

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
        """What the columns may hold for what was typed."""
        found = [name for text in things(str(self.cleaned_data["subject"])) for name in _meant(text)]
        if len(found) > _MOST_THINGS:
            raise forms.ValidationError("These are too many at once. Ask for fewer.", code="many")
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        in_order(self, data)
        return data

    # --- what it finds ---

    def lines(self, *, after: str, limit: int = _PAGE) -> Page[AuditEntry]:
        """A page of the lines, newest first. For a form that is valid."""
        asked = self.cleaned_data
        rows = self.narrowed()
        if asked["since"] or asked["until"]:
            # By the index that the span is found by: numbers would be walked from the newest down to it.
            return page_of(rows, by="at", after=after, limit=limit)
        return page_by_number(rows, after=after, limit=limit)

    def exceeds(self, most: int) -> bool:
        """Whether more lines fit. For a form that is valid."""
        return more_than(self.narrowed(), most)

    def narrowed(self) -> QuerySet[AuditEntry]:
        """All the lines, in no order. For a form that is valid."""
        asked = self.cleaned_data
        rows = AuditEntry.objects.select_related("actor", "person")
        if asked["subject"]:
            rows = entries_about(*asked["subject"])
        if asked["show"] == "acts":
            rows = rows.exclude(action__in=LOOKS)
        if asked["show"] == "looks":
            rows = rows.filter(action__in=LOOKS)
        if asked["who"]:
            rows = rows.filter(actor=None if asked["who"] == SYSTEM else asked["who"])
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


def _meant(text: str) -> list[str]:
    """A bare id may be that of anything."""
    if not re.fullmatch(r"\d{1,18}|[0-9a-fA-F-]{32,36}", text):
        return [text]
    try:
        text = text if text.isdigit() and len(text) < 19 else str(uuid.UUID(text))
    except ValueError:
        raise forms.ValidationError("This is no id.", code="id") from None
    return [f"{word}:{text}" for word in SUBJECT_WORDS]


def _somebody(email: str) -> User | None:
    if not email:
        return None
    found = person_by_email(email)
    if found is None:
        raise forms.ValidationError("Nobody has this e-mail address.", code="person")
    return found


# --- the page -------------------------------------------------------------------------------------


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
        try:
            with in_time():
                page = form.lines(after=request.GET.get("after", ""))
        except Refused as error:
            refused = error
        about_person(request, _whose(form.cleaned_data, page.rows))
    context = {
        "form": form,
        "refused": refused,
        "rows": [row_of(entry, me) for entry in page.rows],
        "query": form.query(),
        "older_url": f"{reverse('desk_audit')}?{form.query(after=page.older)}" if page.older else "",
        "takes_out": may_see(me, *EXPORTS["audit"].roles),
    }
    status = refused.status if refused else 200 if form.is_valid() else 400
    return page_or_part(request, "oversight/audit.html", context, part="rows", status=status)


def _whose(asked: dict[str, Any], rows: list[AuditEntry]) -> uuid.UUID | None:
    """Whose lines were asked for, when it is one person. By an id of nobody's nothing is found."""
    if isinstance(asked["person"], User):
        return asked["person"].pk
    people = people_of(asked["subject"])
    known = {entry.person_id for entry in rows} & set(people)
    return people[0] if len(people) == 1 and known else None


def filters_read(filters: Mapping[str, str]) -> AuditFilters:
    """The form of a list that is taken out. Raises Refused with its first sentence."""
    form = AuditFilters(filters)
    if not form.is_valid():
        raise Refused(form.sentences[0], code="filters")
    return form
