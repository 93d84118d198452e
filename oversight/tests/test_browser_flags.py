"""A flag in a real browser: raised on an order and on a person, it warns wherever their payout is decided, and the
overview leads to it.
"""

from decimal import Decimal

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.roles import Role
from accounts.services import person_freeze
from controls.services import threshold_set
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, Visitor
from goldwallet.test.look import look
from goldwallet.test.world import World, buy, paid, sell

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def writes(staff: Visitor, text: str, flag: str) -> None:
    staff.page.get_by_text("Write a note").click()
    staff.page.fill("#note-text", text)
    staff.page.select_option("#note-flag", flag)
    staff.page.get_by_role("button", name="Write the note").click()
    staff.sees("Flag raised.")


def test_a_flag_warns_wherever_a_payout_is_decided(world: World, house, visit) -> None:
    paid(buy(world.alice, 33_000))
    threshold_set(name="payouts_manual", value=Decimal(1), by=world.vault)
    order = sell(world.alice, Decimal("0.5"))
    treasury = world.staff(Role.TREASURY)
    person_freeze(user_id=world.alice.pk, reason="The bank asked for it.", by=treasury.pk)
    staff = visit(user=treasury, size=DESK)
    about = staff.page.get_by_role("group", name="About alice@example.com")

    staff.go(f"/desk/orders/{order.pk}/")
    writes(staff, "She says that somebody else sold it.", "complaint")
    look(staff, "flags-order")
    staff.page.get_by_role("link", name="alice@example.com").first.click()
    writes(staff, "Two SIM cards in one week.", "fraud")
    look(staff, "flags-person")
    pages = {"desk_payment": [order.payment_id], "desk_payouts": [], "desk_kyc_person": [order.user_id]}
    for name, args in pages.items():
        staff.go(reverse(name, args=args))
        for words in ("The bank asked for it.", "Two SIM cards in one week.", "She says that somebody else"):
            expect(about).to_contain_text(words)
        look(staff, f"flags-{name}")
    about.get_by_role("link", name="an order of theirs").click()
    staff.sees(order.reference)

    staff.go("/desk/")
    staff.page.get_by_role("link", name="Flags on orders").click()
    staff.sees("She says that somebody else sold it.", order.reference)
    look(staff, "flags-list", staff.page.get_by_role("link", name="All", exact=True))
    staff.page.get_by_role("link", name="On people").click()
    staff.page.get_by_role("row", name="Suspected fraud").get_by_role("link").click()
    staff.sees("Take this flag down")
    assert_books()
