"""What the framework says about a field when the form has no sentence of its own: in plain words, and without a copy of
what was sent. Forms that have better words keep them.
"""

from django import forms
from django.core.validators import MaxLengthValidator, MinLengthValidator, ProhibitNullCharactersValidator
from django.forms.formsets import BaseFormSet

_CHOOSE = "There is no such choice here. Choose one of the list."


def plain_words() -> None:
    """Once, before any form is made."""
    MaxLengthValidator.message = "This is too long: at most %(limit_value)d characters."
    MinLengthValidator.message = "This is too short: at least %(limit_value)d characters."
    ProhibitNullCharactersValidator.message = "A sign in this cannot be read. Type it anew."
    for field in (forms.ChoiceField, forms.MultipleChoiceField, forms.ModelChoiceField):
        field.default_error_messages = {**field.default_error_messages, "invalid_choice": _CHOOSE}
    forms.Field.default_error_messages = {"required": "Please fill this in."}
    too_many = {"too_many_forms": "These are too many at once: at most %(num)d."}
    BaseFormSet.default_error_messages = {**BaseFormSet.default_error_messages, **too_many}
