"""What staff ask the ledger for; each refusal is a sentence beside its field."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.selectors import person_by_email
from goldwallet import money
from goldwallet.clock import midnight
from goldwallet.errors import Refused
from ledger import chart
from ledger.listing import Wanted, accounts_named, kinds
from oversight.book.causes import keys_about
from oversight.naming import kind_words

_ASSETS: list[tuple[str, str]] = [(chart.KES, "Shillings (KES)"), (chart.GOLD, "Gold (g)")]
_OWNERS = [("people", "People"), ("pools", "Pools"), ("house", "The house and M-Pesa")]
#: What is posted without a person: by the worker, and by a price or a payment that came by itself.
SYSTEM = "system"
_PARSERS: dict[str, Callable[[str], Decimal]] = {chart.GOLD: money.parse_grams, chart.KES: money.parse_price}


class _Text(forms.CharField):
    """Text without what the database would not take, and without an own sentence for NUL."""

    def __init__(self, label: str, *, most: int, **attributes: Any) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", **attributes}
        super().__init__(label=label, required=False, max_length=most, widget=forms.TextInput(attrs=attrs))

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\x00", "").strip()

    def run_validators(self, value: Any) -> None:
        if value and len(value) > (self.max_length or 0):
            raise ValidationError(f"Write at most {self.max_length} letters.", code="long")


class _Day(forms.DateField):
    """A day of Nairobi. "2026-11-21", as a browser's date field writes it."""

    def __init__(self, label: str) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            error_messages={"invalid": "Write a day like 2026-11-21."},
        )

    def clean(self, value: Any) -> dt.date | None:
        day: dt.date | None = super().clean(value)
        # Beyond these the next midnight, or the same one in UTC, is no time that the database or Python knows.
        if day is not None and not 2000 <= day.year <= 2999:
            raise ValidationError("Write a year from 2000 to 2999.", code="year")
        return day


class Days(forms.Form):
    """From one day to another, both included, as Nairobi counts them."""

    since = _Day("From day")
    until = _Day("To day")

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        since, until = asked.get("since"), asked.get("until")
        if since and until and until < since:
            self.add_error("until", "The last day is before the first.")
        return asked

    @property
    def begins(self) -> dt.datetime | None:
        day = self.cleaned_data.get("since") if self.is_bound else None
        return midnight(day) if day else None

    @property
    def ends(self) -> dt.datetime | None:
        """The midnight after the last day: no longer in it."""
        day = self.cleaned_data.get("until") if self.is_bound else None
        return midnight(day + dt.timedelta(days=1)) if day else None


def _choice(label: str, choices: list[tuple[str, str]], *, any_word: str = "Any") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        required=False,
        choices=[("", any_word), *choices],
        error_messages={"invalid_choice": "Choose one of these."},
    )


class AccountFilters(forms.Form):
    code = _Text("E-mail or part of a code", most=254, placeholder="say mpesa:", type="search")
    asset = _choice("Asset", _ASSETS, any_word="Shillings and gold")
    owner = _choice("Whose", _OWNERS, any_word="Everybody's")


class TransactionFilters(Days):
    """Everything that is filled in must be so. `wanted` is what it means, once the form is valid."""

    kind = _choice("Kind", [])
    account = _Text("Person or account", most=254, placeholder="say house:sales")
    about = _Text("Reference or receipt", most=200, placeholder="or a key")
    actor = _Text("Posted by", most=254, placeholder="e-mail or system")
    asset = _choice("Moves", _ASSETS)
    at_least = _Text("Amount from", most=24, inputmode="decimal")
    at_most = _Text("Amount to", most=24, inputmode="decimal")
    number = _Text("Number", most=18, inputmode="numeric")
    field_order = [
        "account", "about", "kind", "actor", "since", "until", "asset", "at_least", "at_most", "number"
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = [(kind, kind_words(kind)) for kind in kinds()]
        self.fields["kind"].choices = [("", "Any"), *words]  # type: ignore[attr-defined]

    def clean_number(self) -> int | None:
        text: str = self.cleaned_data["number"]
        if text and not (text.isascii() and text.isdigit()):
            raise ValidationError("Write the number with digits only.", code="number")
        return int(text) if text else None

    def clean(self) -> dict[str, Any]:
        asked = super().clean()
        asset = asked.get("asset")
        for name in ("at_least", "at_most"):
            text = asked.get(name)
            asked[name] = None
            if not text or "asset" in self.errors:
                continue
            if not asset:
                self.add_error("asset", "Choose shillings or gold, so that the amount means something.")
                break
            try:
                asked[name] = _PARSERS[asset](text)
            except Refused as refused:
                self.add_error(name, refused.sentence)
        least, most = asked.get("at_least"), asked.get("at_most")
        if least is not None and most is not None and most < least:
            self.add_error("at_most", "This is less than the amount before it.")
        return asked

    def wanted(self) -> Wanted | None:
        """None: there is no such person or account, so nothing is wanted that could be there."""
        asked = self.cleaned_data if self.is_bound else {}
        accounts, keys, actor = None, None, None
        if written := asked.get("account"):
            accounts = accounts_named(code_meant(written))
        if written := asked.get("about"):
            keys = keys_about(written)
        if written := asked.get("actor"):
            person = None if written.lower() == SYSTEM else person_by_email(written)
            if person is None and written.lower() != SYSTEM:
                return None
            actor = str(person.pk) if person else ""
        if accounts == () or keys == ():
            return None
        return Wanted(
            number=asked.get("number"),
            kind=asked.get("kind") or None,
            accounts=accounts,
            asset=asked.get("asset") or None,
            at_least=asked.get("at_least"),
            at_most=asked.get("at_most"),
            since=self.begins,
            until=self.ends,
            actor=actor,
            keys=keys,
        )


def code_meant(written: str) -> str:
    """The beginning of the codes that were meant: a person's, for an e-mail address that somebody has."""
    person = person_by_email(written) if "@" in written else None
    return f"user:{person.pk}" if person else written


def refusal(form: forms.Form) -> Refused:
    """The form's first sentence, for who asked without a page."""
    name, sentences = next(iter(form.errors.items()))
    label = form.fields[name].label if name in form.fields else ""
    return Refused(f"{label}: {sentences[0]}" if label else str(sentences[0]), code="filters")
