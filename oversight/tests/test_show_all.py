"""Whoever has filtered a list finds the way back to all of it, also when htmx has brought only the rows."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.people import signed_in
from goldwallet.test.world import World
from ledger import chart

pytestmark = pytest.mark.django_db

#: Each template of a list with filters -> where it is shown, a filter of it, and how paper says it.
LISTS = {
    "trading/desk_orders.html": (
        "desk_orders",
        "status=pending&status=expired&since=2026-01-01T10:30",
        "State: In progress, Expired; From day: 2026-01-01 10:30",
    ),
    "payments/desk_payments.html": ("desk_payments", "phone=0712+345+678", "Phone: 0712 345 678"),
    "oversight/ledger_transactions.html": ("desk_transactions", "kind=float_in", "Kind: Float in"),
    "oversight/people.html": ("desk_people", "standing=staff", "Account: Staff"),
    "oversight/approvals.html": ("desk_approvals", "kind=price_set", "What: Price beyond the band"),
    # Also when it cannot be read.
    "oversight/audit.html": ("desk_audit", "action=gone", "What: gone"),
    "oversight/account.html": ("desk_account", "since=2026-01-01", "From day: 2026-01-01"),
    "oversight/ledger.html": ("desk_ledger", "code=<user", "E-mail or part of a code: &lt;user"),
    "pools/pool.html": ("desk_pool", "status=all", "State: Both"),
    "pools/pool_book.html": ("desk_pool_book", "account=vault", "Account: Vault"),
}
_LINK = re.compile(r'<a class="([^"]*)" id="show-all" href="([^"]*)"( hx-swap-oob="true")?>Show all</a>')


def test_every_list_with_filters_is_among_them() -> None:
    folder = Path(settings.BASE_DIR) / "templates"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.html")
        if 'include "components/filters.html"' in path.read_text()
    }
    assert found == LISTS.keys()


@pytest.mark.parametrize("template", LISTS)
def test_the_way_back_comes_with_the_rows_and_goes_with_the_filter(world: World, template: str) -> None:
    name, query, told = LISTS[template]
    about = {
        "desk_account": [chart.pool_available(world.pool.pk).code],
        "desk_pool": [world.pool.pk],
        "desk_pool_book": [world.pool.pk],
    }
    path = reverse(name, args=about.get(name, []))
    browser = signed_in(world.staff(Role.ADMINISTRATOR))

    def link(asked: str, *, rows: bool) -> tuple[bool, bool]:
        """Whether it is shown, and whether htmx puts it into its place. What filters, paper says as well."""
        headers = {"HX-Request": "true", "HX-Target": "rows"} if rows else {}
        html = browser.get(f"{path}?{asked}", headers=headers).content.decode()
        assert html.count('id="show-all"') == 1
        found = _LINK.search(html)
        assert found and found.group(2) == path, html
        assert re.findall(r'<p class="only-paper">Only: (.*)</p>', html) == ([told] if asked == query else [])
        return "is-idle" not in found.group(1), bool(found.group(3))

    empty = f"{query.partition('=')[0]}="
    assert link("", rows=False) == (False, False)
    assert link(query, rows=False) == (True, False)
    assert link(query, rows=True) == (True, True)
    # htmx sends every field, the empty ones too.
    assert link(empty, rows=True) == (False, True)
    assert link(empty, rows=False) == (False, False)
