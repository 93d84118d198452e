"""Django's admin: a reading room for administrators and auditors, behind the one sign-in and the second
factor.

Nothing is changed here, by construction: every registered model becomes read-only and every request that is
not a read is refused. Changes go through the desk, where roles and four eyes hold.
"""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

# Not shown at all: their pages invite to changes that belong elsewhere.
_LEFT_OUT = frozenset({"auth.group", "account.emailaddress", "account.emailconfirmation"})


class StaffAdminConfig(AdminConfig):
    default_site = "accounts.admin_site.StaffAdminSite"


class ReadOnly:
    """Put before a ModelAdmin: all may be seen, nothing changed."""

    admin_site: admin.AdminSite
    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only by the filters that the page shows. Django would take every column, also the hash of a password, whose
        letters could then be asked for one after the other.
        """
        shown = {name for name in self.list_filter if isinstance(name, str)}  # type: ignore[attr-defined]
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[misc]
        return lookup.partition("__")[0] in shown and allowed


def _note(request: HttpRequest) -> None:
    """Who read which records, for the audit trail: nearly all of them are about people."""
    from accounts.models import User
    from controls import audit
    from goldwallet.knocks import address_of

    match = request.resolver_match
    name = (match and match.url_name) or ""
    if name == "jsi18n":
        return
    person = match.kwargs.get("object_id") if match and name.startswith("accounts_user_") else None
    asked = sorted(key for key, value in request.GET.items() if value)
    with audit.acting(
        actor_id=cast(User, request.user).pk, address=address_of(request), page=f"admin:{name}"
    ):
        audit.record(
            "read",
            subject=f"records:{request.path.removeprefix('/admin/')}",
            person_id=User.objects.filter(pk=person).values_list("pk", flat=True).first() if person else None,
            after={"asked_by": [key[:40] for key in asked[:20]]} if asked else None,
        )


class StaffAdminSite(admin.AdminSite):
    site_header = site_title = "Gold Wallet records"
    index_title = "Read only"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        base = admin_class or admin.ModelAdmin
        for model in models:
            if model._meta.label_lower not in _LEFT_OUT:
                super().register(model, type(f"ReadOnly{base.__name__}", (ReadOnly, base), {}), **options)

    def get_urls(self) -> list[Any]:
        """Without the way from any row to its page on the site: no record has one, and it would look up every table."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def has_permission(self, request: HttpRequest) -> bool:
        # Late: the site is made while the applications are still loading.

        from accounts.models import User
        from accounts.roles import SEES_ALL
        from accounts.selectors import roles_of

        user = request.user
        return (
            isinstance(user, User)
            and user.is_active
            and user.is_verified()
            and bool(roles_of(user) & SEES_ALL)
        )

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        def reading_only(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in {"GET", "HEAD", "OPTIONS"}:
                raise PermissionDenied("The records are read only. Changes are made at the desk.")
            if any("\x00" in value for values in request.GET.lists() for value in (values[0], *values[1])):
                # Django's filters hand it on to the database, which takes no such character.
                raise SuspiciousOperation("An address with a NUL in it.")
            answer = cast("HttpResponseBase", guarded(request, *args, **kwargs))
            if answer.status_code == 200:
                _note(request)
            return answer

        return reading_only

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """No second door: whoever may not enter is sent through the sign-in of everybody."""
        from accounts.permissions import staff_entry

        if answer := staff_entry(request):
            return answer
        if not self.has_permission(request):
            raise PermissionDenied("The records are for administrators and auditors.")
        return redirect("admin:index")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")
