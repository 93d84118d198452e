"""A customer's second factor in a browser at a phone's width: set up, asked for, used for a sale; sessions ended."""

import re

import pytest

from accounts.models import Authenticator, RecoveryCode, Session, User
from accounts.tests.people import totp_of
from goldwallet.test.books import assert_books
from goldwallet.test.browser import Visitor
from goldwallet.test.house import owns
from goldwallet.test.world import PASSWORD, World
from trading.models import Order
from trading.tests.test_browser_step_up import enters_the_code

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def sets_up(person: Visitor, house, user: User) -> tuple[str, list[str]]:
    """From the page of security to the recovery codes. Gives the key that stood on the page, and the codes."""
    person.go("/accounts/security/")
    person.page.get_by_role("link", name="Set up an authenticator app").click()
    person.press("Go on")
    enters_the_code(person, house, user.phone)
    person.page.wait_for_selector("svg.qr")
    key = person.attribute("data-authenticator-key")
    person.fill(code="12345")
    person.press("Confirm")
    person.sees("That code is not right")
    person.fill(code=totp_of(key))
    person.press("Confirm")
    person.sees("Your recovery codes")
    codes = person.page.locator(".recovery-codes code").all_inner_texts()
    with person.page.expect_download() as saved:
        person.page.get_by_role("link", name="Save as a file").click()
    assert all(code in saved.value.path().read_text() for code in codes)
    person.page.get_by_role("link", name="I have kept them safe").click()
    person.sees("Recovery codes left", "10")
    return key, codes


def next_code(user: User, key: str) -> str:
    """As if the last one had been entered a while ago."""
    Authenticator.objects.filter(user=user).update(last_step=-1)
    return totp_of(key)


def signs_in(person: Visitor, code: str) -> None:
    person.go("/accounts/login/")
    person.fill(login="alice@example.com", password=PASSWORD)
    person.send()
    person.sees("Enter your code")
    person.fill(code=code)
    person.send()
    person.page.wait_for_url(lambda url: "/accounts/" not in url)


def test_set_up_signed_in_with_sold_with_and_a_session_ended(world: World, house, visit) -> None:
    alice = world.alice
    owns(house, alice, 99_000)
    person = visit()
    person.sign_in("alice@example.com", PASSWORD)
    key, codes = sets_up(person, house, alice)
    assert len(set(codes)) == 10

    person.go("/accounts/logout/")
    person.send()
    signs_in(person, next_code(alice, key))

    other = visit()
    signs_in(other, codes[0])
    assert RecoveryCode.objects.filter(kit__user=alice, used_at=None).count() == 9
    other.go("/wallet/")
    person.go("/accounts/security/")
    person.sees("this one", "Sign out everywhere but here")
    assert person.page.locator("[data-session]").count() == 2
    person.page.get_by_role("button", name=re.compile("^Sign out: ")).click()
    person.sees("Signed out there")
    assert person.page.locator("[data-session]").count() == 1
    assert Session.objects.filter(user_id=alice.pk).count() == 1
    other.go("/wallet/")
    other.page.wait_for_url("**/accounts/login/**")

    person.go("/sell/")
    person.fill(grams="5")
    person.send()
    person.press("Confirm with a code")
    person.sees("authenticator app", "KES 80,000")
    person.fill(code=next_code(alice, key))
    person.press("Confirm")
    person.press("Sell and get KES 80,000")
    person.waits_for_order("completed")
    assert Order.objects.get(side="sell").user_id == alice.pk
    assert_books(house.simulator)


def test_moved_to_another_phone_and_removed_without_javascript(world: World, house, visit) -> None:
    alice = world.alice
    person = visit(javascript=False)
    person.sign_in("alice@example.com", PASSWORD)
    old, _ = sets_up(person, house, alice)
    person.page.get_by_role("link", name="Move to another phone").click()
    person.press("Go on")
    person.fill(code=next_code(alice, old))
    person.press("Confirm")
    new = person.attribute("data-authenticator-key")
    assert new != old
    person.fill(code=totp_of(new))
    person.press("Confirm")
    person.page.get_by_role("link", name="I have kept them safe").click()
    person.page.get_by_role("link", name="Remove it").click()
    person.press("Go on")
    person.fill(code=next_code(alice, new))
    person.press("Confirm")
    person.press("Remove it now")
    person.sees("Your authenticator app is removed", "Set up an authenticator app")
    assert not Authenticator.objects.filter(user=alice).exists()
