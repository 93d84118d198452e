"""Payouts in a real browser: decided by one and by two, and then the desk's pages say what the book says."""

from decimal import Decimal

import pytest
from django.urls import resolve
from django.utils.html import strip_tags

from accounts.roles import Role
from goldwallet.money import show_grams, show_kes
from goldwallet.templatetags import amounts
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.desk import decides, figure, sells_without_a_code
from goldwallet.test.house import owns
from goldwallet.test.look import look
from goldwallet.test.world import World
from ledger.models import Account, Entry
from payments.models import Payment, State
from pools.models import Bar
from trading.models import Order, Status

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


def wants_to_sell(person: Visitor, grams: str, *, kes: str) -> None:
    person.go("/sell/")
    person.fill(grams=grams)
    person.send()
    person.press(f"Sell and get KES {kes}")
    person.waits_for_order("pending")
    person.sees("Being checked", "Your gold is held for it.")


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


def unfolds(staff: Visitor, summary: str) -> None:
    """A form that was refused stands open."""
    fold = staff.page.locator("details", has=staff.page.locator("summary", has_text=summary))
    if fold.get_attribute("open") is None:
        fold.locator("summary").click()


def refuses(staff: Visitor, reason: str, sentence: str) -> None:
    unfolds(staff, "Refuse it")
    staff.page.get_by_label("Why? The customer reads this and gets back what was held.").fill(reason)
    staff.page.get_by_role("button", name="Refuse", exact=True).click()
    staff.sees(sentence)


def says_why(staff: Visitor, reason: str) -> None:
    """Into the form that is open: the page has others, folded."""
    staff.page.locator("main textarea[name=reason]:visible").fill(reason)


def records(staff: Visitor, receipt: str, sentence: str) -> None:
    unfolds(staff, "It was paid by hand")
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
    assert (
        floats["Collections"]
        == figure(staff, "People bought", within="[aria-labelledby=trade]")
        == show_kes(bought)
    )
    charged = Payment.objects.filter(direction="out", charge__isnull=False)
    charges = sum(charged.values_list("charge", flat=True))
    assert charges > 0
    assert floats["Payouts"] == show_kes(5_000_000 - sold - charges)
    assert figure(staff, "People sold", within="[aria-labelledby=trade]") == show_kes(sold)
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
