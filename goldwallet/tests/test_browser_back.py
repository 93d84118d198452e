"""After signing out nothing private shows: by no step back, in no other tab, with or without script."""

import re

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.browser import DESK
from goldwallet.test.world import PASSWORD, TOTP_KEY, World, buy

pytestmark = [pytest.mark.browser, pytest.mark.fault("X07")]

PRIVATE = re.compile(r"data-grams|data-order-status|alice@example\.com|0712 345 678|254712345678|TKL")


def steps_back(page, most: int = 6) -> list[str]:
    """The addresses and contents of what the back button brings, one after the other."""
    seen = []
    for _ in range(most):
        if page.go_back(wait_until="load") is None:
            break
        seen.append((page.url, page.content()))
    return seen


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_back_after_signing_out(visit, world: World, javascript: bool) -> None:
    order = buy(world.alice, 1000)
    alice = visit(javascript=javascript)
    alice.sign_in("alice@example.com", PASSWORD)
    pages = ["/wallet/", f"/orders/{order.pk}/", "/orders/", "/accounts/security/"]
    for path in pages:
        alice.go(path)
        assert PRIVATE.search(alice.page.content()) or path == "/orders/", path
    alice.press("Sign out")
    expect(alice.page.get_by_role("link", name="Sign in").first).to_be_visible()

    found = steps_back(alice.page)
    assert len(found) >= len(pages), "the steps back were made"
    for url, content in found:
        assert not PRIVATE.search(content), url
        assert "has-nav" not in content, url


def test_the_other_tab_and_its_history(visit, world: World) -> None:
    alice = visit()
    alice.sign_in("alice@example.com", PASSWORD)
    other = alice.tab()
    other.goto("/wallet/")
    other.goto("/accounts/security/")
    alice.press("Sign out")
    other.reload()
    assert not PRIVATE.search(other.content())
    for url, content in steps_back(other):
        assert not PRIVATE.search(content), url


def test_the_desk(visit, world: World) -> None:
    world.staff(Role.TREASURY, email="tina@example.com")
    tina = visit(size=DESK)
    tina.sign_in("tina@example.com", PASSWORD, totp_key=TOTP_KEY)
    for path in ("/desk/", "/desk/orders/", "/desk/ledger/"):
        tina.go(path)
        assert "/desk/" in tina.page.url
    tina.press("Sign out")
    tina.page.wait_for_url(lambda url: "/desk/" not in url)
    for url, content in steps_back(tina.page):
        assert 'href="/desk/ledger/"' not in content, url


def test_nothing_private_is_kept_by_the_browser_s_script(visit, world: World) -> None:
    """htmx would keep pages in the browser's own storage; it is told to keep none."""
    alice = visit()
    alice.sign_in("alice@example.com", PASSWORD)
    alice.go("/wallet/")
    alice.page.get_by_role("link", name="Orders").first.click()
    kept = alice.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "htmx-history-cache" not in kept
    assert not PRIVATE.search(kept)
