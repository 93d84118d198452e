"""The desk in a real browser: what staff do there, what customers see of it, and that its pages agree with the book."""

import re
from collections import defaultdict
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import get_resolver, resolve, reverse
from django.utils.html import strip_tags
from django.utils.text import slugify
from playwright.sync_api import expect

from accounts.roles import Role
from controls.services import threshold_set
from goldwallet.money import show_grams, show_kes
from goldwallet.templatetags import amounts
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import agrees
from goldwallet.test.house import owns
from goldwallet.test.look import look
from goldwallet.test.world import PASSWORD, TOTP, World, sell
from ledger import chart
from ledger.models import Account, Entry, Transaction
from ledger.selectors import balance
from payments.models import Payment, State
from pools.models import Bar, Price
from trading.models import Order, Status

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

STAFF_PHONE = "254711000005"


def wants_to_sell(person: Visitor, grams: str, *, kes: str) -> None:
    person.go("/sell/")
    person.fill(grams=grams)
    person.send()
    person.press(f"Sell and get KES {kes}")
    person.waits_for_order("pending")
    person.sees("Being checked", "Your gold is held for it.")


def sells_without_a_code(world: World) -> None:
    """What a code from the mail is for, and that it is asked for, stands in `trading.tests.test_browser_step_up`."""
    threshold_set(name="sell_stepup_kes", value=Decimal(250_000), by=world.vault)


def decides(staff: Visitor, label: str, *sees: str) -> None:
    """The second person finds the request in the inbox, reads it and approves."""
    staff.go("/desk/approvals/")
    request = staff.page.get_by_role("region", name="For you to decide").get_by_role("link", name=label)
    look(staff, f"approvals-{slugify(label)}", request)
    request.click()
    staff.sees(*sees)
    look(staff, f"approval-{slugify(label)}", staff.page.get_by_role("button", name="Approve").first)
    agrees(staff)
    staff.sees("Approved and done.")


def figure(person: Visitor, label: str, *, within: str = "main") -> str:
    """What stands below a label: the figures of a page are read, not searched for."""
    below = person.page.locator(".figure-label", has_text=re.compile(f"^{label}$"))
    return person.page.locator(f"{within} .figure", has=below).locator(".figure-value").inner_text()


# --- prices ---------------------------------------------------------------------------------------


def test_pricing_signs_in_with_the_code_on_the_phone_and_moves_the_price(world: World, house, visit) -> None:
    world.staff(Role.PRICING, email="pricing@example.com")
    authenticator = {"account": "pricing@example.com", "secret": TOTP, "digits": 6, "period": 30}
    house.simulator.set_phone(STAFF_PHONE, authenticator=authenticator)
    customer = visit(user=world.alice)
    customer.go("/buy/")
    customer.fill(amount_kes="1650")
    customer.send()
    customer.sees("You pay", "0.100000 g")

    staff = visit(size=DESK)
    staff.go("/desk/prices/")
    staff.page.wait_for_url("**/accounts/login/?next=/desk/prices/")
    staff.fill(login="pricing@example.com", password=PASSWORD)
    staff.send()
    staff.page.wait_for_url("**/accounts/code/**")
    staff.fill(code="12345")
    staff.send()
    staff.sees("That code is not right.")
    phone = visit(house.simulator.url)
    phone.go(f"/phone/{STAFF_PHONE}/")
    staff.fill(code=phone.attribute("data-code"))
    staff.send()
    staff.page.wait_for_url("**/desk/prices/")
    assert figure(staff, "People buy at") == "KES 16,500"

    for buy_at, sell_at, sentence in [
        ("17000", "17000.01", "the sell price must not be above the buy price"),
        ("17,000", "16400", "with digits only"),
        ("170000", "164000", "The buy price would go up by 930.3%"),
    ]:
        staff.fill(buy=buy_at, sell=sell_at)
        staff.press("Show the effect")
        staff.sees(sentence)
    assert Price.objects.count() == 1
    staff.go("/desk/prices/")
    staff.fill(buy="17000", sell="16400")
    staff.press("Show the effect")
    staff.sees("Inside the band", "Then it is too old")
    staff.fill(reason="Morning fixing")
    look(staff, "prices-effect", staff.page.get_by_role("button", name="Set these prices now"))
    staff.press("Set these prices now")
    staff.sees("The new prices are in force. People buy at KES 17,000 and sell at KES 16,400 a gram.")
    assert figure(staff, "People sell at") == "KES 16,400"
    row = staff.page.get_by_role("row").filter(has_text="Morning fixing")
    expect(row).to_contain_text("pricing@example.com")

    # The price that the customer holds stays hers; her next one is the new one.
    customer.press("Pay KES 1,650 with M-Pesa")
    customer.waits_for_order("pending")
    customer.sees("KES 16,500")
    customer.go("/buy/")
    customer.sees("KES 17,000 a gram")
    customer.fill(amount_kes="1700")
    customer.send()
    customer.sees("You pay", "KES 1,700", "0.100000 g", "KES 17,000")
    assert list(Order.objects.values_list("total_kes", "grams")) == [(1650, Decimal("0.1"))]


