"""What staff type to find people, and what they write to one."""

from typing import Any

from django import forms

from accounts.filters import one_of
from accounts.models import KycStatus
from goldwallet import wording
from goldwallet.once import form_key

SUBJECT_LETTERS, TEXT_LETTERS = 120, 4000


def _plain(text: str) -> str:
    return " ".join(text.split())


class FindForm(forms.Form):
    """One field for anything; an SMS fits in."""

    q = forms.CharField(
        label="Person, order, payment, or M-Pesa code",
        required=False,
        max_length=1000,
        error_messages={"max_length": "That is too long. Paste the SMS alone, or a part of it."},
        help_text="An e-mail, a phone, a name, the number of an ID, a reference, or an id. Or paste the SMS.",
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
    )


class PeopleFilters(forms.Form):
    """The list of people. Nothing chosen: everybody, the newest first."""

    q = forms.CharField(
        label="Name, e-mail, phone or ID number",
        required=False,
        max_length=254,
        error_messages={"max_length": "This is too long: at most 254 characters."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    identity = one_of("Identity", [], any_="Any")
    standing = one_of(
        "Account",
        [("hold", "On hold"), ("flagged", "With a flag"), ("staff", "Staff"), ("closed", "Closed")],
        any_="Any",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states = [(status.value, wording.state(status, "kyc")[0]) for status in KycStatus]
        self.fields["identity"].choices = [("", "Any"), *states]  # type: ignore[attr-defined]


class MessageForm(forms.Form):
    """A mail to one person in our own words. `key`: the same form sent twice is one mail."""

    key = forms.CharField(required=False, initial=form_key, widget=forms.HiddenInput)
    subject = forms.CharField(
        label="Subject",
        max_length=SUBJECT_LETTERS,
        error_messages={
            "required": "Write what it is about.",
            "max_length": f"Keep the subject under {SUBJECT_LETTERS} letters.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = forms.CharField(
        label="Text",
        max_length=TEXT_LETTERS,
        help_text="The greeting and our name are added. Never ask for a PIN, a password or a code.",
        error_messages={
            "required": "Write the text.",
            "max_length": f"Keep the text under {TEXT_LETTERS} letters.",
        },
        # Text that a browser puts back after Back would be sent again under the page's new key.
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label="Why? The audit trail keeps it.",
        max_length=500,
        min_length=5,
        error_messages={
            "required": "Write why.",
            "min_length": "Write why, in at least 5 letters.",
            "max_length": "Keep the reason under 500 letters.",
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_subject(self) -> str:
        return _plain(self.cleaned_data["subject"])

    def clean_reason(self) -> str:
        return _plain(self.cleaned_data["reason"])
