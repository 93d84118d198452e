"""The step of a sign-in that asks for the second factor: all staff, and customers who have one."""

# allauth's own modules import in a circle unless the decorators come first.
import allauth.account.decorators  # noqa: F401
from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User
from accounts.selectors import authenticator_of, is_staff_member


class SecondFactorStage(LoginStage):  # type: ignore[misc]
    """After password and e-mail address: whoever has an authenticator enters a code, and staff without one enrol
    first. Customers without one pass.
    """

    key = "second_factor"
    urlname = "account_code"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        person: User | None = self.login.user
        if person is None:
            return None, True
        if authenticator_of(person):
            return HttpResponseRedirect(reverse("account_code")), True
        if is_staff_member(person):
            return HttpResponseRedirect(reverse("account_enrol")), True
        return None, True


def current_stage(request: HttpRequest) -> SecondFactorStage | None:
    """The sign-in of this browser that waits for the second factor, if there is one (15 minutes at most)."""
    if request.user.is_authenticated:
        return None
    stage: SecondFactorStage | None = LoginStageController.enter(request, SecondFactorStage.key)
    return stage
