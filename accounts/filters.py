"""What the desk's long lists are filtered by: one form below all of them, and each list adds its own fields.

Filters stand in addresses (bookmarks, exports), so any may be missing, come twice, or hold nonsense. What cannot be
read has a sentence beside its field, and then the list shows nothing: a filter that is passed over shows too much.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Model, QuerySet
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.selectors import people_named
from accounts.whose import only, person_meant
from goldwallet import money, phones
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.sealing import fingerprint
from goldwallet.typed import read_if_any

#: A name that more people share says too little; the list would be no answer.
MOST_PEOPLE = 200
_YEARS = range(2020, 2100)
#: Longer than any field takes: the rest of what somebody pastes is not read.
_LONGEST = 400


class Ticks(forms.CheckboxSelectMultiple):
    """Several of a few. In an address they stand one by one, as a form sends them, or in one value with commas."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        found = data.getlist(name) if isinstance(data, QueryDict) else [data.get(name) or ""]
        return [part for text in found for part in str(text).split(",") if part]


def ticks(label: str, choices: Sequence[tuple[str, str]]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label,
        choices=choices,
        required=False,
        widget=Ticks,
        error_messages={"invalid_choice": "There is no such choice here."},
    )


def one_of(label: str, choices: Sequence[tuple[str, str]], *, any_: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=[("", any_), *choices],
        required=False,
        error_messages={"invalid_choice": "There is no such choice here."},
    )


