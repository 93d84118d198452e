"""What the framework says about a field is said in the house's words."""

import pytest
from django import forms

from oversight.adjust import GoldForm
from pools.forms import BarFilters, bar_forms


class Anything(forms.Form):
    word = forms.CharField(max_length=5, min_length=2)
    one = forms.ChoiceField(choices=[("a", "A")])
    several = forms.MultipleChoiceField(choices=[("a", "A")])


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({}, "word", "Please fill this in."),
        ({"word": "abcdef"}, "word", "This is too long: at most 5 characters."),
        ({"word": "a"}, "word", "This is too short: at least 2 characters."),
        ({"word": "a\x00b"}, "word", "A sign in this cannot be read. Type it anew."),
        ({"one": "<b>zzz"}, "one", "There is no such choice here. Choose one of the list."),
        ({"several": ["zzz"]}, "several", "There is no such choice here. Choose one of the list."),
    ],
)
def test_a_field_without_words_of_its_own_says_the_houses(
    typed: dict[str, object], field: str, sentence: str
) -> None:
    assert Anything(typed).errors[field] == [sentence]


def test_a_choice_that_is_not_there_is_not_said_again() -> None:
    """Forms of the desk, made with the program: the words are there before they are."""
    assert "zzz" not in str(BarFilters({"status": "zzz"}).errors)
    said = GoldForm({"way": "zzz", "words": "x" * 201}).errors
    assert said["way"] == ["There is no such choice here. Choose one of the list."]
    assert said["words"] == ["This is too long: at most 200 characters."]


def test_too_many_bars_are_called_so() -> None:
    bars = bar_forms({"bars-TOTAL_FORMS": "1000", "bars-INITIAL_FORMS": "0"})
    assert bars.non_form_errors() == ["These are too many at once: at most 50."]
