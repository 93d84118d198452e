"""A payout that nobody knows the end of, in a real browser: what its customer reads meanwhile, and how two people end
it, as paid and as not paid.
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from accounts.models import User
from accounts.roles import Role
from goldwallet.test.books import assert_books
from goldwallet.test.browser import DESK, TABLET, Visitor
from goldwallet.test.clock import shift_clock
from goldwallet.test.desk import agrees
from goldwallet.test.house import House, owns
from goldwallet.test.look import look
from goldwallet.test.provider import Simulator
from goldwallet.test.race import patiently
from goldwallet.test.world import PASSWORD, TOTP_KEY, World
from ledger import chart
from ledger.selectors import balance
from payments.models import Callback, Exchange, Kind, Payment, State
from trading.models import Order, Side, Status

pytestmark = [pytest.mark.browser, pytest.mark.simulator, pytest.mark.django_db(transaction=True)]

#: The payout is carried out, and nothing that M-Pesa says about it arrives.
PAID_AND_SILENT = (
    {"api": "b2c", "fault": "cut_after_accept"},
    {"api": "callback:payout", "fault": "drop"},
    {"api": "callback:status", "fault": "drop"},
)
#: The connection breaks before M-Pesa has heard of the payout. Its answers to our questions are true.
NEVER_HEARD = ({"api": "b2c", "fault": "cut_before"},)

ASK = "Ask to count it"
WHY = "The statement of today shows it."
SAFE = "Your money and your grams are safe meanwhile."


@pytest.fixture
def one(world: World) -> User:
    return world.staff(Role.TREASURY, email="treasury@example.com")


@pytest.fixture
def two(world: World) -> User:
    return world.staff(Role.TREASURY, email="treasury2@example.com")


def sells_and_nobody_knows(house: House, person: Visitor, user: User, *faults: dict[str, str]) -> Order:
    """The person owns gold for KES 5,000 and sells a tenth of a gram; the order's page stays open."""
    owns(house, user, 5000)
    house.simulator.faults(*faults)
    person.go("/sell/")
    person.fill(grams="0.1")
    person.send()
    person.press("Sell and get KES 1,600")
    person.waits_for_order("pending")
    person.sees("We are asking M-Pesa what happened.", SAFE, "Your gold is held until we know.")
    order = Order.objects.get(side=Side.SELL)
    assert Payment.objects.get(pk=order.payment_id).state == State.UNKNOWN
    return order


def opens_the_payout(staff: Visitor, order: Order) -> None:
    staff.go("/desk/")
    staff.page.get_by_role("link", name="Payouts that M-Pesa has not answered").click()
    unclear = staff.page.get_by_role("region", name="Needs a look")
    unclear.get_by_role("link", name="M-Pesa has not said what became of this.").click()
    staff.sees(order.reference)
    staff.sees("It is never sent a second time.", "Look there for KES 1,600 to 0712 345 678")
    for label in ("Approve", "Send", "Retry", "Try again"):
        expect(staff.page.get_by_role("main").get_by_role("button", name=label)).to_have_count(0)


def answer_form(staff: Visitor, summary: str) -> Locator:
    """One of the two answers that staff may ask for, opened."""
    form = staff.page.locator("details", has=staff.page.get_by_text(summary, exact=True))
    if not form.get_by_role("button", name=ASK).is_visible():
        form.get_by_text(summary, exact=True).click()
    return form


def fills(form: Locator, *, evidence: Path, receipt: str = "") -> None:
    if receipt:
        form.get_by_label("M-Pesa receipt").fill(receipt)
    form.get_by_label("Why? The second person reads this.").fill(WHY)
    form.get_by_label("Evidence").set_input_files(evidence)
    form.get_by_role("button", name=ASK).click()


def cannot_approve(staff: Visitor) -> None:
    """Who asked is not offered to approve, and the form that others are offered is refused."""
    staff.sees("Asked. A second person decides this now.", "A second person decides this.")
    expect(staff.page.get_by_role("button", name="Decide")).to_have_count(0)
    own = staff.page.locator("main form", has_text="Take it back")
    own.evaluate("form => { form.action = form.action.replace('withdraw', 'approve') }")
    staff.press("Take it back")
    staff.sees("You asked for this yourself. A second person must decide it.")


def approves(staff: Visitor, *sentences: str, evidence: Path) -> None:
    """The second person signs in with password and code, reads what it would do and what was attached, and approves."""
    staff.sign_in("treasury2@example.com", PASSWORD, totp_key=TOTP_KEY)
    staff.go("/desk/approvals/")
    mine = staff.page.get_by_role("region", name="For you to decide")
    mine.get_by_role("link", name="Payment resolved as paid or not paid").click()
    staff.sees(*sentences, WHY, "treasury@example.com")
    decision = staff.page.get_by_role("region", name="Your decision")
    unopened = decision.get_by_role("link", name=evidence.name)
    look(staff, "approval-of-a-payout", unopened)
    with staff.page.expect_download() as download:
        unopened.click()
    assert download.value.path().read_bytes() == evidence.read_bytes()
    agrees(staff)
    staff.sees("Approved and done.", sentences[0])