def _text(label: str, most: int, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", **attrs})
    too_long = {"max_length": f"This is too long: at most {most} characters."}
    return forms.CharField(
        label=label, required=False, max_length=most, widget=widget, error_messages=too_long
    )


class MomentInput(forms.Widget):
    """A day, and a time where somebody wants one: two inputs, `since` and `since_time`. In an address it is one text
    (`2026-11-21`, `2026-11-21T14:30`). The browser's own input for both at once sends nothing at all while the time is
    missing, and then the list shows too much.
    """

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        day, time = (str(data.get(one) or "").strip() for one in (name, f"{name}_time"))
        return f"{_split(day)[0]}T{time}" if time else day

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and f"{name}_time" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        day, time = _split(str(value or ""))
        found = self.build_attrs(self.attrs, attrs)
        label = found.pop("data-label", "")
        return format_html(
            '<span class="moment"><input type="date" name="{0}" value="{1}"{2}>'
            '<input type="time" name="{0}_time" value="{3}" aria-label="{4}"{5}></span>',
            name,
            day,
            flatatt(found),
            time,
            label,
            flatatt({**found, "id": f"{found['id']}_time"} if "id" in found else {}),
        )


#: Between a day and its time; the day may be missing.
_BETWEEN = re.compile(r"(?:(?<=\d)|^)[T ](?=\d)")


def _split(text: str) -> tuple[str, str]:
    """A day and its time; each may be empty."""
    day, *time = _BETWEEN.split(text, maxsplit=1)
    return day, "".join(time)


class Moment(forms.Field):
    """A time in Nairobi to the minute, or a day: read as the moment at which it begins, with `ends` as the first one
    that does not belong to it any more. So both ends of a span count.
    """

    _FORMATS = (
        ("%Y-%m-%d", dt.timedelta(days=1)),
        ("%Y-%m-%dT%H:%M", dt.timedelta(minutes=1)),
        ("%Y-%m-%dT%H:%M:%S", dt.timedelta(seconds=1)),
    )

    def __init__(self, label: str, *, ends: bool = False) -> None:
        self.ends = ends
        widget = MomentInput(attrs={"data-label": f"{label.removesuffix(' day')} time"})
        super().__init__(label=label, required=False, widget=widget)

    def to_python(self, value: Any) -> dt.datetime | None:
        day, time = _split(str(value or "").strip())
        if not day and not time:
            return None
        if not day:
            raise forms.ValidationError("Write the day of this time, too.", code="day")
        for layout, length in self._FORMATS:
            try:
                found = dt.datetime.strptime(f"{day}T{time}" if time else day, layout).replace(tzinfo=NAIROBI)
            except ValueError:
                continue
            # What no row can have would run over the edge of the calendar.
            if found.year not in _YEARS:
                raise forms.ValidationError(
                    f"Write a year between {_YEARS[0]} and {_YEARS[-1]}.", code="year"
                )
            return found + length if self.ends else found
        raise forms.ValidationError(
            "Write a day like 2026-11-21, and a time like 14:30 if you want one.", code="invalid"
        )


def in_order(form: forms.Form, data: Mapping[str, Any]) -> None:
    """`until` must not end before `since` begins."""
    since, until = data.get("since"), data.get("until")
    if since and until and since >= until:
        form.add_error("until", "This is before the time it begins with.")


class ListFilters(forms.Form):
    """Whose, how much, when, under which number. Amounts are whole KES, times are Nairobi's, and both ends count."""

    person = _text("Username or e-mail", 254)
    phone = _text("Phone", 24, inputmode="tel")
    kes_from = _text("From KES", 24, inputmode="decimal")
    kes_to = _text("To KES", 24, inputmode="decimal")
    since = Moment("From day")
    until = Moment("To day", ends=True)
    reference = _text("Reference", 20, autocapitalize="characters")
    receipt = _text("M-Pesa receipt", 20, autocapitalize="characters")

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(_without_nul(data))
        self._people: list[Any] | None = None

    # --- each field ---

    def clean_phone(self) -> str:
        return read_if_any(phones.normalise, self.cleaned_data["phone"]) or ""

    def clean_kes_from(self) -> Any:
        return read_if_any(money.parse_shillings, self.cleaned_data["kes_from"])

    def clean_kes_to(self) -> Any:
        return read_if_any(money.parse_shillings, self.cleaned_data["kes_to"])

    def clean_reference(self) -> str:
        return str(self.cleaned_data["reference"]).upper()

    def clean_receipt(self) -> str:
        return str(self.cleaned_data["receipt"]).upper()

    def clean_person(self) -> str:
        name = str(self.cleaned_data["person"])
        if name:
            self._people = people_named(name, most=MOST_PEOPLE + 1)
            if len(self._people) > MOST_PEOPLE:
                raise forms.ValidationError(
                    f"More than {MOST_PEOPLE} people have this in their username or e-mail. Write more of it.",
                    code="many",
                )
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        low, high = data.get("kes_from"), data.get("kes_to")
        if low is not None and high is not None and low > high:
            self.add_error("kes_to", "This is less than the amount it begins with.")
        in_order(self, data)
        return data

    # --- what the lists make of them ---

    def narrow[M: Model](self, rows: QuerySet[M], *, amount: str) -> QuerySet[M]:
        """`rows` of these people, amounts (column `amount`) and times (of `created_at`). For a form that is valid."""
        asked = self.cleaned_data
        if self._people is not None:
            rows = rows.filter(user_id__in=self._people)
        if asked["kes_from"] is not None:
            rows = rows.filter(**{f"{amount}__gte": asked["kes_from"]})
        if asked["kes_to"] is not None:
            rows = rows.filter(**{f"{amount}__lte": asked["kes_to"]})
        if asked["since"]:
            rows = rows.filter(created_at__gte=asked["since"])
        if asked["until"]:
            rows = rows.filter(created_at__lt=asked["until"])
        return rows

    @property
    def phone_hash(self) -> str:
        """What the number is looked up by; empty when none is asked for."""
        phone = self.cleaned_data["phone"]
        return fingerprint(phone, kind="phone") if phone else ""

    def person_id(self, shown: Iterable[uuid.UUID]) -> uuid.UUID | None:
        """Whom a look at the list is about, when it was asked for by what names somebody; `shown` are the people of its
        rows. For the audit trail.
        """
        asked = self.cleaned_data
        if not any(asked.get(name) for name in ("person", "phone", "reference", "receipt")):
            return None
        if found := only(shown):
            return found
        return only(self._people) if self._people is not None else person_meant(phone=asked.get("phone", ""))

    def query(self, **more: str) -> str:
        """The filters as part of an address, those that say something; `more` stands behind them."""
        asked = {}
        for name in self.fields:
            found = self[name].value()
            text = ",".join(map(str, found)) if isinstance(found, (list, tuple)) else str(found or "")
            if text:
                asked[name] = text
        return urlencode({**asked, **{name: text for name, text in more.items() if text}}, errors="replace")

    def or_refuse(self) -> None:
        """For lists that are taken out. Raises Refused with the first sentence."""
        for name, errors in self.errors.items():
            label = self.fields[name].label if name in self.fields else "Filters"
            raise Refused(f"{label}: {errors[0]}", code="filters")

    @property
    def sentences(self) -> list[str]:
        """What is wrong, each with its field, for the part of the page that htmx puts in."""
        return [f"{self.fields[name].label}: {errors[0]}" for name, errors in self.errors.items()]


def _without_nul(data: Mapping[str, Any]) -> QueryDict:
    """A copy that PostgreSQL can be asked with, and no longer than a person writes."""
    copy = QueryDict(mutable=True)
    for name in data:
        found = data.getlist(name) if isinstance(data, QueryDict) else [data[name]]
        copy.setlist(name, [str(text).replace("\x00", "")[:_LONGEST] for text in found[:40]])
    return copy


def told(form: forms.BaseForm) -> str:
    """What a list is narrowed to, as its form calls it; empty when it is whole."""
    said = []
    for field in form:
        value = field.value() if form.is_bound and not field.is_hidden else ""
        names = dict(getattr(field.field, "choices", ()))
        words = [str(names.get(one, one)) for one in (value if isinstance(value, list) else [value]) if one]
        if words:
            text = ", ".join(words)
            said.append(
                f"{field.label}: {' '.join(_split(text)) if isinstance(field.field, Moment) else text}"
            )
    return "; ".join(said)