@pytest.mark.fault("Q11")
def test_a_price_beyond_the_band_takes_two(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.PRICING), size=DESK)
    second = visit(user=world.staff(Role.TREASURY), size=TABLET)
    customer = visit(user=world.alice)
    staff.go("/desk/prices/")
    staff.fill(buy="33000", sell="32000")
    staff.press("Show the effect")
    staff.sees("The buy price would go up by 100.0%, from KES 16,500 to KES 33,000.", "takes a second person")
    staff.fill(reason="The shilling has halved overnight.")
    ask = staff.page.get_by_role("button", name="Ask a second person for these prices")
    look(staff, "prices-beyond-the-band", ask)
    staff.press("Ask a second person for these prices")
    staff.sees("Asked. A second person decides this now.")
    assert staff.page.get_by_role("button", name="Approve").count() == 0
    staff.go("/desk/prices/")
    staff.sees("waits for a second person and counts for nobody before that")
    assert figure(staff, "People buy at") == "KES 16,500"
    customer.go("/buy/")
    customer.sees("KES 16,500 a gram")

    decides(second, "Price beyond the band", "KES 33,000", "The shilling has halved overnight.")
    customer.go("/buy/")
    customer.sees("KES 33,000 a gram")


# --- the vault ------------------------------------------------------------------------------------


def test_the_vault_makes_a_pool_and_people_buy_its_gold(world: World, house, visit) -> None:
    staff = visit(user=world.staff(Role.VAULT), size=TABLET)
    staff.go("/desk/pools/")
    make = staff.page.get_by_role("link", name="Make a pool")
    look(staff, "pools", make)
    make.click()
    staff.fill(name="first", purity="999,9")
    staff.send()
    staff.sees("for example 999.9")
    staff.fill(name="Mombasa", purity="900", note="Second vault")
    staff.send()
    staff.sees("The pool Mombasa is made. Add its bars now.", "900 parts per thousand")

    mombasa = staff.page.url
    pool_id = mombasa.rstrip("/").rpartition("/")[2]
    staff.page.get_by_role("link", name="Add bars").click()
    bar = {"bars-0-serial": "bar-first", "bars-0-gross_grams": "100", "bars-0-fineness": "916.6"}
    staff.fill(**bar, reason="Delivered by courier this morning.")
    staff.send()
    staff.sees("Bar BAR-FIRST is in the pool First already.")
    look(staff, "bars-refused", staff.page.get_by_role("button", name="Ask a second person"))
    staff.fill(**{**bar, "bars-0-serial": "mb 1", "bars-0-gross_grams": "1e2"})
    staff.send()
    staff.sees("with digits only")
    staff.fill(**{**bar, "bars-0-serial": "mb 1"})
    staff.send()
    staff.sees("Asked. A second person decides this now.")
    staff.go(mombasa)
    staff.sees(
        "A change of this pool's bars waits for a second person.", "No bar of this pool lies in the vault"
    )
    assert Bar.objects.count() == 1
    second = visit(user=world.staff(Role.TREASURY), size=DESK)
    decides(
        second, "Top-up: bars into a pool", "Bar MB1", "+91.660000 g", "Delivered by courier this morning."
    )
    staff.go(mombasa)
    staff.sees("MB1")
    where = staff.page.get_by_role("group", name="Where each gram is")
    expect(where.get_by_role("row", name="Free to sell")).to_contain_text("91.660000 g")
    expect(where.get_by_role("row", name="Difference")).to_contain_text("0.000000 g")
    look(staff, "pool", staff.page.get_by_role("link", name="Add bars"))

    staff.go("/desk/pools/")
    total = staff.page.get_by_role("row").filter(has_text="All pools")
    expect(total).to_contain_text("1,091.660000 g")
    staff.go("/desk/")
    assert figure(staff, "In the vault") == figure(staff, "Free to sell") == "1,091.660000 g"

    # The first pool closes: the next gram comes from the new one.
    staff.go(f"/desk/pools/{world.pool.pk}/")
    staff.page.get_by_role("link", name="Close the pool").click()
    staff.fill(reason="Its bars are counted today.")
    look(staff, "pool-closes", staff.page.locator("main form button[type=submit]").first)
    staff.send()
    staff.sees("Nothing more of it is sold.", "Closed")
    bought = owns(house, world.bob, 1650)
    staff.go(f"/desk/orders/{bought.pk}/")
    # The order's pools; below them stands what it moved in the ledger.
    expect(staff.page.get_by_role("row", name="Mombasa Sold")).to_contain_text("0.100000 g")

    staff.go(mombasa)
    expect(where.get_by_role("row", name="Owned by customers").first).to_contain_text("0.100000 g")
    staff.page.get_by_label("Choose bar MB1").check()
    staff.press("Withdraw the chosen bars")
    staff.fill(reason="Sold to a jeweller in town.")
    look(staff, "bars-withdrawn", staff.page.locator("main form button[type=submit]").first)
    staff.send()
    staff.sees("People own or have reserved gold of this pool", "Nothing was withdrawn.")
    assert balance(chart.pool_vault(pool_id)) == Decimal("-91.66")
    assert_books(house.simulator)