def statement_of(simulator: Simulator, folder: Path) -> Path:
    """The payout account's statement, as the portal exports it."""
    file = folder / "statement-payouts.csv"
    answer = simulator.http.get("/control/statement", params={"account": "payouts"}).raise_for_status()
    file.write_bytes(answer.content)
    return file


def paid_lines(statement: Path) -> list[dict[str, str]]:
    """Its lines that paid KES 1,600."""
    rows = statement.read_text().splitlines()
    head = next(number for number, row in enumerate(rows) if row.startswith("Receipt No."))
    return [row for row in csv.DictReader(rows[head:]) if row["Withdrawn"] == "-1,600.00"]


def sent_once(order: Order) -> bool:
    return Exchange.objects.filter(payment_id=order.payment_id, kind=Kind.PAY_OUT).count() == 1


@pytest.mark.fault("O01", "O10")
def test_it_was_paid_say_two(world: World, house: House, visit, tmp_path, one: User, two: User) -> None:
    person = visit(user=world.alice)
    order = sells_and_nobody_knows(house, person, world.alice, *PAID_AND_SILENT)
    patiently(lambda: house.simulator.payouts()[0]["state"] == "completed", what="M-Pesa has paid")
    statement = statement_of(house.simulator, tmp_path)
    (line,) = paid_lines(statement)
    receipt = line["Receipt No."]

    maker = visit(user=one, size=TABLET)
    opens_the_payout(maker, order)
    fills(answer_form(maker, "It was paid"), evidence=statement, receipt="UKL7A2B3C")
    maker.sees("An M-Pesa receipt has ten letters and digits")
    form = answer_form(maker, "It was paid")
    expect(form.get_by_label("Why? The second person reads this.")).to_have_value(WHY)
    look(maker, "payout-unknown", form.get_by_role("button", name=ASK))
    fills(form, evidence=statement, receipt=receipt.lower())
    cannot_approve(maker)
    assert Order.objects.get(pk=order.pk).status == Status.PENDING

    checker = visit(size=DESK)
    approves(checker, "counts as paid.", receipt, "Payouts under way", evidence=statement)
    # Her page has asked again and again by itself.
    person.waits_for_order("completed")
    person.sees("You sold 0.100000 g", f"The money is on 0712 345 678. Receipt {receipt}.")
    maker.go(f"/desk/payouts/{order.payment_id}/")
    maker.sees("Paid", receipt, "treasury2@example.com")
    maker.page.get_by_role("link", name="Two people decided this.").click()
    maker.sees("treasury2@example.com", statement.name)

    assert sent_once(order)
    assert [payout["receipt"] for payout in house.simulator.payouts()] == [receipt]
    assert house.simulator.phone(world.alice.phone)["balance"] == 300_000 - 5000 + 1600
    assert balance(chart.payouts_clearing()) == 0
    assert_books(house.simulator)


@pytest.mark.fault("O01", "O03", "O10")
def test_it_was_not_paid_say_two(world: World, house: House, visit, tmp_path, one: User, two: User) -> None:
    person = visit(user=world.alice)
    order = sells_and_nobody_knows(house, person, world.alice, *NEVER_HEARD)
    answers = Callback.objects.filter(payment_id=order.payment_id, kind="status", handled_at__isnull=False)
    patiently(answers.exists, what="M-Pesa knows no such payout, which proves nothing yet")
    statement = statement_of(house.simulator, tmp_path)
    assert paid_lines(statement) == []

    maker = visit(user=one, size=TABLET)
    opens_the_payout(maker, order)
    fills(answer_form(maker, "It was not paid"), evidence=statement)
    maker.sees("M-Pesa may still carry this out. Wait until 30 minutes after it was sent")
    person.sees("We are asking M-Pesa what happened.", SAFE)

    with shift_clock(minutes=31):
        # Half an hour without a hand on it ends every session.
        maker, person = visit(user=one, size=TABLET), visit(user=world.alice)
        person.go(f"/orders/{order.pk}/")
        person.sees(SAFE)
        opens_the_payout(maker, order)
        fills(answer_form(maker, "It was not paid"), evidence=statement)
        cannot_approve(maker)
        approves(visit(size=DESK), "counts as not paid.", "Payouts under way", evidence=statement)
        person.waits_for_order("failed")
        person.sees("Your gold is back in your wallet.")
        person.go("/wallet/")
        assert Decimal(person.attribute("data-grams")) == Decimal("0.303030")
        assert Decimal(person.attribute("data-locked-grams")) == 0

    assert sent_once(order)
    assert house.simulator.payouts() == []
    assert house.simulator.phone(world.alice.phone)["balance"] == 300_000 - 5000
    assert balance(chart.payouts_clearing()) == 0
    assert_books(house.simulator)
