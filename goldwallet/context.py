"""What every template may use: the mode, and the navigation of the person who looks."""

from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import is_valid_path
from django.utils.functional import SimpleLazyObject


class Entry(NamedTuple):
    """One place in a navigation. `icon` names a heroicon."""

    label: str
    url: str
    current: bool
    icon: str
    #: What it stands under at the desk.
    group: str = ""
    #: After "g" this letter goes there (static/js/desk.js).
    key: str = ""


_WALLET = (
    ("Wallet", "/wallet/", "wallet"),
    ("Buy", "/buy/", "plus-circle"),
    ("Sell", "/sell/", "banknotes"),
    ("Orders", "/orders/", "queue-list"),
)

_EVERYONE = frozenset({"pricing", "vault", "reviewer", "treasury", "auditor", "administrator"})

# Who works where, in the order of a day's work. The pages guard themselves; this keeps the list short. Auditor and
# administrator see all.
_DESK = (
    ("Overview", "/desk/", "squares-2x2", _EVERYONE, "Today", "h"),
    ("Approvals", "/desk/approvals/", "check-badge", _EVERYONE, "Today", "a"),
    ("Find", "/desk/find/", "magnifying-glass", frozenset({"reviewer", "treasury"}), "Today", "f"),
    ("Daily close", "/desk/close/", "calendar-days", frozenset({"treasury"}), "Today", "d"),
    ("People", "/desk/people/", "users", frozenset({"reviewer", "treasury"}), "People", "p"),
    ("Identity", "/desk/kyc/", "identification", frozenset({"reviewer"}), "People", "i"),
    (
        "Lost codes",
        "/desk/factor/",
        "device-phone-mobile",
        frozenset({"reviewer", "treasury"}),
        "People",
        "n",
    ),
    ("Orders", "/desk/orders/", "queue-list", frozenset({"treasury", "pricing", "vault"}), "Trade", "o"),
    ("Prices", "/desk/prices/", "tag", frozenset({"pricing"}), "Trade", "r"),
    ("Pools", "/desk/pools/", "cube", frozenset({"vault"}), "Trade", "v"),
    ("Payouts", "/desk/payouts/", "banknotes", frozenset({"treasury"}), "Money", "u"),
    ("Payments", "/desk/payments/", "arrows-right-left", frozenset({"treasury"}), "Money", "y"),
    ("Money in", "/desk/money/", "arrow-down-tray", frozenset({"treasury"}), "Money", "m"),
    ("Reconciliation", "/desk/reconciliation/", "scale", frozenset({"treasury"}), "Money", "c"),
    ("Ledger", "/desk/ledger/", "book-open", frozenset({"treasury"}), "Money", "l"),
    ("Adjustments", "/desk/adjustments/", "pencil-square", frozenset({"treasury"}), "Money", "j"),
    (
        "Steering",
        "/desk/steering/",
        "adjustments-horizontal",
        frozenset({"treasury", "pricing"}),
        "House",
        "s",
    ),
    ("Roles", "/desk/roles/", "key", frozenset({"treasury"}), "House", "k"),
    ("Audit", "/desk/audit/", "clipboard-document-list", frozenset({"treasury"}), "House", "t"),
    ("Exports", "/desk/exports/", "arrow-down-on-square-stack", _EVERYONE, "House", "x"),
    ("Erasures", "/desk/erasures/", "trash", frozenset[str](), "House", "e"),
)

_SEES_ALL = frozenset({"auditor", "administrator"})


def _is_current(path: str, url: str) -> bool:
    return path == url if url == "/desk/" else path.startswith(url)


@cache
def _is_there(url: str) -> bool:
    """Whether a page answers there. Routes stay as they are: walking all of them for each place takes milliseconds."""
    return bool(is_valid_path(url))


def wallet_nav(*, path: str) -> list[Entry]:
    """The customer's four places."""
    path = "/wallet/" if path == "/" else path
    return [Entry(label, url, _is_current(path, url), icon) for label, url, icon in _WALLET]


def desk_nav(*, path: str, roles: frozenset[str]) -> list[Entry]:
    """The places of the desk that exist and that one of `roles` works in."""
    return [
        Entry(label, url, _is_current(path, url), icon, group, key)
        for label, url, icon, owners, group, key in _DESK
        if (roles & _SEES_ALL or roles & owners) and _is_there(url)
    ]


class DeskNav(list[Entry]):
    """The places of the desk, and what names this very list: who has the same places, and looks at the same of them."""

    @property
    def key(self) -> str:
        return "".join(entry.key.upper() if entry.current else entry.key for entry in self)


def stands_under(request: HttpRequest, url: str) -> None:
    """This page belongs to the place of the desk at `url`, whatever its own address: that place is current."""
    request.desk_place = url  # type: ignore[attr-defined]


def _desk_nav_of(request: HttpRequest) -> DeskNav:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_staff:
        return DeskNav()
    # The guard of the page has asked for them already (`accounts.selectors.roles_of`).
    roles = getattr(user, "_roles", None)
    if roles is None:
        roles = frozenset(user.groups.values_list("name", flat=True))
    return DeskNav(desk_nav(path=getattr(request, "desk_place", request.path), roles=roles))


def house(request: HttpRequest) -> dict[str, Any]:
    """Lazy, so that a page without a navigation asks the database nothing."""
    return {
        "demo": settings.DEMO,
        "simulator_url": settings.SIMULATOR_URL,
        "wallet_nav": SimpleLazyObject(lambda: wallet_nav(path=request.path)),
        "desk_nav": SimpleLazyObject(lambda: _desk_nav_of(request)),
    }
