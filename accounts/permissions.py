"""Who may see a page and who may act on it.

Put one of these on every view that is not for everybody:

    @customer_page                        signed in
    @staff_page("pricing", "treasury")    staff with the second factor: these roles, the auditor and the
                                          administrator read; these roles act, and an auditor never does
    @staff_page(..., reads="order")       and the audit trail says who looked (`controls.audit`)

Who is on hold reads at the desk and does nothing there, whatever their roles. Their own account stays theirs: signing
out, their security, their sessions.
"""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts.models import User
from accounts.roles import SEES_ALL, Role
from accounts.selectors import is_staff_member, roles_of
from controls import audit
from goldwallet.errors import Refused
from goldwallet.knocks import address_of

type View = Callable[..., HttpResponseBase]

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
ON_HOLD = (
    "Your account is on hold. You can read here, and do nothing else until two other people have lifted it."
)


def customer_page(view: View) -> View:
    """For people who are signed in; the answer is stored nowhere."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = sign_in_first(request)
        return _private(answer or view(request, *args, **kwargs))

    return guarded


def staff_page(*roles: str, reads: str = "", copies: bool = False) -> Callable[[View], View]:
    """For staff; `roles` may act. No role named: all staff may read and nobody may act.

    `copies`: it only hands out a copy of what one may read, so who may read may POST as well, the auditor too. Who is
    on hold gets no copy, by whatever method: it would leave the house.

    `reads`: the page shows data of people, so each look is a line of the audit trail: about `reads:<id>` where the path
    names one thing, else about the list `reads`. Such a view says whom it is about by `about_person`.
    """
    acting = frozenset(Role(role) for role in roles)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            answer: HttpResponseBase | None = staff_entry(request)
            if answer is None:
                _check_not_on_hold(request, copies=copies)
                if not _may(request, acting, copies=copies):
                    raise PermissionDenied("Your role does not allow this.")
            return _private(answer or _noted(view, request, kwargs, reads=reads))

        # The page that tells who may do what reads it (oversight.roles).
        guarded.staff_roles = acting  # type: ignore[attr-defined]
        return guarded

    return decorate


def about_person(request: HttpRequest, person_id: uuid.UUID | None) -> None:
    """Whom this page is about: for the audit trail's line of a look at it."""
    request.about_person = person_id  # type: ignore[attr-defined]


def _noted(view: View, request: HttpRequest, kwargs: dict[str, Any], *, reads: str) -> HttpResponseBase:
    """Run the view; afterwards a look at people's data, or an act that no service has noted, has its line.

    Nobody gets to see what could not be noted: the line is written before the answer goes out.
    """
    name = (request.resolver_match and request.resolver_match.url_name) or ""
    with audit.acting(actor_id=cast("User", request.user).pk, address=address_of(request), page=name) as who:
        answer = view(request, **kwargs)
        about = next((str(value) for value in kwargs.values()), "")
        person = getattr(request, "about_person", None)
        acted = request.method not in _READING and answer.status_code < 400
        if acted and not who.written:
            audit.record("act", subject=about, person_id=person, reason=request.POST.get("reason", ""))
        # Whatever its status: a form or a filter that is refused comes back with the whole page. What is raised (no
        # role, nothing there) shows none, and does not come here; nor does a way to elsewhere show one.
        if reads and not 300 <= answer.status_code < 400 and answer.status_code != 204:
            asked = sorted({key.replace("\x00", "")[:40] for key, value in request.GET.items() if value})
            audit.record(
                "read",
                subject=f"{reads}:{about}" if about else reads,
                person_id=person,
                after={"asked_by": asked[:20]} if asked else None,
            )
    return answer


def sign_in_first(request: HttpRequest) -> HttpResponse | None:
    """None for a signed-in person; for anybody else the way to the sign-in page and back."""
    if request.user.is_authenticated:
        return None
    return _go(request, resolve_url(settings.LOGIN_URL))


def staff_entry(request: HttpRequest) -> HttpResponse | None:
    """None for staff whose session has passed the second factor. A stranger goes to sign-in, staff without
    the code to the code page. Raises PermissionDenied for a customer.
    """
    if answer := sign_in_first(request):
        return answer
    if not is_staff_member(cast("User", request.user)):
        raise PermissionDenied("This page is for the staff of Gold Wallet.")
    if not request.user.is_verified():  # type: ignore[union-attr]
        return _go(request, resolve_url("account_code"))
    return None


def _check_not_on_hold(request: HttpRequest, *, copies: bool) -> None:
    """Raises Refused, so that the page has the sentence."""
    if (copies or request.method not in _READING) and cast("User", request.user).frozen_reason:
        raise Refused(ON_HOLD, code="hold", status=403)


def _may(request: HttpRequest, acting: frozenset[Role], *, copies: bool) -> bool:
    held = roles_of(cast("User", request.user))
    if copies or request.method in _READING:
        return not acting or _sees(held, acting)
    return bool(held & acting) and Role.AUDITOR not in held


def _sees(held: frozenset[Role], roles: frozenset[Role]) -> bool:
    return bool(held & (roles | SEES_ALL))


def may_see(user: User, *roles: str) -> bool:
    """Whether the pages of these roles open for this person: what does not open is not linked."""
    return _sees(roles_of(user), frozenset(Role(role) for role in roles))


def may_act(user: User, *roles: str) -> bool:
    """For templates and views that leave out what a person could not use."""
    held = roles_of(user)
    allowed = bool(held & {Role(role) for role in roles}) and Role.AUDITOR not in held
    return allowed and not user.frozen_reason


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect that comes back to where the person was. htmx would put the page into a fragment, so it gets
    the address to load instead.
    """
    back = _way_back(request)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=401, headers={"HX-Redirect": f"{url}?{urlencode({'next': back})}"})
    return redirect_to_login(back, login_url=url)


def _way_back(request: HttpRequest) -> str:
    """The page that the person looks at: this one, or for a fragment or a form the page that holds it."""
    fragment = request.headers.get("HX-Request") == "true"
    if request.method in _READING and not fragment:
        return request.get_full_path()
    page = request.headers.get("HX-Current-URL" if fragment else "Referer", "")
    if not url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()}):
        return "/"
    parts = urlsplit(page)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Neither a shared cache nor the browser's own keeps it, so nothing shows after sign-out."""
    add_never_cache_headers(response)
    patch_vary_headers(response, ["HX-Request"])
    return response
