"""Account pages: allauth's views with our templates and honest status codes, and the second factor."""

from typing import Any, cast

import django_otp
from allauth.account import views as allauth_views
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import limits, second_factor, sessions
from accounts.addresses import address_change_prove, address_proven
from accounts.devices import sessions_end
from accounts.forms import CodeForm
from accounts.models import SecondFactor, User
from accounts.pages.factor import recovery_codes_shown
from accounts.pages.stepup import step_up_redirect
from accounts.permissions import sign_in_first
from accounts.selectors import authenticator_of, is_staff_member
from accounts.stages import SecondFactorStage, current_stage
from accounts.stepup import StepUpNeeded
from goldwallet.errors import Refused, TooOften

_JUST_SENT = "We have just sent you a mail. Look for it, and wait a little before you ask again."


class HonestStatusMixin:
    """A form with something wrong in it answers 400, one that came too often 429. allauth answers 200."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        if response.status_code == 200:
            response.status_code = 400
            for error in (one for errors in form.errors.as_data().values() for one in errors):
                if error.code == "too_often":
                    response.status_code = 429
                    response.headers["Retry-After"] = str(error.params["seconds"])
        return response


class LimitedMixin:
    """POSTs from one address are limited. `limit` is the name of the number in `settings.RATE_LIMITS`."""

    limit: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            limits.count_address(self.limit, request)
        return cast("HttpResponseBase", super().dispatch(request, *args, **kwargs))  # type: ignore[misc]


class SignInView(LimitedMixin, HonestStatusMixin, allauth_views.LoginView):  # type: ignore[misc]
    limit = "sign_in_posts_address"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "ended": sessions.why_ended(self.request)}


class SignUpView(LimitedMixin, HonestStatusMixin, allauth_views.SignupView):  # type: ignore[misc]
    limit = "sign_up_address"


class ConfirmEmailView(HonestStatusMixin, allauth_views.ConfirmEmailVerificationCodeView):  # type: ignore[misc]
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self._action == "verify":
            limits.guess_count("code", request)
        return cast("HttpResponse", super().post(request, *args, **kwargs))

    def _verify_form_valid(self, form: Any) -> HttpResponse:
        limits.guess_was_right("code", self.request)
        return cast("HttpResponse", super()._verify_form_valid(form))

    def _resend_form_valid(self, form: Any) -> HttpResponse:
        """A new code too soon: the same page says so, and the code that was sent can still be entered. Counted for an
        address that has an account already as well, although nothing is sent to it again.
        """
        try:
            limits.mail_code_count(self._process.email)
        except TooOften as refusal:
            messages.error(self.request, _JUST_SENT)
            page = self.render_to_response(self.get_context_data(form=self._get_verify_form_class()()))
            page.status_code = refusal.status
            page.headers["Retry-After"] = str(refusal.seconds)
            return cast("HttpResponse", page)
        self.request.mail_code_counted = True
        return cast("HttpResponse", super()._resend_form_valid(form))


class EmailChangeView(HonestStatusMixin, allauth_views.EmailView):  # type: ignore[misc]
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Who writes a code here gives the password before: asked in between, it would outlast the code."""
        if authenticator_of(cast("User", request.user)):
            raise_if_reauthentication_required(request, app="allauth.account")
        return cast("HttpResponse", super().get(request, *args, **kwargs))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form alone: allauth's other actions, on lists of addresses, have no page here."""
        if "action_add" not in request.POST:
            return redirect("account_email")
        limits.count("email_change_account", str(cast("User", request.user).pk))
        return cast("HttpResponse", super().post(request, *args, **kwargs))

    def get_initial(self) -> dict[str, Any]:
        """After the code, the address is there already and one press goes on."""
        proven = address_proven(user=self.request.user, session_key=self._session_key())
        return {"email": proven} if proven else {}

    def form_valid(self, form: Any) -> HttpResponse:
        """The password first. Who has an authenticator has just written its code in the form; all others write one that
        goes to the address which they have now.
        """
        user = cast("User", self.request.user)
        raise_if_reauthentication_required(self.request, app="allauth.account")
        if authenticator_of(user) is None:
            address = form.cleaned_data["email"]
            try:
                address_change_prove(user_id=user.pk, address=address, session_key=self._session_key())
            except StepUpNeeded as needed:
                return step_up_redirect(self.request, needed, back=reverse("account_email"))
        return cast("HttpResponse", super().form_valid(form))

    def _session_key(self) -> str:
        return self.request.session.session_key or ""


class PasswordChangeView(HonestStatusMixin, allauth_views.PasswordChangeView):  # type: ignore[misc]
    def form_valid(self, form: Any) -> HttpResponse:
        """Sessions of the old password are over by its hash; their rows go with them."""
        response = cast("HttpResponse", super().form_valid(form))
        sessions_end(user_id=self.request.user.pk, keep=self.request.session.session_key or "")
        return response


