"""What a person types, read strictly; each refusal is a sentence beside its field."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from accounts.filters import ListFilters, one_of, ticks
from goldwallet import money, phones, wording
from goldwallet.typed import read_if_any
from payments.selectors import payments_under
from trading.models import Order, Side, Status


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
        return read_if_any(phones.normalise, self.cleaned_data["phone"]) or ""


class BuyForm(PhoneForm):
    amount_kes = _amount_field("Amount in shillings", "Whole shillings, from KES 100.")
    grams = _amount_field("Or grams", "Up to six digits after the point.")
    field_order = ["amount_kes", "grams", "phone"]

    def clean_amount_kes(self) -> Decimal | None:
        return read_if_any(money.parse_shillings, self.cleaned_data["amount_kes"])

    def clean_grams(self) -> Decimal | None:
        return read_if_any(money.parse_grams, self.cleaned_data["grams"])

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
        return read_if_any(money.parse_grams, self.cleaned_data["grams"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and data["grams"] is None and not data["everything"]:
            self.add_error("grams", "Write how many grams you want to sell.")
        return data


class OrderFilters(ListFilters):
    """The desk's filters of orders."""

    status = ticks("State", [(status.value, wording.state(status, "order")[0]) for status in Status])
    side = one_of("Side", Side.choices, any_="Both")
    # The others follow in their own order.
    field_order = ["status", "side", "person", "phone", "reference", "receipt"]

    def rows(self) -> QuerySet[Order]:
        """The orders that fit. For a form that is valid.

        Payments are looked up first: beside a condition on another table no index of this one could be used.
        """
        asked = self.cleaned_data
        rows = self.narrow(Order.objects.all(), amount="total_kes")
        if asked["status"]:
            rows = rows.filter(status__in=asked["status"])
        if asked["side"]:
            rows = rows.filter(side=asked["side"])
        if self.phone_hash:
            rows = rows.filter(payment__phone_lookup=self.phone_hash)
        if asked["reference"]:
            named = payments_under(asked["reference"])
            rows = rows.filter(
                Q(reference=asked["reference"]) | Q(payment_id__in=named) | Q(refund_id__in=named)
            )
        if asked["receipt"]:
            named = payments_under(asked["receipt"], receipts_only=True)
            rows = rows.filter(Q(payment_id__in=named) | Q(refund_id__in=named))
        return rows
