"""What staff type at the desk, read strictly; each refusal is a sentence beside its field."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.forms.utils import ErrorDict

from accounts.filters import one_of
from goldwallet import money
from goldwallet.clock import NAIROBI
from goldwallet.errors import Refused
from goldwallet.typed import read
from pools.models import BarStatus, Pool
from pools.services.bars import MOST_BARS_AT_ONCE, NewBar, bar_checked, bar_fits


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


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        error_messages={"invalid": "Write a day, for example 2026-11-21."},
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class PoolForm(forms.Form):
    """A pool as the desk changes it. Its place in the order and its state change on pages of their own."""

    name = forms.CharField(
        max_length=60,
        error_messages={"required": "Give the pool a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
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
    field_order = ["name", "purity", "note"]

    def clean_purity(self) -> Decimal:
        return read(_parts_per_thousand, self.cleaned_data["purity"])


class BarFilters(forms.Form):
    """Which bars of a pool the list shows, and in which order."""

    q = forms.CharField(
        label="Serial or refiner",
        required=False,
        max_length=80,
        error_messages={"max_length": "This is too long: at most 80 characters."},
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    status = one_of(
        "State", [(BarStatus.WITHDRAWN.value, "Withdrawn"), ("all", "Both")], any_=BarStatus.ACTIVE.label
    )
    assay = one_of(
        "Assay", [("with", "With an assay"), ("without", "Without an assay")], any_="With or without"
    )
    sort = one_of(
        "Sorted by",
        [("refiner", "Refiner"), ("heaviest", "Fine gold, most first"), ("newest", "Newest first")],
        any_="Serial number",
    )


class RangeForm(forms.Form):
    """The days, in Nairobi, whose movements a ledger page shows. Both count; empty is without an end."""

    account = one_of("Account", [("vault", "Vault")], any_="Free grams")
    start = _day("From day")
    end = _day("To day")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        start, end = data.get("start"), data.get("end")
        if start and end and end < start:
            self.add_error("end", "This day is before the first one.")
        return data


class ReasonForm(forms.Form):
    """Why a pool is closed or opened."""

    reason = forms.CharField(
        label="Why? This stays in the history.",
        max_length=500,
        error_messages={"required": "Write why, for the history."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class AssayForm(forms.Form):
    """The refiner's certificate. What it really is the service says (`services.assay_add`)."""

    file = forms.FileField(
        label="Certificate or assay report",
        allow_empty_file=True,
        error_messages={"required": "Choose a file."},
        help_text="PDF, PNG or JPEG, at most 2 MB. It is kept sealed, and each opening is noted.",
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
    )


#: What a refusal of a bar is about -> its field.
_BAR_FIELDS = {
    "serial": "serial",
    "weight": "gross_grams",
    "fineness": "fineness",
    "fineness_below_purity": "fineness",
    "refiner": "refiner",
}