class PasswordResetView(LimitedMixin, HonestStatusMixin, allauth_views.PasswordResetView):  # type: ignore[misc]
    limit = "reset_address"

    def form_valid(self, form: Any) -> HttpResponse:
        limits.reset_count(self.request, form.cleaned_data["email"])
        return cast("HttpResponse", super().form_valid(form))


class PasswordResetFromKeyView(
    LimitedMixin,
    HonestStatusMixin,
    allauth_views.PasswordResetFromKeyView,  # type: ignore[misc]
):
    limit = "reset_link_address"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The address that holds the key is told to nobody, not to ourselves either. The form stands at another one,
        and needs an Origin, which browsers leave out under this policy.
        """
        response = super().dispatch(request, *args, **kwargs)
        if kwargs.get("key") != self.reset_url_key:
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response = cast("HttpResponse", super().form_valid(form))
        limits.guesses_forget("sign_in", self.request, account=limits.account(self.reset_user.pk))
        self._forgive_wrong_codes()
        sessions_end(user_id=self.reset_user.pk)
        if self.request.user.pk == self.reset_user.pk:
            # Signed in with the old password: what is said now goes into a stranger's new session.
            logout(self.request)
        return response

    def _forgive_wrong_codes(self) -> None:
        """Whoever knew the old password could have locked the owner out until something cannot be called off any more.
        Once a day, or else whoever reads the mail could guess without end.
        """
        try:
            limits.count("codes_forgiven", str(self.reset_user.pk))
        except TooOften:
            return
        second_factor.failures_forget(self.reset_user)


class ReauthenticateView(HonestStatusMixin, allauth_views.ReauthenticateView):  # type: ignore[misc]
    pass


# --- second factor --------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("code")
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor: within a sign-in, or of a session that has not shown it yet."""
    stage = current_stage(request)
    if stage is None and (answer := sign_in_first(request)):
        return answer
    person = _person(request, stage)
    if authenticator_of(person) is None:
        return _without_authenticator(request, stage, person)
    form = CodeForm(request.POST or None)
    if request.method != "POST":
        return _code_page(request, form, stage)
    if not form.is_valid():
        return _code_page(request, form, stage, status=400)
    try:
        with limits.guessing("code", request):
            device = second_factor.code_check(user=person, code=form.cleaned_data["code"])
    except Refused as refusal:
        form.add_error("code", refusal.sentence)
        return _code_page(request, form, stage, status=refusal.status)
    return _let_in(request, stage, device)


def _person(request: HttpRequest, stage: SecondFactorStage | None) -> User:
    return cast("User", stage.login.user if stage else request.user)


def _code_page(
    request: HttpRequest, form: CodeForm, stage: SecondFactorStage | None, *, status: int = 200
) -> HttpResponse:
    context = {"form": form, "signing_in": stage is not None, "next": request.GET.get("next", "")}
    return render(request, "accounts/code.html", context, status=status)


def _without_authenticator(
    request: HttpRequest, stage: SecondFactorStage | None, person: User
) -> HttpResponse:
    if stage:
        return redirect("account_enrol")
    if not is_staff_member(person):
        return redirect("account_security")
    # Who only holds the session must not be able to tie an authenticator to the account: the password comes
    # first.
    back = _safe_next(request)
    logout(request)
    messages.info(request, "Please sign in again to set up your authenticator app.")
    return redirect_to_login(back, login_url=reverse("account_login"))


def _let_in(request: HttpRequest, stage: SecondFactorStage | None, device: SecondFactor) -> HttpResponse:
    if stage:
        stage.login.user.otp_device = device
        return cast("HttpResponse", stage.exit())
    django_otp.login(request, device)
    request.session.cycle_key()
    return HttpResponseRedirect(_safe_next(request))


def _safe_next(request: HttpRequest) -> str:
    url = request.POST.get("next") or request.GET.get("next") or ""
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}) else "/"


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters("code")
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator within a sign-in. Right code: signed in, and the recovery codes are shown this
    once.
    """
    stage = current_stage(request)
    if stage is None:
        return redirect("account_security" if request.user.is_authenticated else "account_login")
    person = _person(request, stage)
    if authenticator_of(person):
        return redirect("account_code")
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                with limits.guessing("code", request):
                    device, codes = second_factor.authenticator_confirm(
                        user=person, code=form.cleaned_data["code"]
                    )
            except Refused as refusal:
                form.add_error("code", refusal.sentence)
                status = refusal.status
            else:
                return recovery_codes_shown(
                    request, codes, onward=_let_in(request, stage, device)["Location"]
                )
    enrolment = second_factor.authenticator_begin(user=person)
    return render(request, "accounts/enrol.html", {"form": form, "enrolment": enrolment}, status=status)
