"""The step of a sign-in that asks staff for the second factor."""

# allauth's own modules import in a circle unless the decorators come first.
import allauth.account.decorators  # noqa: F401
from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.models import User
from accounts.selectors import authenticator_of, is_staff_member


class SecondFactorStage(LoginStage):  # type: ignore[misc]
    """After password and e-mail address: staff enter a code, or enrol first. Customers pass."""

    key = "second_factor"
    urlname = "account_code"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        person: User | None = self.login.user
        if person is None or not is_staff_member(person):
            return None, True
        page = "account_code" if authenticator_of(person) else "account_enrol"
        return HttpResponseRedirect(reverse(page)), True


def current_stage(request: HttpRequest) -> SecondFactorStage | None:
    """The sign-in of this browser that waits for the second factor, if there is one (15 minutes at most)."""
    if request.user.is_authenticated:
        return None
    stage: SecondFactorStage | None = LoginStageController.enter(request, SecondFactorStage.key)
    return stage
