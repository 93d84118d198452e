"""The quick widgets say what the framework's say, character for character."""

import datetime as dt
from decimal import Decimal

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from goldwallet.forms import Renderer

_NASTY = "\"><script>'&amp; é\n"
_CHOICES = [
    ("", "Any"),
    ("a&b", "<A> & 'B'"),
    (7, "Seven"),
    ("Group <1>", [("x", "X"), ("y", "Y & Z")]),
]


class Everything(forms.Form):
    text = forms.CharField(
        label="<b>",
        help_text="more",
        max_length=9,
        widget=forms.TextInput(attrs={"autofocus": True, "x": False}),
    )
    number = forms.IntegerField(min_value=1, max_value=9, required=False)
    email = forms.EmailField(required=False)
    day = forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    moment = forms.DateTimeField(widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    one = forms.ChoiceField(choices=_CHOICES)
    several = forms.MultipleChoiceField(choices=_CHOICES, widget=forms.SelectMultiple)
    ticks = forms.MultipleChoiceField(choices=_CHOICES, widget=forms.CheckboxSelectMultiple)
    search = forms.CharField(widget=forms.TextInput(attrs={"type": "search", "placeholder": _NASTY}))
    hidden = forms.CharField(widget=forms.HiddenInput)
    long = forms.CharField(widget=forms.Textarea)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        dict.fromkeys(Everything.base_fields, _NASTY),
        {
            "text": "",
            "number": "3",
            "email": "a@b.c",
            "day": "2026-11-21",
            "one": "7",
            "several": ["x", "a&b"],
        },
    ],
    ids=["unbound", "empty", "nasty", "filled"],
)
def test_a_form_looks_as_the_framework_makes_it(data: dict[str, object] | None) -> None:
    initial = {
        "text": _NASTY,
        "number": Decimal("1.50"),
        "day": dt.date(2026, 11, 21),
        "moment": dt.datetime(2026, 11, 21, 14, 30, tzinfo=dt.UTC),
        "one": "y",
        "several": ["a&b", "y"],
    }
    ours = Everything(data, initial=initial, renderer=Renderer(), prefix="a")
    theirs = Everything(data, initial=initial, renderer=DjangoTemplates(), prefix="a")
    for name in Everything.base_fields:
        assert str(ours[name]) == str(theirs[name]), name
        assert str(ours[name].errors) == str(theirs[name].errors), name
    assert str(ours) == str(theirs)
