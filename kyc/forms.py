"""What a person writes about themselves. Fields are named one by one; what is checked stands in `kyc.facts`."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from django import forms

from goldwallet.errors import Refused
from goldwallet.typed import read
from kyc.facts import birth_date_parse, id_number_parse, name_parse
from kyc.models import IdType, Part

_MISSING = {"required": "Please fill this in."}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def _digits(label: str, *, length: int, autocomplete: str) -> forms.CharField:
    """A number that a phone asks for with its digits, and that no arrow key or wheel changes."""
    attributes = {
        "inputmode": "numeric",
        "autocomplete": autocomplete,
        "maxlength": length,
        "class": f"digits-{length}",
    }
    return forms.CharField(
        label=label, max_length=length, error_messages=_MISSING, widget=forms.TextInput(attrs=attributes)
    )


class AboutForm(forms.Form):
    """Legal name and date of birth; after a review only what was refused of the two."""

    legal_name = forms.CharField(
        label="Your full name",
        help_text="All names, as they stand on your ID.",
        max_length=200,
        error_messages=_MISSING,
        widget=forms.TextInput(
            attrs={"autocomplete": "name", "autocapitalize": "words", "spellcheck": "false"}
        ),
    )
    birth_day = _digits("Day", length=2, autocomplete="bday-day")
    birth_month = forms.ChoiceField(
        label="Month",
        choices=[("", ""), *((str(number), name) for number, name in enumerate(_MONTHS, 1))],
        error_messages={**_MISSING, "invalid_choice": "Choose the month."},
        widget=forms.Select(attrs={"autocomplete": "bday-month"}),
    )
    birth_year = _digits("Year", length=4, autocomplete="bday-year")

    def __init__(self, *args: Any, parts: Collection[Part], today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._today = today
        if Part.NAME not in parts:
            del self.fields["legal_name"]
        if Part.BIRTH_DATE not in parts:
            for name in ("birth_day", "birth_month", "birth_year"):
                del self.fields[name]

    def clean_legal_name(self) -> str:
        return read(name_parse, self.cleaned_data["legal_name"])

    def clean(self) -> dict[str, Any]:
        """The three parts of the date are one: its error stands at the year, the last of them."""
        data: dict[str, Any] = super().clean() or {}
        if {"birth_day", "birth_month", "birth_year"} <= data.keys():
            try:
                data["birth_date"] = birth_date_parse(
                    day=data["birth_day"],
                    month=data["birth_month"],
                    year=data["birth_year"],
                    today=self._today,
                )
            except Refused as refused:
                self.add_error("birth_year", forms.ValidationError(refused.sentence, code=refused.code))
        return data


class IdForm(forms.Form):
    """Which ID, and its number."""

    id_type = forms.ChoiceField(
        label="Which ID do you show us?",
        choices=IdType.choices,
        error_messages={"required": "Choose one of them.", "invalid_choice": "Choose one of them."},
        widget=forms.RadioSelect,
    )
    id_number = forms.CharField(
        label="Its number",
        help_text="For example 12345678 on a national ID, AK0123456 in a passport.",
        max_length=30,
        error_messages=_MISSING,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if {"id_type", "id_number"} <= data.keys():
            try:
                data["id_number"] = id_number_parse(data["id_type"], data["id_number"])
            except Refused as refused:
                self.add_error("id_number", forms.ValidationError(refused.sentence, code=refused.code))
        return data