# --- payouts --------------------------------------------------------------------------------------


def test_treasury_decides_payouts(world: World, house, visit) -> None:
    sells_without_a_code(world)
    bought = owns(house, world.alice, 140_250)
    staff = visit(user=world.staff(Role.TREASURY), size=TABLET)
    second = visit(user=world.staff(Role.TREASURY, email="second@example.com"), size=DESK)
    seller = visit(user=world.alice)
    staff.go("/desk/payouts/")
    staff.press("Make every payout wait for staff")
    staff.sees("Every payout waits for staff from now on.", "No payout waits")

    wants_to_sell(seller, "0.5", kes="8,000")
    staff.go("/desk/")
    staff.page.get_by_role("link", name="Payouts to decide").click()
    staff.sees("KES 8,000 to 0712 345 678", "alice@example.com")
    send = staff.page.get_by_role("button", name="Approve: send KES 8,000 by M-Pesa")
    look(staff, "payouts", send)
    send.click()
    staff.sees("Approved. The payout goes to M-Pesa now.")
    seller.waits_for_order("completed")
    seller.sees("You sold 0.500000 g", "The money is on 0712 345 678.")

    wants_to_sell(seller, "0.25", kes="4,000")
    staff.go("/desk/payouts/")
    refuses(staff, "no", "Write the reason.")
    refuses(staff, "Please call us about this number.", "Refused. The customer has back what was held.")
    seller.waits_for_order("failed")
    seller.sees("They wrote: Please call us about this number.", "Your gold is back in your wallet.")
    seller.go("/wallet/")
    assert (seller.attribute("data-grams"), seller.attribute("data-locked-grams")) == ("8.000000", "0.000000")

    wants_to_sell(seller, "0.3", kes="4,800")
    staff.go("/desk/payouts/")
    records(staff, "12345", "An M-Pesa receipt has ten letters and digits")
    records(
        staff, Payment.objects.get(amount=8000).receipt, "This receipt belongs to another payment already."
    )
    receipt = house.simulator.pays_by_hand(world.alice.phone, 4800)
    records(staff, receipt.lower(), "Asked. A second person decides this now.")
    assert Payment.objects.get(amount=4800).state == State.AWAITING_APPROVAL
    decides(second, "Payout made by hand", receipt, "Paid at M-Pesa's portal this morning.")
    seller.waits_for_order("completed")
    seller.sees(f"Receipt {receipt}.")

    # Without manual mode a payout of KES 100,000 or more still waits, and takes two.
    staff.go("/desk/payouts/")
    staff.page.get_by_text("Let small payouts go out by themselves again").click()
    says_why(staff, "The new people know the desk now.")
    staff.press("Ask a second person")
    decides(second, "Threshold changed", "The new people know the desk now.")
    staff.go("/desk/payouts/")
    staff.sees("From KES 100,000 on they wait below and take two people.")
    wants_to_sell(seller, "6.5", kes="104,000")
    staff.go("/desk/payouts/")
    staff.page.get_by_text("Send it: this payout takes two people").click()
    says_why(staff, "She sells for a plot in Thika; we have talked.")
    look(staff, "payout-takes-two", staff.page.get_by_role("button", name="Ask a second person to send it"))
    staff.press("Ask a second person to send it")
    decides(second, "Payout above the threshold", "KES 104,000", "She sells for a plot in Thika")
    seller.waits_for_order("completed")
    sold = Order.objects.get(total_kes=104_000)

    assert sorted(payout["amount"] for payout in house.simulator.payouts()) == [4800, 8000, 104_000]
    assert_books(house.simulator)
    the_desk_says_what_the_book_says(staff, [bought, sold])


