"""The step of a sign-in that asks for the second factor: all staff, and customers who have one."""

# allauth's own modules import in a circle unless the decorators come first.
import allauth.account.decorators  # noqa: F401
from allauth.account.models import Login
from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.selectors import authenticator_of, is_staff_member

_PASSWORD = "password"  # noqa: S105


class SecondFactorStage(LoginStage):  # type: ignore[misc]
    """After password and e-mail address: whoever has an authenticator enters a code, and staff without one enrol
    first. Customers without one pass.
    """

    key = "second_factor"
    urlname = "account_code"

    def __init__(self, controller: LoginStageController, request: HttpRequest, login: Login) -> None:
        """Remember, when the sign-in begins, of which password it is."""
        super().__init__(controller, request, login)
        if login.user is not None:
            self.state.setdefault(_PASSWORD, login.user.get_session_auth_hash())

    def password_changed(self) -> bool:
        """Whether the person has another password since: then whoever waits here has shown an old one."""
        now = self.login.user.get_session_auth_hash() if self.login.user else ""
        return not constant_time_compare(self.state.get(_PASSWORD, ""), now)

    def handle(self) -> tuple[HttpResponse | None, bool]:
        person: User | None = self.login.user
        if person is None:
            return None, True
        if self.password_changed():
            return self.abort(), False
        if authenticator_of(person):
            return HttpResponseRedirect(reverse("account_code")), True
        if is_staff_member(person):
            return HttpResponseRedirect(reverse("account_enrol")), True
        return None, True


def current_stage(request: HttpRequest) -> SecondFactorStage | None:
    """The sign-in of this browser that waits for the second factor, if there is one: 15 minutes at most, and no longer
    than the password that it began with.
    """
    if request.user.is_authenticated:
        return None
    stage: SecondFactorStage | None = LoginStageController.enter(request, SecondFactorStage.key)
    if stage and stage.password_changed():
        stage.abort()
        return None
    return stage
