"""A statement with differences at two people's desks: taken in, compared, and one of them resolved."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from accounts.roles import Role
from goldwallet.test.browser import DESK, TABLET
from goldwallet.test.clock import shift_clock
from goldwallet.test.desk import agrees
from goldwallet.test.look import look
from goldwallet.test.world import World
from ledger import chart
from ledger.selectors import balance
from oversight.models import Break, Run
from oversight.tests.day import Day, new_receipt, row_in, row_out, statement
from payments.models import Arrival

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]


@pytest.mark.fault("P18", "P20")
def test_a_statement_is_taken_in_and_a_difference_resolved_by_two(
    world: World, house, visit, tmp_path
) -> None:
    one = visit(user=world.staff(Role.TREASURY, email="one@example.com"), size=DESK)
    two = visit(user=world.staff(Role.TREASURY, email="two@example.com"), size=TABLET)
    day = Day(world, world.vault)
    house.pause()
    day.trade(people=2, buys=4, sales=2)
    house.resume()
    day.collections.append(row_in(day.buys[0], receipt=new_receipt(), reference="BY HAND", moved=777))
    day.payouts.append(row_out(day.sales[0], receipt=new_receipt(), moved=-25_000))
    # What was traded is old enough to be judged then.
    with shift_clock(hours=2):
        one.go("/desk/reconciliation/")
        one.sees("Nothing is known to differ.")
        for account, rows in (("collections", day.collections), ("payouts", day.payouts)):
            file = tmp_path / f"{account}.csv"
            file.write_bytes(statement(rows))
            one.page.get_by_label("Account", exact=True).select_option(account)
            one.page.get_by_label("File", exact=True).set_input_files(file)
            one.press("Take it in")
            one.sees("new lines were taken in.", f"{account}.csv")
        one.press("Run now")
        # The page looks again by itself.
        expect(one.page.get_by_role("cell", name="Done")).to_be_visible(timeout=60_000)
        one.sees("M-Pesa shows KES 777 in under", "M-Pesa shows KES 25,000 out under", "Payouts are paused.")
        look(one, "reconciliation", one.page.get_by_role("button", name="Run now"))
        assert Run.objects.get().found == 2

        found = Break.objects.get(kind="line_in_unknown")
        one.go(f"/desk/reconciliation/breaks/{found.pk}/")
        one.press("Take it on")
        one.sees("It is yours now.", "BY HAND", "Somebody paid to our number by hand")
        # Beside it stands the way that sends the money back.
        form = one.page.locator("form", has=one.page.locator("#reason-suspense"))
        form.get_by_label("Why? The second person reads this.").fill("The statement of today shows it.")
        ask = form.get_by_role("button", name="Ask a second person")
        look(one, "break", ask)
        ask.click()
        one.sees("Asked. A second person decides this now.")

        two.go("/desk/approvals/")
        two.page.get_by_role("link", name="Difference in the reconciliation resolved").click()
        two.sees("Post to suspense: M-Pesa shows KES 777 in under", "Suspense")
        agrees(two)
        two.sees("is in suspense.")
        two.go(f"/desk/reconciliation/breaks/{found.pk}/")
        two.sees("Resolved", "one@example.com")
        look(two, "break-resolved")
        assert Arrival.objects.get().amount == balance(chart.suspense_mpesa()) == Decimal(777)

        two.go("/desk/reconciliation/")
        two.press("Run now")
        expect(two.page.get_by_role("cell", name="Done")).to_have_count(2, timeout=60_000)
        assert "KES 777" not in two.text()
        two.go(f"/desk/reconciliation/runs/{Run.objects.latest('started_at').pk}/")
        two.sees("What was compared", "The whole book", "1, 0 of them new")
        look(two, "run")
        # On paper: the whole table, without what can only be pressed.
        two.page.set_viewport_size({"width": 794, "height": 1123})
        two.page.emulate_media(media="print")
        expect(two.page.get_by_role("navigation", name="Desk")).to_be_hidden()
        right = two.page.get_by_role("table").first.evaluate("table => table.getBoundingClientRect().right")
        assert right <= 794
