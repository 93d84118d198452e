from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts import sessions


class SessionLifetimeMiddleware:
    """Sessions end when idle and after a day. The request then goes on as a stranger's, so that a page for
    everybody still shows, and any other leads to sign-in by its own guard.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            sessions.check(request)
        return self.get_response(request)
