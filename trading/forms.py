"""What a person types, read strictly; each refusal is a sentence beside its field."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms

from goldwallet import money, phones, wording
from goldwallet.errors import Refused
from trading.models import Side, Status


def _read[T](parse: Callable[[str], T], text: str) -> T | None:
    if text == "":
        return None
    try:
        return parse(text)
    except Refused as refused:
        raise forms.ValidationError(refused.sentence, code=refused.code) from None


def _amount_field(label: str, help_text: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "maxlength": 24})
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=24, widget=widget)


class PhoneForm(forms.Form):
    """The phone that M-Pesa prompts or pays."""

    phone = forms.CharField(
        label="M-Pesa number",
        max_length=24,
        error_messages={"required": "Write the M-Pesa number, for example 0712 345 678."},
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel-national"}),
    )

    def clean_phone(self) -> str:
        return _read(phones.normalise, self.cleaned_data["phone"]) or ""


class BuyForm(PhoneForm):
    amount_kes = _amount_field("Amount in shillings", "Whole shillings, from KES 100.")
    grams = _amount_field("Or grams", "Up to six digits after the point.")
    field_order = ["amount_kes", "grams", "phone"]

    def clean_amount_kes(self) -> Decimal | None:
        return _read(money.parse_shillings, self.cleaned_data["amount_kes"])

    def clean_grams(self) -> Decimal | None:
        return _read(money.parse_grams, self.cleaned_data["grams"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if (data["amount_kes"] is None) == (data["grams"] is None):
            one = (
                "Write how much you want to buy."
                if data["grams"] is None
                else "Fill in one: shillings or grams."
            )
            self.add_error("amount_kes", one)
        return data


class SellForm(PhoneForm):
    grams = _amount_field("Grams to sell", "Up to six digits after the point.")
    everything = forms.BooleanField(label="Sell all", required=False)
    field_order = ["grams", "everything", "phone"]

    def clean_grams(self) -> Decimal | None:
        return _read(money.parse_grams, self.cleaned_data["grams"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and data["grams"] is None and not data["everything"]:
            self.add_error("grams", "Write how many grams you want to sell.")
        return data


class OrderFilters(forms.Form):
    """The desk's filters; what cannot be read filters nothing."""

    status = forms.ChoiceField(label="State", required=False)
    side = forms.ChoiceField(label="Side", required=False)
    person = forms.CharField(label="Name or e-mail", required=False, max_length=254)
    phone = forms.CharField(label="Phone", required=False, max_length=24)
    reference = forms.CharField(label="Reference or receipt", required=False, max_length=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states = [(status.value, wording.state(status, "order")[0]) for status in Status]
        self.fields["status"].choices = [("", "Any"), *states]  # type: ignore[attr-defined]
        self.fields["side"].choices = [("", "Both"), *Side.choices]  # type: ignore[attr-defined]

    def clean_phone(self) -> str:
        return _read(phones.normalise, self.cleaned_data["phone"]) or ""
