"""allauth's hooks: our sentences, our mail, our limits, our second factor."""

import re
import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from accounts import devices, limits, sessions
from accounts.models import User
from accounts.selectors import contacts, is_staff_member, person_by_email
from goldwallet.errors import TooOften
from goldwallet.knocks import address_of
from notifications.services import message_enqueue

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,28}[A-Za-z0-9]")
_MISMATCH = "That e-mail address or username and that password do not belong together."
# Mails whose text opens something; the outbox forgets it once it is sent.
_SECRET = ("email_confirmation", "password_reset_key")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account is closed.",
        "duplicate_email": "This is your e-mail address already.",
        "email_password_mismatch": _MISMATCH,
        "username_password_mismatch": _MISMATCH,
        "enter_current_password": "That is not your password now.",
        "incorrect_code": "That code is not right. Look at the newest mail from us.",
        "incorrect_password": "That is not your password.",
        "invalid_login": _MISMATCH,
        "invalid_password_reset": "This link does not work any more.",
        "username_taken": "Somebody has this username. Choose another.",
        "same_as_current": "This is your e-mail address already.",
        "unverified_primary_email": "First enter the code that we sent to your e-mail address.",
    }

    # --- people
    # -----------------------------------------------------------------------------------------------------

    def clean_username(self, username: str, shallow: bool = False) -> str:
        if not _USERNAME.fullmatch(username):
            raise forms.ValidationError(
                "Use 3 to 30 letters and digits; inside it, also a point, a dash or an underscore.",
                code="username",
            )
        name: str = super().clean_username(username, shallow=shallow)
        return name

    def save_user(self, request: HttpRequest, user: User, form: forms.Form, commit: bool = True) -> User:
        user.phone = form.cleaned_data["phone"]
        saved: User = super().save_user(request, user, form, commit=commit)
        return saved

    # --- signing in
    # -------------------------------------------------------------------------------------------------

    def get_login_stages(self) -> list[str]:
        return ["allauth.account.stages.EmailVerificationStage", "accounts.stages.SecondFactorStage"]

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        sessions.begin(request)

    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().post_login(request, user, **facts)
        devices.device_note(request=request, response=response, user=user, signing_up=facts["signup"])
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        assert isinstance(request.user, User)
        return "/desk/" if is_staff_member(request.user) else "/"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_security")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("account_security") if self.request.user.is_authenticated else reverse("account_login")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Wrong passwords count per account, whether the e-mail address or the username was typed, and per address."""
        account = limits.account_of(str(credentials.get("email") or credentials.get("username") or ""))
        try:
            limits.guess_count("sign_in", request, account=account)
        except TooOften as refusal:
            raise limits.too_many(refusal) from refusal
        person: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if person is not None:
            limits.guess_was_right("sign_in", request, account=account)
        return person

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    # --- mail
    # -------------------------------------------------------------------------------------------------------

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Into the outbox. So a slow mail server neither holds up the page nor tells a stranger, by the time
        it takes, whether an address is known here.
        """
        person = context.get("user") or person_by_email(email)
        ctx = {**context, "email": email, "base_url": settings.BASE_URL, "person": person}
        mail: EmailMessage = self.render_mail(template_prefix, email, ctx)
        kind = template_prefix.rsplit("/", 1)[-1]
        message_enqueue(
            user_id=person.pk if person else None,
            to=email,
            subject=str(mail.subject),
            text=str(mail.body),
            kind=kind.replace("_", "-"),
            key=f"account:{uuid.uuid4()}",
            secret=kind.startswith(_SECRET),
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Also to the addresses that the person had until lately (`accounts.selectors.contacts`)."""
        ctx = {**(context or {}), "user": user}
        for address in dict.fromkeys([email or user.email, *contacts(user)[1:]]):
            super().send_notification_mail(template_prefix, user, ctx, address)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        self._count_code(emailconfirmation.email_address.email)
        super().send_confirmation_mail(request, emailconfirmation, signup)

    def send_account_already_exists_mail(self, email: str) -> None:
        self._count_code(email)
        self.send_mail("account/email/account_already_exists", email, {})

    def _count_code(self, email: str) -> None:
        """Raises TooOften. A page that has counted before it makes a new code says so on the request."""
        if not getattr(self.request, "mail_code_counted", False):
            limits.mail_code_count(email)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Built from the configured address, never from the request's Host header, which the asker sets."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.BASE_URL}{path.replace('UID-KEY', key)}"
