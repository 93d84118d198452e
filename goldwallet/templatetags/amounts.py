"""Filters that print money, grams, phones and times the one way of the house."""

from decimal import Decimal

from django import template

from goldwallet import money, phones

register = template.Library()


@register.filter
def kes(value: Decimal) -> str:
    return money.show_kes(value)


@register.filter
def mask_phone(value: str) -> str:
    return phones.mask(value)
