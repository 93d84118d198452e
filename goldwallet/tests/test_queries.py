"""What stands in an address reaches no query but as a value: every page that reads it, with everything that is hostile.

Which parameters a page reads is not listed here but listened to, so a new filter is tried as well.
"""

from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldwallet.test.world import World
from goldwallet.tests.routes import ROUTES, all_routes
from goldwallet.tests.scene import Scene, taken_back, visitor_open, writes, written_since
from goldwallet.tests.test_routes import SEEN, path_of
from kyc.tests.making import photos_once

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.fault("X05"),
    pytest.mark.usefixtures(photos_once.__name__),
]

FOUND = all_routes()
HOSTILE = [
    "",
    "'",
    "' OR '1'='1",
    "1; DROP TABLE accounts_user; --",
    '"; SELECT pg_sleep(5); --',
    "1) UNION SELECT password FROM accounts_user --",
    "%",
    "%s",
    "_",
    "{0.__class__}",
    "a\x00b",
    "\ud7ff\uffff",
    "\u202e\u0000\u2028",
    "-1",
    "9" * 400,
    "NaN",
    "٣",
    "2026-13-45",
    "9999-12-31T23:59:59.999999+14:00~00000000-0000-0000-0000-000000000000",
    "not-a-uuid",
    "../../etc/passwd",
    "password",
    "user__password__startswith",
    "a" * 5000,
    '{"a": 1}',
    "\r\nX-Planted: 1",
]
#: Names by which a careless page would let its query be steered.
STEERING = [
    "order_by",
    "sort",
    "o",
    "q",
    "filter",
    "user__password__startswith",
    "password__startswith",
    "phone_sealed__contains",
    "id__in",
    "groups__user__password__regex",
    "_popup",
    "_to_field",
    "fields",
    "page",
    "limit",
    "offset",
]


@pytest.fixture
def scene(shared: tuple[World, Scene]) -> Scene:
    return shared[1]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that somebody looks up in what came with the address."""
    names: set[str] = set()
    for method in ("__getitem__", "get", "getlist", "__contains__"):
        true = getattr(QueryDict, method)

        def listening(self, key, *rest, true=true):
            names.add(str(key))
            return true(self, key, *rest)

        monkeypatch.setattr(QueryDict, method, listening)
    return names


def visits(scene: Scene) -> list[tuple[Client, list[str]]]:
    """The customer's pages for their owner, those of the desk for who may all."""
    found = []
    for visitor, kinds in (("owner", {"customer", "public", "stranger"}), ("all_roles", {"staff"})):
        browser = visitor_open(visitor, scene)
        browser.raise_request_exception = False
        routes = {
            name: arguments
            for name, arguments in FOUND.items()
            # Whether all is ready is no question of the address.
            if name in ROUTES and ROUTES[name].kind in kinds and name != "readyz"
        }
        paths = [path_of(name, scene.arguments(name, arguments)) for name, arguments in routes.items()]
        found.append((browser, paths))
    return found


def ask(browser: Client, page: str, query: str) -> int:
    with taken_back():
        before = writes()
        answer = browser.get(f"{page}?{query}")
        # That somebody has looked is noted, and a search for a person counted, whatever the answer says.
        refused = answer.status_code >= 400
        written = (
            written_since(before) - SEEN - {"controls_auditentry", "controls_count"} if refused else set()
        )
    assert "X-Planted" not in answer
    assert not written, (page, query, written)
    return answer.status_code


def test_every_filter_with_everything_hostile(scene: Scene, heard: set[str]) -> None:
    """An honest answer to each, never 5xx. A value goes to all parameters of a page at once."""
    wrong, read = [], set()
    for browser, paths in visits(scene):
        for path in paths:
            heard.clear()
            if ask(browser, path, "poll=1") >= 300:
                continue
            names = heard - {"poll", "csrfmiddlewaretoken", "next"}
            read |= names
            for value in HOSTILE if names else ():
                query = urlencode(dict.fromkeys(sorted(names), value), errors="surrogatepass")
                if (status := ask(browser, path, query)) >= 500:
                    wrong.append((path, query[:200], status))
    assert wrong == []
    assert {"after", "status", "kind", "receipt"} <= read, "the listening hears nothing"


def test_no_name_steers_a_query(scene: Scene) -> None:
    wrong, query = [], urlencode([(name, "password") for name in STEERING])
    for browser, paths in visits(scene):
        for path in paths:
            plain, steered = ask(browser, path, "poll=1"), ask(browser, path, f"{query}&poll=1")
            # A page that has such a field of its own knows what may stand in it.
            if steered not in {plain, 400}:
                wrong.append((path, plain, steered))
    assert wrong == []


LISTS = [
    "/orders/",
    "/desk/orders/",
    "/desk/payments/",
    "/desk/audit/",
    "/desk/ledger/",
    "/desk/approvals/",
    "/desk/money/",
    "/desk/kyc/",
]


@pytest.mark.parametrize("page", LISTS)
def test_anything_at_all_in_a_list_s_parameters(scene: Scene, page: str, heard: set[str]) -> None:
    browser = visits(scene)[0 if page == "/orders/" else 1][0]
    ask(browser, page, "poll=1")
    names = sorted(heard)

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.fixed_dictionaries({name: st.text(max_size=60) for name in names}))
    def anything(values: dict[str, str]) -> None:
        assert ask(browser, page, urlencode(values, errors="surrogatepass")) < 500

    anything()


# --- Django's admin -------------------------------------------------------------------------------


@pytest.mark.fault("Z05")
def test_django_s_admin_is_steered_by_its_own_lists_alone(scene: Scene) -> None:
    """It would take any path of fields in an address: what is not among its filters is refused."""
    browser = visitor_open("administrator", scene)
    browser.raise_request_exception = False
    for name in ("password__startswith", "phone_sealed__contains", "groups__user__password__regex"):
        assert browser.get("/admin/accounts/user/", {name: "argon2"}).status_code == 400, name
    for value in HOSTILE:
        for name in ("q", "o", "p", "kyc_status__exact", "is_staff__exact", "groups__id__exact", "e"):
            assert browser.get("/admin/accounts/user/", {name: value}).status_code < 500, (name, value[:60])