class BarForm(forms.Form):
    """One bar, as its certificate describes it. An empty one among others is left out. `pool`: where it goes; without
    one it is only looked at.
    """

    serial = forms.CharField(
        label="Serial number",
        max_length=60,
        error_messages={"required": "Write the serial number that is stamped on the bar."},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "class": "code"}
        ),
    )
    gross_grams = _number("Gross weight in g", "Write the weight of the bar.")
    fineness = _number(
        "Fineness", "Write the fineness, for example 999.9.", "In parts per thousand, for example 999.9."
    )
    refiner = forms.CharField(required=False, max_length=80)

    def __init__(self, *args: Any, pool: Pool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pool = pool

    def clean(self) -> dict[str, Any]:
        """What the service would refuse, beside the field that it is about."""
        data = super().clean() or self.cleaned_data
        if self.pool is not None and {"serial", "gross_grams", "fineness", "refiner"} <= data.keys():
            try:
                bar_fits(self.pool, bar_checked(NewBar(**data)))
            except Refused as refused:
                self.add_error(_BAR_FIELDS.get(refused.code), refused.sentence)
        return data

    def clean_gross_grams(self) -> Decimal:
        return read(money.parse_grams, self.cleaned_data["gross_grams"])

    def clean_fineness(self) -> Decimal:
        return read(_parts_per_thousand, self.cleaned_data["fineness"])


def _plain(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class BarForms(forms.BaseFormSet):  # type: ignore[type-arg]
    default_error_messages = {
        "missing_management_form": "Something of this form got lost. Open the page again."
    }

    def clean(self) -> None:
        """Of two bars with one serial number the second one is told so."""
        seen: set[str] = set()
        for form in self.forms:
            serial = "".join(getattr(form, "cleaned_data", {}).get("serial", "").split()).upper()
            if serial and serial in seen:
                form.add_error("serial", "A bar above has this serial number already.")
            seen.add(serial)

    def say_nothing(self) -> None:
        """Of what is wrong so far: who wants more fields has not finished."""
        if not self.management_form.is_valid():
            return
        self._non_form_errors = self.error_class()
        for form in self.forms:
            form._errors = ErrorDict()

    def bars(self) -> list[dict[str, str]]:
        """The bars that were filled in, as a request keeps them (`pools.requests.bars_add_describe`)."""
        filled = [form.cleaned_data for form in self.forms if form.has_changed()]
        return [{name: _plain(value) for name, value in bar.items()} for bar in filled]


def bar_forms(
    data: Mapping[str, Any] | None = None, *, rows: int = 1, more: bool = False, pool: Pool | None = None
) -> BarForms:
    """Fields for `rows` bars, or as many as `data` brings; with `more` for as many as either, and the first new one has
    the cursor. `pool`: they are to go there, and are checked for it.
    """
    made = forms.formset_factory(
        BarForm, formset=BarForms, extra=rows, max_num=MOST_BARS_AT_ONCE, absolute_max=MOST_BARS_AT_ONCE
    )
    bars = cast(BarForms, made(data, prefix="bars", form_kwargs={"pool": pool}))
    if not more or data is None or not bars.management_form.is_valid():
        return bars
    typed = bars.total_form_count()
    longer = {name: data[name] for name in data} | {"bars-TOTAL_FORMS": str(max(typed, rows))}
    bars = cast(BarForms, made(longer, prefix="bars", form_kwargs={"pool": pool}))
    if rows > typed:
        bars.forms[typed].fields["serial"].widget.attrs["autofocus"] = True
    return bars


class PriceForm(forms.Form):
    """The two prices, from now or from a time in Nairobi on. `setting`: not only to look at the effect, so it needs a
    reason.
    """

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
        label="Why",
        required=False,
        max_length=200,
        help_text="Everybody at the desk reads it beside the price.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    # A move beyond the band: the form then asks a second person.
    takes_two = False

    def __init__(self, *args: Any, setting: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.setting = setting

    def clean_buy(self) -> Decimal:
        return read(money.parse_price, self.cleaned_data["buy"])

    def clean_sell(self) -> Decimal:
        return read(money.parse_price, self.cleaned_data["sell"])

    def clean_effective_from(self) -> dt.datetime | None:
        moment: dt.datetime | None = self.cleaned_data["effective_from"]
        return moment.astimezone(NAIROBI) if moment else None

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if self.setting and not reason.strip():
            raise forms.ValidationError("Say in a few words why, for the record.", code="required")
        return reason


def _places(most: int, example: str) -> Callable[[str], Decimal]:
    def parse(text: str) -> Decimal:
        try:
            value = money.parse_grams(text)
        except Refused:
            value = None
        if value is None or value != round(value, most):
            raise Refused(
                f"Write digits only, at most {most} after the point, for example {example}.", code="number"
            )
        return value

    return parse


class SpotForm(forms.Form):
    """What the two prices are computed from (`pools.spot`)."""

    spot = _number("USD for an ounce", "Write the price of an ounce in dollars.")
    rate = _number("KES for a dollar", "Write what a dollar costs in shillings.")
    above = _number("Above, to buy, %", "Write how much is added, 0 for nothing.")
    below = _number("Below, to sell, %", "Write how much is taken off, 0 for nothing.")

    def clean_spot(self) -> Decimal:
        return read(_places(4, "4012.35"), self.cleaned_data["spot"])

    def clean_rate(self) -> Decimal:
        return read(_places(6, "129.4500"), self.cleaned_data["rate"])

    def clean_above(self) -> Decimal:
        return read(_places(4, "1.5"), self.cleaned_data["above"])

    def clean_below(self) -> Decimal:
        return read(_places(4, "1.5"), self.cleaned_data["below"])
