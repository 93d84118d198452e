"""What staff type at the desk, read strictly; each refusal is a sentence beside its field."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from django import forms

from goldwallet import money
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from pools.models import PoolStatus
from pools.services.bars import MOST_BARS_AT_ONCE


def _decimal(parse: Callable[[str], Decimal], text: str) -> Decimal:
    try:
        return parse(text)
    except Refused as refused:
        raise forms.ValidationError(refused.sentence, code=refused.code) from None


def _parts_per_thousand(text: str) -> Decimal:
    try:
        value = money.parse_grams(text)
    except Refused:
        raise Refused(
            "Write it in parts per thousand, with digits only, for example 999.9.", code="number"
        ) from None
    if value != round(value, 3):
        raise Refused("Use at most 3 digits after the point, for example 999.9.", code="number")
    return value


def _number(label: str, missing: str, help_text: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(
        label=label, help_text=help_text, max_length=24, error_messages={"required": missing}, widget=widget
    )


_PRIORITY = "Write a number from 1 to 1000."


class PoolForm(forms.Form):
    """A pool as the desk changes it."""

    name = forms.CharField(
        max_length=60,
        error_messages={"required": "Give the pool a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    priority = forms.IntegerField(
        label="Order of sale",
        min_value=1,
        max_value=1000,
        initial=1,
        help_text="1 is sold first. Of two pools with one number, the older one.",
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), _PRIORITY),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    status = forms.ChoiceField(
        label="State",
        choices=PoolStatus,
        initial=PoolStatus.OPEN,
        help_text="People buy from open pools only. What they sell still goes back into a closed one.",
    )
    note = forms.CharField(
        required=False,
        max_length=2000,
        help_text="For staff. Customers do not see it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class NewPoolForm(PoolForm):
    """A pool as it is made: its purity is said once and stays."""

    purity = _number(
        "Purity, parts per thousand",
        "Write the purity, for example 999.9.",
        "999.9 is 24 karat, 916.6 is 22 karat. No bar of this pool may be less pure.",
    )
    field_order = ["name", "purity", "priority", "status", "note"]

    def clean_purity(self) -> Decimal:
        return _decimal(_parts_per_thousand, self.cleaned_data["purity"])


class BarForm(forms.Form):
    """One bar, as its certificate describes it. An empty one among others is left out."""

    serial = forms.CharField(
        label="Serial number",
        max_length=60,
        error_messages={"required": "Write the serial number that is stamped on the bar."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "class": "code"}
        ),
    )
    gross_grams = _number("Weight in grams", "Write the weight of the bar.")
    fineness = _number("Fineness, per thousand", "Write the fineness, for example 999.9.")
    refiner = forms.CharField(required=False, max_length=80)

    def clean_gross_grams(self) -> Decimal:
        return _decimal(money.parse_grams, self.cleaned_data["gross_grams"])

    def clean_fineness(self) -> Decimal:
        return _decimal(_parts_per_thousand, self.cleaned_data["fineness"])


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class _BaseBars(forms.BaseFormSet):  # type: ignore[type-arg]
    default_error_messages = {
        "missing_management_form": "Something of this form got lost. Open the page again."
    }

    def bars(self) -> list[dict[str, str]]:
        """The bars that were filled in, as a request keeps them (`pools.requests.bars_add_describe`)."""
        filled = [form.cleaned_data for form in self.forms if form.has_changed()]
        return [{name: _plain(value) for name, value in bar.items()} for bar in filled]


def bar_forms(data: Any = None, *, rows: int = 1) -> _BaseBars:
    """Fields for `rows` bars, or as many as `data` brings."""
    made = forms.formset_factory(
        BarForm, formset=_BaseBars, extra=rows, max_num=MOST_BARS_AT_ONCE, absolute_max=MOST_BARS_AT_ONCE
    )
    return cast(_BaseBars, made(data, prefix="bars"))


class PriceForm(forms.Form):
    """The two prices, from now or from a time in Nairobi on."""

    buy = _number("People buy one gram for", "Write the price at which people buy.")
    sell = _number("People sell one gram for", "Write the price at which people sell.")
    effective_from = forms.DateTimeField(
        label="From",
        required=False,
        help_text="Nairobi time. Leave it empty to set the prices now.",
        error_messages={"invalid": "Write the day and the time, for example 2026-11-21 14:30."},
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )
    reason = forms.CharField(
        max_length=200,
        error_messages={"required": "Say in a few words why, for the record."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    # A move beyond the band: the form then asks a second person.
    takes_two = False

    def clean_buy(self) -> Decimal:
        return _decimal(money.parse_price, self.cleaned_data["buy"])

    def clean_sell(self) -> Decimal:
        return _decimal(money.parse_price, self.cleaned_data["sell"])

    def clean_effective_from(self) -> dt.datetime | None:
        moment: dt.datetime | None = self.cleaned_data["effective_from"]
        return moment.astimezone(NAIROBI) if moment else None