def refuses(staff: Visitor, reason: str, sentence: str) -> None:
    staff.page.get_by_text("Refuse it").click()
    staff.page.get_by_label("Why? The customer reads this and gets back what was held.").fill(reason)
    staff.page.get_by_role("button", name="Refuse", exact=True).click()
    staff.sees(sentence)


def says_why(staff: Visitor, reason: str) -> None:
    """Into the form that is open: the page has others, folded."""
    staff.page.locator("main textarea[name=reason]:visible").fill(reason)


def records(staff: Visitor, receipt: str, sentence: str) -> None:
    staff.page.get_by_text("It was paid by hand").click()
    staff.fill(receipt=receipt)
    says_why(staff, "Paid at M-Pesa's portal this morning.")
    staff.press("Ask a second person to record it")
    staff.sees(sentence)


def the_desk_says_what_the_book_says(staff: Visitor, orders: list[Order]) -> None:
    """The overview, the ledger's page and the orders' pages, against rows that are read here."""
    staff.go("/desk/")
    users = Account.objects.filter(code__startswith="user:").values_list("code", "balance")
    owed = sum((held for code, held in users if code.endswith((":gold", ":locked"))), Decimal(0))
    fine = sum(Bar.objects.values_list("fine_grams", flat=True), Decimal(0))
    bought, sold = (
        sum(Order.objects.filter(side=side, status=Status.COMPLETED).values_list("total_kes", flat=True))
        for side in ("buy", "sell")
    )
    assert figure(staff, "In the vault") == show_grams(fine)
    assert figure(staff, "Owed to customers") == show_grams(owed)
    assert figure(staff, "Free to sell") == show_grams(fine - owed)
    assert figure(staff, "Reserved for open buys") == show_grams(Decimal(0))
    floats = {line[0]: line[1] for line in table(staff, "Floats at M-Pesa")}
    assert floats["Collections"] == figure(staff, "People bought", within="#live") == show_kes(bought)
    charged = Payment.objects.filter(direction="out", charge__isnull=False)
    charges = sum(charged.values_list("charge", flat=True))
    assert charges > 0
    assert floats["Payouts"] == show_kes(5_000_000 - sold - charges)
    assert figure(staff, "People sold", within="#live") == show_kes(sold)
    assert figure(staff, "Payouts under way") == figure(staff, "Suspense") == "KES 0"
    assert figure(staff, "Sales less purchases") == show_kes(bought - sold)

    staff.go("/desk/ledger/")
    totals = table(staff, "Trial balance")
    assert [(line[0], line[-2:]) for line in totals] == [
        ("GOLD", ["0.000000 g", "Agrees"]),
        ("KES", ["KES 0", "Agrees"]),
    ]
    assert dict(account_amounts(staff, "Accounts")) == {
        account.code: strip_tags(amounts.amount(account.balance, account.asset))
        for account in Account.objects.all()
    }

    for order in orders:
        staff.go(f"/desk/orders/{order.pk}/")
        staff.sees(order.reference, "Completed", Payment.objects.get(pk=order.payment_id).receipt)
        posted = Entry.objects.filter(transaction__memo=order.reference, amount__gt=0)
        expected = [
            (entry.account.code, strip_tags(amounts.amount(entry.amount, entry.account.asset)))
            for entry in posted.select_related("account")
        ]
        assert len(expected) >= 4
        assert sorted(account_amounts(staff, "Transfers")) == sorted(expected)


def table(person: Visitor, label: str) -> list[list[str]]:
    """The cells of the tables with this label, row by row."""
    rows = person.page.locator(f"main [aria-label='{label}'] tbody tr")
    found: list[list[str]] = rows.evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return found


def account_amounts(person: Visitor, label: str) -> list[tuple[str, str]]:
    """Row by row the code of the account and the amount. People read names, so the code is that of the page to which
    the row's last link leads: of a transfer, the account that gets something.
    """
    rows = person.page.locator(f"main [aria-label='{label}'] tbody tr")
    paths = rows.evaluate_all("rows => rows.map(row => [...row.querySelectorAll('a')].pop().pathname)")
    codes = [resolve(path).kwargs["code"] for path in paths]
    return [(code, line[-1]) for code, line in zip(codes, table(person, label), strict=True)]


# --- who may what ---------------------------------------------------------------------------------

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


#: What an auditor may read, also as a file.
COPIES = {"desk_export"}


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
        if name in acts:
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
