"""The forms of sign-up, sign-in and account: allauth's, with our words and the phone."""

import uuid
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.fields import PasswordField, SetPasswordField
from allauth.core import context
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from accounts import limits, second_factor
from accounts.models import User
from accounts.plain import address_refuse
from accounts.selectors import authenticator_of, person_by_email
from goldwallet import phones
from goldwallet.errors import Conflict, Refused, TooOften
from goldwallet.typed import read, read_if_any

_PASSWORD_RULE = "At least 10 characters. A few words in a row are easy to remember and hard to guess."  # noqa: S105
_MISSING = {"required": "Please fill this in."}
_NO_ADDRESS = {"invalid": "Write a whole e-mail address, for example amina@example.com."}


class PhoneField(forms.CharField):
    """A Kenyan mobile number; its value is 2547XXXXXXXX or 2541XXXXXXXX."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "M-Pesa phone number")
        kwargs.setdefault("max_length", 30)
        kwargs.setdefault(
            "widget", forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"})
        )
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        return read_if_any(phones.normalise, super().clean(value)) or ""


def _reword(form: forms.Form, **words: tuple[str, str]) -> None:
    """Give fields our label and help; placeholders go, as they vanish when one needs them."""
    for name, field in form.fields.items():
        field.widget.attrs.pop("placeholder", None)
        field.error_messages.update(_MISSING)
        if isinstance(field, forms.EmailField):
            field.error_messages.update(_NO_ADDRESS)
        if name in words:
            field.label, field.help_text = words[name]


class SignUpForm(allauth_forms.SignupForm):  # type: ignore[misc]
    account_already_exists: bool
    phone = PhoneField(help_text="We send M-Pesa prompts and payments to it. For example 0712 345 678.")

    field_order = ["email", "username", "phone", "password1", "password2"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(
            self,
            email=("E-mail address", "We send a code to it."),
            username=("Username", "You may sign in with it, too. 3 to 30 letters and digits."),
            password1=("Password", _PASSWORD_RULE),
            password2=("The password once more", ""),
        )

    def clean_email(self) -> str:
        read(address_refuse, self.cleaned_data["email"])
        return str(super().clean_email())

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """A person, or the answer that a known address gets: the same page, and a mail to its owner."""
        if self.account_already_exists:
            return self._known_address(request)
        try:
            with transaction.atomic():
                saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        except IntegrityError:
            # Somebody else was first with the address or the name, between our look and our write.
            if person_by_email(self.cleaned_data["email"]) is None:
                raise Conflict("Somebody has just taken this username. Go back and choose another.") from None
            self.account_already_exists = True
            return self._known_address(request)
        return saved

    def _known_address(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """A known address must not answer sooner: the same is hashed and written, for nobody, and taken back."""
        asked = self.cleaned_data["email"]
        with transaction.atomic():
            self.cleaned_data["email"], self.account_already_exists = f"{uuid.uuid4()}@nobody.invalid", False
            self.save(request)
            transaction.set_rollback(True)
        self.cleaned_data["email"], self.account_already_exists = asked, True
        answer: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return answer


class SignInForm(allauth_forms.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self, login=("E-mail address or username", ""), password=("Password", ""))
        self.fields["login"].widget.attrs.update(
            autocomplete="username", autocapitalize="none", spellcheck="false"
        )

    def user_credentials(self) -> dict[str, str]:
        """An e-mail address or a username. allauth would try an address as both, and so hash the password twice for an
        address that somebody has and once for any other: the time would tell. No username has an @ in it.
        """
        credentials: dict[str, str] = super().user_credentials()
        if "email" in credentials:
            credentials.pop("username", None)
        return credentials


def _code_field(label: str) -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}
    return forms.CharField(
        label=label, max_length=30, error_messages=_MISSING, widget=forms.TextInput(attrs=attrs)
    )


class WithCode:
    """A change that takes a code, too, of whoever has a second factor. The code is looked at last, when all the rest is
    right, and used up: so it is good for this one change, and a slip elsewhere costs none.
    """

    fields: dict[str, forms.Field]
    errors: Any
    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if authenticator_of(self.user):
            self.fields["code"] = _code_field("Code of your authenticator app, or a recovery code")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean()  # type: ignore[misc]
        if "code" in self.fields and not self.errors:
            try:
                with limits.guessing("code", context.request):
                    second_factor.code_check(user=self.user, code=data["code"])
            except TooOften as refusal:
                self.add_error("code", limits.too_many(refusal))  # type: ignore[attr-defined]
            except Refused as refusal:
                self.add_error("code", refusal.sentence)  # type: ignore[attr-defined]
        return data


class ChangePasswordForm(WithCode, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    oldpassword = PasswordField(label="Your password now", autocomplete="current-password")
    password1 = SetPasswordField(label="New password", help_text=_PASSWORD_RULE)
    password2 = PasswordField(label="The new password once more", autocomplete="new-password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self)

    def clean_oldpassword(self) -> str:
        """Whoever holds only the session guesses here no more often than at the sign-in."""
        try:
            with limits.guessing("sign_in", context.request, account=limits.account(self.user.pk)):
                return str(super().clean_oldpassword())
        except TooOften as refusal:
            raise limits.too_many(refusal) from refusal


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self, email=("E-mail address", "The one you signed up with."))


class NewPasswordForm(allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    password1 = SetPasswordField(label="New password", help_text=_PASSWORD_RULE)
    password2 = PasswordField(label="The new password once more", autocomplete="new-password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self)


class ChangeEmailForm(WithCode, allauth_forms.AddEmailForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(
            self,
            email=("New e-mail address", "We send a code to it. Until you enter the code, nothing changes."),
        )

    def clean_email(self) -> str:
        read(address_refuse, self.cleaned_data["email"])
        return str(super().clean_email())


class ReauthenticateForm(allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self, password=("Password", ""))


class ConfirmEmailForm(allauth_forms.ConfirmEmailVerificationCodeForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _reword(self, code=("Code from the mail", ""))
        self.fields["code"].widget.attrs.update(
            autocapitalize="characters", spellcheck="false", autofocus=True
        )


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = _code_field("Code")

    def __init__(self, *args: Any, focus: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if focus:
            self.fields["code"].widget.attrs["autofocus"] = True
