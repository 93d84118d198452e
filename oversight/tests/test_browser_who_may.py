"""Who may see and who may act at the desk, in a real browser."""

from collections import defaultdict
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import get_resolver, resolve, reverse
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import sells_without_a_code
from goldwallet.test.house import owns
from goldwallet.test.look import look
from goldwallet.test.world import World, sell
from goldwallet.tests.routes import ROUTES
from ledger import chart
from ledger.models import Transaction
from payments.models import Payment, State
from pools.models import Bar, Price
from trading.models import Order

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


#: Some of the paths that act. Every path of the desk either acts, and then not for an auditor, or only reads.
ACTS = {
    "desk_pool_new",
    "desk_pool_edit",
    "desk_bars_add",
    "desk_bars_withdraw",
    "desk_bar_restore",
    "desk_prices",
    "desk_payouts_mode",
    "desk_payout_approve",
    "desk_payout_refuse",
    "desk_payout_release",
    "desk_payout_record",
    "desk_payment_resolve",
    "desk_payment_reversed",
    "desk_approval_approve",
    "desk_approval_refuse",
    "desk_approval_withdraw",
    "desk_adjust_gold",
    "desk_adjust_cash",
    "desk_transaction_reverse",
    "desk_switch_pause",
    "desk_switch_resume",
    "desk_threshold_ask",
    "desk_hold",
    "desk_hold_lift",
    "desk_person_roles",
}


#: What changes nothing though it is sent: a list as a file, and why one looks. Who reads may as well.
COPIES = {name for name, route in ROUTES.items() if route.copies}


def paths_of_the_desk(order: Order) -> dict[str, str]:
    """Every path of the desk by its name, with objects that exist in the place of the ids of the oldest pages."""
    bar = Bar.objects.get()
    values = defaultdict(uuid4) | {
        "pool_id": bar.pool_id,
        "bar_id": bar.pk,
        "order_id": order.pk,
        "payment_id": order.payment_id,
        "code": chart.mpesa_collections().code,
        "transaction_id": Transaction.objects.latest("pk").pk,
        "price_id": Price.objects.latest("pk").pk,
        "name": "buy",
    }
    routes = {
        name: [key for _, keys in found for key in keys]
        for name, found in (
            (name, get_resolver().reverse_dict.getlist(name)[0][0])
            for name in get_resolver().reverse_dict
            if isinstance(name, str) and (name == "desk" or name.startswith("desk_"))
        )
    }
    return {name: reverse(name, kwargs={key: values[key] for key in keys}) for name, keys in routes.items()}


def post(person: Visitor, path: str, **fields: str) -> tuple[int, str]:
    """Send what the person's page has no button for, with the token that its page carries."""
    token = person.page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    answer = person.page.request.post(
        path, form={"csrfmiddlewaretoken": token, **fields}, max_redirects=0, timeout=30_000
    )
    return answer.status, answer.text()


def test_who_may_see_and_who_may_act(world: World, house, visit) -> None:
    sells_without_a_code(world)
    owns(house, world.alice, 123_750)
    waiting = sell(world.alice, Decimal(7))
    paths = paths_of_the_desk(waiting)
    assert paths.keys() >= ACTS
    before = (Transaction.objects.count(), Price.objects.count(), Bar.objects.count())

    auditor = visit(user=world.staff(Role.AUDITOR), size=TABLET)
    walks_the_menu(auditor)
    sees_every_page(auditor)
    acts = set()
    for name, path in paths.items():
        status, page = post(auditor, path, manual="1", receipt="UKL7A2B3C4", reason="Just because")
        if name in COPIES:
            assert status in {400, 404}, path
            continue
        assert status in {403, 405}, path
        assert ("You may not open this page" in page) == (status == 403), path
        if status == 403:
            acts.add(name)
    assert acts >= ACTS

    customer = visit(user=world.alice)
    customer.go("/desk/")
    customer.sees("You may not open this page")
    for name, path in paths.items():
        if name in acts | COPIES:
            assert post(customer, path)[0] == 403, path
        else:
            assert customer.page.request.get(path).status == 403, path

    pricing = visit(user=world.staff(Role.PRICING), size=TABLET)
    pricing.go("/desk/")
    assert post(pricing, paths["desk_payout_approve"])[0] == 403
    assert post(pricing, paths["desk_pool_new"], name="Mine")[0] == 403

    stranger = visit()
    for path in (paths["desk"], paths["desk_payment"]):
        stranger.go(path)
        stranger.page.wait_for_url(f"**/accounts/login/?next={path}")

    assert Payment.objects.get(pk=waiting.payment_id).state == State.AWAITING_APPROVAL
    assert before == (Transaction.objects.count(), Price.objects.count(), Bar.objects.count())
    assert_books(house.simulator)
    # The same request by somebody who may: it was the role that was refused, and nothing else.
    treasury = visit(user=world.staff(Role.TREASURY), size=DESK)
    treasury.go("/desk/")
    assert post(treasury, paths["desk_payout_release"], reason="It was the role alone.")[0] == 302


def walks_the_menu(auditor: Visitor) -> None:
    """Each place is in the menu, opens when it is pressed, and the menu says where one is."""
    places = auditor.page.get_by_role("navigation", name="Desk").get_by_role("link")
    auditor.go("/desk/")
    labels = places.all_inner_texts()
    assert len(labels) > 15
    look(auditor, "menu", places.last)
    for number in range(len(labels)):
        places.nth(number).click()
        expect(places.nth(number)).to_have_attribute("aria-current", "page")


def sees_every_page(auditor: Visitor) -> None:
    """Follow the links of the desk to one page of each kind: it opens, and it offers nothing to press."""
    seen: set[str] = set()
    paths = ["/desk/"]
    while paths:
        path = paths.pop(0)
        name = resolve(path).view_name
        if name in seen:
            continue
        seen.add(name)
        answer = auditor.page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        rows = auditor.page.locator("main tbody a:visible")
        look(auditor, f"auditor-{name}", rows.first if rows.count() else None)
        acts = "main form[method=post]"
        # What an auditor may read they may take a copy of.
        assert auditor.page.locator(f"{acts}:not([action*='/desk/exports/'])").count() == 0, path
        ticks = "main input[type=checkbox]:not(.filters input)"
        assert auditor.page.locator(ticks).count() == 0, path
        links = auditor.page.locator("a[href^='/desk/']:not([download])").evaluate_all(
            "all => all.map(a => a.pathname)"
        )
        paths += links
    assert seen >= {
        "desk",
        "desk_orders",
        "desk_order",
        "desk_payouts",
        "desk_payment",
        "desk_pools",
        "desk_pool",
        "desk_prices",
        "desk_ledger",
        "desk_account",
        "desk_transaction",
        "desk_adjustments",
        "desk_approvals",
        "desk_steering",
        "desk_roles",
    }
